"""Order numbers: short, read out on the phone, and no two alike."""

import secrets

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from products.models import Cart, Order
from products.order_numbers import ALPHABET, format_number, new_number, parse_number

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def draws(monkeypatch):
    """`draws("AAAAAAAA", …)`: the numbers that orders draw next."""

    def next_numbers(*numbers):
        drawn = iter(numbers)
        monkeypatch.setattr(secrets, "token_bytes", lambda size: bytes_of(next(drawn)))

    return next_numbers


def bytes_of(number):
    """The random bytes of which the number is made."""
    return sum(ALPHABET.index(sign) << 5 * place for place, sign in enumerate(reversed(number))).to_bytes(5)


def test_a_number_is_eight_characters_that_nobody_mixes_up():
    numbers = {new_number() for _ in range(1_000)}

    assert len(numbers) == 1_000
    assert {len(number) for number in numbers} == {8}
    assert set("".join(numbers)) == set(ALPHABET)
    assert set(ALPHABET).isdisjoint("ILOU")


@pytest.mark.parametrize("written", ["K7QF-3M1P", "k7qf3m1p", "K7QF 3MlP", "k7qf-3mip"])
def test_a_number_is_understood_as_people_write_it(written):
    assert parse_number(written) == "K7QF3M1P"
    assert format_number("K7QF3M1P") == "K7QF-3M1P"


def test_an_order_keeps_the_number_it_had_as_a_cart(alice, a_product):
    Cart(alice).put(a_product(stock=1), 1)
    number = Order.objects.get().number

    order, _ = Cart(alice).place()

    assert Order.objects.get(pk=order.pk).number == number


@pytest.mark.parametrize("number", ["", "K7QF3M1", "K7QF3M1PX", "k7qf3m1p", "K7QF-3M1", "K7QFOM1P", None])
def test_no_order_is_given_a_number_that_cannot_be_read_out(alice, a_product, number):
    mug = a_product(stock=1)

    with pytest.raises(ValidationError) as refused:
        Order.objects.create(customer=alice, items=[(mug, 1)], number=number)

    assert list(refused.value.message_dict) == ["number"]
    assert (mug.refreshed().stock, Order.objects.count()) == (1, 0)


def test_a_cart_keeps_its_number(alice):
    cart = Order.objects.cart_of(alice)
    number, cart.number = cart.number, "AAAAAAAA"

    with pytest.raises(TypeError, match="The number of an order never changes"):
        cart.save()
    with pytest.raises(TypeError, match=r"update\(\) does not write number"):
        Order.objects.update(number="AAAAAAAA")
    with pytest.raises(IntegrityError, match="The number of an order never changes"), transaction.atomic():
        connection.cursor().execute("UPDATE products_order SET number = 'AAAAAAAA'")

    assert Order.objects.get().number == number


@pytest.mark.parametrize("way", ["", "step_by_step"])
def test_an_order_that_draws_a_taken_number_draws_again(alice, a_product, draws, request, way):
    if way:
        request.getfixturevalue(way)
    mug = a_product(stock=3)
    draws("AAAAAAAA", "AAAAAAAA", "AAAAAAAA", "BBBBBBBB")

    first = Order.objects.create(customer=alice, items=[(mug, 1)])
    second = Order.objects.create(customer=alice, items=[(mug, 2)])

    assert (first.number, second.number) == ("AAAAAAAA", "BBBBBBBB")
    assert sorted(Order.objects.values_list("number", flat=True)) == ["AAAAAAAA", "BBBBBBBB"]
    assert mug.refreshed().stock == 0
    assert [event.kind for event in second.events.all()] == ["order.placed"]


def test_a_cart_that_draws_a_taken_number_draws_again(alice, bob, draws):
    draws("AAAAAAAA", "AAAAAAAA", "BBBBBBBB")

    carts = [Order.objects.cart_of(alice), Order.objects.cart_of(bob)]

    assert [cart.number for cart in carts] == ["AAAAAAAA", "BBBBBBBB"]


def test_the_database_draws_a_number_for_a_row_without_one(alice):
    Order.objects.cart_of(alice)
    with connection.cursor() as cursor:
        cursor.execute("""
            INSERT INTO products_order (id, customer_id, status, total, currency, request_digest, payment_reference,
                carrier, tracking_number, created_at, placed_at)
            SELECT '01a21de02117719fb7007970b8cecbb8', customer_id, 'PLACED', 0, 'EUR', '', '', '', '', created_at,
                created_at FROM products_order
        """)

    [number] = Order.objects.placed().values_list("number", flat=True)

    assert (len(number), set(number) - set(ALPHABET)) == (8, set())


@pytest.mark.parametrize("number", ["K7QF3M1", "K7QF3MIP", "k7qf3m1p", "K7QF3M-P"])
def test_what_no_number_can_be_is_refused(alice, number):
    with pytest.raises(ValidationError) as refused:
        Order(customer=alice, number=number).clean_fields(exclude=["customer"])

    assert [error.code for error in refused.value.error_dict["number"]] == ["invalid_number"]
