"""Stock adjustments by staff: receive, correct or count the stock of one product."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Union

from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.db.models import OuterRef, Subquery, Sum

from products.db.bulk_sql import execute_batch, insert_many_sql, insert_returning_ids, insert_sql
from products.db.retry import atomic_with_retry
from products.exceptions import (
    DomainError,
    IdempotencyKeyConflict,
    InsufficientStock,
    InvalidStockAdjustment,
    StockHasMoved,
    Violation,
)
from products.models.events import Event
from products.models.stock import MAX_STOCK, Reason, StockMovement
from products.validators import clean_values

if TYPE_CHECKING:
    from django.contrib.auth.models import User

Person = Union["User", None]
"""The user who did it; None for a system task."""

Product = Any
"""A products.models.Product. That model's verbs call this module, so the type cannot be imported here."""


@dataclass
class StockAdjustment:
    """One stock adjustment, not made yet.

    `number` is the pieces to add (negative to remove, when corrected), or the new stock when counted. `expected` is
    the stock that a count was based on, and `key` an idempotency key.
    """

    product: Product
    reason: Reason
    number: int
    expected: int | None = None
    by: Person = None
    note: str = ""
    key: str | None = None

    def execute(self) -> StockMovement | None:
        """Adjust the stock and write ledger line and event in one transaction; None where nothing has to move.

        If `key` has made this same adjustment before, return that movement, marked `replayed`. Raises
        InvalidStockAdjustment, InsufficientStock, StockHasMoved, ValidationError for a note or key that is too long,
        and IdempotencyKeyConflict if the key has made another adjustment.
        """
        self.check()
        try:
            return atomic_with_retry(self._execute_under_lock)
        except IntegrityError:
            # The same key for another product does not wait for this product's lock; it fails at the unique key.
            if self.key is not None and self._earlier() is None:
                raise IdempotencyKeyConflict from None
            raise

    def _execute_under_lock(self) -> StockMovement | None:
        products = type(self.product).objects
        # Lock before looking up the key: the first try of the same request holds the lock until its commit.
        stock = products.locked().values_list("stock", flat=True).get(pk=self.product.pk)
        earlier = self._earlier()
        if earlier is not None:
            self.product.set_stock(stock)
            return earlier
        delta = self.delta(stock)
        if delta:
            execute_batch(products.increment_stock({self.product.pk: delta}))
        self.product.set_stock(stock + delta)
        return self._record(delta, stock + delta) if delta else None

    def check(self) -> None:
        """Raise InvalidStockAdjustment for the number, and ValidationError for a note or key that is too long."""
        self._check_number()
        clean_values(StockMovement, {"note": self.note, "idempotency_key": self.key})

    def delta(self, stock: int) -> int:
        """Return the pieces to add to this stock. Raises StockHasMoved, InsufficientStock, InvalidStockAdjustment."""
        delta = self._delta(stock)
        self._check_stock(stock, delta)
        return delta

    def check_same(self, earlier: StockMovement, number: int) -> None:
        """Mark the movement as replayed if this adjustment made it, with this number; raise IdempotencyKeyConflict."""
        same = (earlier.product_id, earlier.reason, number, earlier.note)
        if same != (self.product.pk, self.reason, self.number, self.note):
            raise IdempotencyKeyConflict
        earlier.replayed = True

    def movement(self, delta: int) -> StockMovement:
        """Return the movement of this adjustment, not yet written."""
        return StockMovement(
            product=self.product,
            delta=delta,
            reason=self.reason,
            by=self.by,
            note=self.note,
            idempotency_key=self.key,
        )

    def _check_number(self) -> None:
        if not isinstance(self.number, int) or isinstance(self.number, bool):
            raise InvalidStockAdjustment(Violation("quantity_out_of_range", "Pieces are counted in whole numbers."))
        if self.reason == Reason.RECEIVED and self.number < 1:
            raise InvalidStockAdjustment(Violation("quantity_out_of_range", "Receive at least one piece."))
        if self.reason == Reason.CORRECTED and self.number == 0:
            raise InvalidStockAdjustment(Violation("nothing_moves", "A correction by 0 changes nothing."))
        if self.reason == Reason.COUNTED and self.number < 0:
            raise InvalidStockAdjustment(Violation("quantity_out_of_range", "A count cannot be negative."))

    def _earlier(self) -> StockMovement | None:
        """Return the movement that this adjustment's key made before, or None. Raises IdempotencyKeyConflict."""
        if self.key is None:
            return None
        earlier = StockMovement.objects.filter(by=self.by, idempotency_key=self.key).first()
        if earlier is None:
            return None
        self.check_same(earlier, self.number_of(earlier, earlier.stock_after()))
        return earlier

    def number_of(self, earlier: StockMovement, stock: int) -> int:
        """Return the `number` with which such an adjustment made this movement, after which the stock was `stock`."""
        return stock if self.reason == Reason.COUNTED else earlier.delta

    def _delta(self, stock: int) -> int:
        if self.expected is not None and self.expected != stock:
            raise StockHasMoved(self.product.pk, self.product.sku, expected=self.expected, stock=stock)
        return self.number - stock if self.reason == Reason.COUNTED else self.number

    def _check_stock(self, stock: int, delta: int) -> None:
        if stock + delta < 0:
            product = self.product
            facts = {"product": product.pk, "sku": product.sku, "requested": -delta, "available": stock}
            detail = f"{product.sku}: {-delta} requested, {stock} available."
            raise InsufficientStock(Violation("insufficient_stock", detail, facts=facts))
        if stock + delta > MAX_STOCK:
            detail = f"The stock of a product is at most {MAX_STOCK} pieces."
            raise InvalidStockAdjustment(Violation("quantity_out_of_range", detail))

    def _record(self, delta: int, stock: int) -> StockMovement:
        movement = self.movement(delta)
        execute_batch(insert_sql(Event, [_event_of(movement, stock)]))
        movement.write_row()
        return movement


