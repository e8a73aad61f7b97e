"""Checkout of the cart."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from products.models import Order, Product, Status
from products.tests.statements import verbs

pytestmark = pytest.mark.django_db

EMPTY = {"pointer": "", "code": "empty", "detail": "An order needs at least one line."}


def keyed(key: str) -> dict[str, str]:
    return {"HTTP_IDEMPOTENCY_KEY": key}


def put(client, product, quantity):
    return client.put(f"/api/cart/lines/{product.pk}", {"quantity": quantity}, format="json")


def contents(client):
    return [(line["product"], line["quantity"]) for line in client.get("/api/cart").json()["lines"]]


def problems(body):
    return [(each["pointer"], each["code"]) for each in body]


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
    assert (mug.refreshed().stock, lamp.refreshed().stock) == (1, 0)
    assert contents(client) == []


def test_a_rejected_checkout_lists_every_reason_and_keeps_the_cart(api, alice, a_product):
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
    assert mug.refreshed().stock == 9


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


def test_a_repeated_checkout_returns_the_same_order_although_the_cart_is_gone(api, alice, a_product):
    mug, client = a_product(stock=2), api(alice)
    put(client, mug, 2)
    first = client.post("/api/cart/checkout", **keyed("monday"))

    retry = client.post("/api/cart/checkout", **keyed("monday"))

    assert (first.status_code, retry.status_code) == (201, 201)
    assert retry.json() == first.json()
    assert (retry["Idempotency-Replayed"], retry["Location"]) == ("true", first["Location"])
    assert Order.objects.placed().count() == 1
    assert mug.refreshed().stock == 0


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
    assert (mug.refreshed().stock, lamp.refreshed().stock) == (0, 1)


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
    assert mug.refreshed().stock == 7


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


@pytest.mark.django_db(transaction=True)
def test_a_checkout_takes_so_many_statements_however_many_lines(api, alice, a_product):
    client, seen = api(alice), []
    for number in (1, 10):
        for _ in range(number):
            put(client, a_product(stock=1), 1)
        with CaptureQueriesContext(connection) as captured:
            assert client.post("/api/cart/checkout", **keyed(f"key-{number}")).status_code == 201
        seen.append(verbs(captured))

    assert seen[0] == seen[1]
    assert seen[0] == [
        "SELECT",  # the token and its user
        "SELECT",  # the cart
        "BEGIN",
        "SELECT",  # the cart, locked
        "SELECT",  # an earlier order with this key
        "SELECT",  # its lines
        "SELECT",  # the products, locked
        "UPDATE",  # the order
        "DELETE",  # the cart's lines
        "INSERT",  # the order's lines
        "UPDATE",  # the stock
        "INSERT",  # the ledger
        "INSERT",  # the event
        "COMMIT",
    ]
    assert not Product.objects.out_of_balance().exists()
