"""The cart over HTTP."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from products.models import Order, OrderLine, Status
from products.tests.api.amounts import PLAIN_LINE, PLAIN_ORDER

pytestmark = pytest.mark.django_db

EMPTY = {"pointer": "", "code": "empty", "detail": "An order needs at least one line."}


def put(client, product, quantity):
    return client.put(f"/api/cart/lines/{product.pk}", {"quantity": quantity}, format="json")


def contents(client):
    return [(line["product"], line["quantity"]) for line in client.get("/api/cart").json()["lines"]]


def problems(body):
    return [(each["pointer"], each["code"]) for each in body]


# Looking


def test_a_cart_is_there_before_anything_is_in_it(api, alice):
    answer = api(alice).get("/api/cart")

    assert answer.status_code == 200
    assert answer.json() == {
        "lines": [],
        **PLAIN_ORDER,
        "total": "0.00",
        "currency": "EUR",
        "acceptable": False,
        "problems": [EMPTY],
        "reference": "",
        "note": "",
        "email": "",
        "phone": "",
        "ship_to": None,
    }
    assert not Order.objects.exists()


def test_a_cart_shows_its_lines_at_current_prices(api, alice, a_product):
    mug = a_product(sku="MUG", name="Mug", price="4.50", stock=7)
    client = api(alice)

    answer = put(client, mug, 2)

    assert answer.status_code == 200
    assert answer.json() == client.get("/api/cart").json()
    assert answer.json() == {
        "lines": [
            {
                "product": mug.pk,
                "sku": "MUG",
                "name": "Mug",
                "quantity": 2,
                "unit_price": "4.50",
                **PLAIN_LINE,
                "amount": "9.00",
                "available": 7,
                "problems": [],
            }
        ],
        **PLAIN_ORDER,
        "total": "9.00",
        "currency": "EUR",
        "acceptable": True,
        "problems": [],
        "reference": "",
        "note": "",
        "email": "",
        "phone": "",
        "ship_to": None,
    }
    mug.price = Decimal("5.00")
    mug.save()
    assert client.get("/api/cart").json()["total"] == "10.00"
    assert mug.refreshed().stock == 7


def test_a_cart_shows_the_lines_that_cannot_be_ordered(api, alice, a_product):
    mug, old, lamp, pen = a_product(stock=5), a_product(stock=5), a_product(stock=0), a_product(stock=1)
    client = api(alice)
    for product in (mug, old, lamp, pen):
        put(client, product, 1)
    old.retire()

    body = client.get("/api/cart").json()

    assert body["acceptable"] is False
    assert problems(body["problems"]) == [
        ("/lines/1/product", "retired_product"),
        ("/lines/2/quantity", "insufficient_stock"),
    ]
    assert [(line["product"], line["available"], line["problems"]) for line in body["lines"]] == [
        (mug.pk, 5, []),
        (old.pk, 0, ["retired_product"]),
        (lamp.pk, 0, ["insufficient_stock"]),
        (pen.pk, 1, []),
    ]


def test_what_overdue_orders_hold_is_there_for_the_cart(api, alice, bob, a_product):
    mug, client = a_product(stock=2), api(alice)
    overdue = Order.objects.create(customer=bob, items=[(mug, 2)], pay_by=timezone.now() - timedelta(seconds=1))

    body = put(client, mug, 2).json()

    assert (body["acceptable"], body["lines"][0]["available"]) == (True, 2)
    assert Order.objects.get(pk=overdue.pk).status == Status.PLACED
    assert client.post("/api/cart/checkout").status_code == 201
    assert Order.objects.get(pk=overdue.pk).status == Status.EXPIRED


def test_a_cart_that_has_not_changed_is_not_sent_again(api, alice, a_product):
    mug, client = a_product(stock=1), api(alice)
    put(client, mug, 1)
    seen = client.get("/api/cart")["ETag"]

    again = client.get("/api/cart", HTTP_IF_NONE_MATCH=seen)
    mug.correct(-1)
    changed = client.get("/api/cart", HTTP_IF_NONE_MATCH=seen)

    assert (again.status_code, again.content) == (304, b"")
    assert (changed.status_code, changed.json()["lines"][0]["available"]) == (200, 0)


def test_each_customer_has_a_cart_of_their_own(api, alice, bob, staff, a_product):
    mug = a_product(stock=9)
    put(api(alice), mug, 1)
    put(api(bob), mug, 2)

    assert [contents(api(customer)) for customer in (alice, bob, staff)] == [[(mug.pk, 1)], [(mug.pk, 2)], []]


# Putting and taking out


def test_putting_sets_the_quantity_and_leaves_the_line_where_it_is(api, alice, a_product):
    mug, lamp, client = a_product(), a_product(), api(alice)
    put(client, mug, 2)
    put(client, lamp, 1)

    answer = put(client, mug, "7")

    assert answer.status_code == 200
    assert contents(client) == [(mug.pk, 7), (lamp.pk, 1)]
    assert Order.objects.get().status == Status.CART


@pytest.mark.parametrize("quantity", [0, -1, 10_001, 2**63])
def test_a_quantity_out_of_range_is_not_put(api, alice, a_product, quantity):
    mug, client = a_product(), api(alice)
    put(client, mug, 2)

    answer = put(client, mug, quantity)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_order")
    assert problems(answer.json()["errors"]) == [("/quantity", "quantity_out_of_range")]
    assert contents(client) == [(mug.pk, 2)]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [("/quantity", "required")]),
        ({"quantity": None}, [("/quantity", "null")]),
        ({"quantity": 1.5}, [("/quantity", "invalid")]),
        ({"quantity": True}, [("/quantity", "invalid")]),
        ({"quantity": [1]}, [("/quantity", "invalid")]),
        ({"quantity": 1, "product": 1}, [("/product", "unknown")]),
        ([], [("", "invalid")]),
        ("x", [("", "invalid")]),
    ],
)
def test_a_body_of_another_shape_puts_nothing(api, alice, a_product, body, expected):
    answer = api(alice).put(f"/api/cart/lines/{a_product().pk}", body, format="json")

    assert answer.status_code == 400
    assert problems(answer.json()["errors"]) == expected
    assert not Order.objects.exists()


def test_a_retired_product_cannot_be_put_into_the_cart(api, alice, a_product):
    rug, client = a_product(sku="RUG"), api(alice)
    rug.retire()

    answer = put(client, rug, 1)

    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {
            "pointer": "",
            "code": "retired_product",
            "detail": "RUG is no longer sold.",
            "product": rug.pk,
            "sku": "RUG",
        }
    ]
    assert not Order.objects.exists()


@pytest.mark.parametrize("product", [0, 7_777, 2**63, "9" * 5_000, "MUG", "1.0", "-1", "１"])
@pytest.mark.parametrize("method", ["put", "delete"])
def test_an_unknown_product_cannot_be_put_into_the_cart(api, alice, a_product, product, method):
    mug, client = a_product(), api(alice)
    put(client, mug, 2)

    body = [] if method == "delete" else [{"quantity": 1}]
    answer = getattr(client, method)(f"/api/cart/lines/{product}", *body)

    assert answer.status_code == 404
    assert contents(client) == [(mug.pk, 2)]


def test_a_cart_has_two_thousand_lines_and_not_one_more(api, alice, many_products):
    products, client = many_products(2_001), api(alice)
    cart = Order.objects.cart_of(alice)
    OrderLine.objects.bulk_create(OrderLine(order=cart, product=each, quantity=1) for each in products[:1_999])

    last, one_more, known = (put(client, products[number], 2) for number in (1_999, 2_000, 0))

    assert [answer.status_code for answer in (last, one_more, known)] == [200, 400, 200]
    assert problems(one_more.json()["errors"]) == [("", "too_many_lines")]
    assert len(contents(client)) == 2_000


def test_a_line_is_taken_out(api, alice, a_product):
    mug, lamp, client = a_product(), a_product(), api(alice)
    put(client, mug, 2)
    put(client, lamp, 1)

    answer = client.delete(f"/api/cart/lines/{mug.pk}")

    assert (answer.status_code, answer.content) == (204, b"")
    assert contents(client) == [(lamp.pk, 1)]


def test_removing_a_product_that_is_not_in_the_cart_is_a_404(api, alice, bob, a_product):
    mug, lamp, client = a_product(), a_product(), api(alice)
    put(api(bob), mug, 1)

    answers = [client.delete(f"/api/cart/lines/{mug.pk}")]
    put(client, lamp, 1)
    answers += [client.delete(f"/api/cart/lines/{mug.pk}")]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "not_in_cart")] * 2
    assert contents(client) == [(lamp.pk, 1)]
    assert contents(api(bob)) == [(mug.pk, 1)]


def test_a_retired_product_can_be_removed_from_the_cart(api, alice, a_product):
    rug, client = a_product(), api(alice)
    put(client, rug, 1)
    rug.retire()

    assert client.delete(f"/api/cart/lines/{rug.pk}").status_code == 204
    assert contents(client) == []


def test_a_cart_is_emptied(api, alice, bob, a_product):
    mug, client = a_product(), api(alice)
    put(client, mug, 2)
    put(api(bob), mug, 1)

    answers = [client.delete("/api/cart") for _ in range(2)]

    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 2
    assert contents(client) == []
    assert contents(api(bob)) == [(mug.pk, 1)]


def test_emptying_a_cart_that_there_is_not_writes_nothing(api, alice):
    assert api(alice).delete("/api/cart").status_code == 204
    assert not Order.objects.exists()


# Who, and what it costs


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/api/cart"),
        ("delete", "/api/cart"),
        ("put", "/api/cart/lines/1"),
        ("delete", "/api/cart/lines/1"),
        ("post", "/api/cart/checkout"),
    ],
)
def test_a_cart_needs_a_token_and_takes_no_parameters(api, alice, a_product, method, path):
    put(api(alice), a_product(id=1), 1)

    assert getattr(api(), method)(path).status_code == 401
    answer = getattr(api(alice), method)(path + "?customer=7")
    assert [error.get("parameter") for error in answer.json()["errors"]] == ["customer"]
    assert answer.status_code == 400
    assert contents(api(alice)) == [(1, 1)]


@pytest.mark.parametrize(
    ("method", "path"),
    [("post", "/api/cart"), ("put", "/api/cart"), ("get", "/api/cart/lines/1"), ("get", "/api/cart/checkout")],
)
def test_other_methods_are_not_allowed(api, alice, method, path):
    assert getattr(api(alice), method)(path).status_code == 405


def test_a_cart_costs_the_same_for_one_line_and_for_fifty(api, alice, a_product, django_assert_num_queries):
    client, cart = api(alice), Order.objects.cart_of(alice)
    client.get("/api/cart")

    for number in (1, 50):
        while cart.lines.count() < number:
            cart.lines.create(product=a_product(stock=1), quantity=1)
        with django_assert_num_queries(
            5
        ):  # the token, the order, the lines, the products, what overdue orders hold of them
            assert client.get("/api/cart").json()["acceptable"] is True
