"""What the shop sells: categories and products. A product's stock moves through its verbs only."""

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.core.validators import MaxLengthValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Case, F, Q, Sum, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from products.models.events import Event
from products.models.refusals import InsufficientStock, InvalidStockChange, Problem, StockHasMoved
from products.models.stock import MOST_STOCK, Reason, StockMovement
from products.models.transactions import whole

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

    from products.models.order_lines import OrderLine


class Category(models.Model):
    """A shelf of the catalogue."""

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=100)

    class Meta:
        ordering = ["name", "id"]
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name


class ProductQuerySet(models.QuerySet["Product"]):
    def on_sale(self) -> "ProductQuerySet":
        return self.filter(retired_at=None)

    def retired(self) -> "ProductQuerySet":
        return self.exclude(retired_at=None)

    def in_stock(self) -> "ProductQuerySet":
        return self.filter(stock__gt=0)

    def locked(self) -> "ProductQuerySet":
        """These products, locked until the transaction ends.

        In id order, so that two orders for the same goods cannot deadlock; and NO KEY, because a line that refers
        to a product holds a KEY SHARE lock on it, which a plain FOR UPDATE would wait for.
        """
        return self.order_by("pk").select_for_update(no_key=True)

    def out_of_balance(self) -> "ProductQuerySet":
        """The products whose stock is not the sum of their movements; each carries that sum as `ledger`."""
        return self.annotate(ledger=Coalesce(Sum("movements__delta"), 0)).exclude(stock=F("ledger")).order_by("pk")

    def update(self, **values: Any) -> int:
        if "stock" in values:
            raise TypeError("Stock moves through receive(), correct(), count() and orders, which write the ledger.")
        return super().update(**values)

    def move_stock(self, deltas: Mapping[int, int]) -> None:
        """Add each delta to its product's stock, all in one statement. For those who write the ledger beside it."""
        delta = Case(*(When(pk=pk, then=Value(delta)) for pk, delta in deltas.items()))
        super(ProductQuerySet, self.filter(pk__in=deltas)).update(stock=F("stock") + delta)

    def sell(self, lines: "Iterable[OrderLine]") -> None:
        """Take the lines' pieces off the shelf, in the ledger too. The products are locked and have been checked."""
        self._move_for(lines, Reason.SOLD, -1)

    def take_back(self, lines: "Iterable[OrderLine]", reason: Reason) -> None:
        """Put the lines' pieces back on the shelf, in the ledger too."""
        list(self.locked().filter(pk__in=[line.product_id for line in lines]).values_list("pk"))
        self._move_for(lines, reason, +1)

    def _move_for(self, lines: "Iterable[OrderLine]", reason: Reason, sign: int) -> None:
        self.move_stock({line.product_id: sign * line.quantity for line in lines})
        StockMovement.objects.bulk_create(
            StockMovement(product_id=line.product_id, delta=sign * line.quantity, reason=reason, line=line)
            for line in lines
        )


