"""Mails in the admin: read by staff, and sent again by those who may."""

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from products.models import Mail

LIST = "/admin/products/mail/"


@pytest.fixture
def mails(an_order):
    """A mail that was sent, one that failed, and one that waits."""
    event = an_order().events.get()
    values = {"event": event, "recipient": "alice@example.com"}
    event.order.customer.email = "alice@example.com"
    event.order.customer.save()
    return [
        Mail.objects.create(kind="order_confirmation", state="sent", sent_at=timezone.now(), **values),
        Mail.objects.create(kind="refund", state="failed", error="OSError", **values),
        Mail.objects.create(kind="cancellation", next_attempt_at=timezone.now(), **values),
    ]


def send_again(client, mails):
    return client.post(
        LIST, {"action": "send_selected_again", "_selected_action": [mail.pk for mail in mails]}, follow=True
    )


def test_staff_have_mails_sent_again(client_of, staff, mails, messages_of):
    answer = send_again(client_of(staff), mails)

    assert messages_of(answer) == ["2 of 3 will be sent again. Those that wait or have no address are not."]
    assert sorted(Mail.objects.values_list("kind", "state", "copies", "error")) == [
        ("cancellation", "waiting", 0, ""),
        ("order_confirmation", "waiting", 1, ""),
        ("refund", "waiting", 1, ""),
    ]
    assert LogEntry.objects.filter(change_message="Sent again.").count() == 2


def test_whoever_may_only_look_sees_no_action_and_cannot_use_it(client_of, staff_with, mails):
    client = client_of(staff_with("view_mail"))

    page = client.get(LIST)
    send_again(client, mails)

    assert page.status_code == 200
    assert b"alice@example.com" in page.content
    assert b"send_selected_again" not in page.content
    assert Mail.objects.filter(state="waiting").count() == 1


def test_without_a_permission_there_is_nothing_to_see(client_of, staff_with, mails):
    assert client_of(staff_with()).get(LIST).status_code == 403


def test_a_mail_is_only_read(client_of, staff, mails):
    page = f"{LIST}{mails[1].pk}/change/"

    shown = client_of(staff).get(page)
    changed = client_of(staff).post(page, {"recipient": "bob@example.com"})
    deleted = client_of(staff).post(f"{LIST}{mails[1].pk}/delete/", {"post": "yes"})

    assert (shown.status_code, changed.status_code, deleted.status_code) == (200, 403, 403)
    assert b"OSError" in shown.content


def test_mails_are_found_by_order_and_by_recipient(client_of, staff, mails):
    client = client_of(staff)

    found = [
        len(client.get(LIST, {"q": words}).context["cl"].result_list)
        for words in (str(mails[0].event.order_id), "alice@example.com", "alice")
    ]

    assert found == [3, 3, 0]
