"""Invariants of the stock and its ledger."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

from chaos.auditor.invariants import Breach, Evidence, invariant
from chaos.auditor.records import HOLD_GOODS, Movement, group

BY_HAND = ("RECEIVED", "CORRECTED", "COUNTED")


@invariant
def stock_was_never_negative(evidence: Evidence) -> Iterator[Breach]:
    """In no sample, and not at the end either, is the stock of a product below 0."""
    for product, stock in {**evidence.records.stock, **dict(evidence.samples.negative)}.items():
        if stock < 0:
            yield Breach("wrong", f"product {product} had a stock of {stock}")


@invariant
def stock_and_sold_are_what_was_received(evidence: Evidence) -> Iterator[Breach]:
    """A product's stock and what orders hold of it add up to what came in, corrections and counts included."""
    sold, received = Counter[int](), Counter[int]()
    for line in evidence.records.lines:
        order = evidence.records.by_id.get(line.order)
        if order is not None and order.status in HOLD_GOODS:
            sold[line.product] += line.quantity
    for movement in evidence.records.movements:
        if movement.reason in BY_HAND:
            received[movement.product] += movement.delta
    for product, stock in evidence.records.stock.items():
        if stock + sold[product] != received[product]:
            what = f"product {product}: {stock} there and {sold[product]} sold, but {received[product]} received"
            yield Breach("wrong", what)


@invariant
def the_ledger_sums_to_the_stock(evidence: Evidence) -> Iterator[Breach]:
    """For each product, the movements of the ledger add up to its stock."""
    ledger = Counter[int]()
    for movement in evidence.records.movements:
        ledger[movement.product] += movement.delta
    for product, stock in evidence.records.stock.items():
        if ledger[product] != stock:
            yield Breach(
                "wrong", f"product {product} has a stock of {stock}, and its ledger comes to {ledger[product]}"
            )


@invariant
def every_acknowledged_stock_change_is_there_once(evidence: Evidence) -> Iterator[Breach]:
    """A stock change that was granted is in the ledger once, as it was said; and no other is that nobody asked for."""
    by_key: dict[Any, list[Movement]] = group(
        ((movement.user, movement.key), movement) for movement in evidence.records.movements if movement.key
    )
    asked = set()
    for request in evidence.history.requests("receive", "correct", "count"):
        last, key = request.last, (request.last.user, request.last.key)
        asked.add(key)
        there = by_key.get(key, [])
        if last.status == 201 and not there:
            yield Breach("lost", f"stock change {last.key} was acknowledged and is not there", last.sent)
        if len(there) > 1:
            yield Breach("doubled", f"stock change {last.key} was made {len(there)} times", last.sent)
        if there and last.status == 201 and there[0].delta != last.answer["movement"]["delta"]:
            yield Breach("wrong", f"stock change {last.key} moved {there[0].delta}, and said otherwise", last.sent)
        if there and request.was_refused:
            yield Breach("wrong", f"stock change {last.key} was refused and made", last.sent)
    for user, key in by_key.keys() - asked:
        yield Breach("wrong", f"there is a stock change {key} of user {user}, for which nobody asked")


@invariant
def nothing_came_from_nowhere(evidence: Evidence) -> Iterator[Breach]:
    """What came in without a key is what was there before the first client came."""
    opening = Counter[int]()
    for movement in evidence.records.movements:
        if movement.reason in BY_HAND and not movement.key:
            opening[movement.product] += movement.delta
    for product, pieces in evidence.opening.items():
        if opening[product] != pieces:
            yield Breach("wrong", f"product {product} opened with {pieces}, and the ledger says {opening[product]}")
