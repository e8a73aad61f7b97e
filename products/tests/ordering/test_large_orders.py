"""The largest order takes as many statements as one of two lines, and a line of it costs what it costs elsewhere."""

import sqlite3
import uuid
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from products.db.bulk_sql import insert_many_sql, max_values
from products.db.compiled_queries import MAX_CACHED, compile_once
from products.exceptions import InsufficientStock
from products.models import Cart, Order, OrderLine, Product, StockMovement
from products.ordering.validation import MAX_LINES
from products.tests.side_by_side import on_postgresql
from products.tests.statements import SINGLE_STATEMENT, STEP_BY_STEP, verbs

pytestmark = pytest.mark.django_db(transaction=True)

SMALL, LARGE = 2, 300  # the second is more than any compiled query is kept for


def lines_of(products, *, quantity=1):
    return [(product.pk, quantity) for product in products]


def statements_of(work):
    with CaptureQueriesContext(connection) as captured:
        work()
    return verbs(captured)


def stocks():
    return set(Product.objects.values_list("stock", flat=True))


def test_the_largest_order_is_placed_step_by_step_in_as_many_statements_as_any(step_by_step, alice, many_products):
    products = many_products(MAX_LINES, stock=5)

    statements = statements_of(lambda: Order.objects.create(customer=alice, items=lines_of(products)))

    assert statements == STEP_BY_STEP
    assert Order.objects.get().lines.count() == MAX_LINES
    assert stocks() == {4}
    assert not Product.objects.out_of_balance().exists()


@on_postgresql
def test_the_largest_order_is_placed_in_the_same_single_statement(alice, many_products):
    products = many_products(MAX_LINES, stock=5)

    statements = statements_of(lambda: Order.objects.create(customer=alice, items=lines_of(products)))

    assert statements == SINGLE_STATEMENT
    assert Order.objects.get().lines.count() == MAX_LINES
    assert not Product.objects.out_of_balance().exists()


def test_a_large_cart_is_placed_in_as_many_statements_as_any(alice, bob, many_products):
    products = many_products(LARGE, stock=5)
    for customer, number in ((alice, SMALL), (bob, LARGE)):
        cart = Order.objects.cart_of(customer)
        OrderLine.objects.bulk_create(OrderLine(order=cart, product=each, quantity=1) for each in products[:number])

    small, large = (statements_of(Cart(customer).place) for customer in (alice, bob))

    assert large == small
    assert Order.objects.placed().of(bob).get().lines.count() == LARGE
    assert not Product.objects.out_of_balance().exists()


def test_a_large_cart_is_emptied_in_as_many_statements_as_any(alice, bob, many_products):
    products = many_products(LARGE)
    for customer, number in ((alice, SMALL), (bob, LARGE)):
        cart = Order.objects.cart_of(customer)
        OrderLine.objects.bulk_create(OrderLine(order=cart, product=each, quantity=1) for each in products[:number])

    small, large = (statements_of(Cart(customer).empty) for customer in (alice, bob))

    assert large == small
    assert not OrderLine.objects.exists()


VERBS = {
    "cancel": [Order.cancel],
    "expire": [Order.expire],
    "pay late": [Order.expire, lambda order: order.pay(late=True)],
    "ship": [Order.pay, Order.ship],
    "return": [Order.pay, Order.ship, Order.return_goods],
    "refund": [Order.pay, lambda order: order.refund(lines=[(line, 1) for line in order.lines.all()])],
}


@pytest.mark.parametrize("verb", VERBS)
def test_what_is_done_with_a_large_order_takes_as_many_statements_as_with_any(alice, many_products, verb):
    products = many_products(LARGE, stock=5)
    *before, last = VERBS[verb]
    overdue = {"pay_by": timezone.now() - timedelta(hours=1)} if Order.expire in VERBS[verb] else {}
    orders = [
        Order.objects.create(customer=alice, items=lines_of(products[:number]), **overdue) for number in (SMALL, LARGE)
    ]
    for order in orders:
        for each in before:
            each(order)

    small, large = (statements_of(lambda order=order: last(order)) for order in orders)

    assert large == small
    assert not Product.objects.out_of_balance().exists()


def test_a_shortage_names_every_line_and_says_so_in_few_words(alice, many_products):
    products = many_products(LARGE, stock=1)

    with pytest.raises(InsufficientStock) as shortage:
        Order.objects.create(customer=alice, items=lines_of(products, quantity=2))

    assert shortage.value.product_ids == [product.pk for product in products]
    assert shortage.value.acceptable == lines_of(products)
    assert str(shortage.value).endswith(f"MANY-19: 2 requested, 1 available. And {LARGE - 20} more.")
    assert stocks() == {1}


