"""The cart over HTTP."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from products.models import Order, OrderLine, Product, Status

pytestmark = pytest.mark.django_db

EMPTY = {"pointer": "", "code": "empty", "detail": "There is nothing in this order."}


def keyed(key: str) -> dict[str, str]:
    return {"HTTP_IDEMPOTENCY_KEY": key}


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
        "total": "0.00",
        "currency": "EUR",
        "acceptable": False,
        "problems": [EMPTY],
    }
    assert not Order.objects.exists()


def test_a_cart_shows_what_is_in_it_at_the_prices_of_now(api, alice, a_product):
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
                "amount": "9.00",
                "available": 7,
                "problems": [],
            }
        ],
        "total": "9.00",
        "currency": "EUR",
        "acceptable": True,
        "problems": [],
    }
    mug.price = Decimal("5.00")
    mug.save()
    assert client.get("/api/cart").json()["total"] == "10.00"
    assert mug.on_record().stock == 7


def test_a_cart_shows_what_cannot_be_had_of_it(api, alice, a_product):
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


def test_what_is_not_sold_any_more_is_not_put(api, alice, a_product):
    rug, client = a_product(sku="RUG"), api(alice)
    rug.retire()

    answer = put(client, rug, 1)

    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {
            "pointer": "",
            "code": "retired_product",
            "detail": "RUG is not sold any more.",
            "product": rug.pk,
            "sku": "RUG",
        }
    ]
    assert not Order.objects.exists()


@pytest.mark.parametrize("product", [0, 7_777, 2**63, "9" * 5_000, "MUG", "1.0", "-1", "１"])
@pytest.mark.parametrize("method", ["put", "delete"])
def test_there_is_no_line_for_what_is_no_product(api, alice, a_product, product, method):
    mug, client = a_product(), api(alice)
    put(client, mug, 2)

    answer = getattr(client, method)(f"/api/cart/lines/{product}", {"quantity": 1}, format="json")

    assert answer.status_code == 404
    assert contents(client) == [(mug.pk, 2)]


def test_a_cart_has_a_hundred_lines_and_not_one_more(api, alice, a_product):
    products, client = [a_product() for _ in range(101)], api(alice)
    cart = Order.objects.cart_of(alice)
    OrderLine.objects.bulk_create(OrderLine(order=cart, product=each, quantity=1) for each in products[:99])

    last, one_more, known = put(client, products[99], 1), put(client, products[100], 1), put(client, products[0], 2)

    assert [answer.status_code for answer in (last, one_more, known)] == [200, 400, 200]
    assert problems(one_more.json()["errors"]) == [("", "too_many_lines")]
    assert len(contents(client)) == 100


def test_a_line_is_taken_out(api, alice, a_product):
    mug, lamp, client = a_product(), a_product(), api(alice)
    put(client, mug, 2)
    put(client, lamp, 1)

    answer = client.delete(f"/api/cart/lines/{mug.pk}")

    assert (answer.status_code, answer.content) == (204, b"")
    assert contents(client) == [(lamp.pk, 1)]


def test_what_is_not_in_the_cart_is_not_taken_out(api, alice, bob, a_product):
    mug, lamp, client = a_product(), a_product(), api(alice)
    put(api(bob), mug, 1)

    answers = [client.delete(f"/api/cart/lines/{mug.pk}")]
    put(client, lamp, 1)
    answers += [client.delete(f"/api/cart/lines/{mug.pk}")]

    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(404, "not_in_cart")] * 2
    assert contents(client) == [(lamp.pk, 1)]
    assert contents(api(bob)) == [(mug.pk, 1)]


def test_what_is_not_sold_any_more_can_be_taken_out(api, alice, a_product):
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


# Checking out


def test_checking_out_places_the_cart(api, alice, a_product):
    mug, lamp = a_product(sku="MUG", price="4.50", stock=3), a_product(sku="LAMP", price="30", stock=1)
    client = api(alice)
    put(client, lamp, 1)
    put(client, mug, 2)

    answer = client.post("/api/cart/checkout", **keyed("monday"))

    assert answer.status_code == 201
    order, body = Order.objects.get(), answer.json()
    assert answer["Location"] == f"http://testserver/api/orders/{order.pk}"
    assert "Idempotency-Replayed" not in answer
    assert body == client.get(f"/api/orders/{order.pk}").json()
    assert (body["status"], body["total"], body["idempotency_key"]) == ("PLACED", "39.00", "monday")
    assert [(line["sku"], line["quantity"]) for line in body["lines"]] == [("LAMP", 1), ("MUG", 2)]
    assert [(event.kind, event.by) for event in order.events.all()] == [("order.placed", alice)]
    assert (mug.on_record().stock, lamp.on_record().stock) == (1, 0)
    assert contents(client) == []


def test_what_cannot_be_had_is_refused_with_every_reason_and_the_cart_stays(api, alice, a_product):
    mug, old, lamp = a_product(stock=9), a_product(stock=9), a_product(stock=9)
    client = api(alice)
    for product in (mug, old, lamp):
        put(client, product, 2)
    old.retire()
    lamp.retire()
    seen = client.get("/api/cart").json()

    answer = client.post("/api/cart/checkout", **keyed("monday"))

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_order")
    assert answer.json()["errors"] == seen["problems"]
    assert problems(answer.json()["errors"]) == [
        ("/lines/1/product", "retired_product"),
        ("/lines/2/product", "retired_product"),
    ]
    assert client.get("/api/cart").json() == seen
    assert (Order.objects.get().status, Order.objects.get().idempotency_key) == (Status.CART, None)
    assert mug.on_record().stock == 9


def test_a_shortage_names_every_short_line_and_what_would_be_accepted(api, alice, a_product):
    mug, lamp, pen = a_product(stock=1), a_product(stock=0), a_product(stock=9)
    client = api(alice)
    for product in (pen, mug, lamp):
        put(client, product, 2)
    seen = client.get("/api/cart").json()

    answer = client.post("/api/cart/checkout", {})

    assert (answer.status_code, answer.json()["code"]) == (409, "insufficient_stock")
    assert answer.json()["errors"] == seen["problems"]
    assert problems(answer.json()["errors"]) == [
        ("/lines/1/quantity", "insufficient_stock"),
        ("/lines/2/quantity", "insufficient_stock"),
    ]
    assert answer.json()["acceptable"] == {
        "lines": [{"product": pen.pk, "quantity": 2}, {"product": mug.pk, "quantity": 1}]
    }
    assert client.get("/api/cart").json() == seen


def test_an_empty_cart_is_not_placed(api, alice, a_product):
    mug, client = a_product(stock=1), api(alice)
    before = client.post("/api/cart/checkout")
    put(client, mug, 1)
    client.delete("/api/cart")
    after = client.post("/api/cart/checkout", **keyed("monday"))

    assert [(each.status_code, each.json()["code"]) for each in (before, after)] == [(400, "invalid_order")] * 2
    assert [each.json()["errors"] for each in (before, after)] == [[EMPTY]] * 2
    assert not Order.objects.placed().exists()


@pytest.mark.parametrize("body", [{"lines": []}, {"key": "monday"}, [], "x", 7])
def test_a_checkout_names_no_goods(api, alice, a_product, body):
    client = api(alice)
    put(client, a_product(stock=1), 1)

    assert client.post("/api/cart/checkout", body, format="json").status_code == 400
    assert Order.objects.get().status == Status.CART


def test_a_retry_gets_the_same_order_although_the_cart_is_gone(api, alice, a_product):
    mug, client = a_product(stock=2), api(alice)
    put(client, mug, 2)
    first = client.post("/api/cart/checkout", **keyed("monday"))

    retry = client.post("/api/cart/checkout", **keyed("monday"))

    assert (first.status_code, retry.status_code) == (201, 201)
    assert retry.json() == first.json()
    assert (retry["Idempotency-Replayed"], retry["Location"]) == ("true", first["Location"])
    assert Order.objects.placed().count() == 1
    assert mug.on_record().stock == 0


def test_a_retry_gets_the_same_order_and_leaves_the_next_cart_alone(api, alice, a_product):
    mug, lamp, client = a_product(stock=2), a_product(stock=2), api(alice)
    put(client, mug, 2)
    first = client.post("/api/cart/checkout", **keyed("monday"))
    put(client, lamp, 1)

    retry = client.post("/api/cart/checkout", **keyed("monday"))
    following = client.post("/api/cart/checkout", **keyed("tuesday"))

    assert retry.json() == first.json()
    assert (following.status_code, "Idempotency-Replayed" in following) == (201, False)
    assert [line["product"] for line in following.json()["lines"]] == [lamp.pk]
    assert (mug.on_record().stock, lamp.on_record().stock) == (0, 1)


def test_a_key_that_has_placed_something_else_is_refused(api, alice, a_product):
    mug, client = a_product(stock=9), api(alice)
    client.post("/api/orders", {"product": mug.pk, "quantity": 1}, **keyed("monday"))
    put(client, mug, 1)

    checkout = client.post("/api/cart/checkout", **keyed("monday"))
    client.post("/api/cart/checkout", **keyed("tuesday"))
    order = client.post("/api/orders", {"product": mug.pk, "quantity": 1}, **keyed("tuesday"))

    assert [(each.status_code, each.json()["code"]) for each in (checkout, order)] == [
        (422, "idempotency_key_reused")
    ] * 2
    assert mug.on_record().stock == 7


def test_a_refusal_is_not_remembered(api, alice, a_product):
    mug, client = a_product(stock=0), api(alice)
    put(client, mug, 1)
    refused = client.post("/api/cart/checkout", **keyed("monday"))
    mug.receive(1)

    answer = client.post("/api/cart/checkout", **keyed("monday"))

    assert (refused.status_code, answer.status_code) == (409, 201)


def test_a_cart_that_a_quote_accepts_is_placed_as_it_was_quoted(api, alice, a_product):
    client = api(alice)
    for stock, price in ((3, "4.50"), (1, "30.00")):
        put(client, a_product(stock=stock, price=price), stock)
    quote = client.get("/api/cart").json()

    order = client.post("/api/cart/checkout").json()

    assert quote["acceptable"] is True
    assert order["total"] == quote["total"] == "43.50"
    same = ("product", "sku", "name", "quantity", "unit_price", "amount")
    assert [[line[name] for name in same] for line in order["lines"]] == [
        [line[name] for name in same] for line in quote["lines"]
    ]


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
def test_a_cart_is_for_who_has_a_token_and_knows_no_parameters(api, alice, a_product, method, path):
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
        with django_assert_num_queries(4):  # the token, the lines, the products, what overdue orders hold of them
            assert client.get("/api/cart").json()["acceptable"] is True


@pytest.mark.django_db(transaction=True)
def test_a_checkout_takes_so_many_statements_however_many_lines(api, alice, a_product):
    client, seen = api(alice), []
    for number in (1, 10):
        for _ in range(number):
            put(client, a_product(stock=1), 1)
        with CaptureQueriesContext(connection) as captured:
            assert client.post("/api/cart/checkout", **keyed(f"key-{number}")).status_code == 201
        seen.append([query["sql"].split()[0] for query in captured])

    assert seen[0] == seen[1]
    assert seen[0] == [
        "SELECT",  # the token and its user
        "SELECT",  # the cart
        "BEGIN",
        "SELECT",  # the cart, locked
        "SELECT",  # an earlier order with this key
        "SELECT",  # its lines
        "SELECT",  # the products, locked
        "SELECT",  # an earlier order with this key, now that the first try must be done
        "UPDATE",  # the order
        "SELECT",  # the cart's lines, to be deleted
        "SELECT",  # what refers to them
        "DELETE",
        "INSERT",  # the order's lines
        "UPDATE",  # the stock
        "INSERT",  # the ledger
        "INSERT",  # the event
        "COMMIT",
    ]
    assert not Product.objects.out_of_balance().exists()
