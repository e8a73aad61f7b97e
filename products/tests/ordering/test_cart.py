"""The cart: an order that nobody has placed yet."""

from decimal import Decimal

import pytest
from django.db import IntegrityError

from products.models import InsufficientStock, InvalidOrder, InvalidTransition, Order, Product, Status, StockMovement

pytestmark = pytest.mark.django_db


@pytest.fixture
def a_cart(alice):
    def fill(*items):
        return Order.objects.create(customer=alice, status=Status.CART, items=items)

    return fill


def contents(order):
    return [(line.product, line.quantity) for line in Order.objects.get(pk=order.pk).lines.all()]


def test_a_customer_has_one_cart(alice, bob):
    cart = Order.objects.cart_of(alice)

    assert Order.objects.cart_of(alice) == cart
    assert (cart.customer, cart.status, cart.placed_at) == (alice, Status.CART, None)
    assert Order.objects.cart_of(bob) != cart
    with pytest.raises(IntegrityError):
        Order.objects.create(customer=alice, status=Status.CART)


def test_a_new_cart_can_be_had_when_the_last_one_was_placed(alice, a_product, a_cart):
    cart = a_cart((a_product(stock=1), 1))
    cart.place()

    assert Order.objects.cart_of(alice) != cart


def test_a_cart_holds_no_stock_and_freezes_nothing(a_product, a_cart):
    mug = a_product(stock=3)

    cart = a_cart((mug, 2), (mug, 5))

    assert contents(cart) == [(mug, 7)]
    line = cart.lines.get()
    assert (line.sku, line.name, line.unit_price, line.amount) == ("", "", None, Decimal("0.00"))
    assert mug.refreshed().stock == 3
    assert not StockMovement.objects.exclude(line=None).exists()
    assert not cart.events.exists()


def test_a_cart_can_be_filled_with_other_things(a_product, a_cart):
    mug, lamp = a_product(), a_product()
    cart = a_cart((mug, 2))

    cart.items = [(lamp, 1), (mug, 1)]
    cart.save()

    assert contents(cart) == [(lamp, 1), (mug, 1)]


def test_writing_a_cart_without_naming_items_leaves_its_lines_alone(a_product, a_cart):
    mug = a_product()
    cart = a_cart((mug, 2))

    Order.objects.get(pk=cart.pk).save()

    assert contents(cart) == [(mug, 2)]


@pytest.mark.parametrize("item", [("NONE", 1), ("MUG", 0), ("MUG", 10_001), ("RUG", 1)])
def test_what_could_never_be_ordered_does_not_get_into_a_cart(a_product, a_cart, item):
    mug = a_product(sku="MUG")
    a_product(sku="RUG").retire()
    cart = a_cart((mug, 2))

    cart.items = [item]
    with pytest.raises(InvalidOrder):
        cart.save()

    assert contents(cart) == [(mug, 2)]


def test_placing_a_cart_takes_its_stock_and_freezes_its_prices(alice, a_product, a_cart):
    mug, lamp = a_product(sku="MUG", name="Mug", stock=3, price="4.50"), a_product(stock=1, price="30.00")
    cart = a_cart((lamp, 1), (mug, 2))

    cart.place(key="k")

    order = Order.objects.get()
    assert order == cart
    assert (order.status, order.total, order.currency) == (Status.PLACED, Decimal("39.00"), "EUR")
    assert order.idempotency_key == "k"
    assert order.placed_at > order.created_at
    assert contents(order) == [(lamp, 1), (mug, 2)]
    assert (order.lines.last().sku, order.lines.last().name) == ("MUG", "Mug")
    assert (mug.refreshed().stock, lamp.refreshed().stock) == (1, 0)
    assert [(e.kind, e.by, e.facts["from"]) for e in order.events.all()] == [("order.placed", alice, "CART")]
    assert not Product.objects.out_of_balance().exists()


def test_placing_a_cart_takes_the_price_of_today(a_product, a_cart):
    mug = a_product(stock=1, price="4.50")
    cart = a_cart((mug, 1))
    mug.price = Decimal("5.00")
    mug.save()

    cart.place()

    assert Order.objects.get().total == Decimal("5.00")


def test_placing_a_cart_takes_what_others_have_put_into_it_since(alice, a_product, a_cart):
    mug, lamp = a_product(stock=1), a_product(stock=1)
    cart = a_cart((mug, 1))
    elsewhere = Order.objects.cart_of(alice)
    elsewhere.items = [(lamp, 1)]
    elsewhere.save()

    cart.place()

    assert contents(cart) == [(lamp, 1)]
    assert (mug.refreshed().stock, lamp.refreshed().stock) == (1, 0)


def test_a_cart_that_cannot_be_placed_stays_a_cart(a_product, a_cart):
    mug = a_product(stock=1, sku="MUG")
    cart = a_cart((mug, 2))

    with pytest.raises(InsufficientStock) as refusal:
        cart.place(key="k")

    assert [violation.positions for violation in refusal.value.violations] == [(0,)]
    written = Order.objects.get()
    assert (cart.status, written.status) == (Status.CART, Status.CART)
    assert (written.idempotency_key, written.placed_at, written.total) == (None, None, Decimal("0.00"))
    assert contents(cart) == [(mug, 2)]
    assert mug.refreshed().stock == 1


def test_a_product_that_was_retired_since_is_named_when_the_cart_is_placed(a_product, a_cart):
    mug = a_product(stock=1)
    cart = a_cart((mug, 1))
    mug.retire()

    with pytest.raises(InvalidOrder) as refusal:
        cart.place()

    assert [(p.code, p.positions) for p in refusal.value.violations] == [("retired_product", (0,))]


def test_an_empty_cart_cannot_be_placed(alice):
    with pytest.raises(InvalidOrder) as refusal:
        Order.objects.cart_of(alice).place()

    assert [p.code for p in refusal.value.violations] == ["empty"]


def test_a_cart_is_placed_once(a_product, a_cart):
    mug = a_product(stock=2)
    cart = a_cart((mug, 1))
    stale = Order.objects.get()
    cart.place()

    with pytest.raises(InvalidTransition):
        stale.place()

    assert mug.refreshed().stock == 1


def test_giving_up_a_cart_moves_no_stock(a_product, a_cart):
    mug = a_product(stock=3)
    cart = a_cart((mug, 2))

    cart.cancel()

    assert Order.objects.get().status == Status.CANCELLED
    assert mug.refreshed().stock == 3
    assert not cart.movements.exists()
