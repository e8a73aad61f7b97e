"""Placing an order in one statement: the same as step by step, and only where nothing has changed since the look-up."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.core.serializers import serialize
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from products.models import (
    Event,
    IdempotentReplay,
    InsufficientStock,
    InvalidOrder,
    Order,
    OrderLine,
    PricedItem,
    Product,
    StockMovement,
)
from products.ordering import single_statement
from products.tests.side_by_side import just_before, meanwhile, on_postgresql
from products.tests.statements import SINGLE_STATEMENT, STEP_BY_STEP, verbs

pytestmark = [on_postgresql, pytest.mark.django_db(transaction=True)]

OF_ITS_OWN = {"id", "pk", "number", "order", "line", "idempotency_key", "at", "created_at", "placed_at", "updated_at"}
"""What no two orders can have in common."""


@pytest.fixture
def in_between(a_product):
    """`in_between(work)`: place an order of two mugs and a lamp, and do `work` when they have just been looked up."""
    mug, lamp = a_product(sku="MUG", stock=5, price="4.50"), a_product(sku="LAMP", stock=5)

    def place(customer, work):
        with just_before("products_place_order", lambda: work(mug.refreshed())):
            return Order.objects.create(customer=customer, items=[(lamp, 1), (mug, 2)], idempotency_key="k")

    return place


def everything_about(order):
    """The rows that placing it wrote, with every column, but for what is its own."""
    rows = [order, *order.lines.all(), *order.movements, *order.events.all()]
    written = serialize("python", [type(row).objects.get(pk=row.pk) for row in rows])
    return [{name: value for name, value in row["fields"].items() if name not in OF_ITS_OWN} for row in written]


def has_written_nothing():
    of_orders = StockMovement.objects.exclude(line=None), Event.objects.exclude(order=None)
    return not any(rows.exists() for rows in (Order.objects.all(), OrderLine.objects.all(), *of_orders))


def test_it_writes_what_is_written_step_by_step(alice, a_product, request, django_assert_num_queries):
    mug, lamp = a_product(sku="MUG", stock=9, price="4.50"), a_product(sku="LAMP", stock=9, price="30.00")
    details = {
        "payment_reference": "%s, a 'reference' \\",
        "carrier": "Post",
        "tracking_number": "ü 1",
        "pay_by": timezone.now() + timedelta(days=1),
        "reference": "PO 4711",
        "note": "Ring twice.\nThe dog is friendly.",
        "email": "alice@shop.example",
        "phone": "+49 30 1234567",
        "ship_to": {"name": "Alice", "line1": "Hauptstr. 1", "city": "Berlin", "country": "DE"},
    }

    def place(key):
        with CaptureQueriesContext(connection) as statements:
            order = Order(customer=alice, items=[(lamp, 2), ("MUG", 1), (lamp, 1)], idempotency_key=key, **details)
            order.save()
        return order, verbs(statements)

    at_once, how = place("one")
    request.getfixturevalue("step_by_step")
    step_by_step, how_else = place("two")

    assert (how, how_else) == (SINGLE_STATEMENT, STEP_BY_STEP)
    assert everything_about(at_once) == everything_about(step_by_step)
    assert [line.sku for line in at_once.lines.all()] == ["LAMP", "MUG"]
    assert (at_once.total, mug.refreshed().stock, lamp.refreshed().stock) == (Decimal("94.50"), 7, 3)
    with django_assert_num_queries(0):
        assert [line.sku for line in step_by_step.placed_lines] == ["LAMP", "MUG"]
        assert [line.sku for line in at_once.placed_lines] == ["LAMP", "MUG"]
    assert not Product.objects.out_of_balance().exists()


def test_what_is_short_by_then_is_refused_and_nothing_is_written(alice, in_between):
    with pytest.raises(InsufficientStock) as refusal:
        in_between(alice, lambda mug: mug.correct(-4))

    assert [violation.facts["available"] for violation in refusal.value.violations] == [1]
    assert has_written_nothing()
    assert {product.sku: product.stock for product in Product.objects.all()} == {"MUG": 1, "LAMP": 5}


def test_what_is_retired_by_then_is_refused(alice, in_between):
    with pytest.raises(InvalidOrder):
        in_between(alice, lambda mug: mug.retire())

    assert has_written_nothing()


@pytest.mark.parametrize(
    ("column", "value"), [("price", Decimal("5.00")), ("sku", "CUP"), ("name", "Cup"), ("description", "Of tin.")]
)
def test_what_is_changed_by_then_is_sold_as_it_is_then(alice, in_between, column, value):
    def change(mug):
        setattr(mug, column, value)
        mug.save()

    order = in_between(alice, change)

    mug = Product.objects.earliest("pk")
    line = Order.objects.get().lines.get(product=mug)
    assert getattr(mug, column) == value
    assert (line.unit_price, line.sku, line.name) == (mug.price, mug.sku, mug.name)
    assert order.total == Order.objects.get().total == sum(line.amount for line in order.lines.all())


def test_what_has_another_tax_class_by_then_is_taxed_at_that_ones_rate(alice, in_between, settings):
    settings.TAX_RATES = {"standard": Decimal("19.000"), "reduced": Decimal("7.000")}

    in_between(alice, lambda mug: Product.objects.filter(pk=mug.pk).update(tax_class="reduced"))

    rates = Order.objects.get().lines.order_by("sku").values_list("sku", "tax_rate")
    assert list(rates) == [("LAMP", 19), ("MUG", 7)]


def test_a_rate_of_zero_is_written_as_a_rate(alice, a_product, settings):
    settings.TAX_RATES = {"standard": Decimal("0.000")}

    Order.objects.create(customer=alice, items=[(a_product(stock=1), 1)])

    written = Order.objects.get()
    assert (written.shipping_tax_rate, written.lines.get().tax_rate) == (0, 0)


def test_prices_of_an_order_s_own_are_not_tried_in_one_statement(alice, a_product):
    item = PricedItem(a_product(stock=1, price="4.50"), 1, Decimal("4.00"))

    with CaptureQueriesContext(connection) as statements:
        Order.objects.create(customer=alice, items=[item])

    assert not [each["sql"] for each in statements if single_statement.FUNCTION in each["sql"]]
    assert Order.objects.get().total == Decimal("4.00")


def test_what_the_first_try_of_the_same_request_takes_by_then_is_its_order(alice, in_between):
    first = []

    def place_it_already(mug):
        lamp = Product.objects.get(sku="LAMP")
        with transaction.atomic():  # and so not by the statement that is being looked for
            first.append(Order.objects.create(customer=alice, items=[(lamp, 1), (mug, 2)], idempotency_key="k"))

    with pytest.raises(IdempotentReplay) as refusal:
        in_between(alice, place_it_already)

    assert [refusal.value.order] == first == list(Order.objects.all())


# Without a lock, too little is refused only where that is sure.


def test_who_is_refused_waits_for_nobody(alice, bob, a_product):
    mug = a_product(stock=1)

    with transaction.atomic():
        Product.objects.locked().get(pk=mug.pk)
        his = meanwhile(lambda: Order.objects.create(customer=bob, items=[(mug, 2)]))
        assert not his.waits()

    assert isinstance(his.outcome(), InsufficientStock)


def test_what_comes_back_from_an_overdue_order_in_between_is_sold(alice, bob, a_product):
    mug = a_product(stock=1)
    overdue = Order.objects.create(customer=bob, items=[(mug, 1)], pay_by=timezone.now() - timedelta(seconds=1))

    with just_before("pay_by", lambda: Order.objects.get(pk=overdue.pk).expire()):
        order = Order.objects.create(customer=alice, items=[(mug, 1)])

    assert order.lines.get().product == mug
    assert mug.refreshed().stock == 0


def test_what_comes_in_between_the_looks_is_sold(alice, a_product):
    mug = a_product(stock=0)

    with just_before("pay_by", lambda: mug.refreshed().receive(1)):
        order = Order.objects.create(customer=alice, items=[(mug, 1)])

    assert order.lines.get().product == mug


def test_what_is_retired_in_between_the_looks_is_refused_for_that(alice, a_product):
    mug = a_product(stock=0)

    with just_before("pay_by", lambda: mug.refreshed().retire()), pytest.raises(InvalidOrder):
        Order.objects.create(customer=alice, items=[(mug, 1)])


def test_an_id_that_is_given_as_text_is_one(alice, a_product):
    mug, lamp = a_product(stock=1), a_product(stock=1)

    Order(id="01a21351-a740-73a0-b1a8-b2e70689d26d", customer=alice, items=[(mug, 1), (lamp, 1)]).save()

    assert Order.objects.get().lines.count() == 2


def test_a_text_that_is_too_long_is_refused_and_not_cut(alice, a_product):
    mug = a_product(stock=1)

    with pytest.raises(ValidationError, match="Ensure this value has at most 100 characters"):
        Order.objects.create(customer=alice, items=[(mug, 1)], carrier="x" * 101)

    assert has_written_nothing()
    assert mug.refreshed().stock == 1


def test_in_a_transaction_of_the_callers_it_is_done_step_by_step(alice, a_product):
    mug = a_product(stock=1)

    with transaction.atomic(), CaptureQueriesContext(connection) as statements:
        Order.objects.create(customer=alice, items=[(mug, 1)])

    assert verbs(statements) == ["SAVEPOINT", *STEP_BY_STEP[1:-1], "RELEASE"]


def test_behind_pgbouncer_it_is_one_statement_as_well(alice, a_product, monkeypatch):
    mug = a_product(stock=1)
    monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)

    with CaptureQueriesContext(connection) as statements:
        Order.objects.create(customer=alice, items=[(mug, 1)])

    assert verbs(statements) == SINGLE_STATEMENT


def test_it_prepares_nothing_on_the_connection(alice, a_product):
    mug = a_product(stock=9)
    for _ in range(7):
        Order.objects.create(customer=alice, items=[(mug, 1)])

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements")
        assert cursor.fetchone() == (0,)


def test_the_function_writes_every_column_of_an_order_and_of_its_lines():
    # A column that was added to either needs a new version of the function (a migration), and its name in the list.
    assert single_statement.writes_all_columns_of(Order)


def test_an_order_with_a_column_that_the_function_does_not_know_is_placed_step_by_step(alice, a_product, monkeypatch):
    mug = a_product(stock=1)
    monkeypatch.setattr(single_statement, "ORDER_COLUMNS", (*single_statement.ORDER_COLUMNS, "gift_note"))
    single_statement.writes_all_columns_of.cache_clear()

    with CaptureQueriesContext(connection) as statements:
        Order.objects.create(customer=alice, items=[(mug, 1)])
    single_statement.writes_all_columns_of.cache_clear()

    assert verbs(statements) == STEP_BY_STEP


def test_an_order_is_placed_although_a_column_has_changed_since_the_last_one(alice, a_product):
    mug = a_product(stock=5)
    Order.objects.create(customer=alice, items=[(mug, 1)])

    alter = "ALTER TABLE products_product ALTER COLUMN name TYPE varchar({})"
    with connection.cursor() as cursor:
        cursor.execute(alter.format(300))
    try:
        Order.objects.create(customer=alice, items=[(mug, 1)])
    finally:
        with connection.cursor() as cursor:
            cursor.execute(alter.format(200))

    assert mug.refreshed().stock == 3