def test_overdue_orders_are_expired_for_a_large_order(alice, bob, many_products):
    products = many_products(LARGE, stock=1)
    overdue = Order.objects.create(customer=bob, items=lines_of(products), pay_by=timezone.now() - timedelta(hours=1))

    Order.objects.create(customer=alice, items=lines_of(products))

    overdue.refresh_from_db()
    assert overdue.status == "EXPIRED"
    assert stocks() == {0}


# What a line costs


@pytest.mark.skipif(connection.vendor != "sqlite", reason="SQLite counts the steps of its machine exactly")
def test_a_line_of_a_large_order_costs_the_database_what_one_of_a_small_order_does(alice, many_products):
    products = many_products(1_000)

    def steps_per_line(number):
        order = Order.objects.cart_of(alice)
        [(sql, values)] = insert_many_sql(
            OrderLine, [vars(OrderLine(order=order, product=each, quantity=1)) for each in products[:number]]
        )
        steps = []
        connection.connection.set_progress_handler(lambda: steps.append(1) and None, 10)
        try:
            with connection.cursor() as cursor:
                cursor.execute(sql, values)
        finally:
            connection.connection.set_progress_handler(None, 0)
        order.lines.all().delete()
        return len(steps) / number

    assert steps_per_line(1_000) < 1.5 * steps_per_line(100)


@on_postgresql
def test_the_trigger_reads_as_many_rows_for_a_line_of_a_large_order_as_for_one_of_a_small(alice, many_products):
    products, order = many_products(1_000), Order.objects.cart_of(alice)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE products_orderline, products_stockmovement")

    def fetched():
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT sum(pg_stat_get_xact_tuples_fetched(oid) + pg_stat_get_xact_tuples_returned(oid))"
                " FROM pg_class WHERE relname LIKE 'products_orderline%'"
            )
            return cursor.fetchone()[0]

    def rows_per_line(some):
        before = fetched()
        rows = [vars(OrderLine(order=order, product=each, quantity=1)) for each in some]
        with connection.cursor() as cursor:
            for sql, values in insert_many_sql(OrderLine, rows):
                cursor.execute(sql, values)
        return float(fetched() - before) / len(rows)

    with transaction.atomic():
        few, many = rows_per_line(products[:100]), rows_per_line(products[100:])

    assert many < 2 * few + 5


@pytest.mark.parametrize("position", [0, SMALL])
def test_a_line_is_refused_once_stock_was_taken_wherever_it_would_stand(alice, many_products, position):
    products = many_products(SMALL + 1, stock=1)
    late = products.pop(position)
    order = Order.objects.create(customer=alice, items=lines_of(products))

    with pytest.raises(IntegrityError, match=r"^No line can be added to an order"), transaction.atomic():
        OrderLine(order=order, product=late, quantity=1, sku="S", name="N", unit_price=1).save_base(
            raw=True, force_insert=True
        )

    assert order.lines.count() == SMALL


# Long lists


def test_a_query_with_a_long_list_is_not_kept_and_displaces_none(many_products):
    products = many_products(LARGE)
    ids, skus = [each.pk for each in products], [each.sku for each in products]
    compile_once.cache_clear()

    by_id, by_sku = Product.objects.by_ids_or_skus(ids), Product.objects.by_ids_or_skus((), skus)
    overdue = Order.objects.overdue_holding(ids)

    assert [each.pk for each in by_id] == [each.pk for each in by_sku] == ids
    assert overdue == []
    assert compile_once.cache_info().currsize == 0


def test_a_list_that_is_as_long_as_the_longest_that_is_kept_is_kept(many_products):
    ids = [each.pk for each in many_products(MAX_CACHED)]
    compile_once.cache_clear()

    assert [each.pk for each in Product.objects.by_ids_or_skus(ids)] == ids

    assert compile_once.cache_info().currsize == 1


@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite limits the values of a statement")
def test_many_rows_are_written_in_statements_that_sqlite_takes(alice, many_products):
    products, order = many_products(100), Order.objects.cart_of(alice)
    rows = [vars(OrderLine(id=uuid.uuid4(), order=order, product=product, quantity=1)) for product in products]
    connection.ensure_connection()
    usual = connection.connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, 500)

    try:
        statements = insert_many_sql(OrderLine, rows)
        with connection.cursor() as cursor:
            for sql, values in statements:
                cursor.execute(sql, values)
    finally:
        connection.connection.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, usual)

    assert len(statements) > 1
    assert max(len(values) for _, values in statements) <= 500
    assert order.lines.count() == 100
    assert max_values() == usual


def test_no_rows_are_no_statement():
    assert insert_many_sql(StockMovement, []) == []
