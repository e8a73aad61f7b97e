"""A request that is sent again places its order once."""

from datetime import timedelta

import pytest
from django.utils import timezone

from products.models import (
    IdempotencyKeyConflict,
    IdempotentReplay,
    InsufficientStock,
    InvalidOrder,
    Order,
    Status,
    Violation,
)

pytestmark = pytest.mark.django_db


def test_a_retry_gets_the_order_that_the_first_try_placed(alice, a_product):
    mug = a_product(stock=3)

    first = Order.objects.place_once(customer=alice, items=[(mug, 2)], key="k")
    again = Order.objects.place_once(customer=alice, items=[(mug, 2)], key="k")

    order = Order.objects.get()
    assert (first, again) == ((order, True), (order, False))
    assert order.idempotency_key == "k"
    assert mug.refreshed().stock == 1
    assert order.events.count() == 1


def test_a_retry_that_finds_the_stock_gone_gets_the_order_that_took_it(alice, a_product):
    mug = a_product(stock=1)

    first, _ = Order.objects.place_once(customer=alice, items=[(mug, 1)], key="k")
    again, new = Order.objects.place_once(customer=alice, items=[(mug, 1)], key="k")

    assert (again, new) == (first, False)


def test_a_retry_gets_its_order_even_when_the_product_was_retired_since(alice, a_product):
    mug = a_product(stock=1)
    first, _ = Order.objects.place_once(customer=alice, items=[(mug, 1)], key="k")
    mug.retire()

    again, new = Order.objects.place_once(customer=alice, items=[(mug, 1)], key="k")

    assert (again, new) == (first, False)


def test_a_retry_gets_its_order_whatever_has_become_of_it(alice, a_product):
    mug = a_product(stock=1)
    first, _ = Order.objects.place_once(customer=alice, items=[(mug, 1)], key="k")
    first.cancel()

    again, new = Order.objects.place_once(customer=alice, items=[(mug, 1)], key="k")

    assert (again, again.status, new) == (first, Status.CANCELLED, False)
    assert mug.refreshed().stock == 1


def test_the_refusal_carries_the_order_with_its_lines(alice, a_product, django_assert_num_queries):
    mug = a_product(stock=3)
    order = Order.objects.create(customer=alice, items=[(mug, 2)], idempotency_key="k")

    with pytest.raises(IdempotentReplay) as refusal:
        Order.objects.create(customer=alice, items=[(mug, 2)], idempotency_key="k")

    assert refusal.value.violations == (
        Violation("already_placed", f"This key has already placed order {order.pk}.", facts={"order": order.pk}),
    )
    with django_assert_num_queries(0):
        assert [line.quantity for line in refusal.value.order.lines.all()] == [2]


@pytest.mark.parametrize("other", [[("MUG", 2)], [("LAMP", 1)], [("MUG", 1), ("LAMP", 1)], [("MUG", 1), ("MUG", 1)]])
def test_the_same_key_with_another_wish_is_refused(alice, a_product, other):
    mug = a_product(sku="MUG", stock=3)
    a_product(sku="LAMP", stock=1)
    order, _ = Order.objects.place_once(customer=alice, items=[("MUG", 1)], key="k")

    with pytest.raises(IdempotencyKeyConflict) as refusal:
        Order.objects.place_once(customer=alice, items=other, key="k")

    detail = "This idempotency key was already used with a different request."
    assert refusal.value.violations == (Violation("idempotency_key_reused", detail),)
    assert Order.objects.get() == order
    assert mug.refreshed().stock == 2


@pytest.mark.parametrize("other", [[], [("NONE", 1)], [("MUG", 0)]])
def test_the_same_key_with_something_unacceptable_is_refused_too(alice, a_product, other):
    a_product(sku="MUG", stock=1)
    order, _ = Order.objects.place_once(customer=alice, items=[("MUG", 1)], key="k")

    with pytest.raises(IdempotencyKeyConflict):
        Order.objects.place_once(customer=alice, items=other, key="k")

    assert Order.objects.get() == order


