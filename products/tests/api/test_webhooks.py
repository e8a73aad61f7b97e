"""Webhooks over the API: made, seen, changed, tested and repeated by staff."""

import pytest
from django.contrib.auth.models import Permission

from products.models import Order, WebhookEndpoint
from products.webhooks.sender import Sender

pytestmark = pytest.mark.django_db

ADDRESS = "https://erp.shop.example/hooks"


@pytest.fixture
def client(api, staff):
    return api(staff)


@pytest.fixture
def an_order(alice, a_product):
    mug = a_product(stock=9)
    return lambda: Order.objects.create(customer=alice, items=[(mug, 1)])


def deliver():
    Sender(1).run(once=True)


def codes(answer):
    return {each.get("pointer", each.get("parameter")): each["code"] for each in answer.json()["errors"]}


def test_a_webhook_is_made_with_a_secret_that_is_not_shown_again(client, staff):
    made = client.post("/api/webhooks", {"address": ADDRESS, "types": ["order.paid", "order.placed"], "after": 7})

    body = made.json()
    secret = body.pop("secret")
    created_at = body.pop("created_at")
    [endpoint] = WebhookEndpoint.objects.all()
    assert made.status_code == 201
    assert made["Location"] == f"http://testserver/api/webhooks/{endpoint.pk}"
    assert secret.startswith("whsec_")
    assert body == {
        "id": endpoint.pk,
        "address": ADDRESS,
        "types": ["order.paid", "order.placed"],
        "position": 7,
        "is_active": True,
        "off_reason": "",
        "failures": 0,
        "failing_since": None,
        "paused_until": None,
        "previous_secret_until": None,
        "created_by": staff.pk,
    }
    expected = {**body, "created_at": created_at}
    assert client.get(f"/api/webhooks/{endpoint.pk}").json() == expected
    assert client.get("/api/webhooks").json()["results"] == [expected]


@pytest.mark.parametrize(
    ("body", "errors"),
    [
        ({}, {"/address": "required"}),
        ({"address": ""}, {"/address": "blank"}),
        ({"address": 7}, {"/address": "invalid"}),
        ({"address": "https://a.example/" + "x" * 500}, {"/address": "max_length"}),
        ({"address": "http://erp.shop.example/"}, {"/address": "not_https"}),
        ({"address": "https://erp.shop.example:22/"}, {"/address": "invalid_port"}),
        ({"address": "https://me:pw@erp.shop.example/"}, {"/address": "invalid_address"}),
        ({"address": "https://127.0.0.1/"}, {"/address": "private_address"}),
        ({"address": "https://[::ffff:127.0.0.1]/"}, {"/address": "private_address"}),
        ({"address": "https://169.254.169.254/latest/meta-data/"}, {"/address": "private_address"}),
        ({"address": "https://localhost/"}, {"/address": "private_address"}),
        ({"address": ADDRESS, "types": ["order.lost"]}, {"/types": "unknown_type"}),
        ({"address": ADDRESS, "types": "order.placed"}, {"/types": "not_a_list"}),
        ({"address": ADDRESS, "types": [1]}, {"/types/0": "invalid"}),
        ({"address": ADDRESS, "after": -1}, {"/after": "out_of_range"}),
        ({"address": ADDRESS, "after": 2**63}, {"/after": "out_of_range"}),
        ({"address": ADDRESS, "secret": "whsec_mine"}, {"/secret": "unknown"}),
    ],
)
def test_a_webhook_that_is_not_acceptable_is_refused(client, body, errors):
    answer = client.post("/api/webhooks", body)

    assert (answer.status_code, codes(answer)) == (400, errors)
    assert WebhookEndpoint.objects.count() == 0


def test_a_webhook_is_switched_off_by_somebody_and_on_again(client, receiver, an_endpoint):
    endpoint, _ = an_endpoint(receiver)
    url = f"/api/webhooks/{endpoint.pk}"

    off = client.patch(url, {"is_active": False}).json()
    on = client.patch(url, {"is_active": True, "types": ["order.paid"]}).json()

    assert (off["is_active"], off["off_reason"]) == (False, "Switched off by staff.")
    assert (on["is_active"], on["off_reason"], on["types"]) == (True, "", ["order.paid"])


def test_the_address_of_a_webhook_cannot_be_changed_to_one_in_house(client, receiver, an_endpoint, settings):
    endpoint, _ = an_endpoint(receiver)
    settings.WEBHOOK_ALLOWED_HOSTS = []

    answer = client.patch(f"/api/webhooks/{endpoint.pk}", {"address": "https://10.0.0.1/"})

    assert (answer.status_code, codes(answer)) == (400, {"/address": "private_address"})
    endpoint.refresh_from_db()
    assert endpoint.address.startswith(receiver.address)


def test_a_webhook_is_removed_with_its_deliveries(client, receiver, an_endpoint, an_order):
    endpoint, _ = an_endpoint(receiver)
    an_order()
    deliver()

    assert client.delete(f"/api/webhooks/{endpoint.pk}").status_code == 204
    assert client.get(f"/api/webhooks/{endpoint.pk}").status_code == 404


