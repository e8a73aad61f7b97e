"""Invariants of orders."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from chaos.auditor.history import Attempt
from chaos.auditor.invariants import Breach, Evidence, invariant
from chaos.auditor.records import HOLD_STOCK, WAITING, Line, Records

PLACINGS = ("place", "place_unknown", "place_otherwise")


@invariant
def every_acknowledged_order_exists(evidence: Evidence) -> Iterator[Breach]:
    """An order answered with 201 exists, with the requested lines and the total of the answer."""
    for attempt in evidence.history.attempts:
        if attempt.kind in PLACINGS and attempt.status == 201:
            order = evidence.records.by_id.get(attempt.answer["id"])
            if order is None:
                yield Breach("lost", f"order {attempt.answer['id']} was acknowledged and does not exist", attempt.sent)
            elif (order.user, order.key) != (attempt.user, attempt.key):
                yield Breach("wrong", f"order {order.id} belongs to another customer or has another key", attempt.sent)
            elif difference := difference_of(attempt, evidence.records.lines_of.get(order.id, []), order.total):
                yield Breach("wrong", f"order {order.id} {difference}", attempt.sent)


@invariant
def orders_read_match_the_database(evidence: Evidence) -> Iterator[Breach]:
    """An order that is read exists, and has the lines and the total of the database."""
    for attempt in evidence.history.attempts:
        if attempt.kind == "read" and attempt.status in (200, 404):
            order = evidence.records.by_id.get(attempt.path.rsplit("/")[-1])
            if attempt.status == 404 or order is None:
                yield Breach("lost", f"{attempt.path} was acknowledged and is answered with 404", attempt.sent)
            elif answered(attempt.answer) != recorded(evidence.records.lines_of.get(order.id, []), order.total):
                yield Breach("wrong", f"{attempt.path} differs from the database", attempt.sent)


@invariant
def one_order_for_a_key(evidence: Evidence) -> Iterator[Breach]:
    """A customer's key has at most one order, and each order has a key that was sent."""
    sent = {(attempt.user, attempt.key): attempt.sent for attempt in reversed(evidence.history.attempts) if attempt.key}
    for (user, key), orders in evidence.records.by_key.items():
        if len(orders) > 1:
            yield Breach("doubled", f"key {key} has {len(orders)} orders", sent.get((user, key)))
        if (user, key) not in sent and (user, key) not in evidence.history.disconnected:
            yield Breach("wrong", f"order {orders[0].id} has the key {key}, which no client sent")
    for order in evidence.records.orders:
        if not order.key:
            yield Breach("wrong", f"order {order.id} has no key, and every order was sent with one")


@invariant
def a_key_retried_until_success_has_one_order(evidence: Evidence) -> Iterator[Breach]:
    """A key that was retried until it succeeded has exactly one order, and each answer names it."""
    for request in evidence.history.requests("place"):
        if request.succeeded:
            key = (request.last.user, str(request.last.key))
            there = [order.id for order in evidence.records.by_key.get(key, [])]
            named = sorted({attempt.answer["id"] for attempt in request.attempts if attempt.status == 201})
            if not there:
                yield Breach("lost", f"key {request.last.key} succeeded and has no order", request.last.sent)
            elif len(named) > 1 or named != sorted(set(there)):
                what = f"key {request.last.key} was answered with {named} and has {there}"
                yield Breach("doubled", what, request.last.sent)


@invariant
def a_rejected_key_has_no_order(evidence: Evidence) -> Iterator[Breach]:
    """A key that was rejected has no order, unless an attempt without an answer may have placed it."""
    for request in evidence.history.requests("place", "place_unknown"):
        disconnected = (request.last.user, request.last.key) in evidence.history.disconnected
        if (
            request.was_rejected
            and not disconnected
            and (request.last.user, request.last.key) in evidence.records.by_key
        ):
            what = f"key {request.last.key} was rejected with {request.last.status} and has an order"
            yield Breach("wrong", what, request.last.sent)