def test_an_id_and_a_sku_of_the_same_digits_are_two_wishes(alice, a_product):
    mug = a_product(stock=1)
    a_product(stock=1, sku=str(mug.pk))
    Order.objects.place_once(customer=alice, items=[(mug.pk, 1)], key="k")

    with pytest.raises(IdempotencyKeyConflict):
        Order.objects.place_once(customer=alice, items=[(str(mug.pk), 1)], key="k")


def test_another_key_is_another_order(alice, a_product):
    mug = a_product(stock=2)

    orders = [Order.objects.place_once(customer=alice, items=[(mug, 1)], key=key) for key in ("k", "l")]

    assert [new for _, new in orders] == [True, True]
    assert mug.refreshed().stock == 0


def test_without_a_key_every_request_is_an_order(alice, a_product):
    mug = a_product(stock=2)

    orders = [Order.objects.place_once(customer=alice, items=[(mug, 1)]) for _ in range(2)]

    assert [new for _, new in orders] == [True, True]
    assert mug.refreshed().stock == 0


def test_keys_of_different_customers_have_nothing_to_do_with_each_other(alice, bob, a_product):
    mug = a_product(stock=2)

    hers, _ = Order.objects.place_once(customer=alice, items=[(mug, 1)], key="k")
    his, new = Order.objects.place_once(customer=bob, items=[(mug, 1)], key="k")

    assert (his.customer, new) == (bob, True)
    assert hers != his


def test_a_refusal_is_not_remembered(alice, a_product):
    mug = a_product(stock=1)
    with pytest.raises(InsufficientStock):
        Order.objects.place_once(customer=alice, items=[(mug, 2)], key="k")
    with pytest.raises(InvalidOrder):
        Order.objects.place_once(customer=alice, items=[(mug, 0)], key="k")

    mug.receive(1)
    order, new = Order.objects.place_once(customer=alice, items=[(mug, 2)], key="k")

    assert (Order.objects.get(), new) == (order, True)


def test_a_reused_key_is_refused_even_where_stock_had_to_be_freed_first(alice, bob, a_product):
    mug, lamp = a_product(stock=1), a_product(stock=1)
    order, _ = Order.objects.place_once(customer=alice, items=[(lamp, 1)], key="k")
    Order.objects.create(customer=bob, items=[(mug, 1)], pay_by=timezone.now() - timedelta(seconds=1))

    with pytest.raises(IdempotencyKeyConflict):
        Order.objects.place_once(customer=alice, items=[(mug, 1)], key="k")

    assert list(Order.objects.of(alice)) == [order]


def test_a_checkout_that_is_sent_again_gets_its_order(alice, a_product):
    mug = a_product(stock=1)
    cart = Order.objects.create(customer=alice, status=Status.CART, items=[(mug, 1)])
    stale = Order.objects.get()
    cart.place(key="k")

    with pytest.raises(IdempotentReplay) as refusal:
        stale.place(key="k")

    assert refusal.value.order == cart
    assert [(o.status, o.idempotency_key) for o in Order.objects.all()] == [("PLACED", "k")]
    assert mug.refreshed().stock == 0


def test_a_checkout_that_is_sent_again_does_not_place_the_next_cart(alice, a_product):
    mug = a_product(stock=2)
    Order.objects.create(customer=alice, status=Status.CART, items=[(mug, 1)]).place(key="k")
    next_cart = Order.objects.create(customer=alice, status=Status.CART, items=[(mug, 1)])

    with pytest.raises(IdempotentReplay):
        next_cart.place(key="k")

    next_cart.refresh_from_db()
    assert (next_cart.status, next_cart.idempotency_key) == (Status.CART, None)
    assert mug.refreshed().stock == 1


def test_a_key_that_placed_an_order_does_not_place_a_cart(alice, a_product):
    mug = a_product(stock=2)
    Order.objects.place_once(customer=alice, items=[(mug, 1)], key="k")
    cart = Order.objects.create(customer=alice, status=Status.CART, items=[(mug, 1)])

    with pytest.raises(IdempotencyKeyConflict):
        cart.place(key="k")

    cart.refresh_from_db()
    assert cart.status == Status.CART
