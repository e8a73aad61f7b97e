"""Invariants of the stock and its ledger."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from chaos.auditor.invariants import Breach, Evidence, invariant
from chaos.auditor.records import Movement, group

BY_STAFF = ("RECEIVED", "CORRECTED", "COUNTED")


@invariant
def stock_was_never_negative(evidence: Evidence) -> Iterator[Breach]:
    """No product's stock is below 0, neither in a sample nor at the end."""
    for product, stock in {**evidence.records.stock, **dict(evidence.samples.negative)}.items():
        if stock < 0:
            yield Breach("wrong", f"product {product} had a stock of {stock}")


@invariant
def stock_plus_sold_is_what_was_received(evidence: Evidence) -> Iterator[Breach]:
    """A product's stock plus what was sold of it and did not come back is what was received and corrected."""
    sold, received = Counter[int](), Counter[int]()
    for line in evidence.records.lines:
        if line.order in evidence.records.by_id:
            sold[line.product] += line.quantity - line.restocked
    for movement in evidence.records.movements:
        if movement.reason in BY_STAFF:
            received[movement.product] += movement.delta
    for product, stock in evidence.records.stock.items():
        if stock + sold[product] != received[product]:
            what = f"product {product}: {stock} in stock and {sold[product]} sold, but {received[product]} received"
            yield Breach("wrong", what)


@invariant
def the_ledger_sums_to_the_stock(evidence: Evidence) -> Iterator[Breach]:
    """Each product's stock movements add up to its stock."""
    ledger = Counter[int]()
    for movement in evidence.records.movements:
        ledger[movement.product] += movement.delta
    for product, stock in evidence.records.stock.items():
        if ledger[product] != stock:
            yield Breach(
                "wrong", f"product {product} has a stock of {stock}, but its ledger adds up to {ledger[product]}"
            )


@invariant
def every_acknowledged_stock_change_exists_once(evidence: Evidence) -> Iterator[Breach]:
    """A stock change that succeeded is in the ledger once, as answered; the ledger has no unrequested change."""
    by_key: dict[Any, list[Movement]] = group(
        ((movement.user, movement.key), movement) for movement in evidence.records.movements if movement.key
    )
    asked = set()
    for request in evidence.history.requests("receive", "correct", "count"):
        last, key = request.last, (request.last.user, request.last.key)
        asked.add(key)
        there = by_key.get(key, [])
        if last.status == 201 and not there:
            yield Breach("lost", f"stock change {last.key} was acknowledged and does not exist", last.sent)
        if len(there) > 1:
            yield Breach("doubled", f"stock change {last.key} was made {len(there)} times", last.sent)
        if there and last.status == 201 and there[0].delta != last.answer["movement"]["delta"]:
            yield Breach(
                "wrong", f"stock change {last.key} moved {there[0].delta}, which differs from the answer", last.sent
            )
        if there and request.was_rejected:
            yield Breach("wrong", f"stock change {last.key} was rejected and was made", last.sent)
    for user, key in by_key.keys() - asked:
        yield Breach("wrong", f"there is a stock change {key} of user {user} that no client requested")


@invariant
def all_stock_has_a_source(evidence: Evidence) -> Iterator[Breach]:
    """Stock received without a key is the opening stock, from before the first request."""
    opening = Counter[int]()
    for movement in evidence.records.movements:
        if movement.reason in BY_STAFF and not movement.key:
            opening[movement.product] += movement.delta
    for product, pieces in evidence.opening.items():
        if opening[product] != pieces:
            yield Breach("wrong", f"product {product} opened with {pieces}, but the ledger has {opening[product]}")
