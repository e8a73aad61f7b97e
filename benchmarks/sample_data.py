"""The products and past orders that every competitor starts with, made by SQL (sql/sample_data.sql).

The functions in that file compute each row from its number, so all databases get the same data; the statements here
write it into each competitor's own tables.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
FUNCTIONS = HERE / "sql/sample_data.sql"
STOCK = 100_000_000
"""Of each product, so that only a flash sale sells out."""
BATCH = 50_000
"""Rows per statement."""


@dataclass(frozen=True)
class Size:
    """The number of products and of past orders in a database before anything is measured."""

    products: int = 10_000
    orders: int = 3_200


@dataclass(frozen=True)
class Tables:
    """The statements that fill one competitor's tables.

    `begin` and `finish` run once. The others run once per batch, with `first` and `last`, the numbers of the products
    or orders to insert. All statements except `finish` can use these parameters: the number of `products` and
    `orders`, the `stock` of each product, and `customers`, the ids of those who placed the orders.
    """

    begin: Sequence[str]
    products: Sequence[str]
    orders: Sequence[str]
    finish: Sequence[str]


def fill(cursor: Any, tables: Tables, size: Size, customers: list[int]) -> Iterator[float]:
    """Insert the rows batch by batch and yield the progress, from 0 to 1."""
    cursor.execute(FUNCTIONS.read_text())
    parameters = {"products": size.products, "orders": size.orders, "customers": customers, "stock": STOCK}
    # The rows are consistent by construction, so foreign keys and triggers need not check a million orders.
    cursor.execute("SET session_replication_role = replica")
    cursor.execute("SET maintenance_work_mem = '512MB'")
    cursor.execute("SELECT pg_temp.drop_indexes()")
    for statement in tables.begin:
        cursor.execute(statement, parameters)
    batches = [*_batches(tables.products, size.products), *_batches(tables.orders, size.orders)]
    for done, (statement, first, last) in enumerate(batches):
        yield done / len(batches)
        cursor.execute(statement, parameters | {"first": first, "last": last})
    cursor.execute("SELECT pg_temp.recreate_indexes()")
    for statement in tables.finish:
        cursor.execute(statement)
    cursor.execute("RESET session_replication_role")
    cursor.execute("VACUUM ANALYZE")
    yield 1.0


def _batches(statements: Sequence[str], rows: int) -> Iterator[tuple[str, int, int]]:
    for first in range(1, rows + 1, BATCH):
        for statement in statements:
            yield statement, first, min(first + BATCH - 1, rows)


def advance_sequence(table: str) -> str:
    """Return the statement that moves the id sequence of `table` past the ids inserted here."""
    return f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"


# The shop's tables, with everything that the shop itself would have written, so that the ledger is in balance.

_CATEGORIES = """
    INSERT INTO products_category (id, slug, name)
    SELECT n, 'shelf-' || n, 'Shelf ' || n FROM generate_series(1, 20) n
"""
_SALES = """
    CREATE TEMPORARY TABLE sales AS
    SELECT product, sum(quantity) AS sold FROM pg_temp.lines(1, %(orders)s, %(products)s) GROUP BY product
"""
# search_text is what `searchable` in products/models/products.py returns for ASCII texts.
_PRODUCTS = """
    INSERT INTO products_product
        (id, sku, name, description, category_id, price, stock, created_at, updated_at, search_text)
    SELECT id, sku, name, description, category, price, %(stock)s, now() - interval '367 days',
        now() - interval '367 days', lower(name || E'\\n' || sku || E'\\n' || description)
    FROM pg_temp.products(%(first)s, %(last)s)
"""
_CREATED = """
    INSERT INTO products_event (kind, product_id, facts, at)
    SELECT 'product.created', id, jsonb_build_object('price', price::text), now() - interval '367 days'
    FROM pg_temp.products(%(first)s, %(last)s)
"""
# The present stock plus what has been sold since.
_RECEIVED = """
    INSERT INTO products_stockmovement (product_id, delta, reason, note, at)
    SELECT n, %(stock)s + coalesce(sold, 0), 'RECEIVED', 'Opening stock', now() - interval '367 days'
    FROM generate_series(%(first)s::bigint, %(last)s::bigint) n
    LEFT JOIN sales ON product = n
