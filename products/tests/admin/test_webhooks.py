"""Webhooks in the admin: added, tested, switched on and off, and what was delivered."""

import re

import pytest
from django.contrib.admin.models import LogEntry

from products.models import Order, WebhookEndpoint
from products.webhooks.sender import Sender

pytestmark = pytest.mark.django_db

WEBHOOKS = "/admin/products/webhookendpoint/"


@pytest.fixture
def browser(client_of, staff):
    return client_of(staff)


def press(browser, endpoint, name, **data):
    return browser.post(f"{WEBHOOKS}{endpoint.pk}/{name}/", data)


def test_a_new_webhook_shows_its_secret_once(browser, messages_of, receiver, staff):
    answer = browser.post(f"{WEBHOOKS}add/", {"address": receiver.address, "types": ["order.paid", "order.placed"]})

    [endpoint] = WebhookEndpoint.objects.all()
    assert answer.status_code == 302
    secret = re.search(r"The secret is (whsec_\S+)\. It is shown only once", messages_of(answer)[0])[1]
    assert (endpoint.address, endpoint.types) == (receiver.address, ["order.paid", "order.placed"])
    assert endpoint.created_by == staff
    browser.get(f"{WEBHOOKS}{endpoint.pk}/change/")  # which shows the message
    page = browser.get(f"{WEBHOOKS}{endpoint.pk}/change/").content.decode()
    assert secret not in page
    assert endpoint.seed not in page
    assert secret not in "".join(LogEntry.objects.values_list("change_message", flat=True))


@pytest.mark.parametrize("address", ["https://127.0.0.1/", "https://10.0.0.1/", "http://erp.example.com/"])
def test_an_address_in_house_is_refused(browser, address):
    answer = browser.post(f"{WEBHOOKS}add/", {"address": address})

    assert list(answer.context["adminform"].form.errors) == ["address"]
    assert WebhookEndpoint.objects.count() == 0


def test_a_changed_address_is_written_and_the_secret_stays(browser, receiver, an_endpoint):
    endpoint, _ = an_endpoint(receiver, types=["order.paid"])

    browser.post(f"{WEBHOOKS}{endpoint.pk}/change/", {"address": f"{receiver.address}/new", "types": []})

    changed = WebhookEndpoint.objects.get()
    assert (changed.address, changed.types, changed.seed) == (f"{receiver.address}/new", [], endpoint.seed)


def test_a_webhook_is_switched_off_and_on(browser, messages_of, receiver, an_endpoint):
    endpoint, _ = an_endpoint(receiver)

    off = press(browser, endpoint, "switch_off")
    reason = WebhookEndpoint.objects.get().off_reason
    on = press(browser, endpoint, "switch_on")

    assert messages_of(off) == [f"{endpoint} is off."]
    assert reason == "Switched off by staff."
    assert messages_of(on)[-1] == f"{endpoint} is on."
    assert WebhookEndpoint.objects.get().is_active


def test_a_test_says_what_the_receiver_answered(browser, messages_of, receiver, an_endpoint):
    endpoint, _ = an_endpoint(receiver)
    receiver.answers = [204, 500]

    sentences = [messages_of(press(browser, endpoint, "test"))[-1] for _ in range(2)]
    receiver.close()
    sentences.append(messages_of(press(browser, endpoint, "test"))[-1])

    assert [re.sub(r"after \d\.\d\d s", "", sentence) for sentence in sentences] == [
        "The test was taken: the answer was 204 .",
        "The test has failed: the answer was 500 .",
        "The test has failed: The connection was refused.",
    ]


def test_a_rotated_secret_is_shown_to_who_rotated_it_and_not_logged(browser, messages_of, receiver, an_endpoint):
    endpoint, _ = an_endpoint(receiver)

    said = messages_of(press(browser, endpoint, "rotate"))

    assert said[0] == "The secret was rotated."
    assert re.search(r"The secret is whsec_\S+\.", said[1])
    assert "whsec_" not in "".join(LogEntry.objects.values_list("change_message", flat=True))
    assert WebhookEndpoint.objects.get().previous_seed == endpoint.seed


def test_the_last_deliveries_are_shown_and_can_be_repeated(browser, receiver, an_endpoint, an_order):
    endpoint, _ = an_endpoint(receiver, types=["order.placed"])
    an_order()
    receiver.answers = [(200, {}, b"<b>Thanks</b>")]
    Sender(1).run(once=True)
    delivery = endpoint.deliveries.get()
    page = f"/admin/products/webhookdelivery/{delivery.pk}/"

    last = browser.get(f"{WEBHOOKS}{endpoint.pk}/change/").content.decode()
    log = browser.get(f"{page}change/").content.decode()
    browser.post(f"{page}redeliver/")
    Sender(1).run(once=True)
    press(browser, endpoint, "redeliver", position="0")
    Sender(1).run(once=True)

    assert f"{delivery.entry_id} order.placed" in last
    assert "Delivered, 200 in" in last
    assert "&lt;b&gt;Thanks&lt;/b&gt;" in log
    assert len(receiver.posts) == 3


def test_who_may_only_see_webhooks_has_no_buttons(client_of, staff_with, receiver, an_endpoint):
    endpoint, _ = an_endpoint(receiver)
    browser = client_of(staff_with("view_webhookendpoint"))

    page = browser.get(f"{WEBHOOKS}{endpoint.pk}/change/")

    assert page.context["object_actions"] == []
    refused = [press(browser, endpoint, name).status_code for name in ("test", "rotate", "switch_off", "redeliver")]
    assert refused == [403] * 4
    assert Order.objects.count() == 0
