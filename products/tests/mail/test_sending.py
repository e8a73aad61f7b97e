"""Sending: once, by one of several senders, and again after a failure."""

import email
import email.policy
import logging
import smtplib
from datetime import timedelta

import pytest
from django.core import mail as django_mail
from django.db import connection, transaction
from django.utils import timezone

from products.mail.queueing import queue_mails, send_again
from products.mail.sending import PAUSES, ServerUnreachable, next_attempt_after, send_due_mails
from products.models import Mail
from products.models.mail import LEASE
from products.tests.mail.smtp_server import SmtpServer
from products.tests.side_by_side import on_postgresql, side_by_side

pytestmark = pytest.mark.django_db

BACKEND = "products.tests.mail.test_sending.Backend"


class Backend:
    """A mail back end that fails as often as there are errors, and then sends."""

    errors: list[Exception] = []
    in_a_transaction: list[bool] = []

    def __init__(self, **options):
        pass

    def send_messages(self, messages):
        Backend.in_a_transaction.append(connection.in_atomic_block)
        if Backend.errors:
            raise Backend.errors.pop(0)
        django_mail.outbox.extend(messages)
        return len(messages)


@pytest.fixture
def fail(settings):
    """Have the next attempts fail with these errors."""
    settings.EMAIL_BACKEND = BACKEND
    Backend.in_a_transaction.clear()

    def with_errors(*errors):
        Backend.errors = list(errors)

    with_errors()
    return with_errors


@pytest.fixture
def smtp(settings):
    with SmtpServer() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "127.0.0.1", server.port, 5
        yield server


@pytest.fixture
def a_mail(an_order):
    an_order()
    queue_mails()
    return Mail.objects.get()


def make_due():
    Mail.objects.waiting().update(next_attempt_at=timezone.now())


def test_a_mail_goes_to_a_real_server_once(a_mail, smtp):
    first, second = send_due_mails(), send_due_mails()

    assert (first, second) == ({"sent": 1}, {})
    [data] = smtp.received
    message = email.message_from_bytes(data, policy=email.policy.default)
    assert message["To"] == "alice@example.com"
    assert message["From"] == "Tea & Co <orders@shop.example>"
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]
    a_mail.refresh_from_db()
    assert (a_mail.state, a_mail.attempts, a_mail.next_attempt_at, a_mail.error) == ("sent", 1, None, "")
    assert timezone.now() - a_mail.sent_at < timedelta(minutes=1)


def test_a_server_that_is_away_is_asked_again_later_and_only_once_a_round(an_order, smtp):
    for _ in range(3):
        an_order(1)
    queue_mails()
    smtp.shutdown()
    smtp.server_close()

    with pytest.raises(ServerUnreachable) as unreachable:
        send_due_mails()

    assert unreachable.value.args == ({"postponed": 1},)
    assert sorted(Mail.objects.values_list("attempts", "error")) == [(0, ""), (0, ""), (1, "ConnectionRefusedError")]


def test_a_mail_that_fails_is_sent_later_with_the_same_message_id(a_mail, fail):
    fail(smtplib.SMTPSenderRefused(451, b"later", "orders@shop.example"))
    first = send_due_mails()
    postponed = Mail.objects.get()
    at_once = send_due_mails()
    make_due()
    later = send_due_mails()

    assert (first, at_once, later) == ({"postponed": 1}, {}, {"sent": 1})
    assert (postponed.state, postponed.error) == ("waiting", "SMTPSenderRefused 451")
    assert 40 < (postponed.next_attempt_at - timezone.now()).total_seconds() < 75
    assert django_mail.outbox[0].message()["Message-ID"] == f"<{a_mail.pk}@shop.example>"


def test_an_address_that_the_server_refuses_for_good_is_given_up(a_mail, smtp):
    smtp.answer_to_recipient = "550 nobody here"

    counts = send_due_mails()

    assert counts == {"failed": 1}
    assert list(Mail.objects.values_list("state", "error")) == [("failed", "SMTPRecipientsRefused 550")]


def test_an_address_that_the_server_refuses_for_now_is_tried_again(a_mail, smtp):
    smtp.answer_to_recipient = "450 mailbox busy"

    assert send_due_mails() == {"postponed": 1}


def test_a_template_that_a_project_has_broken_is_tried_again(a_mail, settings, tmp_path):
    (tmp_path / "mail").mkdir()
    (tmp_path / "mail" / "order_confirmation.txt").write_text("{% nonsense %}")
    [engine] = settings.TEMPLATES
    settings.TEMPLATES = [engine | {"DIRS": [tmp_path]}]

    assert send_due_mails() == {"postponed": 1}
    assert Mail.objects.get().error == "TemplateSyntaxError"


def test_it_is_tried_for_three_days_and_then_given_up(a_mail, fail, monkeypatch):
    now = start = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: now)
    Mail.objects.update(queued_at=now, next_attempt_at=now)

    attempts = 0
    while Mail.objects.waiting().exists():
        fail(OSError())
        with pytest.raises(ServerUnreachable) if attempts < 9 else _nothing():
            send_due_mails()
        attempts += 1
        if (mail := Mail.objects.get()).next_attempt_at:
            now = mail.next_attempt_at

    assert mail.state == "failed"
    assert 9 <= attempts <= 14
    assert timedelta(days=2) < now - start <= timedelta(days=3)


