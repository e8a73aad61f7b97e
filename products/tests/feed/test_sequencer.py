"""Positions of events: given after the commit, once, in order, with the stock after each."""

import threading
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from products.feed.sequencer import BATCH, is_behind, number_all_events, number_events
from products.models import Event, FeedEntry, FeedState, Order, Product
from products.tests.side_by_side import on_postgresql

pytestmark = pytest.mark.django_db


def told(*names):
    return list(FeedEntry.objects.order_by("position").values_list(*names))


@pytest.fixture
def mug(a_product):
    """A mug, 5 of it, and all that happened to it so far has its position."""
    mug = a_product(sku="MUG", stock=5)
    number_all_events()
    return mug


@pytest.fixture
def new_entries(mug):
    """What was told of since the mug was received."""
    start = FeedState.objects.get().position

    def entries(*names):
        number_all_events()
        return list(FeedEntry.objects.after(start).values_list(*names))

    return entries


def test_an_order_is_told_with_what_it_takes(new_entries, alice, mug):
    Order.objects.create(customer=alice, items=[(mug, 2)])

    assert new_entries("type", "delta", "stock", "is_derived") == [
        ("order.placed", None, None, False),
        ("stock.sold", -2, 3, True),
    ]


def test_positions_rise_without_gaps_and_each_order_and_product_counts_its_own(new_entries, alice, mug):
    first, second = (Order.objects.create(customer=alice, items=[(mug, 1)]) for _ in range(2))
    first.pay()

    entries = new_entries("position", "type", "order", "sequence")

    positions = [position for position, *_ in entries]
    assert positions == list(range(positions[0], positions[0] + 5))
    assert [entry[1:] for entry in entries] == [
        ("order.placed", first.pk, 1),
        ("stock.sold", None, entries[1][3]),
        ("order.placed", second.pk, 1),
        ("stock.sold", None, entries[1][3] + 1),
        ("order.paid", first.pk, 2),
    ]


def test_every_way_to_move_the_stock_tells_the_stock_after_it(new_entries, alice, staff, mug):
    mug.receive(10)
    mug.correct(-1)
    mug.count(20)
    cancelled, kept = (Order.objects.create(customer=alice, items=[(mug, 4)]) for _ in range(2))
    cancelled.cancel(lines=[(mug, 1)])
    cancelled.cancel()
    kept.pay()
    kept.ship()
    kept.return_goods(lines=[(mug, 3, 2)])

    entries = [entry for entry in new_entries("type", "delta", "stock") if entry[0].startswith("stock")]

    assert entries == [
        ("stock.received", 10, 15),
        ("stock.corrected", -1, 14),
        ("stock.counted", 6, 20),
        ("stock.sold", -4, 16),
        ("stock.sold", -4, 12),
        ("stock.returned", 1, 13),
        ("stock.returned", 3, 16),
        ("stock.returned", 2, 18),
    ]
    assert Product.objects.get(pk=mug.pk).stock == 18


def test_a_late_payment_takes_the_stock_again(new_entries, alice, mug):
    order = Order.objects.create(customer=alice, items=[(mug, 4)], pay_by=timezone.now() - timedelta(hours=1))
    order.expire()
    order.pay(late=True)

    entries = new_entries("type", "delta", "stock")

    assert entries == [
        ("order.placed", None, None),
        ("stock.sold", -4, 1),
        ("order.expired", None, None),
        ("stock.returned", 4, 5),
        ("order.paid", None, None),
        ("stock.sold", -4, 1),
    ]


def test_the_stock_goes_on_from_the_batch_before(new_entries, alice, mug):
    Order.objects.create(customer=alice, items=[(mug, 1)])
    first = new_entries("stock")
    mug.receive(2)
    Order.objects.create(customer=alice, items=[(mug, 1)])

    assert new_entries("stock")[len(first) :] == [(6,), (None,), (5,)]


def test_a_low_stock_is_told_when_it_is_reached_and_not_again_until_it_was_above(new_entries, alice, mug):
    Product.objects.filter(pk=mug.pk).update(low_stock=3)
    for quantity in (1, 1, 1):
        Order.objects.create(customer=alice, items=[(mug, quantity)])
    mug.receive(4)
    for quantity in (3, 3):
        Order.objects.create(customer=alice, items=[(mug, quantity)])

    entries = new_entries("type", "stock")

    assert [entry for entry in entries if entry[0] in ("stock.low", "stock.out")] == [
        ("stock.low", 3),
        ("stock.low", 3),
        ("stock.out", 0),
    ]


