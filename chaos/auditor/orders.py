"""Invariants of orders."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from chaos.auditor.history import Attempt
from chaos.auditor.invariants import Breach, Evidence, invariant
from chaos.auditor.records import HOLD_GOODS, Line, Records

PLACINGS = ("place", "place_unknown", "place_otherwise")


@invariant
def every_acknowledged_order_exists(evidence: Evidence) -> Iterator[Breach]:
    """An order that was answered with 201 is there, with the lines that were asked for and the total that was said."""
    for attempt in evidence.history.attempts:
        if attempt.kind in PLACINGS and attempt.status == 201:
            order = evidence.records.by_id.get(attempt.answer["id"])
            if order is None:
                yield Breach("lost", f"order {attempt.answer['id']} was acknowledged and is not there", attempt.sent)
            elif (order.user, order.key) != (attempt.user, attempt.key):
                yield Breach("wrong", f"order {order.id} is somebody else's or has another key", attempt.sent)
            elif difference := difference_of(attempt, evidence.records.lines_of.get(order.id, []), order.total):
                yield Breach("wrong", f"order {order.id} {difference}", attempt.sent)


@invariant
def what_is_read_is_what_was_ordered(evidence: Evidence) -> Iterator[Breach]:
    """An order that is read is there, and has the lines and the total that the database has."""
    for attempt in evidence.history.attempts:
        if attempt.kind == "read" and attempt.status in (200, 404):
            order = evidence.records.by_id.get(attempt.path.rsplit("/")[-1])
            if attempt.status == 404 or order is None:
                yield Breach("lost", f"{attempt.path} was acknowledged and is answered with 404", attempt.sent)
            elif said(attempt.answer) != recorded(evidence.records.lines_of.get(order.id, []), order.total):
                yield Breach("wrong", f"{attempt.path} reads otherwise than it is in the database", attempt.sent)


@invariant
def one_order_for_a_key(evidence: Evidence) -> Iterator[Breach]:
    """A customer's key has one order at the most, and each order has a key that was sent."""
    sent = {(attempt.user, attempt.key): attempt.sent for attempt in reversed(evidence.history.attempts) if attempt.key}
    for (user, key), orders in evidence.records.by_key.items():
        if len(orders) > 1:
            yield Breach("doubled", f"key {key} has {len(orders)} orders", sent.get((user, key)))
        if (user, key) not in sent and (user, key) not in evidence.history.hung_up:
            yield Breach("wrong", f"order {orders[0].id} has the key {key}, which nobody sent")
    for order in evidence.records.orders:
        if not order.key:
            yield Breach("wrong", f"order {order.id} has no key, and nobody ordered without one")


@invariant
def a_key_retried_to_its_end_has_its_order(evidence: Evidence) -> Iterator[Breach]:
    """A key that was sent until it was granted has exactly one order, and each answer names that one."""
    for request in evidence.history.requests("place"):
        if request.was_granted:
            key = (request.last.user, str(request.last.key))
            there = [order.id for order in evidence.records.by_key.get(key, [])]
            named = sorted({attempt.answer["id"] for attempt in request.attempts if attempt.status == 201})
            if not there:
                yield Breach("lost", f"key {request.last.key} was granted and has no order", request.last.sent)
            elif len(named) > 1 or named != sorted(set(there)):
                what = f"key {request.last.key} was answered with {named}, and has {there}"
                yield Breach("doubled", what, request.last.sent)


@invariant
def a_refused_key_has_no_order(evidence: Evidence) -> Iterator[Breach]:
    """A key that was refused, and that no attempt without an answer can have used, has no order."""
    for request in evidence.history.requests("place", "place_unknown"):
        hung_up = (request.last.user, request.last.key) in evidence.history.hung_up
        if request.was_refused and not hung_up and (request.last.user, request.last.key) in evidence.records.by_key:
            what = f"key {request.last.key} was refused with {request.last.status} and has an order"
            yield Breach("wrong", what, request.last.sent)


@invariant
def no_half_orders(evidence: Evidence) -> Iterator[Breach]:
    """An order has lines that come to its total, an event for each status, and a movement for each line's goods."""
    records = evidence.records
    for order in records.orders:
        lines = records.lines_of.get(order.id, [])
        events = Counter(records.events_of.get(order.id, []))
        if sum((line.price * line.quantity for line in lines), Decimal(0)) != order.total or not lines:
            yield Breach("wrong", f"order {order.id} has lines that do not come to its total of {order.total}")
        expected = {"order.placed", f"order.{order.status.lower()}"}
        if any(events[kind] != 1 for kind in expected):
            yield Breach("wrong", f"order {order.id} is {order.status} and has the events {dict(events)}")
        for line in lines:
            yield from half_a_line(records, line, gives_back=order.status not in HOLD_GOODS)
    for line in records.lines:
        if line.order not in records.by_id and records.movements_of.get(line.id):
            yield Breach("wrong", f"line {line.id} has moved goods, and there is no order {line.order}")
    for order_id in records.events_of.keys() - records.by_id.keys():
        yield Breach("wrong", f"there are events of the order {order_id}, and no such order")


def half_a_line(records: Records, line: Line, *, gives_back: bool) -> Iterator[Breach]:
    deltas = sorted(movement.delta for movement in records.movements_of.get(line.id, []))
    expected = [-line.quantity, line.quantity] if gives_back else [-line.quantity]
    if deltas != expected:
        harm = "doubled" if len(deltas) > len(expected) else "wrong"
        yield Breach(harm, f"line {line.id} of order {line.order} moved {deltas} instead of {expected}")


@invariant
def every_acknowledged_cancel_is_there(evidence: Evidence) -> Iterator[Breach]:
    """An order whose cancelling was granted is cancelled, once; and no order is that nobody wanted to cancel."""
    wanted = set()
    for request in evidence.history.requests("cancel"):
        order_id = request.last.path.split("/")[-2]
        wanted.add(order_id)
        order = evidence.records.by_id.get(order_id)
        if request.was_granted and (order is None or order.status != "CANCELLED"):
            yield Breach("lost", f"order {order_id} was cancelled, and is not", request.last.sent)
        if evidence.records.events_of.get(order_id, []).count("order.cancelled") > 1:
            yield Breach("doubled", f"order {order_id} was cancelled more than once", request.last.sent)
        if request.last.status == 409 and not any(attempt.is_open for attempt in request.attempts):
            yield Breach("wrong", f"order {order_id} was not to be cancelled, and nobody had", request.last.sent)
    for order in evidence.records.orders:
        if order.status == "CANCELLED" and order.id not in wanted:
            yield Breach("wrong", f"order {order.id} is cancelled, and nobody asked for that")


def difference_of(attempt: Attempt, lines: list[Line], total: Decimal) -> str:
    """How what is there differs from what was asked for and said; empty where it does not."""
    asked = Counter[int]()
    for line in attempt.body["lines"]:
        asked[line["product"]] += line["quantity"]
    if asked != {line.product: line.quantity for line in lines}:
        return f"has other lines than {dict(asked)}, which were asked for"
    return "" if said(attempt.answer) == recorded(lines, total) else "is otherwise than it was said to be"


def said(answer: Any) -> tuple[list[tuple[int, int, Decimal]], Decimal]:
    """An order's lines and total, as the API has said."""
    lines = [(line["product"], line["quantity"], Decimal(line["unit_price"])) for line in answer["lines"]]
    return sorted(lines), Decimal(answer["total"])


def recorded(lines: list[Line], total: Decimal) -> tuple[list[tuple[int, int, Decimal]], Decimal]:
    return sorted((line.product, line.quantity, line.price) for line in lines), total
