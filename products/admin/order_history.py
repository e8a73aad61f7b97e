"""The history of an order: each change with its time, user, and old and new values."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from products.models import Event, Order, Status

SHOWN_ELSEWHERE = {"from", "to", "total", "currency", "lines", "amount"}
"""The facts of an event that have words of their own, or that the order's page shows anyway."""


class Change(NamedTuple):
    """A value that changed."""

    name: str
    old: str
    new: str


class Entry(NamedTuple):
    """One thing that happened."""

    at: datetime
    who: Any
    what: str
    details: list[str]
    changes: list[Change]


def history_of(order: Order, events: Iterable[Event]) -> list[Entry]:
    """Return readable entries for these events of the order, each with its user as `by`."""
    skus = {str(line.pk): line.sku for line in order.lines.all()}
    return [
        Entry(
            event.at,
            event.by,
            event.kind.removeprefix("order.").replace("_", " ").capitalize(),
            list(_details(event.facts, skus)),
            list(_changes(event.facts)),
        )
        for event in events
    ]


def _details(facts: Mapping[str, Any], skus: Mapping[str, str]) -> Iterator[str]:
    for name, value in facts.items():
        if name not in SHOWN_ELSEWHERE and isinstance(value, str | int):
            yield f"{name.replace('_', ' ')} {value}"
    if "amount" in facts:
        yield f"{facts['amount']} {facts.get('currency', '')}"
    for line in facts.get("lines", []):
        piece = f"{line['quantity']} x {skus.get(line['line'], line['product'])}"
        restocked = line.get("restocked")
        yield piece if restocked is None else f"{piece}, {restocked} back on the shelf"


def _changes(facts: Mapping[str, Any]) -> Iterator[Change]:
    before, after = facts.get("from"), facts.get("to")
    if before != after:
        yield Change("status", _status(before), _status(after))
    for name, value in facts.items():
        if isinstance(value, Mapping) and value.keys() >= {"from", "to"}:
            yield Change(name.replace("_", " "), str(value["from"]), str(value["to"]))


def _status(status: str | None) -> str:
    return str(Status(status).label) if status in Status.values else ""
