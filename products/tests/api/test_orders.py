"""Orders over HTTP."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from products.api.schemas.orders import OrderLineResponse, OrderResponse
from products.models import Order
from products.tests.api.amounts import PLAIN_LINE, PLAIN_ORDER
from products.tests.statements import SINGLE_STATEMENT, STEP_BY_STEP, verbs

pytestmark = pytest.mark.django_db


def keyed(key: str) -> dict[str, str]:
    return {"HTTP_IDEMPOTENCY_KEY": key}


def problems(answer) -> list[tuple[str, str]]:
    return [(error["pointer"], error["code"]) for error in answer.json()["errors"]]


def test_a_customer_orders_one_product(api, alice, a_product):
    mug = a_product(sku="MUG", name="Mug", price="4.50", stock=3)

    answer = api(alice).post("/api/orders/", {"product": mug.pk, "quantity": 2})

    assert answer.status_code == 201
    body = answer.json()
    order = Order.objects.get()
    assert answer["Location"] == f"http://testserver/api/orders/{order.pk}"
    assert body.pop("placed_at").endswith("Z")
    assert body.pop("updated_at").endswith("Z")
    assert body == {
        "id": str(order.pk),
        "number": f"{order.number[:4]}-{order.number[4:]}",
        "customer": alice.pk,
        "status": "PLACED",
        "lines": [
            {
                "id": str(order.lines.get().pk),
                "product": mug.pk,
                "sku": "MUG",
                "name": "Mug",
                "quantity": 2,
                "unit_price": "4.50",
                **PLAIN_LINE,
                "amount": "9.00",
                "shipped": 0,
                "cancelled": 0,
                "returned": 0,
                "restocked": 0,
            }
        ],
        **PLAIN_ORDER,
        "total": "9.00",
        "paid": "0.00",
        "refunded": "0.00",
        "currency": "EUR",
        "reference": "",
        "note": "",
        "email": "",
        "phone": "",
        "ship_to": None,
        "idempotency_key": None,
        "payment_reference": "",
        "carrier": "",
        "tracking_number": "",
        "pay_by": None,
    }
    assert mug.refreshed().stock == 1


def test_the_schema_has_exactly_the_fields_of_the_response(api, alice, a_product):
    body = api(alice).post("/api/orders", {"product": a_product(stock=1).pk, "quantity": 1}).json()

    assert list(body) == list(OrderResponse().fields)
    assert list(body["lines"][0]) == list(OrderLineResponse().fields)


def test_a_customer_orders_several_products_by_id_and_by_sku(api, alice, a_product):
    mug, lamp = a_product(sku="MUG", stock=3, price="4.50"), a_product(sku="LAMP", stock=1, price="30")

    answer = api(alice).post(
        "/api/orders",
        {
            "lines": [
                {"sku": "LAMP", "quantity": 1},
                {"product": mug.pk, "quantity": 1},
                {"sku": "MUG", "quantity": "2"},
            ]
        },
    )

    assert answer.status_code == 201
    assert [(line["sku"], line["quantity"]) for line in answer.json()["lines"]] == [("LAMP", 1), ("MUG", 3)]
    assert answer.json()["total"] == "43.50"
    assert (mug.refreshed().stock, lamp.refreshed().stock) == (0, 0)


def test_digits_in_text_are_an_integer_as_httpie_sends_them(api, alice, a_product):
    mug = a_product(stock=3)

    answer = api(alice).post("/api/orders", {"product": str(mug.pk), "quantity": "2"})

    assert answer.status_code == 201
    assert mug.refreshed().stock == 1


@pytest.mark.parametrize(
    "quantity",
    [1.0, 1.5, True, None, [], {}, "", " 1 ", "1_0", "１", "+1", "-1", "1.0", "1e2", "0x1", "9" * 20],
)
def test_what_only_looks_like_a_quantity_is_refused(api, alice, a_product, quantity):
    mug = a_product(stock=3)

    answer = api(alice).post("/api/orders", {"product": mug.pk, "quantity": quantity})

    assert answer.status_code == 400
    assert [pointer for pointer, _ in problems(answer)] == ["/quantity"]
    assert mug.refreshed().stock == 3


@pytest.mark.parametrize("quantity", [0, -1, 10_001, 2**63, 10**30])
def test_a_quantity_out_of_range_is_refused_with_the_range(api, alice, a_product, quantity):
    mug = a_product(stock=3)

    answer = api(alice).post("/api/orders", {"product": mug.pk, "quantity": quantity})

    assert answer.status_code == 400
    [error] = answer.json()["errors"]
    assert error == {
        "pointer": "/quantity",
        "code": "quantity_out_of_range",
        "detail": "A quantity is a whole number from 1 to 10000.",
        "minimum": 1,
        "maximum": 10_000,
    }


def test_every_line_at_fault_is_named(api, alice, a_product):
    mug, old = a_product(stock=3), a_product(sku="OLD", stock=3)
    old.retire()

    answer = api(alice).post(
        "/api/orders",
        {
            "lines": [
                {"product": mug.pk, "quantity": 0},
                {"sku": "NO-SUCH", "quantity": 1},
                {"product": 2**70, "quantity": 1},
                {"sku": "OLD", "quantity": 1},
                {"product": mug.pk, "quantity": 1},
            ]
        },
    )

    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_order"
    assert problems(answer) == [
        ("/lines/0/quantity", "quantity_out_of_range"),
        ("/lines/1/sku", "unknown_product"),
        ("/lines/2/product", "unknown_product"),
        ("/lines/3/sku", "retired_product"),
    ]
    assert Order.objects.count() == 0


def test_a_shortage_names_every_short_line_and_what_would_be_accepted(api, alice, a_product):
    mug, lamp, pen = a_product(sku="MUG", stock=3), a_product(sku="LAMP", stock=0), a_product(sku="PEN", stock=9)
    client = api(alice)
    lines = [(mug, 2), (lamp, 1), (pen, 4), (mug, 2)]

    answer = client.post("/api/orders", {"lines": [{"product": each.pk, "quantity": n} for each, n in lines]})

    assert answer.status_code == 409
    body = answer.json()
    assert body["code"] == "insufficient_stock"
    facts = [
        (each["pointer"], each["product"], each["sku"], each["requested"], each["available"]) for each in body["errors"]
    ]
    assert facts == [
        ("/lines/0/quantity", mug.pk, "MUG", 4, 3),
        ("/lines/3/quantity", mug.pk, "MUG", 4, 3),
        ("/lines/1/quantity", lamp.pk, "LAMP", 1, 0),
    ]
    assert body["acceptable"] == {
        "lines": [{"product": mug.pk, "quantity": 3}, {"product": pen.pk, "quantity": 4}],
    }
    assert client.post("/api/orders", body["acceptable"]).status_code == 201


def test_nothing_would_be_accepted_where_nothing_is_left(api, alice, a_product):
    answer = api(alice).post("/api/orders", {"product": a_product(stock=0).pk, "quantity": 1})

    assert answer.status_code == 409
    assert answer.json()["acceptable"] is None


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({}, [("/quantity", "required"), ("", "product_or_sku")]),
        ({"quantity": 1}, [("", "product_or_sku")]),
        ({"quantity": "many"}, [("/quantity", "invalid"), ("", "product_or_sku")]),
        ({"product": 1}, [("/quantity", "required")]),
        ({"colour": "red"}, [("/colour", "unknown"), ("/quantity", "required"), ("", "product_or_sku")]),
        ({"product": 1, "sku": "MUG", "quantity": 1}, [("", "product_or_sku")]),
        ({"product": 1, "quantity": 1, "colour": "red"}, [("/colour", "unknown")]),
        ({"product": "MUG", "quantity": 1}, [("/product", "invalid")]),
        ({"sku": 7, "quantity": 1}, [("/sku", "invalid")]),
        ({"lines": []}, [("", "empty")]),
        ({"lines": {}}, [("/lines", "not_a_list")]),
        ({"lines": [1]}, [("/lines/0", "invalid")]),
        ({"lines": [{"product": 1}]}, [("/lines/0/quantity", "required")]),
        (
            {"lines": [{}, {"sku": "MUG", "product": 1}]},
            [
                ("/lines/0/quantity", "required"),
                ("/lines/0", "product_or_sku"),
                ("/lines/1/quantity", "required"),
                ("/lines/1", "product_or_sku"),
            ],
        ),
        ({"lines": [{"product": 1}], "quantity": 1}, [("/lines/0/quantity", "required"), ("", "lines_or_one_line")]),
        ({"lines": [{"product": 1, "quantity": 1, "a/b~c": 1}]}, [("/lines/0/a~1b~0c", "unknown")]),
        ({"lines": [{"product": 1, "quantity": 1}], "quantity": 1}, [("", "lines_or_one_line")]),
        ({"lines": [{"product": 1, "quantity": 1}] * 2_001}, [("", "too_many_lines")]),
        ([], [("", "invalid")]),
        ("x", [("", "invalid")]),
        (7, [("", "invalid")]),
    ],
)
def test_a_malformed_body_is_rejected_with_every_reason(api, alice, body, expected):
    answer = api(alice).post("/api/orders", body, format="json")

    assert (answer.status_code, problems(answer)) == (400, expected)


def test_a_quote_names_everything_that_is_missing_too(api, alice):
    answer = api(alice).post("/api/orders/quote", {}, format="json")

    assert problems(answer) == [("/quantity", "required"), ("", "product_or_sku")]


# Idempotency


def test_a_retry_gets_the_same_order(api, alice, a_product):
    mug, client = a_product(stock=2), api(alice)
    first = client.post("/api/orders", {"product": mug.pk, "quantity": 2}, **keyed("monday"))

    # The stock is gone, but it was this very order that took it.
    retry = client.post("/api/orders", {"product": mug.pk, "quantity": 2}, **keyed("monday"))

    assert (first.status_code, retry.status_code) == (201, 201)
    assert retry.json() == first.json()
    assert retry["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first
    assert mug.refreshed().stock == 0
    assert first.json()["idempotency_key"] == "monday"


def test_the_same_key_with_another_body_is_refused(api, alice, a_product):
    mug, client = a_product(stock=3), api(alice)
    client.post("/api/orders", {"product": mug.pk, "quantity": 2}, **keyed("monday"))

    answer = client.post("/api/orders", {"product": mug.pk, "quantity": 1}, **keyed("monday"))

    assert answer.status_code == 422
    assert answer.json()["code"] == "idempotency_key_reused"
    assert mug.refreshed().stock == 1


def test_a_key_is_each_customers_own(api, alice, bob, a_product):
    mug = a_product(stock=3)

    answers = [
        api(customer).post("/api/orders", {"product": mug.pk, "quantity": 1}, **keyed("monday"))
        for customer in (alice, bob)
    ]

    assert answers[0].json()["id"] != answers[1].json()["id"]
    assert mug.refreshed().stock == 1


def test_a_refusal_is_not_remembered(api, alice, a_product):
    mug, client = a_product(stock=0), api(alice)
    refused = client.post("/api/orders", {"product": mug.pk, "quantity": 1}, **keyed("monday"))
    mug.receive(1)

    answer = client.post("/api/orders", {"product": mug.pk, "quantity": 1}, **keyed("monday"))

    assert (refused.status_code, answer.status_code) == (409, 201)


def test_a_key_may_be_a_quoted_string(api, alice, a_product):
    mug, client = a_product(stock=3), api(alice)
    first = client.post("/api/orders", {"product": mug.pk, "quantity": 1}, **keyed('"monday"'))

    retry = client.post("/api/orders", {"product": mug.pk, "quantity": 1}, **keyed("monday"))

    assert retry.json()["id"] == first.json()["id"]


@pytest.mark.parametrize("key", ["", '""', "x" * 256, "two words", "tab\t", "ключ", "\xff"])
def test_a_key_that_is_none_is_refused(api, alice, a_product, key):
    mug = a_product(stock=3)

    answer = api(alice).post("/api/orders", {"product": mug.pk, "quantity": 1}, **keyed(key))

    assert answer.status_code == 400
    [error] = answer.json()["errors"]
    assert (error["header"], error["code"]) == ("Idempotency-Key", "invalid_key")
    assert mug.refreshed().stock == 3


# Who sees what


def test_customers_see_their_own_orders_the_newest_first(api, alice, bob, a_product):
    mug = a_product(stock=9)
    first, second = (Order.objects.create(customer=alice, items=[(mug, 1)]) for _ in range(2))
    Order.objects.create(customer=bob, items=[(mug, 1)])

    answer = api(alice).get("/api/orders")

    assert [order["id"] for order in answer.json()["results"]] == [str(second.pk), str(first.pk)]


def test_another_customers_order_is_not_found(api, alice, bob, a_product):
    order = Order.objects.create(customer=bob, items=[(a_product(stock=1), 1)])

    theirs, nobodys = (api(alice).get(f"/api/orders/{pk}") for pk in (order.pk, UUID(int=7)))

    assert (theirs.status_code, nobodys.status_code) == (404, 404)
    # Nothing tells the one from the other.
    assert {**theirs.json(), "request_id": ""} == {**nobodys.json(), "request_id": ""}


def test_staff_who_may_view_orders_see_all_orders(api, staff, alice, a_product):
    order = Order.objects.create(customer=alice, items=[(a_product(stock=1), 1)])

    assert api(staff).get(f"/api/orders/{order.pk}").json()["customer"] == alice.pk


def test_staff_without_that_permission_see_their_own_only(api, bob, alice, a_product):
    bob.is_staff = True
    bob.save()
    order = Order.objects.create(customer=alice, items=[(a_product(stock=1), 1)])

    assert api(bob).get(f"/api/orders/{order.pk}").status_code == 404
    assert api(bob).get("/api/orders").json()["results"] == []


def test_a_cart_is_not_an_order_yet(api, alice, a_product):
    cart = Order.objects.cart_of(alice)
    cart.items = [(a_product(stock=1), 1)]
    cart.save()

    assert api(alice).get("/api/orders").json()["results"] == []
    assert api(alice).get(f"/api/orders/{cart.pk}").status_code == 404


def test_an_order_shows_until_when_it_is_to_be_paid(api, alice, a_product, settings):
    settings.PAY_WITHIN = timedelta(minutes=15)

    body = api(alice).post("/api/orders", {"product": a_product(stock=1).pk, "quantity": 1}).json()

    assert body["pay_by"] > body["placed_at"]


@pytest.mark.parametrize("pk", ["1", "x", "01a20249-992d-7319-bcd7-5a2aed0bb87", "{01a20249}"])
def test_an_invalid_order_id_is_not_found(api, alice, pk):
    assert api(alice).get(f"/api/orders/{pk}").status_code == 404


# What it costs


def statements(client, body, **headers) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        assert client.post("/api/orders", body, **headers).status_code == 201
    return verbs(captured)


@pytest.mark.django_db(transaction=True)
def test_placing_a_keyed_order_takes_as_many_statements_for_many_lines_as_for_one(api, alice, a_product):
    products, client = [a_product(stock=9) for _ in range(10)], api(alice)

    one = statements(client, {"product": products[0].pk, "quantity": 1}, **keyed("one"))
    ten = statements(client, {"lines": [{"product": each.pk, "quantity": 1} for each in products]}, **keyed("ten"))

    placing = SINGLE_STATEMENT if connection.vendor == "postgresql" else STEP_BY_STEP
    assert one == ten == ["SELECT", *placing]  # the token and its user, and the order


def test_a_list_costs_the_same_for_one_order_and_for_fifty(api, alice, a_product, django_assert_num_queries):
    mug, client = a_product(stock=99), api(alice)
    Order.objects.create(customer=alice, items=[(mug, 1)])
    with django_assert_num_queries(3):  # the token, the orders, their lines
        client.get("/api/orders?limit=50")
    for _ in range(49):
        Order.objects.create(customer=alice, items=[(mug, 1)])

    with django_assert_num_queries(3):
        answer = client.get("/api/orders?limit=50")

    assert len(answer.json()["results"]) == 50
