"""The parts of an order over HTTP: shipments, cancellations, returns, refunds, and late payments."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from products.models import Order
from products.reconciliation import differences

pytestmark = pytest.mark.django_db


@pytest.fixture
def mug(a_product):
    return a_product(stock=10, price="4.50", sku="MUG")


@pytest.fixture
def order(alice, mug, a_product):
    """Three mugs and two lamps, paid: 53.48."""
    lamp = a_product(stock=10, price="19.99", sku="LAMP")
    order = Order.objects.create(customer=alice, items=[(mug, 3), (lamp, 2)])
    order.pay()
    return order


@pytest.fixture(autouse=True)
def _everything_agrees():
    yield
    assert list(differences()) == []


def path(order, *names):
    return "/".join([f"/api/orders/{order.pk}", *names])


def parts(*lines, **more):
    return {"lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines], **more}


def counters(body):
    names = ("shipped", "cancelled", "returned", "restocked")
    return {line["sku"]: tuple(line[name] for name in names) for line in body["lines"]}


def errors(answer):
    return [(error["pointer"], error["code"]) for error in answer.json()["errors"]]


def test_some_lines_are_shipped_and_the_shipment_is_listed(api, staff, alice, order, mug):
    lamps = order.lines.get(sku="LAMP")
    lines = [{"product": mug.pk, "quantity": 2}, {"line": str(lamps.pk), "quantity": 1}]

    answer = api(staff).post(path(order, "ship"), {"lines": lines, "carrier": "DHL", "tracking_number": "1"})

    assert answer.status_code == 200
    assert answer.json()["status"] == "PAID"
    assert counters(answer.json()) == {"MUG": (2, 0, 0, 0), "LAMP": (1, 0, 0, 0)}
    assert answer.json() == api(alice).get(path(order)).json()
    listed = api(alice).get(path(order, "shipments")).json()
    mugs = order.lines.get(sku="MUG")
    assert [{**each, "at": "…"} for each in listed["results"]] == [
        {
            "number": 1,
            "lines": [
                {"line": str(mugs.pk), "product": mug.pk, "sku": "MUG", "quantity": 2},
                {"line": str(lamps.pk), "product": lamps.product_id, "sku": "LAMP", "quantity": 1},
            ],
            "carrier": "DHL",
            "tracking_number": "1",
            "at": "…",
        }
    ]


def test_a_customer_cancels_lines_of_their_own_order(api, alice, bob, order, mug):
    assert api(bob).post(path(order, "cancel"), parts(("MUG", 1))).status_code == 404

    answer = api(alice).post(path(order, "cancel"), parts(("MUG", 1), reason="No longer needed"))

    assert (answer.status_code, answer.json()["status"]) == (200, "PAID")
    assert counters(answer.json())["MUG"] == (0, 1, 0, 1)
    assert mug.refreshed().stock == 8
    [listed] = api(alice).get(path(order, "cancellations")).json()["results"]
    assert (listed["reason"], listed["lines"][0]["quantity"]) == ("No longer needed", 1)


def test_goods_come_back_and_some_can_be_sold_again(api, staff, alice, order, mug):
    order.ship()
    lines = [{"sku": "MUG", "quantity": 2, "restock": 1}, {"sku": "LAMP", "quantity": 1}]

    answer = api(staff).post(path(order, "return"), {"lines": lines})

    assert (answer.status_code, answer.json()["status"]) == (200, "SHIPPED")
    assert counters(answer.json()) == {"MUG": (3, 0, 2, 1), "LAMP": (2, 0, 1, 1)}
    [listed] = api(alice).get(path(order, "returns")).json()["results"]
    assert [(line["sku"], line["quantity"], line["restocked"]) for line in listed["lines"]] == [
        ("MUG", 2, 1),
        ("LAMP", 1, 1),
    ]


def test_an_amount_or_lines_are_refunded(api, staff, alice, order):
    client = api(staff)

    first = client.post(path(order, "refunds"), {"amount": "10.00", "reference": "R-1"})
    second = client.post(path(order, "refunds"), parts(("MUG", 2)))

    assert [first.status_code, second.status_code] == [201, 201]
    assert (first.json()["amount"], first.json()["lines"], first.json()["reference"]) == ("10.00", [], "R-1")
    assert (second.json()["number"], second.json()["amount"]) == (2, "9.00")
    assert [line["amount"] for line in second.json()["lines"]] == ["9.00"]
    body = api(alice).get(path(order)).json()
    assert (body["paid"], body["refunded"], body["status"]) == ("53.48", "19.00", "PAID")
    assert api(alice).get(path(order, "refunds")).json()["results"] == [first.json(), second.json()]


def test_more_than_was_paid_is_not_refunded(api, staff, order):
    answer = api(staff).post(path(order, "refunds"), {"amount": "53.49"})

    assert (answer.status_code, answer.json()["code"]) == (409, "refund_too_large")
    assert answer.json()["errors"] == [
        {
            "pointer": "/amount",
            "code": "refund_too_large",
            "detail": "53.49 EUR requested, 53.48 EUR paid and not refunded.",
            "requested_amount": "53.49",
            "available_amount": "53.48",
        }
    ]


def test_more_than_remains_is_refused_with_every_line(api, staff, order):
    order.ship(lines=[("MUG", 2)])

    answer = api(staff).post(path(order, "ship"), parts(("MUG", 2), ("LAMP", 3)))

    assert (answer.status_code, answer.json()["code"]) == (409, "more_than_remains")
    assert errors(answer) == [
        ("/lines/0/quantity", "more_than_remains"),
        ("/lines/1/quantity", "more_than_remains"),
    ]
    assert [error["available"] for error in answer.json()["errors"]] == [1, 2]


@pytest.mark.parametrize(
    ("action", "body", "expected"),
    [
        ("ship", {"lines": []}, [("/lines", "empty")]),
        ("ship", {"lines": None}, [("/lines", "null")]),
        ("ship", {"lines": [7]}, [("/lines/0", "invalid")]),
        ("ship", {"lines": [{"quantity": 1}]}, [("/lines/0", "line_product_or_sku")]),
        ("ship", {"lines": [{"sku": "MUG", "product": 1, "quantity": 1}]}, [("/lines/0", "line_product_or_sku")]),
        ("ship", {"lines": [{"sku": "MUG"}]}, [("/lines/0/quantity", "required")]),
        ("ship", {"lines": [{"sku": "MUG", "quantity": 0}]}, [("/lines/0/quantity", "out_of_range")]),
        ("ship", {"lines": [{"sku": "MUG", "quantity": 10_001}]}, [("/lines/0/quantity", "out_of_range")]),
        ("ship", {"lines": [{"sku": "MUG", "quantity": 10**30}]}, [("/lines/0/quantity", "out_of_range")]),
        ("ship", {"lines": [{"sku": "MUG", "quantity": 1, "restock": 1}]}, [("/lines/0/restock", "unknown")]),
        ("ship", {"lines": [{"line": "7", "quantity": 1}]}, [("/lines/0/line", "invalid")]),
        ("ship", {"lines": [{"line": 7, "quantity": 1}]}, [("/lines/0/line", "invalid")]),
        ("ship", {"lines": [{"sku": "RUG", "quantity": 1}]}, [("/lines/0/sku", "unknown_line")]),
        ("ship", {"lines": [{"product": 2**62, "quantity": 1}]}, [("/lines/0/product", "unknown_line")]),
        ("ship", {"lines": [{"line": str(UUID(int=7)), "quantity": 1}]}, [("/lines/0/line", "unknown_line")]),
        ("cancel", parts(("MUG", 1), ("MUG", 1)), [("/lines/1/sku", "line_named_twice")]),
        ("cancel", {"reason": "a\x1bb"}, [("/reason", "control_character")]),
        ("return", {"lines": [{"sku": "MUG", "quantity": 1, "restock": -1}]}, [("/lines/0/restock", "out_of_range")]),
        (
            "return",
            {"lines": [{"sku": "MUG", "quantity": 1, "restock": 2}]},
            [("/lines/0/restock", "restock_out_of_range")],
        ),
        ("refunds", {}, [("", "amount_or_lines")]),
        ("refunds", {"amount": "1", "lines": []}, [("", "amount_or_lines"), ("/lines", "empty")]),
        ("refunds", {"amount": "0"}, [("/amount", "amount_out_of_range")]),
        ("refunds", {"amount": "-1"}, [("/amount", "invalid")]),
        ("refunds", {"amount": "1.001"}, [("/amount", "amount_out_of_range")]),
        ("refunds", {"amount": "1" * 13}, [("/amount", "invalid")]),
        ("pay", {"late": "yes"}, [("/late", "invalid")]),
    ],
)
def test_a_body_that_makes_no_sense_changes_nothing(api, staff, order, action, body, expected):
    answer = api(staff).post(path(order, action), body, format="json")

    assert answer.status_code == 400
    assert sorted(errors(answer)) == sorted(expected)
    assert counters(api(staff).get(path(order)).json()) == {"MUG": (0, 0, 0, 0), "LAMP": (0, 0, 0, 0)}


@pytest.mark.parametrize(
    ("action", "body"),
    [
        ("ship", parts(("MUG", 1))),
        ("cancel", parts(("MUG", 1))),
        ("return", parts(("LAMP", 1))),
        ("refunds", parts(("MUG", 1))),
        ("refunds", {"amount": "5"}),
    ],
)
def test_a_retry_with_the_same_key_is_answered_and_not_repeated(api, staff, order, action, body):
    order.ship(lines=[("LAMP", 1)])
    client = api(staff)
    seen = client.get(path(order))["ETag"]

    # A retry repeats every header, also the version from before the first try.
    headers = {"HTTP_IDEMPOTENCY_KEY": "k"} | ({"HTTP_IF_MATCH": seen} if action != "refunds" else {})
    first = client.post(path(order, action), body, **headers)
    again = client.post(path(order, action), body, **headers)
    other = client.post(path(order, action), parts(("LAMP", 1), ("MUG", 1)), HTTP_IDEMPOTENCY_KEY="k")

    assert first.status_code == again.status_code < 300
    assert again.json() == first.json()
    assert "Idempotency-Replayed" not in first
    assert again["Idempotency-Replayed"] == "true"
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_a_key_of_a_whole_shipment_is_replayed_although_the_order_is_shipped(api, staff, order):
    client = api(staff)

    first = client.post(path(order, "ship"), {"carrier": "DHL"}, HTTP_IDEMPOTENCY_KEY="k")
    again = client.post(path(order, "ship"), {"carrier": "DHL"}, HTTP_IDEMPOTENCY_KEY="k")
    without = client.post(path(order, "ship"), {"carrier": "DHL"})

    assert [first.status_code, again.status_code, without.status_code] == [200, 200, 409]
    assert again.json() == first.json()


def test_if_match_is_checked_before_a_part_is_shipped(api, staff, order):
    client = api(staff)
    seen = client.get(path(order))["ETag"]
    order.ship(lines=[("MUG", 1)])

    answer = client.post(path(order, "ship"), parts(("MUG", 1)), HTTP_IF_MATCH=seen)

    assert answer.status_code == 412


def test_tracking_is_corrected(api, staff, alice, order):
    order.ship(lines=[("MUG", 1)], carrier="DHL", tracking_number="1")

    answer = api(staff).patch(path(order, "shipments", "1"), {"tracking_number": "2"})

    assert (answer.status_code, answer.json()["carrier"], answer.json()["tracking_number"]) == (200, "DHL", "2")
    body = api(alice).get(path(order)).json()
    assert body["tracking_number"] == "2"
    newest = api(alice).get(path(order, "events")).json()["results"][-1]
    assert (newest["kind"], newest["by"]) == ("order.tracking_corrected", None)
    assert newest["facts"] == {
        "from": "PAID",
        "to": "PAID",
        "shipment": 1,
        "tracking_number": {"from": "1", "to": "2"},
    }


@pytest.mark.parametrize("number", ["2", "0", "9" * 30])
def test_a_shipment_that_there_is_not_is_not_found(api, staff, order, number):
    order.ship(lines=[("MUG", 1)])

    assert api(staff).patch(path(order, "shipments", number), {"carrier": "UPS"}).status_code == 404


def test_the_history_says_which_lines(api, alice, order, mug):
    order.refund(lines=[("MUG", 1)])

    newest = api(alice).get(path(order, "events")).json()["results"][-1]

    line = {"line": str(order.lines.get(sku="MUG").pk), "product": mug.pk, "quantity": 1}
    assert newest["kind"] == "order.refunded"
    assert newest["facts"] == {"from": "PAID", "to": "PAID", "lines": [line], "refund": 1, "amount": "4.50"}


def test_a_late_payment_is_accepted_by_staff(api, staff, alice, mug):
    late = Order.objects.create(customer=alice, items=[(mug, 3)], pay_by=timezone.now() - timedelta(hours=1))
    late.expire()
    client = api(staff)

    refused = client.post(path(late, "pay"), {"reference": "INV-7"})
    asked_by_the_customer = api(alice).post(path(late, "pay"), {"late": True})
    accepted = client.post(path(late, "pay"), {"reference": "INV-7", "late": True})

    assert (refused.status_code, refused.json()["code"], refused.json()["allowed"]) == (409, "forbidden_move", [])
    assert asked_by_the_customer.status_code == 403
    assert (accepted.status_code, accepted.json()["status"], accepted.json()["paid"]) == (200, "PAID", "13.50")
    assert mug.refreshed().stock == 7


def test_a_late_payment_is_refused_where_the_stock_is_gone(api, staff, alice, mug):
    late = Order.objects.create(customer=alice, items=[(mug, 3)], pay_by=timezone.now() - timedelta(hours=1))
    late.expire()
    mug.correct(-8)

    answer = api(staff).post(path(late, "pay"), {"late": True})

    assert (answer.status_code, answer.json()["code"], answer.json()["acceptable"]) == (409, "insufficient_stock", None)
    assert [(error["sku"], error["available"]) for error in answer.json()["errors"]] == [("MUG", 2)]


@pytest.mark.parametrize("name", ["shipments", "cancellations", "returns", "refunds"])
def test_a_list_costs_the_same_for_one_row_and_for_three(api, alice, order, name, django_assert_num_queries):
    client = api(alice)
    verb = {"shipments": "ship", "cancellations": "cancel", "returns": "return_goods", "refunds": "refund"}[name]
    order.ship(lines=[("LAMP", 2)])
    for sku in ("LAMP", "MUG") if verb == "refund" else ("LAMP",) if verb == "return_goods" else ("MUG",):
        getattr(order, verb)(lines=[(sku, 1)])
    client.get(path(order, name))

    with django_assert_num_queries(4):  # the token, the order, the rows, their lines
        few = client.get(path(order, name)).json()["results"]
    getattr(order, verb)(lines=[("LAMP" if verb in ("return_goods", "refund") else "MUG", 1)])
    with django_assert_num_queries(4):
        more = client.get(path(order, name)).json()["results"]

    assert len(more) == len(few) + 1


def test_the_lists_have_pages(api, alice, order):
    for _ in range(3):
        order.ship(lines=[("MUG", 1)])
    client = api(alice)

    first = client.get(path(order, "shipments"), {"limit": 2, "count": "true"}).json()
    second = client.get(first["next"]).json()

    assert first["count"] == 3
    assert [each["number"] for each in first["results"] + second["results"]] == [1, 2, 3]
    assert client.get(path(order, "shipments"), {"colour": "red"}).status_code == 400
