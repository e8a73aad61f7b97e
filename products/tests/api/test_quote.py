"""Quotes of orders."""

from datetime import timedelta

import pytest
from django.utils import timezone

from products.api.schemas.cart import QuoteLineResponse, QuoteProblem, QuoteResponse
from products.models import Event, Order, Product, Status, StockMovement
from products.tests.api.amounts import PLAIN_LINE, PLAIN_ORDER
from products.tests.rewriting import rewrite

pytestmark = pytest.mark.django_db


@pytest.fixture
def overdue_order(bob):
    """Place an order of bob's that should have been paid by now."""

    def place(*items):
        return Order.objects.create(customer=bob, items=items, pay_by=timezone.now() - timedelta(seconds=1))

    return place


def everything_written():
    tables = (Order, Event, StockMovement, Product)
    return [list(table.objects.order_by("pk").values()) for table in tables]


def test_a_quote_names_lines_prices_and_the_total(api, alice, a_product):
    mug = a_product(sku="MUG", name="Mug", price="4.50", stock=7)
    lamp = a_product(sku="LAMP", name="Lamp", price="30", stock=1)
    as_it_was = everything_written()

    answer = api(alice).post(
        "/api/orders/quote",
        {"lines": [{"sku": "LAMP", "quantity": 1}, {"product": mug.pk, "quantity": 1}, {"sku": "MUG", "quantity": 2}]},
    )

    assert answer.status_code == 200
    assert answer.json() == {
        "lines": [
            {
                "product": lamp.pk,
                "sku": "LAMP",
                "name": "Lamp",
                "quantity": 1,
                "unit_price": "30.00",
                **PLAIN_LINE,
                "amount": "30.00",
                "available": 1,
                "problems": [],
            },
            {
                "product": mug.pk,
                "sku": "MUG",
                "name": "Mug",
                "quantity": 3,
                "unit_price": "4.50",
                **PLAIN_LINE,
                "amount": "13.50",
                "available": 7,
                "problems": [],
            },
        ],
        **PLAIN_ORDER,
        "total": "43.50",
        "currency": "EUR",
        "acceptable": True,
        "problems": [],
    }
    assert everything_written() == as_it_was


def test_the_schema_has_exactly_the_fields_of_the_response(api, alice, a_product):
    body = api(alice).post("/api/orders/quote", {"product": a_product().pk, "quantity": 1}).json()

    assert list(body) == list(QuoteResponse().fields)
    assert list(body["lines"][0]) == list(QuoteLineResponse().fields)
    assert set(body["problems"][0]) <= set(QuoteProblem().fields)


def test_a_quote_names_every_problem_of_every_kind_at_once(api, alice, a_product):
    mug, lamp = a_product(sku="MUG", stock=3, price="1.00"), a_product(sku="LAMP", stock=1, price="10.00")
    old = a_product(sku="OLD", stock=5, price="5.00")
    old.retire()

    answer = api(alice).post(
        "/api/orders/quote",
        {
            "lines": [
                {"sku": "MUG", "quantity": 2},
                {"sku": "NO-SUCH", "quantity": 1},
                {"sku": "OLD", "quantity": 1},
                {"product": lamp.pk, "quantity": 0},
                {"product": mug.pk, "quantity": 2},
                {"product": lamp.pk, "quantity": 1},
            ]
        },
    )

    assert answer.status_code == 200
    body = answer.json()
    assert body["acceptable"] is False
    assert [(each["pointer"], each["code"]) for each in body["problems"]] == [
        ("/lines/1/sku", "unknown_product"),
        ("/lines/3/quantity", "quantity_out_of_range"),
        ("/lines/2/sku", "retired_product"),
        ("/lines/0/quantity", "insufficient_stock"),
        ("/lines/4/quantity", "insufficient_stock"),
    ]
    assert [(line["sku"], line["quantity"], line["available"], line["problems"]) for line in body["lines"]] == [
        ("MUG", 4, 3, ["insufficient_stock"]),
        ("OLD", 1, 0, ["retired_product"]),
        ("LAMP", 1, 1, []),
    ]
    assert body["total"] == "19.00"


