"""What was sent to the database, as CaptureQueriesContext has caught it."""

from collections.abc import Iterable

from django.db import connection

SINGLE_STATEMENT = ["SELECT", "SELECT"]
"""Placing an order: the products, and the function that does all the rest."""

STEP_BY_STEP = [
    "BEGIN",
    "SELECT",  # the products, locked
    "INSERT",  # the order
    "INSERT",  # its lines
    "UPDATE",  # the stock
    "INSERT",  # the ledger
    "INSERT",  # the event
    "COMMIT",
]


def verbs(captured: Iterable[dict[str, str]]) -> list[str]:
    """The first word of each statement, also of those that crossed together (products.db.bulk_sql.execute_batch)."""
    return [statement.split()[0] for query in captured for statement in query["sql"].split(";\n")]


def catalog_read() -> int:
    """How many statements a read of the catalog takes: token and products, which PostgreSQL gets in one."""
    return 1 if connection.vendor == "postgresql" else 2
