"""A sheet: stock adjustments of several products by one person, booked together."""

from collections.abc import Sequence

from products.db.retry import atomic_with_retry
from products.exceptions import (
    DomainError,
    IdempotencyKeyConflict,
    InvalidStockAdjustment,
    StockSheetRejected,
    Violation,
)
from products.ordering.stock_adjustment import Outcome, StockAdjustment, adjust_locked


def book_sheet(adjustments: Sequence[StockAdjustment]) -> list[Outcome]:
    """Make these adjustments, one per product, all or none in one transaction; return the outcome of each.

    The number of statements does not depend on the number of adjustments. If their keys have made the same adjustments
    before, return those. Raises StockSheetRejected, ValidationError for a note or a key that is too long, and
    IdempotencyKeyConflict.
    """
    _check_products(adjustments)
    return atomic_with_retry(lambda: _book(adjustments)) if adjustments else []


def _check_products(adjustments: Sequence[StockAdjustment]) -> None:
    """Raise StockSheetRejected for a product that is named twice."""
    rows: dict[int, int] = {}
    errors: dict[int, DomainError] = {}
    for row, each in enumerate(adjustments):
        first = rows.setdefault(each.product.pk, row)
        if first != row:
            sentence = f"{each.product.sku} is in row {first + 1} already."
            errors[row] = InvalidStockAdjustment(Violation("repeated_product", sentence))
    if errors:
        raise StockSheetRejected(errors)


def _book(adjustments: Sequence[StockAdjustment]) -> list[Outcome]:
    products = type(adjustments[0].product).objects.filter(pk__in=[each.product.pk for each in adjustments])
    # Lock before looking up the keys: the first try of the same sheet holds the locks until its commit.
    stocks = dict(products.locked().values_list("pk", "stock"))
    for each in adjustments:
        each.product.set_stock(stocks[each.product.pk])
    outcomes = adjust_locked(adjustments)
    if any(outcome.movement and outcome.movement.replayed for outcome in outcomes):
        _check_replay(adjustments, outcomes)
        return outcomes
    errors: dict[int, DomainError] = {}
    for row, outcome in enumerate(outcomes):
        if isinstance(outcome.error, DomainError) and not isinstance(outcome.error, IdempotencyKeyConflict):
            errors[row] = outcome.error
        elif outcome.error is not None:
            raise outcome.error
    if errors:
        raise StockSheetRejected(errors)
    return outcomes


def _check_replay(adjustments: Sequence[StockAdjustment], outcomes: Sequence[Outcome]) -> None:
    """Raise IdempotencyKeyConflict if a sheet with the key of an earlier one is not that sheet."""
    for each, outcome in zip(adjustments, outcomes, strict=True):
        # A row without a movement was a count that agreed, whatever the stock is now.
        if not (outcome.movement.replayed if outcome.movement else each.number == each.expected):
            raise IdempotencyKeyConflict
