"""What is told of each event: as its JSON Schema says, with the amounts and stocks of the time."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from jsonschema import Draft202012Validator

from products.feed import payloads as module
from products.feed.payloads import payloads
from products.feed.reading import read_page
from products.feed.sequencer import number_all_events
from products.feed.types import TYPES
from products.models import Event, FeedEntry, Order, OrderLine, Product

pytestmark = pytest.mark.django_db


def everything():
    return read_page(0, 1_000).payloads


def told(type):
    [entry] = [entry for entry in everything() if entry["type"] == type]
    return entry["data"]


def test_what_was_cancelled_before_was_neither_paid_nor_delivered(alice, a_product):
    mug, lamp = a_product(sku="MUG", stock=9, price="4.00"), a_product(sku="LAMP", stock=9, price="9.00")
    order = Order.objects.create(customer=alice, items=[(mug, 3), (lamp, 1)])
    order.cancel(lines=[(mug, 1), (lamp, 1)])
    order.pay()
    order.ship()
    order.deliver()

    assert (told("order.paid")["total"], told("order.paid")["amount"]) == ("21.00", "8.00")
    assert [(line["sku"], line["quantity"]) for line in told("order.delivered")["lines"]] == [("MUG", 2)]


def test_a_cart_that_is_given_up_has_no_lines(alice, a_product):
    cart = Order.objects.cart_of(alice)
    OrderLine.objects.create(order=cart, product=a_product(), quantity=2)

    cart.cancel()

    assert told("order.cancelled")["lines"] == []


def test_whatever_happens_in_a_shop_is_told_as_its_schema_says(alice, staff, a_product, settings):
    settings.TAX_RATES = {"standard": Decimal(19)}
    settings.LOW_STOCK = 3
    mug, lamp = (
        Product.objects.create(sku=sku, name=sku.title(), price="9.90", list_price="12.00", tax_class="standard")
        for sku in ("MUG", "LAMP")
    )
    for product in (mug, lamp):
        product.receive(20, by=staff, note="from the harbour")
        product.correct(-1)
        product.count(20)
        product.price = "10.90"
        product.save()
        product.retire(by=staff)
        product.bring_back(by=staff)
    address = {"name": "Alice", "line1": "1 Road", "city": "Berlin", "postal_code": "10115", "country": "DE"}
    details = {"email": "alice@example.com", "reference": "PO-1", "ship_to": address}
    order = Order.objects.create(customer=alice, items=[(mug, 5), (lamp, 5)], **details)
    order.cancel(lines=[(mug, 1)], by=staff)
    order.pay(reference="P-1", by=staff)
    order.ship(lines=[(mug, 2)], carrier="DHL", tracking_number="123", by=staff)
    order.correct_tracking(1, tracking_number="321", by=staff)
    order.ship(by=staff)
    order.return_goods(lines=[(mug, 1, 0)], by=staff)
    order.refund(lines=[(mug, 1)], by=staff)
    order.deliver(by=staff)
    order.return_goods(by=staff)
    Order.objects.create(customer=alice, items=[(mug, 1)]).cancel()
    late = Order.objects.create(customer=alice, items=[(mug, 15)], pay_by=timezone.now() - timedelta(hours=1))
    late.expire()
    late.pay(late=True)
    Order.objects.create(customer=alice, items=[(mug, mug.refreshed().stock), (lamp, lamp.refreshed().stock - 2)])

    entries = everything()

    errors = [
        (entry["type"], error.message)
        for entry in entries
        for error in Draft202012Validator(TYPES[entry["type"]].schema).iter_errors(entry)
    ]
    assert errors == []
    assert {entry["type"] for entry in entries} == set(TYPES)


@pytest.mark.parametrize("event_type", TYPES.values(), ids=list(TYPES))
def test_an_example_is_as_its_schema_says(event_type):
    Draft202012Validator.check_schema(event_type.schema)

    assert list(Draft202012Validator(event_type.schema).iter_errors(event_type.full_example)) == []


def test_a_placed_order_is_told_with_its_lines_amounts_and_the_stock_after_each(alice, a_product):
    mug, lamp = a_product(sku="MUG", name="Mug", price="4.50", stock=9), a_product(sku="LAMP", price="20.00", stock=3)
    order = Order.objects.create(customer=alice, items=[(mug, 2), (lamp, 1)], email="alice@example.com")

    [entry] = [entry for entry in everything() if entry["type"] == "order.placed"]

    data = entry["data"]
    assert (data["order"], data["total"], data["currency"]) == (str(order.pk), "29.00", "EUR")
    assert (data["from"], data["to"], data["email"]) == (None, "PLACED", "alice@example.com")
    assert [
        (line["sku"], line["quantity"], line["unit_price"], line["amount"], line["stock"]) for line in data["lines"]
    ] == [
        ("MUG", 2, "4.50", "9.00", 7),
        ("LAMP", 1, "20.00", "20.00", 2),
    ]


def test_a_part_is_told_with_its_own_lines_only(alice, a_product):
    mug, lamp = a_product(sku="MUG", stock=9), a_product(sku="LAMP", stock=3)
    order = Order.objects.create(customer=alice, items=[(mug, 2), (lamp, 1)])
    order.pay()
    order.ship(lines=[(mug, 1)], carrier="DHL", tracking_number="123")

    [entry] = [entry for entry in everything() if entry["type"] == "order.partly_shipped"]

    data = entry["data"]
    assert [(line["sku"], line["quantity"]) for line in data["lines"]] == [("MUG", 1)]
    assert (data["shipment"], data["carrier"], data["tracking_number"]) == (1, "DHL", "123")


def test_a_change_of_a_product_is_told_with_old_and_new_values(a_product):
    mug = a_product(price="4.50")
    mug.price = "5.00"
    mug.save()

    [entry] = [entry for entry in everything() if entry["type"] == "product.changed"]

    assert (entry["data"]["old"], entry["data"]["new"]) == ({"price": "4.50"}, {"price": "5.00"})


def test_a_page_ends_before_it_has_too_many_lines(alice, a_product, monkeypatch):
    monkeypatch.setattr(module, "MAX_LINES", 3)
    products = [a_product(stock=9) for _ in range(2)]
    for _ in range(3):
        Order.objects.create(customer=alice, items=[(product, 1) for product in products])

    pages, position = [], 0
    while True:
        page = read_page(position, 100, types=["order.placed"])
        pages.append([len(entry["data"]["lines"]) for entry in page.payloads])
        position = page.position
        if not page.has_more:
            break

    assert pages == [[2], [2], [2]]


def test_a_page_takes_as_many_statements_whatever_is_on_it(alice, a_product, django_assert_num_queries):
    mug = a_product(stock=99)
    for _ in range(8):
        Order.objects.create(customer=alice, items=[(mug, 1)])
        mug.receive(1)
    number_all_events()

    orders_told = FeedEntry.objects.after(0).filter(order__isnull=False)

    for limit in (2, 8):
        with django_assert_num_queries(5):
            payloads(orders_told, limit)


def test_an_event_written_by_hand_stops_nobody(a_product):
    Event.objects.create(kind="product.changed", product=a_product(), facts={})

    assert [entry["data"]["old"] for entry in everything() if entry["type"] == "product.changed"] == [{}]
