"""Refunding an order: money that was paid back, as an amount or for some of its lines.

What the shop records; the money itself moves at the payment provider. See products.ordering.fulfilment for the locks.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from uuid_utils.compat import uuid7

from products import currencies
from products.db.bulk_sql import execute_batch, insert_many_sql, insert_sql
from products.exceptions import InvalidFulfilment, RefundTooLarge, Violation
from products.models.fulfilment import Refund, RefundLine
from products.models.order_lines import OrderLine
from products.ordering.fulfilment import (
    Order,
    Part,
    Person,
    digest_of,
    facts_of,
    find_earlier,
    lines_of,
    mark_written,
    run,
    write_status,
)
from products.ordering.pricing import refundable
from products.ordering.requested_lines import RequestedLine, check_left, checked_request, named_lines
from products.validators import clean_values


def refund(
    order: Order,
    *,
    amount: Any,
    requested: Iterable[RequestedLine] | None,
    reference: str,
    by: Person,
    key: str | None,
) -> Refund:
    """Record that money was paid back: an `amount`, or that of the requested lines; return the refund.

    Raises InvalidFulfilment, MoreThanRemains, RefundTooLarge, IdempotencyKeyConflict, and ValidationError.
    """
    if (amount is None) == (requested is None):
        raise TypeError("Refund either an amount or lines.")
    request = None if requested is None else checked_request(requested, takes_restock=False)
    values = clean_values(Refund, {"reference": reference, "idempotency_key": key})
    if amount is not None:
        values |= clean_values(Refund, {"amount": amount})
    digest = digest_of(request, {"reference": reference, "amount": values.get("amount")})

    def lock_and_refund() -> Refund:
        order.refresh_from_db(from_queryset=type(order).objects.locked())
        earlier: Refund | None = find_earlier(Refund, order, key, digest)
        if earlier is not None:
            order.placed_lines = None
            return earlier
        lines = lines_of(order)
        before = {} if request is None else refunded_pieces(order)
        parts = [] if request is None else _refunded_parts(before, lines, request)
        amounts = [refundable(part.line, part.quantity, after=before.get(part.line.pk, 0)) for part in parts]
        total = currencies.scaled(values["amount"] if request is None else sum(amounts, Decimal(0)), order.currency)
        _check_amount(order, total)
        order.refunded += total
        number = Refund.objects.filter(order=order).count() + 1
        row = Refund(order_id=order.pk, number=number, by=by, **{**values, "amount": total, "request_digest": digest})
        facts = {
            "refund": number,
            "amount": str(total),
            "lines": [facts_of(part, None) for part in parts],
        }
        written_lines = [
            {
                "id": uuid7(),
                "refund_id": row.pk,
                "line_id": part.line.pk,
                "quantity": part.quantity,
                "amount": amount,
            }
            for part, amount in zip(parts, amounts, strict=True)
        ]
        execute_batch(
            insert_sql(Refund, [vars(row)]),
            *insert_many_sql(RefundLine, written_lines),
            *write_status(order, order.status, order.status, by, "order.refunded", facts, {}),
        )
        order.placed_lines = lines
        mark_written(row)
        return row

    return run(order, lock_and_refund)


def refunded_pieces(order: Order) -> dict[Any, int]:
    """Return how many pieces of each line were refunded before: {id of the line: pieces}."""
    refunded: dict[Any, int] = {}
    for line, quantity in RefundLine.objects.filter(refund__order=order).values_list("line", "quantity"):
        refunded[line] = refunded.get(line, 0) + quantity
    return refunded


def _refunded_parts(
    refunded: Mapping[Any, int], lines: Sequence[OrderLine], request: Sequence[tuple[Any, Any, Any]]
) -> list[Part]:
    parts = named_lines(lines, request)
    check_left(parts, lambda line: line.quantity - refunded.get(line.pk, 0), "refunded")
    return [Part(line, quantity, 0) for line, quantity, _ in parts]


def _check_amount(order: Order, amount: Decimal) -> None:
    if amount <= 0:
        raise InvalidFulfilment(Violation("amount_out_of_range", "Refund more than nothing.", about="amount"))
    digits = currencies.decimals(order.currency)
    if not currencies.fits(amount, digits):
        raise InvalidFulfilment(
            Violation("amount_out_of_range", currencies.sentence_for(order.currency, digits), about="amount")
        )
    if order.refunded + amount > order.paid:
        raise RefundTooLarge(amount, order.paid - order.refunded, order.currency)