@dataclass
class ShelfCount(StockAdjustment):
    """A count of the shelf: the pieces that can be sold, and those that are sold but not shipped yet.

    `number` is the counted and `expected` the expected number of pieces; their difference is booked. A concurrent sale
    does not change the shelf, so the count stays right; a concurrent shipment makes it wrong.
    """

    waiting: int | None = None
    """The sold pieces on the shelf, if they have been read under the lock already."""

    def number_of(self, earlier: StockMovement, stock: int) -> int:
        assert self.expected is not None  # noqa: S101 - for mypy: Product.count_shelf() requires it
        return self.expected + earlier.delta

    def _delta(self, stock: int) -> int:
        # Read under the lock of the product, so nobody can sell a piece or put one back meanwhile.
        product = self.product
        waiting: int = product.shelf().waiting if self.waiting is None else self.waiting
        if self.expected != stock + waiting:
            raise StockHasMoved(product.pk, product.sku, expected=self.expected, stock=stock, waiting=waiting)
        if self.number < waiting:
            facts = {"product": product.pk, "sku": product.sku, "requested": waiting, "available": self.number}
            detail = f"{product.sku}: {waiting} sold pieces wait to be shipped, more than the {self.number} counted."
            raise InsufficientStock(Violation("insufficient_stock", detail, facts=facts))
        return self.number - (stock + waiting)


class Outcome(NamedTuple):
    """The outcome of one of several adjustments: an error, or the movement (None if nothing had to move).

    `stock` is the product's stock right after it.
    """

    movement: StockMovement | None
    stock: int
    error: DomainError | ValidationError | None = None


def adjust_locked(adjustments: Sequence[StockAdjustment]) -> list[Outcome]:
    """Make several adjustments by one person, one after the other; each succeeds or fails separately.

    Their products must be locked and have the stock that was read under the lock. The number of statements does not
    depend on the number of adjustments.
    """
    _read_shelves(adjustments)
    earlier = _earlier_by_key(adjustments)
    outcomes, made, events, deltas = list[Outcome](), list[StockMovement](), list[dict[str, Any]](), dict[int, int]()
    stocks = {each.product.pk: each.product.stock for each in adjustments}
    for each in adjustments:
        pk = each.product.pk
        try:
            each.check()
            if each.key in earlier:
                movement, stock = earlier[each.key]
                each.check_same(movement, each.number_of(movement, stock))
                outcomes.append(Outcome(movement, stock))
                continue
            delta = each.delta(stocks[pk])
        except (DomainError, ValidationError) as error:
            outcomes.append(Outcome(None, stocks[pk], error))
            continue
        stocks[pk] += delta
        outcomes.append(Outcome(each.movement(delta) if delta else None, stocks[pk]))
        if (moved := outcomes[-1].movement) is not None:
            deltas[pk] = deltas.get(pk, 0) + delta
            made.append(moved)
            events.append(_event_of(moved, stocks[pk]))
    if made:
        # One delta for each product; it is 0 if its movements balance.
        execute_batch(type(adjustments[0].product).objects.increment_stock(deltas), *insert_many_sql(Event, events))
        for moved, key in zip(made, insert_returning_ids(StockMovement, list(map(vars, made))), strict=True):
            moved.pk, moved._state.adding = key, False
    for each in adjustments:
        each.product.set_stock(stocks[each.product.pk])
    return outcomes


def _read_shelves(adjustments: Sequence[StockAdjustment]) -> None:
    counts = [each for each in adjustments if isinstance(each, ShelfCount)]
    if counts:
        shelves = type(counts[0].product).objects.filter(pk__in=[each.product.pk for each in counts]).shelves()
        for each in counts:
            each.waiting = shelves[each.product.pk].waiting


def _earlier_by_key(adjustments: Sequence[StockAdjustment]) -> dict[str | None, tuple[StockMovement, int]]:
    """Return what the keys have done before, with the stock after it: {key: (movement, stock)}."""
    keys = [each.key for each in adjustments if each.key is not None]
    if not keys:
        return {}
    ledger = StockMovement.objects.filter(product=OuterRef("product"), pk__lte=OuterRef("pk")).order_by()
    after = Subquery(ledger.values("product").annotate(total=Sum("delta")).values("total"))
    found = StockMovement.objects.filter(by=adjustments[0].by, idempotency_key__in=keys).annotate(after=after)
    return {movement.idempotency_key: (movement, getattr(movement, "after")) for movement in found}  # noqa: B009


def _event_of(movement: StockMovement, stock: int) -> dict[str, Any]:
    """Return the row of the event of a movement that has left the product with this stock."""
    facts = {"delta": movement.delta, "reason": str(movement.reason), "stock": stock}
    return {"kind": "product.stock_moved", "product_id": movement.product_id, "by_id": movement.by_id, "facts": facts}