def test_the_shops_threshold_applies_to_a_product_without_one(settings, new_entries, alice, mug):
    settings.LOW_STOCK = 4

    Order.objects.create(customer=alice, items=[(mug, 1)])

    assert ("stock.low",) in new_entries("type")


def test_numbering_again_changes_nothing(new_entries, alice, mug):
    Order.objects.create(customer=alice, items=[(mug, 1)])
    before = new_entries("position", "event")

    assert number_events() == 0
    assert new_entries("position", "event") == before


def test_a_batch_is_bounded_and_the_next_one_goes_on(mug):
    rows = [Event(kind="product.changed", product=mug, facts={"fields": [], "old": {}, "new": {}})] * (BATCH + 3)
    Event.objects.bulk_create(Event(kind=row.kind, product=mug, facts=row.facts) for row in rows)

    assert is_behind() == BATCH + 3
    assert [number_events(), number_events(), number_events()] == [BATCH, 3, 0]
    assert is_behind() == 0


def test_an_event_from_before_events_told_the_stock_is_told_without_it(new_entries, mug):
    Event.objects.create(kind="product.stock_moved", product=mug, facts={"delta": 2, "reason": "RECEIVED"})

    assert new_entries("type", "delta", "stock") == [("stock.received", 2, None)]


def test_numbering_takes_as_many_statements_for_one_event_as_for_many(
    alice, a_product, mug, django_assert_max_num_queries
):
    others = [a_product(stock=99) for _ in range(5)]
    mug.receive(99)
    number_all_events()
    for _ in range(10):
        Order.objects.create(customer=alice, items=[(each, 1) for each in (mug, *others)][:5])
        others[0].receive(1)

    with django_assert_max_num_queries(20):
        assert number_events() == 20


# What is committed late


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_an_event_that_is_committed_late_gets_a_later_position_and_is_not_missed(mug, a_product):
    late, written, commit = a_product(sku="LATE", stock=1), threading.Event(), threading.Event()
    number_all_events()

    def write_late():
        with transaction.atomic():
            Event.objects.create(kind="product.changed", product=late, facts={})
            written.set()
            commit.wait(10)
        connection.close()

    thread = threading.Thread(target=write_late)
    thread.start()
    written.wait(10)
    mug.receive(1)
    for _ in range(3):
        number_all_events()
    early = told("product", "type")
    commit.set()
    thread.join()
    number_all_events()

    assert early[-1] == (mug.pk, "stock.received")
    assert told("product", "type")[-1] == (late.pk, "product.changed")
    assert Event.objects.latest("pk").product_id == mug.pk  # it has the larger id


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_the_search_for_new_events_begins_behind_the_oldest_open_transaction(mug, a_product):
    late, written, commit = a_product(sku="LATE", stock=1), threading.Event(), threading.Event()

    def write_late():
        with transaction.atomic():
            Event.objects.create(kind="product.changed", product=late, facts={})
            written.set()
            commit.wait(10)
        connection.close()

    thread = threading.Thread(target=write_late)
    thread.start()
    written.wait(10)
    own = Event.objects.latest("pk").pk + 1
    for _ in range(3):
        mug.receive(1)
        number_all_events()
    during = FeedState.objects.get().complete_to
    commit.set()
    thread.join()
    for _ in range(2):
        mug.receive(1)
        number_all_events()

    assert during < own
    assert FeedState.objects.get().complete_to > own


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_only_one_process_numbers_at_a_time(mug):
    locked, release = threading.Event(), threading.Event()

    def hold():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [0x53686F70_46656564])
            locked.set()
            release.wait(10)
        connection.close()

    thread = threading.Thread(target=hold)
    thread.start()
    locked.wait(10)
    mug.receive(1)
    meanwhile = number_events()
    release.set()
    thread.join()

    assert meanwhile == 0
    assert number_events() == 1


def test_an_event_that_is_written_by_hand_is_told_with_the_stock_that_there_was(new_entries, alice, mug):
    order = Order.objects.create(customer=alice, items=[(mug, 2)])
    number_all_events()
    mug.receive(7)
    number_all_events()

    Event.objects.create(kind="order.placed", order=order)

    assert new_entries("type", "delta", "stock")[-1] == ("stock.sold", -2, 3)
