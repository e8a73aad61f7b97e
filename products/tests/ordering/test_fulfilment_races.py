"""Several people ship, cancel, return and refund parts of the same order at once."""

import random
import time
from datetime import timedelta

import pytest
from django.db import transaction
from django.utils import timezone

from products.models import (
    Cancellation,
    DomainError,
    InsufficientStock,
    InvalidTransition,
    MoreThanRemains,
    Order,
    Refund,
    Return,
    Shipment,
)
from products.reconciliation import differences
from products.tests.side_by_side import meanwhile, on_postgresql, side_by_side

pytestmark = [pytest.mark.django_db(transaction=True), on_postgresql]


@pytest.fixture
def mug(a_product):
    return a_product(stock=1_000, price="4.50", sku="MUG")


@pytest.fixture
def lamp(a_product):
    return a_product(stock=1_000, price="19.99", sku="LAMP")


@pytest.fixture
def order(alice, mug, lamp):
    order = Order.objects.create(customer=alice, items=[(mug, 6), (lamp, 6)])
    order.pay()
    return order


def refreshed(order):
    return Order.objects.get(pk=order.pk)


def kinds(outcomes):
    return sorted(type(outcome).__name__ for outcome in outcomes)


def counters(order):
    return list(order.lines.order_by("id").values_list("shipped", "cancelled", "returned", "restocked"))


def test_no_piece_is_shipped_twice(order):
    outcomes = side_by_side(*[lambda: refreshed(order).ship(lines=[("MUG", 2), ("LAMP", 2)])] * 5)

    assert kinds(outcomes) == ["InvalidTransition"] * 2 + ["Shipment"] * 3
    assert counters(order) == [(6, 0, 0, 0), (6, 0, 0, 0)]
    assert [shipment.number for shipment in order.shipments.all()] == [1, 2, 3]
    assert refreshed(order).status == "SHIPPED"


def test_a_piece_is_shipped_or_cancelled(order, mug):
    outcomes = side_by_side(
        *[lambda: refreshed(order).ship(lines=[("MUG", 2)])] * 3,
        *[lambda: refreshed(order).cancel(lines=[("MUG", 2)])] * 3,
    )

    done = [each for each in outcomes if not isinstance(each, DomainError)]
    assert len(done) == 3
    assert all(isinstance(each, MoreThanRemains) for each in outcomes if each not in done)
    [(shipped, cancelled, _, restocked), _] = counters(order)
    assert (shipped + cancelled, restocked) == (6, cancelled)
    assert mug.refreshed().stock == 994 + cancelled
    assert list(differences()) == []


def test_no_piece_comes_back_twice(order, mug):
    order.ship()

    outcomes = side_by_side(*[lambda: refreshed(order).return_goods(lines=[("MUG", 2, 1)])] * 5)

    assert kinds(outcomes) == ["MoreThanRemains"] * 2 + ["Return"] * 3
    assert counters(order)[0] == (6, 0, 6, 3)
    assert mug.refreshed().stock == 997
    assert list(differences()) == []


def test_no_money_is_refunded_twice(order):
    outcomes = side_by_side(*[lambda: refreshed(order).refund(amount="60.00")] * 5)

    assert kinds(outcomes) == ["Refund"] * 2 + ["RefundTooLarge"] * 3
    assert refreshed(order).refunded == 120
    assert list(differences()) == []


@pytest.mark.parametrize(
    ("verb", "kind"), [("ship", Shipment), ("cancel", Cancellation), ("return_goods", Return), ("refund", Refund)]
)
def test_one_request_that_is_sent_five_times_at_once_is_done_once(order, verb, kind):
    order.ship(lines=[("LAMP", 3)])

    outcomes = side_by_side(*[lambda: getattr(refreshed(order), verb)(lines=[("LAMP", 1)], key="k")] * 5)

    assert {type(outcome) for outcome in outcomes} == {kind}
    assert len({outcome.pk for outcome in outcomes}) == 1
    assert sorted(outcome.replayed for outcome in outcomes) == [False, True, True, True, True]
    assert list(differences()) == []


def test_who_ships_parts_waits_for_who_cancels_all(order):
    from_before = refreshed(order)

    with transaction.atomic():
        order.cancel()
        later = meanwhile(lambda: from_before.ship(lines=[("MUG", 1)]))
        assert later.waits()

    assert isinstance(later.outcome(), InvalidTransition)
    assert counters(order) == [(0, 6, 0, 6), (0, 6, 0, 6)]


def test_a_correction_that_waits_for_another_one_is_told_as_the_change_of_that_one(order):
    order.ship(tracking_number="1")

    with transaction.atomic():
        order.correct_tracking(1, tracking_number="2")
        later = meanwhile(lambda: refreshed(order).correct_tracking(1, tracking_number="3"))
        assert later.waits()

    assert later.outcome().tracking_number == refreshed(order).tracking_number == "3"
    corrections = order.events.filter(kind="order.tracking_corrected").order_by("id")
    assert [event.facts["tracking_number"] for event in corrections] == [
        {"from": "1", "to": "2"},
        {"from": "2", "to": "3"},
    ]


def test_a_late_payment_waits_for_who_is_buying_the_last_pieces(alice, bob, mug):
    order = Order.objects.create(customer=alice, items=[(mug, 1_000)], pay_by=timezone.now() - timedelta(hours=1))
    order.expire()

    with transaction.atomic():
        Order.objects.create(customer=bob, items=[(mug, 1)])
        paying = meanwhile(lambda: refreshed(order).pay(late=True))
        assert paying.waits()

    assert isinstance(paying.outcome(), InsufficientStock)
    assert (refreshed(order).status, mug.refreshed().stock) == ("EXPIRED", 999)


SECONDS = 3


def test_a_storm_of_verbs_leaves_everything_in_agreement(alice, mug, lamp):
    """Eight threads do at random what they can with six orders; no law is broken, and all numbers agree in the end."""
    orders = [Order.objects.create(customer=alice, items=[(mug, 50), (lamp, 50)]) for _ in range(6)]
    for order in orders:
        order.pay()
    until = time.monotonic() + SECONDS

    def work(seed):
        chance, done = random.Random(seed), 0
        while time.monotonic() < until:
            try:
                do_something(chance, refreshed(chance.choice(orders)))
                done += 1
            except DomainError:
                pass
        return done

    outcomes = side_by_side(*[lambda seed=seed: work(seed) for seed in range(8)])

    assert all(isinstance(done, int) and done > 0 for done in outcomes), outcomes
    assert list(differences()) == []


def do_something(chance, order):
    """Ship, cancel, return or refund some pieces of the order."""
    lines = [(sku, chance.randint(1, 4)) for sku in chance.sample(["MUG", "LAMP"], chance.randint(1, 2))]
    verb = chance.choice(["ship", "cancel", "return_goods", "refund"])
    if verb == "return_goods":
        lines = [(sku, quantity, chance.randint(0, quantity)) for sku, quantity in lines]
    if verb == "refund" and chance.random() < 0.5:
        return order.refund(amount=chance.randint(1, 20))
    return getattr(order, verb)(lines=lines)