@invariant
def orders_are_complete(evidence: Evidence) -> Iterator[Breach]:
    """An order has lines that add up to its total, an event for each status, and a stock movement for each line."""
    records = evidence.records
    for order in records.orders:
        lines = records.lines_of.get(order.id, [])
        events = Counter(records.events_of.get(order.id, []))
        if sum((line.price * line.quantity for line in lines), Decimal(0)) != order.total or not lines:
            yield Breach("wrong", f"order {order.id} has lines that do not add up to its total of {order.total}")
        expected = {"order.placed", f"order.{order.status.lower()}"}
        if any(events[kind] != 1 for kind in expected):
            yield Breach("wrong", f"order {order.id} is {order.status} and has the events {dict(events)}")
        for line in lines:
            yield from check_movements(records, line)
    for line in records.lines:
        if line.order not in records.by_id and records.movements_of.get(line.id):
            yield Breach("wrong", f"line {line.id} has moved stock, and its order {line.order} does not exist")
    for order_id in records.events_of.keys() - records.by_id.keys():
        yield Breach("wrong", f"there are events of order {order_id}, which does not exist")


def check_movements(records: Records, line: Line) -> Iterator[Breach]:
    deltas = sorted(movement.delta for movement in records.movements_of.get(line.id, []))
    expected = line.restocked - line.quantity
    if sum(deltas) != expected or not deltas or deltas[0] != -line.quantity:
        harm = "doubled" if deltas.count(-line.quantity) > 1 else "wrong"
        yield Breach(harm, f"line {line.id} of order {line.order} moved {deltas} instead of {expected} in all")


@invariant
def counters_agree(evidence: Evidence) -> Iterator[Breach]:
    """No more pieces of a line are shipped, cancelled, returned or restocked than there are, as its status says."""
    for order in evidence.records.orders:
        for line in evidence.records.lines_of.get(order.id, []):
            remaining = line.quantity - line.shipped - line.cancelled
            holds = (
                remaining >= 0
                and 0 <= line.returned <= line.shipped
                and line.cancelled >= 0
                and 0 <= line.restocked <= line.returned + line.cancelled
                and (order.status in WAITING or remaining == 0)
                and (order.status in HOLD_STOCK or line.returned == line.shipped)
                and (order.status not in ("CANCELLED", "EXPIRED") or line.cancelled == line.quantity)
            )
            if not holds:
                yield Breach("wrong", f"line {line.id} of order {order.id}, which is {order.status}: {line}")


@invariant
def every_acknowledged_cancellation_exists(evidence: Evidence) -> Iterator[Breach]:
    """An order whose cancellation succeeded is cancelled, once; no other order is cancelled."""
    wanted = set()
    for request in evidence.history.requests("cancel"):
        order_id = request.last.path.split("/")[-2]
        wanted.add(order_id)
        order = evidence.records.by_id.get(order_id)
        if request.succeeded and (order is None or order.status != "CANCELLED"):
            yield Breach("lost", f"order {order_id} was cancelled and is not", request.last.sent)
        if evidence.records.events_of.get(order_id, []).count("order.cancelled") > 1:
            yield Breach("doubled", f"order {order_id} was cancelled more than once", request.last.sent)
        if request.last.status == 409 and not any(attempt.is_open for attempt in request.attempts):
            yield Breach(
                "wrong",
                f"order {order_id} could not be cancelled, although it was not cancelled before",
                request.last.sent,
            )
    for order in evidence.records.orders:
        if order.status == "CANCELLED" and order.id not in wanted:
            yield Breach("wrong", f"order {order.id} is cancelled, which no client requested")


def difference_of(attempt: Attempt, lines: list[Line], total: Decimal) -> str:
    """Return how the order in the database differs from the request and the answer; empty if it does not."""
    asked = Counter[int]()
    for line in attempt.body["lines"]:
        asked[line["product"]] += line["quantity"]
    if asked != {line.product: line.quantity for line in lines}:
        return f"has other lines than the requested {dict(asked)}"
    return "" if answered(attempt.answer) == recorded(lines, total) else "differs from the answer"


def answered(answer: Any) -> tuple[list[tuple[int, int, Decimal]], Decimal]:
    """Return an order's lines and total as the API has answered."""
    lines = [(line["product"], line["quantity"], Decimal(line["unit_price"])) for line in answer["lines"]]
    return sorted(lines), Decimal(answer["total"])


def recorded(lines: list[Line], total: Decimal) -> tuple[list[tuple[int, int, Decimal]], Decimal]:
    return sorted((line.product, line.quantity, line.price) for line in lines), total