"""
_ORDERS = """
    INSERT INTO products_order
        (id, customer_id, status, total, currency, request_digest, payment_reference, carrier, tracking_number,
         created_at, placed_at)
    SELECT id, customer, 'DELIVERED', total, 'EUR', '', '', 'Parcel Post', 'PP' || lpad(k::text, 8, '0'), moment, moment
    FROM pg_temp.orders(%(first)s, %(last)s, %(orders)s, %(customers)s)
    JOIN (
        SELECT k, sum(quantity * price) AS total FROM pg_temp.lines(%(first)s, %(last)s, %(products)s) GROUP BY k
    ) totals USING (k)
"""
_LINE_ID = "pg_temp.uuid7(moment + place * interval '1 ms', 'line' || k || '-' || place)"
_ORDERS_AND_LINES = """
    FROM pg_temp.orders(%(first)s, %(last)s, %(orders)s, %(customers)s)
    JOIN pg_temp.lines(%(first)s, %(last)s, %(products)s) USING (k)
"""
_LINES = f"""
    INSERT INTO products_orderline (id, order_id, product_id, quantity, sku, name, unit_price)
    SELECT {_LINE_ID}, id, product, quantity, pg_temp.sku(product), pg_temp.name(product), price
    {_ORDERS_AND_LINES}
"""
_SOLD = f"""
    INSERT INTO products_stockmovement (product_id, delta, reason, line_id, note, at)
    SELECT product, -quantity, 'SOLD', {_LINE_ID}, '', moment
    {_ORDERS_AND_LINES} ORDER BY k, place
"""
_PLACED = """
    INSERT INTO products_event (kind, order_id, by_id, facts, at)
    SELECT 'order.placed', id, customer, jsonb_build_object('from', NULL, 'to', 'PLACED', 'currency', 'EUR'), moment
    FROM pg_temp.orders(%(first)s, %(last)s, %(orders)s, %(customers)s) ORDER BY k
"""

SHOP = Tables(
    begin=[_CATEGORIES, _SALES],
    products=[_PRODUCTS, _CREATED, _RECEIVED],
    orders=[_ORDERS, _LINES, _SOLD, _PLACED],
    finish=[advance_sequence("products_category"), advance_sequence("products_product")],
)


# The baselines' tables, which have the same columns under different names.


def baseline_tables(*, category: str, product: str, order: str, line: str) -> Tables:
    """Return the statements for a baseline whose tables have these names."""
    return Tables(
        begin=[
            f"""
            INSERT INTO {category} (id, slug, name)
            SELECT n, 'shelf-' || n, 'Shelf ' || n FROM generate_series(1, 20) n
        """
        ],
        products=[
            f"""
            INSERT INTO {product} (id, sku, name, description, category_id, price, stock, created_at, updated_at)
            SELECT id, sku, name, description, category, price, %(stock)s, now() - interval '367 days',
                now() - interval '367 days'
            FROM pg_temp.products(%(first)s, %(last)s)
            """
        ],
        orders=[
            f"""
            INSERT INTO {order} (id, customer_id, status, total, currency, placed_at)
            SELECT id, customer, 'PLACED', total, 'EUR', moment
            FROM pg_temp.orders(%(first)s, %(last)s, %(orders)s, %(customers)s)
            JOIN (
                SELECT k, sum(quantity * price) AS total
                FROM pg_temp.lines(%(first)s, %(last)s, %(products)s)
                GROUP BY k
            ) totals USING (k)
            """,
            f"""
            INSERT INTO {line} (order_id, product_id, sku, name, quantity, unit_price)
            SELECT id, product, pg_temp.sku(product), pg_temp.name(product), quantity, price
            FROM pg_temp.orders(%(first)s, %(last)s, %(orders)s, %(customers)s)
            JOIN pg_temp.lines(%(first)s, %(last)s, %(products)s) USING (k) ORDER BY k, place
            """,
        ],
        finish=[advance_sequence(category), advance_sequence(product)],
    )


DRF = baseline_tables(category="store_category", product="store_product", order="store_order", line="store_orderline")
FASTAPI = baseline_tables(category="categories", product="products", order="orders", line="order_lines")
