"""What the database says about the counters, whatever the code does; and what it counts for the release before them."""

from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone

from products.models import Event, Order, StockMovement
from products.reconciliation import differences
from products.testing import triggers_lifted

pytestmark = pytest.mark.django_db


@pytest.fixture
def mug(a_product):
    return a_product(stock=10, price="4.50", sku="MUG")


@pytest.fixture
def order(alice, mug, a_product):
    """Three mugs and two lamps, paid."""
    order = Order.objects.create(customer=alice, items=[(mug, 3), (a_product(stock=10, sku="LAMP"), 2)])
    order.pay()
    return order


def execute(statement, *parameters):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def counters(order):
    return list(order.lines.order_by("id").values_list("shipped", "cancelled", "returned", "restocked"))


# What is refused


@pytest.mark.parametrize("column", ["quantity", "sku", "name", "unit_price", "product_id", "id", "order_id"])
def test_the_counters_of_a_placed_line_change_and_nothing_else(order, column):
    execute("UPDATE products_orderline SET shipped = 1")

    value = "'00000000000000000000000000000001'" if column in ("id", "order_id") else "7"
    with pytest.raises(IntegrityError, match="lines of a placed order are frozen"):
        execute(f"UPDATE products_orderline SET shipped = 2, {column} = {value}")

    assert counters(order) == [(1, 0, 0, 0)] * 2


@pytest.mark.parametrize("status", ["SHIPPED", "CANCELLED"])
def test_a_status_that_the_counters_do_not_say_is_refused(order, status):
    order.ship(lines=[("MUG", 1)])

    with pytest.raises(IntegrityError, match="status of an order follows from the counters"):
        execute(f"UPDATE products_order SET status = '{status}'")


def test_an_order_is_not_returned_while_a_piece_is_away(order):
    order.ship()
    order.return_goods(lines=[("MUG", 1)])

    with pytest.raises(IntegrityError, match="status of an order follows from the counters"):
        execute("UPDATE products_order SET status = 'RETURNED'")


@pytest.mark.parametrize("reason", ["CANCELLED", "RETURNED", "EXPIRED"])
def test_no_line_gives_back_more_than_its_counter_says(order, mug, reason):
    order.cancel(lines=[("MUG", 1)])

    with pytest.raises(IntegrityError, match="gives back no more stock than its counter says"):
        execute(
            "INSERT INTO products_stockmovement (product_id, delta, reason, line_id, part, note, at) "
            f"SELECT product_id, 1, '{reason}', line_id, 7, '', at FROM products_stockmovement WHERE delta = -3"
        )


@pytest.mark.parametrize("table", ["shipment", "cancellation", "return", "refund"])
@pytest.mark.parametrize("statement", ["UPDATE products_{}line SET quantity = 1", "DELETE FROM products_{}line"])
def test_what_was_done_stays_written(order, table, statement):
    order.ship(lines=[("MUG", 2)])
    order.cancel(lines=[("LAMP", 1)])
    order.return_goods(lines=[("MUG", 1)])
    order.refund(lines=[("MUG", 1)])

    with pytest.raises(IntegrityError, match="are written once"):
        execute(statement.format(table))
    with pytest.raises(IntegrityError, match="are written once"):
        execute(f"UPDATE products_{table} SET number = 7")
    with pytest.raises(IntegrityError, match="are written once"):
        execute(f"DELETE FROM products_{table}")


# The release before the counters, which goes on while the database is migrated: it writes status, stock and ledger


def move(order, status, reason=None):
    """Bring the order to the status as that release did, and put back all that it has sold if there is a `reason`."""
    pk = order.pk.hex if connection.vendor == "sqlite" else str(order.pk)
    with transaction.atomic():
        execute("UPDATE products_order SET status = %s WHERE id = %s", status, pk)
        for sold in StockMovement.objects.filter(line__order=order, reason="SOLD") if reason else ():
            execute("UPDATE products_product SET stock = stock + %s WHERE id = %s", -sold.delta, sold.product_id)
            execute(
                "INSERT INTO products_stockmovement (product_id, delta, reason, line_id, note, at) "
                "SELECT product_id, -delta, %s, line_id, '', at FROM products_stockmovement WHERE id = %s",
                reason,
                sold.pk,
            )
        Event.objects.create(kind=f"order.{status.lower()}", order=order, facts={"to": status, "currency": "EUR"})


