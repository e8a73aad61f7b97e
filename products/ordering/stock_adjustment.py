"""Stock adjustments by staff: receive, correct or count the stock of one product."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Union

from django.db import IntegrityError

from products.db.bulk_sql import execute_batch
from products.db.retry import atomic_with_retry
from products.exceptions import (
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
    """One adjustment that is not made yet.

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
        self._check_number()
        clean_values(StockMovement, {"note": self.note, "idempotency_key": self.key})
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
        delta = self._delta(stock)
        self._check_stock(stock, delta)
        if delta:
            execute_batch(products.increment_stock({self.product.pk: delta}))
        self.product.set_stock(stock + delta)
        return self._record(delta) if delta else None

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
        """Return what this key has done before, None if nothing; raise IdempotencyKeyConflict if something else."""
        if self.key is None:
            return None
        earlier = StockMovement.objects.filter(by=self.by, idempotency_key=self.key).first()
        if earlier is None:
            return None
        same = (earlier.product_id, earlier.reason, self._number_of(earlier), earlier.note)
        if same != (self.product.pk, self.reason, self.number, self.note):
            raise IdempotencyKeyConflict
        earlier.replayed = True
        return earlier

    def _number_of(self, earlier: StockMovement) -> int:
        """Return the number that an adjustment like this one was made with if it made this movement."""
        return earlier.stock_after() if self.reason == Reason.COUNTED else earlier.delta

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

    def _record(self, delta: int) -> StockMovement:
        facts = {"delta": delta, "reason": self.reason.value}
        Event.objects.create(kind="product.stock_moved", product=self.product, by=self.by, facts=facts)
        movement = StockMovement(
            product=self.product,
            delta=delta,
            reason=self.reason,
            by=self.by,
            note=self.note,
            idempotency_key=self.key,
        )
        movement.write_row()
        return movement


class ShelfCount(StockAdjustment):
    """A count of what is on the shelf: the pieces that can be sold, and those that are sold and not yet shipped.

    `number` is the counted pieces and `expected` those that should have been there, so their difference is what moves.
    A sale meanwhile leaves the shelf as it is, and so does not make a count wrong; a shipment does.
    """

    def _number_of(self, earlier: StockMovement) -> int:
        assert self.expected is not None  # noqa: S101 - for mypy: Product.count_shelf() requires it
        return self.expected + earlier.delta

    def _delta(self, stock: int) -> int:
        # Read under the lock of the product, which whoever sells a piece or puts one back waits for.
        product = self.product
        waiting: int = product.shelf().waiting
        if self.expected != stock + waiting:
            raise StockHasMoved(product.pk, product.sku, expected=self.expected, stock=stock, waiting=waiting)
        if self.number < waiting:
            facts = {"product": product.pk, "sku": product.sku, "requested": waiting, "available": self.number}
            detail = f"{product.sku}: {waiting} sold pieces wait to be shipped, more than the {self.number} counted."
            raise InsufficientStock(Violation("insufficient_stock", detail, facts=facts))
        return self.number - (stock + waiting)
