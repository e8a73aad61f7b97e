"""The ledger and the events: nobody can rewrite them, and the stock is what the ledger says."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from products.feed.sequencer import number_all_events
from products.models import Event, Order, Product, Reason, StockMovement
from products.models.events import MIN_RETENTION
from products.tests.side_by_side import on_postgresql

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(alice, a_product):
    """An order with a history: its mugs were received, sold and taken back."""
    order = Order.objects.create(customer=alice, items=[(a_product(stock=3), 2)])
    order.cancel()
    return order


def execute(statement, *parameters):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def everything():
    return list(StockMovement.objects.order_by("id").values()), list(Event.objects.order_by("id").values())


# Nobody can rewrite them


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE products_stockmovement SET delta = delta + 1",
        "UPDATE products_stockmovement SET note = 'nothing to see here'",
        "UPDATE products_stockmovement SET id = id",
        "DELETE FROM products_stockmovement",
        "UPDATE products_event SET kind = 'order.paid'",
        "UPDATE products_event SET at = '2001-01-01'",
        "DELETE FROM products_event",
    ],
)
def test_the_database_refuses_to_rewrite_history(order, statement):
    before = everything()

    with pytest.raises(IntegrityError, match=r"^products_(stockmovement|event) is append-only"):
        execute(statement)

    assert everything() == before


@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite knows REPLACE")
def test_a_line_of_the_ledger_cannot_be_replaced_either(order):
    before = everything()

    with pytest.raises(IntegrityError, match=r"^products_stockmovement is append-only"):
        execute(
            "REPLACE INTO products_stockmovement (id, product_id, delta, reason, note, at) "
            "SELECT id, product_id, 7, 'RECEIVED', '', at FROM products_stockmovement"
        )

    assert everything() == before


@on_postgresql
@pytest.mark.django_db(transaction=True)  # as a table that this transaction has written to cannot be truncated anyway
@pytest.mark.parametrize(
    "statement",
    ["TRUNCATE products_stockmovement CASCADE", "TRUNCATE products_event CASCADE", "TRUNCATE auth_user CASCADE"],
)
def test_the_database_refuses_to_empty_history(order, statement):
    before = everything()

    with pytest.raises(IntegrityError, match=r"^products_(stockmovement|event) is append-only"):
        execute(statement)

    assert everything() == before


@pytest.mark.parametrize(
    "rewrite",
    [
        lambda: StockMovement.objects.update(note="nothing to see here"),
        lambda: StockMovement.objects.earliest("id").delete(),
        lambda: StockMovement.objects.earliest("id").save(),
        lambda: StockMovement.objects.all().delete(),
        lambda: Event.objects.update(kind="order.paid"),
        lambda: Event.objects.earliest("id").save(),
        lambda: Event.objects.earliest("id").delete(),
    ],
)
def test_our_own_code_cannot_rewrite_history_either(order, rewrite):
    before = everything()

    with pytest.raises(TypeError, match="append-only"):
        rewrite()

    assert everything() == before


@pytest.mark.django_db(transaction=True)
def test_history_is_just_as_safe_outside_a_transaction(order):
    before = everything()

    with pytest.raises(IntegrityError):
        execute("DELETE FROM products_stockmovement")

    assert everything() == before


def test_events_can_be_forgotten_past_their_retention(order):
    long_ago = timezone.now() - MIN_RETENTION - timedelta(minutes=1)
    Event.objects.create(kind="order.placed", order=order, at=long_ago)
    young = list(Event.objects.exclude(at=long_ago))
    number_all_events()

    forgotten = Event.objects.older_than(timezone.now() - MIN_RETENTION).purge()

    assert forgotten == 1
    assert list(Event.objects.all()) == young


def test_not_even_an_old_event_can_be_changed(order):
    long_ago = timezone.now() - MIN_RETENTION - timedelta(minutes=1)
    old = Event.objects.create(kind="order.placed", order=order, at=long_ago)

    with pytest.raises(IntegrityError, match=r"^products_event is append-only"):
        execute("UPDATE products_event SET kind = 'order.paid' WHERE id = %s", old.pk)

    assert Event.objects.get(pk=old.pk).kind == "order.placed"


def test_no_event_is_forgotten_a_minute_too_early(order):
    barely = timezone.now() - MIN_RETENTION + timedelta(minutes=1)
    Event.objects.create(kind="order.placed", order=order, at=barely)
    number_all_events()

    with pytest.raises(IntegrityError), transaction.atomic():
        Event.objects.filter(at=barely).purge()

    assert Event.objects.filter(at=barely).exists()


# The stock is what the ledger says


def test_the_stock_is_the_sum_of_everything_that_ever_moved_it(alice, a_product, staff):
    mug = a_product(stock=10)
    mug.receive(5, by=staff)
    mug.correct(-2, by=staff)
    kept, cancelled, returned, expired = (
        Order.objects.create(customer=alice, items=[(mug, quantity)]) for quantity in (1, 2, 3, 4)
    )
    cancelled.cancel()
    for verb in (returned.pay, returned.ship, returned.return_goods):
        verb()
    Order.objects.filter(pk=expired.pk).update(pay_by=timezone.now() - timedelta(seconds=1))
    expired.expire()
    mug.count(20, by=staff)
    kept.pay()

    movements = list(mug.movements.order_by("id").values_list("delta", "reason"))

    assert movements == [
        (10, Reason.RECEIVED),
        (5, Reason.RECEIVED),
        (-2, Reason.CORRECTED),
        (-1, Reason.SOLD),
        (-2, Reason.SOLD),
        (-3, Reason.SOLD),
        (-4, Reason.SOLD),
        (2, Reason.CANCELLED),
        (3, Reason.RETURNED),
        (4, Reason.EXPIRED),
        (8, Reason.COUNTED),
    ]
    assert mug.refreshed().stock == sum(delta for delta, _ in movements) == 20
    assert not Product.objects.out_of_balance().exists()


def test_a_product_out_of_balance_is_found_with_what_the_ledger_says(a_product):
    mug, lamp, _ = a_product(stock=3), a_product(), a_product(stock=1)
    execute("UPDATE products_product SET stock = stock + 4 WHERE id IN (%s, %s)", mug.pk, lamp.pk)

    found = Product.objects.out_of_balance()

    assert [(product, product.stock, product.ledger) for product in found] == [(mug, 7, 3), (lamp, 4, 0)]


@on_postgresql
def test_a_sale_finds_room_on_the_page_of_its_product_and_touches_no_index(db):
    goods = Product.objects.bulk_create(
        Product(sku=f"M-{number}", name=f"Mug {number}", price=1, description="A mug. " * 20) for number in range(1_000)
    )
    numbers = "pg_stat_get_xact_tuples_updated(oid), pg_stat_get_xact_tuples_hot_updated(oid)"

    def counted():
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {numbers} FROM pg_class WHERE relname = 'products_product'")
            return cursor.fetchone()

    before = counted()
    for product in goods[::50]:
        product.receive(1)
    after = counted()

    assert [now - then for now, then in zip(after, before, strict=True)] == [20, 20]
