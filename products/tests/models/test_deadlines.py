"""Payment deadlines: past them the stock is free again, although nothing runs in the background."""

from datetime import timedelta

import pytest
from django.utils import timezone

from products.models import (
    InsufficientStock,
    InvalidOrder,
    InvalidTransition,
    NotOverdue,
    Order,
    PaymentOverdue,
    Product,
    Status,
)
from products.tests.rewriting import rewrite

pytestmark = pytest.mark.django_db

MOMENT = timedelta(seconds=1)


@pytest.fixture
def overdue_order(bob):
    """Place an order of bob's that should have been paid by now."""

    def place(*items):
        return Order.objects.create(customer=bob, items=items, pay_by=timezone.now() - MOMENT)

    return place


def statuses(*orders):
    return [Order.objects.get(pk=order.pk).status for order in orders]


def test_an_order_past_its_deadline_gives_its_stock_to_who_asks_for_it(alice, a_product, overdue_order):
    mug = a_product(stock=3)
    overdue = overdue_order((mug, 3))

    order = Order.objects.create(customer=alice, items=[(mug, 2)])

    assert statuses(overdue, order) == [Status.EXPIRED, Status.PLACED]
    assert mug.refreshed().stock == 1
    assert [(m.delta, m.reason) for m in overdue.movements] == [(-3, "SOLD"), (3, "EXPIRED")]
    assert [event.kind for event in overdue.events.order_by("id")] == ["order.placed", "order.expired"]
    assert not Product.objects.out_of_balance().exists()


def test_nobody_is_expired_while_there_is_enough(alice, a_product, overdue_order):
    mug = a_product(stock=3)
    overdue = overdue_order((mug, 2))

    Order.objects.create(customer=alice, items=[(mug, 1)])

    assert statuses(overdue) == [Status.PLACED]
    overdue.refresh_from_db()
    assert overdue in Order.objects.overdue()


def test_an_order_before_its_deadline_keeps_its_stock(alice, bob, a_product):
    mug = a_product(stock=3)
    in_time = Order.objects.create(customer=bob, items=[(mug, 3)], pay_by=timezone.now() + timedelta(hours=1))

    with pytest.raises(InsufficientStock) as refusal:
        Order.objects.create(customer=alice, items=[(mug, 1)])

    assert refusal.value.overdue == []
    assert statuses(in_time) == [Status.PLACED]
    assert mug.refreshed().stock == 0


def test_a_paid_order_keeps_its_stock_whatever_its_deadline(alice, bob, a_product):
    mug = a_product(stock=3)
    paid = Order.objects.create(customer=bob, items=[(mug, 3)], pay_by=timezone.now() + timedelta(hours=1))
    paid.pay()
    rewrite(paid, pay_by=timezone.now() - MOMENT)

    with pytest.raises(InsufficientStock):
        Order.objects.create(customer=alice, items=[(mug, 1)])

    assert statuses(paid) == [Status.PAID]


def test_only_overdue_orders_for_what_is_short_are_expired(alice, bob, a_product, overdue_order):
    mug, lamp = a_product(stock=1), a_product(stock=1)
    for_mugs, for_lamps = overdue_order((mug, 1)), overdue_order((lamp, 1))

    Order.objects.create(customer=alice, items=[(mug, 1)])

    assert statuses(for_mugs, for_lamps) == [Status.EXPIRED, Status.PLACED]


def test_an_overdue_order_of_several_products_gives_all_of_them_back(alice, a_product, overdue_order):
    mug, lamp = a_product(stock=1), a_product(stock=1)
    overdue = overdue_order((mug, 1), (lamp, 1))

    Order.objects.create(customer=alice, items=[(mug, 1)])

    assert statuses(overdue) == [Status.EXPIRED]
    assert (mug.refreshed().stock, lamp.refreshed().stock) == (0, 1)


def test_several_shortages_are_filled_from_several_overdue_orders(alice, a_product, overdue_order):
    mug, lamp = a_product(stock=2), a_product(stock=1)
    overdue = [overdue_order((mug, 1)), overdue_order((mug, 1)), overdue_order((lamp, 1))]

    order = Order.objects.create(customer=alice, items=[(mug, 2), (lamp, 1)])

    assert statuses(*overdue, order) == [Status.EXPIRED] * 3 + [Status.PLACED]
    assert (mug.refreshed().stock, lamp.refreshed().stock) == (0, 0)


