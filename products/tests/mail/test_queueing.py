"""Which events bring which mail, once each, and to whom."""

from datetime import timedelta

import pytest
from django.core import mail as django_mail
from django.db import connection, transaction
from django.utils import timezone

from products.mail.queueing import forget_position, queue_mails
from products.models import Cart, Event, Mail, MailCursor, Order
from products.tests.side_by_side import on_postgresql, side_by_side

pytestmark = pytest.mark.django_db


def queued():
    while queue_mails():
        pass
    return list(Mail.objects.order_by("id").values_list("kind", "recipient", "state", "error"))


def test_what_happened_before_mail_was_switched_on_brings_none(alice, mug, settings):
    settings.MAIL_NOTICES = True
    Order.objects.create(customer=alice, items=[(mug, 1)], email="alice@example.com")

    assert queued() == queued() == []


def test_what_happened_before_and_is_numbered_later_brings_none(an_order):
    order = an_order()
    MailCursor.objects.update(since=timezone.now())
    facts = {"amount": "1.00"}
    Event.objects.create(kind="order.refunded", order=order, facts=facts, at=timezone.now() - timedelta(seconds=5))

    assert queued() == []


def test_each_event_that_concerns_a_customer_brings_one_mail(an_order, mug):
    order = an_order(4)
    order.pay()
    order.ship(lines=[(mug, 1)])
    order.cancel(lines=[(mug, 1)])
    order.ship()
    order.deliver()
    order.return_goods(lines=[(mug, 1)])
    order.refund(amount="1")

    kinds = [kind for kind, *_ in queued()]

    assert kinds == [
        "order_confirmation",
        "shipping_notice",
        "cancellation",
        "shipping_notice",
        "refund",
    ]
    assert [kind for kind, *_ in queued()] == kinds


@pytest.mark.usefixtures("_mail_is_on")
def test_a_cancelled_cart_and_a_stock_movement_bring_none(alice, mug):
    cart = Cart(alice)
    cart.put(mug, 1)
    Order.objects.get(status="CART").cancel()
    mug.receive(1)

    assert queued() == []


@pytest.mark.usefixtures("_mail_is_on")
def test_an_imported_order_brings_none(alice, mug):
    order = Order.objects.create(customer=alice, items=[(mug, 1)], email="alice@example.com")
    queued()
    Mail.objects.all().delete()
    Event.objects.create(kind="order.shipped", order=order, facts={"from": "PAID", "shipment": 1, "imported": True})

    assert queued() == []


@pytest.mark.usefixtures("_mail_is_on")
@pytest.mark.parametrize(
    ("of_order", "of_account", "expected"),
    [
        ("order@example.com", "account@example.com", ("order@example.com", "waiting", "")),
        ("", "account@example.com", ("account@example.com", "waiting", "")),
        ("", "", ("", "skipped", "no_recipient")),
        ("", "a@example.com\nBcc: all@example.com", ("", "skipped", "invalid_recipient")),
        ("", "a@example.com, b@example.com", ("", "skipped", "invalid_recipient")),
        ("", "a@example.com\r\n\r\nHello", ("", "skipped", "invalid_recipient")),
        ("", '"\x01"@example.com', ("", "skipped", "invalid_recipient")),
    ],
)
def test_the_recipient_is_the_orders_address_or_else_the_accounts(alice, mug, of_order, of_account, expected):
    alice.email = of_account
    alice.save()
    Order.objects.create(customer=alice, items=[(mug, 1)], email=of_order)

    assert queued() == [("order_confirmation", *expected)]


def test_an_event_that_is_read_very_late_is_skipped(an_order):
    order = an_order()
    MailCursor.objects.update(since=timezone.now() - timedelta(days=30))
    Event.objects.create(
        kind="order.refunded", order=order, facts={"amount": "1.00"}, at=timezone.now() - timedelta(days=4)
    )

    assert [mail[1:] for mail in queued()] == [
        ("alice@example.com", "waiting", ""),
        ("alice@example.com", "skipped", "too_old"),
    ]


def test_a_cursor_that_is_set_back_brings_no_mail_twice(an_order):
    an_order()
    before = queued()
    MailCursor.objects.update(position=0)

    assert queued() == before
    assert len(before) == 1


def test_switching_off_and_on_again_begins_at_the_newest_position(an_order):
    forget_position()
    an_order()

    assert queued() == []


def test_reading_the_feed_takes_few_statements_however_many_orders_there_are(an_order, django_assert_num_queries):
    queue_mails()
    for _ in range(5):
        an_order(1)
    queue_mails()
    MailCursor.objects.update(position=0)
    Mail.objects.all().delete()

    # PostgreSQL is also asked for the sequencer's lock, and who writes.
    statements = 14 if connection.vendor == "postgresql" else 12
    with django_assert_num_queries(statements):
        queue_mails()

    assert Mail.objects.count() == 5


@on_postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("_round", range(3))
def test_several_who_read_at_once_queue_each_mail_once(an_order, _round):
    for _ in range(10):
        an_order(1)

    outcomes = side_by_side(*[queue_mails] * 4)
    while queue_mails():
        pass

    assert [outcome for outcome in outcomes if isinstance(outcome, Exception)] == []
    assert Mail.objects.count() == 10
    assert django_mail.outbox == []


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_who_finds_another_one_reading_leaves_it_the_work(an_order):
    an_order()

    with transaction.atomic():
        MailCursor.objects.select_for_update().get()
        outcomes = side_by_side(queue_mails)
        mails = Mail.objects.count()

    assert (outcomes, mails) == ([0], 0)
