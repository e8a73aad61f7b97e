"""What staff do to the stock of one product: receive, correct, count."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Union

from django.db import IntegrityError

from products.models.events import Event
from products.models.refusals import InsufficientStock, InvalidStockChange, KeyReused, Problem, StockHasMoved
from products.models.statements import send
from products.models.stock import MOST_STOCK, Reason, StockMovement
from products.models.transactions import whole

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from products.models.catalogue import Product

Person = Union["User", None]
"""Who did it; None where nobody in particular."""


@dataclass
class StockChange:
    """One change, not made yet: `number` pieces more (or fewer, when corrected), or in all, when counted."""

    product: "Product"
    reason: Reason
    number: int
    expected: int | None = None
    by: Person = None
    note: str = ""
    key: str | None = None

    def make(self) -> StockMovement | None:
        """Move the stock, with its ledger line and event, in one transaction. None where nothing has to move.

        With a key that has made this very change before, that movement, marked `replayed`. Raises InvalidStockChange,
        InsufficientStock, StockHasMoved, and KeyReused where the key has made another change.
        """
        self._check_number()
        try:
            return whole(self._make)
        except IntegrityError:
            # The same key with another product did not wait for our product's lock but at the unique key.
            if self.key is not None and self._earlier() is None:
                raise KeyReused from None
            raise

    def _make(self) -> StockMovement | None:
        products = type(self.product).objects
        # Locked before the key is looked up, as the first try of the same change holds the lock until it is committed.
        stock = products.locked().values_list("stock", flat=True).get(pk=self.product.pk)
        earlier = self._earlier()
        if earlier is not None:
            self.product.set_stock(stock)
            return earlier
        delta = self._delta(stock)
        self._check_stock(stock, delta)
        if delta:
            send(products.move_stock({self.product.pk: delta}))
        self.product.set_stock(stock + delta)
        return self._book(delta) if delta else None

    def _check_number(self) -> None:
        if not isinstance(self.number, int) or isinstance(self.number, bool):
            raise InvalidStockChange(Problem("quantity_out_of_range", "Pieces are counted in whole numbers."))
        if self.reason == Reason.RECEIVED and self.number < 1:
            raise InvalidStockChange(Problem("quantity_out_of_range", "Receive at least one piece."))
        if self.reason == Reason.CORRECTED and self.number == 0:
            raise InvalidStockChange(Problem("nothing_moves", "A correction by 0 corrects nothing."))
        if self.reason == Reason.COUNTED and self.number < 0:
            raise InvalidStockChange(Problem("quantity_out_of_range", "There cannot be less than nothing."))

    def _earlier(self) -> StockMovement | None:
        """What this key has made before, None where nothing. Raises KeyReused where that was another change."""
        if self.key is None:
            return None
        earlier = StockMovement.objects.filter(by=self.by, idempotency_key=self.key).first()
        if earlier is None:
            return None
        number = earlier.stock_after() if self.reason == Reason.COUNTED else earlier.delta
        same = (earlier.product_id, earlier.reason, number, earlier.note)
        if same != (self.product.pk, self.reason, self.number, self.note):
            raise KeyReused
        earlier.replayed = True
        return earlier

    def _delta(self, stock: int) -> int:
        if self.expected is not None and self.expected != stock:
            raise StockHasMoved(self.product.pk, self.product.sku, expected=self.expected, stock=stock)
        return self.number - stock if self.reason == Reason.COUNTED else self.number

    def _check_stock(self, stock: int, delta: int) -> None:
        if stock + delta < 0:
            product = self.product
            facts = {"product": product.pk, "sku": product.sku, "requested": -delta, "available": stock}
            detail = f"{product.sku}: {-delta} asked for, {stock} there."
            raise InsufficientStock(Problem("insufficient_stock", detail, facts=facts))
        if stock + delta > MOST_STOCK:
            raise InvalidStockChange(Problem("quantity_out_of_range", f"There can be {MOST_STOCK} pieces at the most."))

    def _book(self, delta: int) -> StockMovement:
        facts = {"delta": delta, "reason": self.reason.value}
        Event.objects.create(kind="product.stock_moved", product=self.product, by=self.by, facts=facts)
        return StockMovement.objects.create(
            product=self.product,
            delta=delta,
            reason=self.reason,
            by=self.by,
            note=self.note,
            idempotency_key=self.key,
        )
