"""The sample data satisfies every rule of the shop, as if its orders had been placed through it."""

import re

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Count, Sum

from benchmarks.growth import series
from benchmarks.sample_data import HERE, SHOP, STOCK, Size, fill
from products.models import Order, OrderLine, Product, StockMovement
from products.models.products import searchable

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "postgresql", reason="the benchmarks use PostgreSQL"),
]
SIZE = Size(products=60, orders=40)


@pytest.fixture
def customers():
    return [User.objects.create_user(name) for name in ("reader-1", "reader-2")]


@pytest.fixture
def filled(customers):
    """Fill a shop of SIZE and yield the progress that was reported."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT usesuper FROM pg_user WHERE usename = current_user")
        if not cursor.fetchone()[0]:
            pytest.skip("filling needs a superuser, as the benchmarks' own PostgreSQL has")
        yield list(fill(cursor, SHOP, SIZE, [each.pk for each in customers]))
    connection.close()  # which also drops the functions of its session


def indexes():
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexdef")
        return [definition for (definition,) in cursor.fetchall()]


def test_a_filled_shop_has_the_requested_size_and_is_in_balance(filled):
    assert (filled[0], filled[-1], filled) == (0.0, 1.0, sorted(filled))
    assert (Product.objects.count(), Order.objects.count(), OrderLine.objects.count()) == (60, 40, 80)
    assert set(Product.objects.values_list("stock", flat=True)) == {STOCK}
    assert list(Product.objects.out_of_balance()) == []
    assert StockMovement.objects.filter(reason="SOLD").aggregate(Sum("delta"))["delta__sum"] < 0


def test_its_orders_are_complete_and_sorted_by_time(filled):
    orders = list(Order.objects.with_lines().order_by("id"))

    assert [order.placed_at for order in orders] == sorted(order.placed_at for order in orders)
    assert [order.total for order in orders] == [sum(line.amount for line in order.lines.all()) for order in orders]
    assert {order.id.version for order in orders} == {7}
    assert set(Order.objects.annotate(told=Count("events")).values_list("told", flat=True)) == {1}
    assert set(OrderLine.objects.annotate(moved=Count("movements")).values_list("moved", flat=True)) == {1}


def test_its_products_are_found_by_search(filled):
    for product in Product.objects.all():
        assert product.search_text == searchable(product.name, product.sku, product.description)

    assert Product.objects.search(series(21)).count() == 20
    assert Product.objects.search("walnut").count() == 10


def test_filling_recreates_the_indexes(customers):
    before = indexes()

    with connection.cursor() as cursor:
        list(fill(cursor, SHOP, SIZE, [customers[0].pk]))
    connection.close()

    assert indexes() == before


def test_the_order_that_pgbench_places_keeps_the_ledger_in_balance(filled, customers):
    script = (HERE / "sql/order_statement.sql").read_text()
    script = re.sub(r"^\\set.*$", "", script, flags=re.MULTILINE)
    product, customer = 7, customers[0].pk

    with connection.cursor() as cursor:
        cursor.execute(re.sub(r":product\b", str(product), re.sub(r":customer\b", str(customer), script)))

    order = Order.objects.get(status="PLACED")
    assert [(line.product_id, line.quantity) for line in order.lines.all()] == [(product, 1)]
    assert Product.objects.get(pk=product).stock == STOCK - 1
    assert list(Product.objects.out_of_balance()) == []
    assert [event.kind for event in order.events.all()] == ["order.placed"]