@pytest.mark.parametrize(
    ("moves", "expected", "paid"),
    [
        ([("PAID",)], (0, 0, 0, 0), 9),
        ([("PAID",), ("SHIPPED",)], (2, 0, 0, 0), 9),
        ([("PAID",), ("SHIPPED",), ("DELIVERED",)], (2, 0, 0, 0), 9),
        ([("PAID",), ("SHIPPED",), ("RETURNED", "RETURNED")], (2, 0, 2, 2), 9),
        ([("PAID",), ("SHIPPED",), ("DELIVERED",), ("RETURNED", "RETURNED")], (2, 0, 2, 2), 9),
        ([("PAID",), ("CANCELLED", "CANCELLED")], (0, 2, 0, 2), 9),
        ([("CANCELLED", "CANCELLED")], (0, 2, 0, 2), 0),
        ([("EXPIRED", "EXPIRED")], (0, 2, 0, 2), 0),
    ],
)
def test_what_the_release_before_does_is_counted(alice, mug, moves, expected, paid):
    order = Order.objects.create(customer=alice, items=[(mug, 2)])

    for each in moves:
        move(order, *each)

    assert counters(order) == [expected]
    assert Order.objects.get().paid == paid
    assert list(differences()) == []


def test_what_the_release_before_began_is_ended_in_parts(alice, mug):
    order = Order.objects.create(customer=alice, items=[(mug, 3)])
    move(order, "PAID")
    move(order, "SHIPPED")

    order.return_goods(lines=[("MUG", 1)])
    order.refund(lines=[("MUG", 1)])

    assert counters(order) == [(3, 0, 1, 1)]
    assert list(differences()) == []


@pytest.mark.parametrize(
    ("begin", "then"),
    [
        (lambda order: order.ship(lines=[("MUG", 1)]), ("SHIPPED",)),
        (lambda order: order.ship(lines=[("MUG", 1)]), ("CANCELLED", "CANCELLED")),
        (lambda order: order.cancel(lines=[("MUG", 1)]), ("CANCELLED", "CANCELLED")),
        (lambda order: (order.ship(), order.return_goods(lines=[("MUG", 1)])), ("RETURNED", "RETURNED")),
        (lambda order: (order.cancel(lines=[("MUG", 1)]), order.ship()), ("RETURNED", "RETURNED")),
    ],
)
def test_what_was_begun_in_parts_the_release_before_cannot_end_wrongly(order, begin, then):
    begin(order)
    before = counters(order)

    with pytest.raises(IntegrityError):
        move(order, *then)

    assert counters(order) == before
    assert list(differences()) == []


def test_what_was_paid_late_the_release_before_cannot_put_back_twice(alice, mug):
    order = Order.objects.create(customer=alice, items=[(mug, 3)], pay_by=timezone.now() - timedelta(hours=1))
    order.expire()
    order.pay(late=True)

    with pytest.raises(IntegrityError):
        move(order, "CANCELLED", "CANCELLED")

    assert mug.refreshed().stock == 7


# The migration that counts what was done before there were counters


def test_what_was_done_before_there_were_counters_is_counted(alice, mug):
    expected = {}
    for status, verbs, numbers in (
        ("PLACED", [], (0, 0, 0, 0)),
        ("PAID", ["pay"], (0, 0, 0, 0)),
        ("SHIPPED", ["pay", "ship"], (1, 0, 0, 0)),
        ("DELIVERED", ["pay", "ship", "deliver"], (1, 0, 0, 0)),
        ("RETURNED", ["pay", "ship", "return_goods"], (1, 0, 1, 1)),
        ("CANCELLED", ["cancel"], (0, 1, 0, 1)),
    ):
        order = Order.objects.create(customer=alice, items=[(mug, 1)], reference=status)
        for verb in verbs:
            getattr(order, verb)()
        expected[order.pk] = ([numbers], order.paid)
    paid_and_cancelled = Order.objects.create(customer=alice, items=[(mug, 1)])
    paid_and_cancelled.pay()
    paid_and_cancelled.cancel()
    expected[paid_and_cancelled.pk] = ([(0, 1, 0, 1)], paid_and_cancelled.paid)
    with triggers_lifted():
        execute("UPDATE products_orderline SET shipped = 0, cancelled = 0, returned = 0, restocked = 0")
        execute("UPDATE products_order SET paid = 0")
    migration = import_module("products.migrations.0033_count_fulfilled_lines")
    apps = MigrationLoader(None).project_state(("products", "0033_count_fulfilled_lines")).apps

    for fill in (migration.count_lines, migration.fill_paid) * 2:
        fill(apps, SimpleNamespace(connection=connection))

    assert {order.pk: (counters(order), order.paid) for order in Order.objects.all()} == expected
    assert list(differences()) == []