def test_where_even_the_overdue_stock_is_not_enough_the_refusal_counts_it(alice, a_product, overdue_order):
    mug = a_product(stock=3)
    overdue = overdue_order((mug, 2))

    with pytest.raises(InsufficientStock) as refusal:
        Order.objects.create(customer=alice, items=[(mug, 4)])

    assert [violation.facts["available"] for violation in refusal.value.violations] == [3]
    assert refusal.value.acceptable == [(mug.pk, 3)]
    assert statuses(overdue) == [Status.EXPIRED]
    assert mug.refreshed().stock == 3


def test_an_order_that_is_invalid_anyway_expires_nothing(alice, a_product, overdue_order):
    mug = a_product(stock=1)
    overdue = overdue_order((mug, 1))

    with pytest.raises(InvalidOrder):
        Order.objects.create(customer=alice, items=[(mug, 1), ("NONE", 1)])

    assert statuses(overdue) == [Status.PLACED]


def test_a_cart_takes_overdue_stock_too(alice, a_product, overdue_order):
    mug = a_product(stock=1)
    overdue = overdue_order((mug, 1))
    cart = Order.objects.create(customer=alice, status=Status.CART, items=[(mug, 1)])

    cart.place()

    assert statuses(overdue, cart) == [Status.EXPIRED, Status.PLACED]
    assert [(line.product, line.quantity) for line in cart.lines.all()] == [(mug, 1)]


def test_one_who_pays_too_late_is_refused(a_product, overdue_order):
    mug = a_product(stock=1)
    overdue = overdue_order((mug, 1))

    with pytest.raises(PaymentOverdue) as refusal:
        overdue.pay(reference="INV-7")

    assert [violation.code for violation in refusal.value.violations] == ["payment_overdue"]
    written = Order.objects.get()
    assert (written.status, written.payment_reference) == (Status.PLACED, "")
    assert overdue.status == Status.PLACED


def test_one_who_pays_in_time_keeps_the_goods(alice, a_product):
    mug = a_product(stock=1)
    order = Order.objects.create(customer=alice, items=[(mug, 1)], pay_by=timezone.now() + timedelta(hours=1))

    order.pay()

    assert statuses(order) == [Status.PAID]
    with pytest.raises(InvalidTransition):
        order.expire()


@pytest.mark.parametrize("pay_by", [None, timezone.now() + timedelta(days=1)])
def test_an_order_that_is_not_overdue_does_not_expire(alice, a_product, pay_by):
    mug = a_product(stock=1)
    order = Order.objects.create(customer=alice, items=[(mug, 1)], pay_by=pay_by)

    with pytest.raises(NotOverdue) as refusal:
        order.expire()

    assert str(refusal.value) == "This order's payment deadline has not passed."
    assert statuses(order) == [Status.PLACED]
    assert mug.refreshed().stock == 0


def test_everything_overdue_can_be_expired_at_once(alice, a_product, overdue_order):
    mug = a_product(stock=4)
    overdue = [overdue_order((mug, 1)), overdue_order((mug, 2))]
    unhurried = Order.objects.create(customer=alice, items=[(mug, 1)])

    expired = Order.objects.overdue().expire()

    assert expired == 2
    assert statuses(*overdue, unhurried) == [Status.EXPIRED, Status.EXPIRED, Status.PLACED]
    assert mug.refreshed().stock == 3
    assert Order.objects.overdue().expire() == 0


def test_expiring_passes_over_what_others_have_moved_or_need_not_expire(alice, a_product, overdue_order):
    mug = a_product(stock=3)
    overdue = overdue_order((mug, 1))
    cancelled, unhurried = (Order.objects.create(customer=alice, items=[(mug, 1)]) for _ in range(2))
    cancelled.cancel()

    expired = Order.objects.expire()

    assert expired == 1
    assert statuses(overdue, cancelled, unhurried) == [Status.EXPIRED, Status.CANCELLED, Status.PLACED]


def test_a_mixed_shelf_is_sorted_out_in_one_go(alice, bob, a_product, overdue_order):
    mug, lamp = a_product(stock=5), a_product(stock=5)
    overdue = overdue_order((mug, 2), (lamp, 1))
    paid = Order.objects.create(customer=bob, items=[(mug, 1)])
    paid.pay()
    in_time = Order.objects.create(customer=bob, items=[(lamp, 2)], pay_by=timezone.now() + timedelta(hours=1))

    order = Order.objects.create(customer=alice, items=[(mug, 4), (lamp, 3)])

    assert statuses(overdue, paid, in_time, order) == ["EXPIRED", "PAID", "PLACED", "PLACED"]
    assert (mug.refreshed().stock, lamp.refreshed().stock) == (0, 0)
    assert not Product.objects.out_of_balance().exists()
