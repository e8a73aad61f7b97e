"""Events: what happened, written in the transaction in which it happened."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from products.feed.sequencer import number_all_events
from products.models import Event, InsufficientStock, Order, Status, events
from products.models.events import MIN_RETENTION

pytestmark = pytest.mark.django_db


def test_an_order_tells_its_whole_life(alice, staff, a_product):
    mug = a_product(stock=3, price="4.50")
    order = Order.objects.create(customer=alice, items=[(mug, 2)])

    for verb in (order.pay, order.ship, order.deliver, order.return_goods):
        verb(by=staff)

    [line] = order.lines.all()
    two_mugs = {"line": str(line.pk), "product": mug.pk, "quantity": 2}
    more = {
        "SHIPPED": {
            "shipment": 1,
            "lines": [two_mugs],
            "parcel": {"carrier": "", "tracking_number": ""},
        },
        "RETURNED": {"return": 1, "lines": [two_mugs | {"restocked": 2}]},
    }
    steps = [None, "PLACED", "PAID", "SHIPPED", "DELIVERED", "RETURNED"]
    assert [(event.kind, event.by, event.facts) for event in order.events.order_by("id")] == [
        (
            f"order.{after.lower()}",
            alice if after == "PLACED" else staff,
            {"from": before, "to": after, "total": "9.00", "currency": "EUR", **more.get(after, {})},
        )
        for before, after in pairwise(steps)
    ]


def test_an_event_knows_its_moment(alice, a_product):
    before = timezone.now()
    order = Order.objects.create(customer=alice, items=[(a_product(stock=1), 1)])

    assert before <= order.events.get().at <= timezone.now()


def test_what_nobody_in_particular_did_has_nobody_to_its_name(alice, a_product):
    order = Order.objects.create(customer=alice, items=[(a_product(stock=1), 1)])

    order.pay()

    assert order.events.get(kind="order.paid").by is None


def test_what_was_refused_did_not_happen(alice, a_product):
    mug = a_product(stock=1)

    with pytest.raises(InsufficientStock):
        Order.objects.create(customer=alice, items=[(mug, 2)])

    assert not Event.objects.exclude(order=None).exists()


def test_what_was_undone_did_not_happen(alice, a_product):
    mug = a_product(stock=1)

    with transaction.atomic():
        Order.objects.create(customer=alice, items=[(mug, 1)])
        transaction.set_rollback(True)

    assert not Order.objects.exists()
    assert not Event.objects.exclude(order=None).exists()
    assert mug.refreshed().stock == 1


def test_filling_a_cart_is_no_event(alice, a_product):
    cart = Order.objects.create(customer=alice, status=Status.CART, items=[(a_product(), 1)])

    assert not cart.events.exists()


@pytest.fixture
def old_events(a_product):
    """Write that many events of long ago, and one of just now."""

    def write(number):
        product = a_product()
        long_ago = timezone.now() - MIN_RETENTION - timedelta(days=1)
        Event.objects.bulk_create(
            Event(kind="product.changed", product=product, at=long_ago + timedelta(seconds=n)) for n in range(number)
        )
        number_all_events()

    return write


def test_old_events_are_told_from_young_ones(old_events):
    old_events(2)

    old = Event.objects.older_than(timezone.now() - MIN_RETENTION)

    assert [event.kind for event in old] == ["product.changed"] * 2
    assert not Event.objects.older_than(datetime(2001, 1, 1, tzinfo=timezone.get_current_timezone())).exists()


@pytest.mark.parametrize("number", [0, 1, 4, 5])
def test_events_are_forgotten_in_batches(old_events, monkeypatch, number):
    monkeypatch.setattr(events, "BATCH", 2)
    old_events(number)

    with CaptureQueriesContext(connection) as statements:
        forgotten = Event.objects.older_than(timezone.now() - MIN_RETENTION).purge()

    assert forgotten == number
    deletions = [each["sql"].startswith("DELETE") for each in statements].count(True)
    assert deletions == 3 * -(-number // 2)  # of the events, and before of their mails and entries in the feed
    assert [event.kind for event in Event.objects.all()] == ["product.created"]


@pytest.mark.django_db(transaction=True)
def test_the_oldest_events_are_forgotten_first(old_events, monkeypatch):
    monkeypatch.setattr(events, "BATCH", 2)
    old_events(3)
    changes = Event.objects.filter(kind="product.changed")
    oldest = list(changes.order_by("pk")[:2])
    Event.objects.create(kind="product.changed", product=oldest[0].product)

    number_all_events()

    with pytest.raises(IntegrityError):  # as the last batch has an event that is too young
        changes.purge()

    assert changes.count() == 2
    assert not changes.filter(pk__in=[event.pk for event in oldest]).exists()


def test_an_event_that_has_no_position_in_the_feed_yet_is_kept(old_events):
    old_events(1)
    product = Event.objects.first().product
    Event.objects.create(kind="product.changed", product=product, at=timezone.now() - 2 * MIN_RETENTION)

    Event.objects.older_than(timezone.now() - MIN_RETENTION).purge()

    assert Event.objects.older_than(timezone.now() - MIN_RETENTION).count() == 1
