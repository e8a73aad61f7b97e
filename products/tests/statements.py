"""What was sent to the database, as CaptureQueriesContext has caught it."""

from collections.abc import Iterable

AT_ONCE = ["SELECT", "SELECT"]
"""Placing an order: the products, and the statement that does all the rest. Prepared ones look like queries here."""

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
    """The first word of each statement, also of those that crossed together (products.models.statements.send).

    A query that PostgreSQL has prepared (products.models.kept_queries) is one like any other here.
    """
    words = [statement.split()[0] for said in captured for statement in said["sql"].split(";\n")]
    return ["SELECT" if word == "EXECUTE" else word for word in words if word != "PREPARE"]