class _nothing:  # noqa: N801 - it reads as a word
    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        return kind is ServerUnreachable


def test_a_mail_that_has_waited_for_more_than_three_days_is_not_sent(a_mail):
    Mail.objects.update(queued_at=timezone.now() - timedelta(days=3, minutes=1))

    assert send_due_mails() == {"failed": 1}
    assert django_mail.outbox == []
    assert Mail.objects.get().error == "too_late"


def test_pauses_grow_and_are_spread():
    now = timezone.now()

    pauses = {attempts: {next_attempt_after(attempts, now) - now for _ in range(20)} for attempts in (1, 2, 7, 20)}

    assert all(len(each) > 1 for each in pauses.values())
    assert max(pauses[1]) < min(pauses[2])
    assert min(pauses[20]) >= PAUSES[-1] * 0.8
    assert max(pauses[20]) <= PAUSES[-1] * 1.2


def test_a_sender_that_was_killed_leaves_its_mail_to_another_one_after_the_lease(a_mail, monkeypatch):
    now = timezone.now()
    Mail.objects.claim()  # and the sender is gone

    during = send_due_mails()
    monkeypatch.setattr(timezone, "now", lambda: now + LEASE + timedelta(seconds=1))
    afterwards = send_due_mails()

    assert (during, afterwards) == ({}, {"sent": 1})


def test_a_crash_after_sending_repeats_the_mail_once_and_with_the_same_message_id(a_mail, smtp, monkeypatch):
    now = timezone.now()
    with monkeypatch.context() as crash:
        crash.setattr(Mail, "mark_sent", lambda mail: (_ for _ in ()).throw(SystemExit()))
        with pytest.raises(SystemExit):
            send_due_mails()
    monkeypatch.setattr(timezone, "now", lambda: now + LEASE + timedelta(minutes=1))
    send_due_mails()
    send_due_mails()

    ids = [email.message_from_bytes(data)["Message-ID"] for data in smtp.received]
    assert ids == [f"<{a_mail.pk}@shop.example>"] * 2


def test_a_sender_that_comes_back_after_its_lease_records_nothing(a_mail):
    late = Mail.objects.claim()
    make_due()
    ours = Mail.objects.claim()

    assert late.mark_failed("OSError") is False
    assert ours.mark_sent() is True
    assert Mail.objects.get().state == "sent"


def test_mails_are_sent_outside_of_transactions(an_order, fail, transactional_db):
    an_order()
    queue_mails()

    send_due_mails()

    assert Backend.in_a_transaction == [False]


@pytest.mark.usefixtures("_mail_is_on")
def test_nothing_in_the_log_says_who_it_was_for(a_mail, smtp, caplog):
    smtp.answer_to_recipient = "550 alice@example.com is unknown here"

    with caplog.at_level(logging.DEBUG):
        send_due_mails()

    [record] = [record for record in caplog.records if record.name == "products.mail.sending"]
    assert record.facts == {
        "event": "mail.failed",
        "mail": str(a_mail.pk),
        "kind": "order_confirmation",
        "attempts": 1,
        "error": "SMTPRecipientsRefused 550",
    }
    assert "alice" not in caplog.text


def test_staff_can_have_a_mail_sent_again_under_a_new_message_id(a_mail, fail):
    send_due_mails()
    assert send_again(Mail.objects.get()) is True
    assert send_again(Mail.objects.get()) is False  # it waits already

    send_due_mails()

    ids = [message.message()["Message-ID"] for message in django_mail.outbox]
    assert ids == [f"<{a_mail.pk}@shop.example>", f"<{a_mail.pk}.1@shop.example>"]


@pytest.mark.usefixtures("_mail_is_on")
def test_a_skipped_mail_is_sent_once_there_is_an_address(alice, mug):
    alice.orders.create(items=[(mug, 1)])
    queue_mails()
    without = send_again(Mail.objects.get())
    type(alice).objects.filter(pk=alice.pk).update(email="alice@example.com")

    assert (without, send_again(Mail.objects.get())) == (False, True)
    assert send_due_mails() == {"sent": 1}
    assert django_mail.outbox[0].to == ["alice@example.com"]


@on_postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("_round", range(3))
def test_two_senders_at_once_send_each_mail_once(an_order, fail, _round):
    for _ in range(12):
        an_order(1)
    queue_mails()

    counts = side_by_side(*[send_due_mails] * 4)

    ids = [message.message()["Message-ID"] for message in django_mail.outbox]
    assert sum(each["sent"] for each in counts) == len(ids) == len(set(ids)) == 12


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_mail_that_another_sender_is_taking_holds_up_nobody(an_order, fail):
    for _ in range(2):
        an_order(1)
    queue_mails()

    with transaction.atomic():
        taken = Mail.objects.due(timezone.now()).select_for_update().first()
        [counts] = side_by_side(send_due_mails)

    assert counts == {"sent": 1}
    assert Mail.objects.get(pk=taken.pk).state == "waiting"
