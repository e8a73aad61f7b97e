"""Putting things into the cart and taking them out, and what it would come to."""

from decimal import Decimal

import pytest

from products.models import Cart, InsufficientStock, InvalidOrder, NotInCart, Order, Product, Status

pytestmark = pytest.mark.django_db


@pytest.fixture
def cart(alice):
    return Cart(alice)


def test_a_cart_is_filled_line_by_line(alice, cart, a_product):
    mug, lamp, pen = a_product(sku="MUG"), a_product(), a_product()

    cart.put("MUG", 2)
    cart.put(lamp, 1)
    cart.put(pen.pk, 3)
    cart.put(mug, 5)

    assert cart.items == [(mug.pk, 5), (lamp.pk, 1), (pen.pk, 3)]
    assert Order.objects.get() == Order.objects.cart_of(alice)


def test_an_empty_cart_need_not_be_written(cart):
    assert cart.items == []
    assert [violation.code for violation in cart.quote().violations()] == ["empty"]
    cart.empty()
    with pytest.raises(NotInCart):
        cart.remove(7)
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("wanted", "quantity", "code"),
    [
        ("NONE", 1, "unknown_product"),
        (7_777, 1, "unknown_product"),
        (2**63, 1, "unknown_product"),
        ("RUG", 1, "retired_product"),
        ("MUG", 0, "quantity_out_of_range"),
        ("MUG", 10_001, "quantity_out_of_range"),
        ("MUG", True, "quantity_out_of_range"),
    ],
)
def test_what_could_never_be_ordered_is_not_put(cart, a_product, wanted, quantity, code):
    mug = a_product(sku="MUG")
    a_product(sku="RUG").retire()
    cart.put(mug, 2)

    with pytest.raises(InvalidOrder) as refusal:
        cart.put(wanted, quantity)

    assert [violation.code for violation in refusal.value.violations] == [code]
    assert cart.items == [(mug.pk, 2)]


def test_what_is_short_is_put_all_the_same_and_named_by_the_quote(cart, a_product):
    mug = a_product(sku="MUG", stock=3, price="4.50")

    cart.put(mug, 4)

    quote = cart.quote()
    assert (quote.total, quote.violations()) == (Decimal("18.00"), [])
    [shortage] = quote.shortages()
    assert (shortage.code, shortage.positions) == ("insufficient_stock", (0,))
    assert shortage.facts == {"product": mug.pk, "sku": "MUG", "requested": 4, "available": 3}
    with pytest.raises(InsufficientStock) as refusal:
        cart.place()
    assert refusal.value.violations == (shortage,)


def test_lines_are_taken_out_one_by_one_or_all_at_once(cart, a_product):
    mug, lamp, pen = a_product(), a_product(), a_product()
    for product in (mug, lamp, pen):
        cart.put(product, 1)

    cart.remove(lamp.pk)
    assert cart.items == [(mug.pk, 1), (pen.pk, 1)]

    with pytest.raises(NotInCart) as refusal:
        cart.remove(lamp.pk)
    assert str(refusal.value) == "This product is not in the cart."

    cart.empty()
    assert cart.items == []


def test_placing_answers_with_the_order_and_whether_it_is_new(alice, cart, a_product):
    mug = a_product(stock=3)
    cart.put(mug, 2)

    order, new = cart.place(key="monday")
    again, new_again = cart.place(key="monday")

    assert (order.status, order.customer, new) == (Status.PLACED, alice, True)
    assert (again, new_again) == (order, False)
    assert cart.items == []
    assert mug.refreshed().stock == 1
    assert not Product.objects.out_of_balance().exists()


def test_a_cart_is_of_one_customer(cart, bob, a_product):
    mug = a_product()
    Cart(bob).put(mug, 1)

    assert cart.items == []
    cart.empty()
    assert Cart(bob).items == [(mug.pk, 1)]
