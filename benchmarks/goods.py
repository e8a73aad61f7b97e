"""Fills a competitor's tables with the same goods and old orders as everybody else's (sql/goods.sql)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
STOCK = 100_000_000
"""Pieces of each product: nobody is ever short of one that is not in a flash sale."""
BATCH = 50_000
"""Rows that are made by one statement."""


@dataclass(frozen=True)
class Size:
    """How much there is before anything is measured."""

    products: int = 10_000
    orders: int = 3_200


@dataclass(frozen=True)
class Tables:
    """Statements that make a competitor's rows out of the functions in sql/goods.sql.

    `begin` comes once; the others with `first` and `last`, the numbers of the products or orders to make. To all is
    told how many `products` and `orders` there will be, each product's `stock`, and the ids of the `customers` who
    have ordered.
    """

    begin: Sequence[str]
    products: Sequence[str]
    orders: Sequence[str]
    finish: Sequence[str]


def fill(cursor: Any, tables: Tables, size: Size, customers: list[int]) -> Iterator[float]:
    """Make the rows a batch at a time; yields which part of the work is done, from 0 to 1."""
    cursor.execute((HERE / "sql/goods.sql").read_text())
    given = {"products": size.products, "orders": size.orders, "customers": customers, "stock": STOCK}
    # What is made fits together by construction, so that a million orders need not ask four times each.
    cursor.execute("SET session_replication_role = replica")
    cursor.execute("SET maintenance_work_mem = '512MB'")
    cursor.execute("SELECT pg_temp.put_off_indexes()")
    for statement in tables.begin:
        cursor.execute(statement, given)
    batches = [*_batches(tables.products, size.products), *_batches(tables.orders, size.orders)]
    for done, (statement, first, last) in enumerate(batches):
        yield done / len(batches)
        cursor.execute(statement, given | {"first": first, "last": last})
    cursor.execute("SELECT pg_temp.make_indexes()")
    for statement in tables.finish:
        cursor.execute(statement)
    cursor.execute("RESET session_replication_role")
    cursor.execute("VACUUM ANALYZE")
    yield 1.0


def _batches(statements: Sequence[str], rows: int) -> Iterator[tuple[str, int, int]]:
    for first in range(1, rows + 1, BATCH):
        for statement in statements:
            yield statement, first, min(first + BATCH - 1, rows)


def sequence_behind(table: str) -> str:
    """The statement after which new rows of `table` get ids behind those that were given by hand."""
    return f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) FROM {table}))"