def test_a_rotated_secret_is_shown_and_the_previous_one_has_an_end(client, receiver, an_endpoint, an_order):
    endpoint, former = an_endpoint(receiver)

    body = client.post(f"/api/webhooks/{endpoint.pk}/rotate").json()
    an_order()
    deliver()

    assert body["previous_secret_until"] is not None
    assert len(receiver.verified(former, body["secret"])) == 4


def test_a_test_is_posted_at_once_and_its_result_told(client, receiver, an_endpoint, staff):
    endpoint, secret = an_endpoint(receiver, types=["order.paid"])
    receiver.answers = [204, (500, {}, b"Out of order")]

    taken, failed = (client.post(f"/api/webhooks/{endpoint.pk}/test").json() for _ in range(2))

    payload, _ = receiver.verified(secret)
    payload.pop("at")
    assert payload == {"type": "webhook.test", "version": 1, "by": staff.pk, "data": {}}
    assert taken.pop("seconds") > 0
    assert taken == {"ok": True, "code": 204, "answer": "", "error": ""}
    failed.pop("seconds")
    assert failed == {"ok": False, "code": 500, "answer": "Out of order", "error": ""}
    assert endpoint.deliveries.count() == 0


def test_deliveries_are_listed_with_every_attempt_and_their_answers(client, receiver, an_endpoint, an_order, settings):
    settings.WEBHOOK_RETRIES = [0]
    endpoint, _ = an_endpoint(receiver, types=["order.placed"])
    an_order()
    receiver.answers = [(500, {}, b"Out of order")]
    deliver()
    deliver()

    page = client.get(f"/api/webhooks/{endpoint.pk}/deliveries").json()

    [delivery] = page["results"]
    [failed, taken] = delivery["log"]
    assert (delivery["type"], delivery["state"], delivery["attempts"]) == ("order.placed", "DELIVERED", 2)
    assert (failed["code"], failed["answer"], taken["code"]) == (500, "Out of order", 204)
    assert client.get(f"/api/webhooks/{endpoint.pk}/deliveries?state=PENDING").json()["results"] == []


def test_a_page_of_deliveries_costs_the_same_for_one_and_for_three(
    client, receiver, an_endpoint, an_order, django_assert_num_queries
):
    endpoint, _ = an_endpoint(receiver, types=["order.placed"])
    for _ in range(3):
        an_order()
    deliver()

    with django_assert_num_queries(6):
        page = client.get(f"/api/webhooks/{endpoint.pk}/deliveries").json()

    assert len(page["results"]) == 3


def test_one_delivery_or_all_after_a_position_are_delivered_once_more(client, receiver, an_endpoint, an_order):
    endpoint, _ = an_endpoint(receiver, types=["order.placed"])
    an_order(), an_order()
    deliver()
    url = f"/api/webhooks/{endpoint.pk}"
    delivery = client.get(f"{url}/deliveries").json()["results"][0]["id"]

    client.post(f"{url}/redeliver", {"delivery": delivery})
    deliver()
    after_one = len(receiver.posts)
    client.post(f"{url}/redeliver", {"after": 0})
    deliver()

    assert (after_one, len(receiver.posts)) == (3, 5)


@pytest.mark.parametrize(
    ("body", "status"),
    [({}, 400), ({"delivery": 1, "after": 1}, 400), ({"after": -1}, 400), ({"delivery": 999_999}, 404)],
)
def test_what_cannot_be_delivered_once_more_is_refused(client, receiver, an_endpoint, body, status):
    endpoint, _ = an_endpoint(receiver)

    assert client.post(f"/api/webhooks/{endpoint.pk}/redeliver", body).status_code == status


def test_a_delivery_of_another_webhook_is_not_found(client, receiver, an_endpoint, an_order):
    endpoint, _ = an_endpoint(receiver, types=["order.placed"])
    other, _ = an_endpoint(receiver, types=["order.paid"])
    an_order()
    deliver()

    answer = client.post(f"/api/webhooks/{other.pk}/redeliver", {"delivery": endpoint.deliveries.get().pk})

    assert answer.status_code == 404


def test_who_may_only_see_webhooks_changes_none(api, bob, receiver, an_endpoint):
    endpoint, _ = an_endpoint(receiver)
    bob.is_staff = True
    bob.save()
    bob.user_permissions.set(Permission.objects.filter(codename="view_webhookendpoint"))
    client, url = api(bob), f"/api/webhooks/{endpoint.pk}"

    seen = [client.get(path).status_code for path in ("/api/webhooks", url, f"{url}/deliveries")]
    refused = [client.post(f"{url}/{verb}").status_code for verb in ("rotate", "test", "redeliver")]
    refused += [client.post("/api/webhooks").status_code, client.patch(url).status_code, client.delete(url).status_code]

    assert (seen, refused) == ([200] * 3, [403] * 6)
