"""What was sent to the database, as CaptureQueriesContext has caught it."""

from collections.abc import Iterable


def verbs(captured: Iterable[dict[str, str]]) -> list[str]:
    """The first word of each statement, also of those that crossed together (products.models.statements.send)."""
    return [statement.split()[0] for said in captured for statement in said["sql"].split(";\n")]