class Product(models.Model):
    """A thing the shop sells under one SKU. `stock` is the sum of its StockMovements, at every commit.

    `price` is in the shop's one currency (settings.CURRENCY). A retired product stays, with its history, but is
    not sold any more.
    """

    sku = models.CharField(
        "SKU",
        max_length=64,
        unique=True,
        validators=[RegexValidator(r"\A[A-Za-z0-9][A-Za-z0-9._-]*\Z", "Letters, digits, dots, dashes, underscores.")],
    )
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True, default="", validators=[MaxLengthValidator(10_000)])
    category = models.ForeignKey(Category, models.PROTECT, null=True, blank=True, related_name="products")
    price = models.DecimalField(max_digits=10, decimal_places=2, validators=[MinValueValidator(0)])
    stock = models.IntegerField(default=0, editable=False, help_text="Pieces that can be sold now.")
    retired_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    # Of the description, price and so on; not of the stock, whose moments are in the ledger: an index on a column
    # that every sale writes would cost every sale.
    updated_at = models.DateTimeField(auto_now=True)

    objects = ProductQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(stock__gte=0), name="stock_is_not_negative"),
            models.CheckConstraint(condition=Q(price__gte=0), name="price_is_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.sku})"

    def save(self, *, by: "AbstractBaseUser | None" = None, **options: Any) -> None:
        """Write the product and what happened to it. A new one's `stock` is received; a known one's is left alone.

        A form opened before a sale and saved after it must not bring the sold pieces back.
        """
        if "stock" in (options.get("update_fields") or ()):
            raise TypeError("Stock moves through receive(), correct(), count() and orders, which write the ledger.")
        if self._state.adding:
            pk, opening = self.pk, self.stock
            try:
                whole(lambda: self._write_new(opening, by, options))
            except BaseException:
                # Nothing was written, so this is still the new product that it was.
                self._state.adding, self.pk, self.stock = True, pk, opening
                raise
        else:
            whole(lambda: self._write_change(by, options))

    def on_record(self) -> "Product":
        """This product as the database has it now."""
        return Product.objects.get(pk=self.pk)

    # Verbs

    def receive(self, quantity: int, *, by: "AbstractBaseUser | None" = None, note: str = "") -> StockMovement:
        """Goods came in: add `quantity` pieces, at least 1. Raises InvalidStockChange."""
        if quantity < 1:
            raise InvalidStockChange(Problem("quantity_out_of_range", "Receive at least one piece."))
        return self._move_stock(Reason.RECEIVED, lambda _: quantity, by, note)

    def correct(self, delta: int, *, by: "AbstractBaseUser | None" = None, note: str = "") -> StockMovement:
        """Pieces were lost, broken or found: add `delta`, which may be negative.

        Raises InvalidStockChange where it is 0, InsufficientStock where there are not that many to take away.
        """
        if delta == 0:
            raise InvalidStockChange(Problem("nothing_moves", "A correction by 0 corrects nothing."))
        return self._move_stock(Reason.CORRECTED, lambda _: delta, by, note)

    def count(
        self, counted: int, *, expected: int | None = None, by: "AbstractBaseUser | None" = None, note: str = ""
    ) -> StockMovement | None:
        """Somebody counted the pieces: make the stock `counted`. None where the count agrees, as nothing moves.

        Raises InvalidStockChange where it is negative, and StockHasMoved where the stock is not `expected`, what it
        was when the counting began: the count may or may not have seen what moved since.
        """
        if counted < 0:
            raise InvalidStockChange(Problem("quantity_out_of_range", "There cannot be less than nothing."))

        def missing_or_extra(stock: int) -> int:
            if expected not in (None, stock):
                raise StockHasMoved(self.pk, self.sku, expected=expected, stock=stock)
            return counted - stock

        return self._move_stock(Reason.COUNTED, missing_or_extra, by, note)

    def retire(self, *, by: "AbstractBaseUser | None" = None) -> None:
        """Take the product off sale. Its stock and its history stay; retiring twice changes nothing."""
        if self.retired_at is None:
            self.retired_at = timezone.now()
            self.save(by=by, update_fields=["retired_at", "updated_at"])

    def bring_back(self, *, by: "AbstractBaseUser | None" = None) -> None:
        """Put a retired product on sale again."""
        if self.retired_at is not None:
            self.retired_at = None
            self.save(by=by, update_fields=["retired_at", "updated_at"])

    # Mechanics

    def _move_stock(self, reason: Reason, delta_for: Callable[[int], int], by: Any, note: str) -> Any:
        """Move the stock by what `delta_for(the stock under the lock)` says, with its ledger line and event."""

        def move() -> StockMovement | None:
            before = Product.objects.locked().values_list("stock", flat=True).get(pk=self.pk)
            delta = delta_for(before)
            self._check_stock(before, delta)
            movement = self._book(delta, reason, by, note) if delta else None
            self.stock = before + delta
            return movement

        return whole(move)

    def _check_stock(self, before: int, delta: int) -> None:
        if not isinstance(delta, int):
            raise InvalidStockChange(Problem("quantity_out_of_range", "Pieces are counted in whole numbers."))
        if before + delta < 0:
            facts = {"product": self.pk, "sku": self.sku, "requested": -delta, "available": before}
            detail = f"{self.sku}: {-delta} asked for, {before} there."
            raise InsufficientStock(Problem("insufficient_stock", detail, facts=facts))
        if before + delta > MOST_STOCK:
            raise InvalidStockChange(Problem("quantity_out_of_range", f"There can be {MOST_STOCK} pieces at the most."))

    def _book(self, delta: int, reason: Reason, by: Any, note: str) -> StockMovement:
        Product.objects.move_stock({self.pk: delta})
        facts = {"delta": delta, "reason": reason.value}
        Event.objects.create(kind="product.stock_moved", product=self, by=by, facts=facts)
        return StockMovement.objects.create(product=self, delta=delta, reason=reason, by=by, note=note)

    def _write_new(self, opening: int, by: Any, options: dict[str, Any]) -> None:
        self.stock = 0  # here, as a try that the database has undone may have received the opening stock already
        super().save(**{**options, "force_insert": True})
        Event.objects.create(kind="product.created", product=self, by=by, facts={"price": str(self.price)})
        if opening:
            self.receive(opening, by=by, note="Opening stock")

    def _write_change(self, by: Any, options: dict[str, Any]) -> None:
        fields = options.get("update_fields") or WRITTEN_BY_STAFF
        before = Product.objects.locked().get(pk=self.pk)
        super().save(**{**options, "update_fields": fields})
        changed = [name for name in fields if name != "updated_at" and self._differs(before, name)]
        if changed:
            Event.objects.create(kind="product.changed", product=self, by=by, facts={"fields": changed})

    def _differs(self, before: "Product", name: str) -> bool:
        # What was given may still be text, as in price="4.50"; the field knows what it means.
        attribute, meaning = next((f.attname, f.to_python) for f in self._meta.concrete_fields if f.name == name)
        return bool(meaning(getattr(self, attribute)) != getattr(before, attribute))


WRITTEN_BY_STAFF = ["sku", "name", "description", "category", "price", "retired_at", "updated_at"]