@pytest.mark.parametrize("lines", [[("MUG", 4)], [("MUG", 0)], [("RUG", 1)], [("NONE", 1)], [], [("MUG", 1)] * 101])
def test_a_quotes_problem_is_the_error_of_placing_the_order(api, alice, a_product, lines):
    a_product(sku="MUG", stock=3)
    a_product(sku="RUG", stock=3).retire()
    client, body = api(alice), {"lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines]}

    quoted, refused = client.post("/api/orders/quote", body), client.post("/api/orders", body)

    assert (quoted.status_code, refused.status_code) in [(200, 400), (200, 409)]
    assert quoted.json()["problems"] == refused.json()["errors"] != []


@pytest.mark.parametrize("quantity", [1, 3, 4, 10_000, 10_001])
@pytest.mark.parametrize("overdue", [0, 2])
@pytest.mark.parametrize("is_retired", [False, True])
def test_an_order_is_placed_exactly_if_its_quote_is_acceptable(
    api, alice, a_product, overdue_order, quantity, overdue, is_retired
):
    mug, client = a_product(stock=3, price="4.50"), api(alice)
    if overdue:
        overdue_order((mug, overdue))
    if is_retired:
        mug.retire()
    body = {"product": mug.pk, "quantity": quantity}

    quote, answer = client.post("/api/orders/quote", body).json(), client.post("/api/orders", body)

    expected = 400 if is_retired or quantity > 10_000 else 409 if quantity > 3 else 201
    assert (answer.status_code, quote["acceptable"]) == (expected, expected == 201)
    if quote["acceptable"]:
        assert answer.json()["total"] == quote["total"]
        same = ("product", "sku", "name", "quantity", "unit_price", "amount")
        assert [[line[name] for name in same] for line in answer.json()["lines"]] == [
            [line[name] for name in same] for line in quote["lines"]
        ]


def test_what_overdue_orders_hold_counts_as_free_and_stays_theirs(api, alice, bob, a_product, overdue_order):
    mug, lamp = a_product(stock=6), a_product(stock=2)
    overdue = [overdue_order((mug, 2), (lamp, 1)), overdue_order((mug, 1))]
    # Neither of these is overdue: one has time, one is paid.
    Order.objects.create(customer=bob, items=[(mug, 1)], pay_by=timezone.now() + timedelta(hours=1))
    paid = Order.objects.create(customer=bob, items=[(mug, 1)], pay_by=timezone.now() + timedelta(hours=1))
    paid.pay()
    rewrite(paid, pay_by=timezone.now() - timedelta(seconds=1))
    as_it_was = everything_written()

    body = {"lines": [{"product": mug.pk, "quantity": 4}, {"product": lamp.pk, "quantity": 2}]}
    quote = api(alice).post("/api/orders/quote", body).json()

    assert [line["available"] for line in quote["lines"]] == [4, 2]
    assert quote["acceptable"] is True
    assert everything_written() == as_it_was
    assert api(alice).post("/api/orders", body).status_code == 201
    assert {Order.objects.get(pk=order.pk).status for order in overdue} == {Status.EXPIRED}


def test_a_quote_counts_overdue_stock_as_available_like_placing_does(api, alice, a_product, overdue_order):
    mug, client = a_product(stock=3), api(alice)
    overdue_order((mug, 2))
    body = {"product": mug.pk, "quantity": 4}

    quoted, refused = client.post("/api/orders/quote", body), client.post("/api/orders", body)

    assert quoted.json()["problems"] == refused.json()["errors"]
    assert [each["available"] for each in quoted.json()["problems"]] == [3]


@pytest.mark.parametrize(
    "body",
    [{}, {"quantity": 1}, {"product": 1}, {"lines": {}}, {"lines": [1]}, {"product": 1, "quantity": 1.5}, [], "x"],
)
def test_a_body_of_another_shape_is_refused_as_in_placing(api, alice, body):
    client = api(alice)

    quoted, placed = (client.post(path, body, format="json") for path in ("/api/orders/quote", "/api/orders"))

    assert (quoted.status_code, quoted.json()["errors"]) == (400, placed.json()["errors"])


def test_a_total_beyond_all_bounds_is_a_problem(api, alice, a_product):
    products = [a_product(price="99999999.99", stock=10_000) for _ in range(2)]

    quote = (
        api(alice)
        .post("/api/orders/quote", {"lines": [{"product": each.pk, "quantity": 10_000} for each in products]})
        .json()
    )

    assert (quote["total"], quote["acceptable"]) == ("1999999999800.00", False)
    assert [(each["pointer"], each["code"]) for each in quote["problems"]] == [("", "total_too_large")]


def test_a_quote_needs_a_token(api):
    assert api().post("/api/orders/quote", {"product": 1, "quantity": 1}).status_code == 401


def test_a_quote_costs_the_same_for_one_line_and_for_fifty(api, alice, a_product, django_assert_num_queries):
    lines, client = [{"product": a_product(stock=1).pk, "quantity": 1} for _ in range(50)], api(alice)
    client.post("/api/orders/quote", lines[0])

    for body in (lines[0], {"lines": lines}):
        with django_assert_num_queries(3):  # the token, the products, what overdue orders hold of them
            assert client.post("/api/orders/quote", body).json()["acceptable"] is True
