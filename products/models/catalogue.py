"""What the shop sells: categories and products. A product's stock moves through its verbs only."""

import functools
from collections.abc import Collection
from typing import Any

from django.core.validators import MaxLengthValidator, MinValueValidator, RegexValidator
from django.db import IntegrityError, models
from django.db.models import Q
from django.utils import timezone

from products.models.events import Event
from products.models.product_queries import NOT_BY_HAND, ProductQuerySet, searchable
from products.models.refusals import SkuTaken
from products.models.stock import Reason, StockMovement
from products.models.stock_changes import Person, StockChange
from products.models.transactions import Snapshot, whole


class Category(models.Model):
    """A shelf of the catalogue."""

    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=100)

    class Meta:
        ordering = ["name", "id"]
        verbose_name_plural = "categories"

    def __str__(self) -> str:
        return self.name


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

    loaded_stock: int | None = None
    """The stock this instance was loaded with or last moved to; None where the column is deferred."""

    # What search looks into. Kept here and not computed by the database, so that every database finds the same.
    search_text = models.TextField(default="", editable=False)

    objects = ProductQuerySet.as_manager()

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["name", "id"], name="products_by_name"),
            models.Index(fields=["price", "id"], name="products_by_price"),
            models.Index(fields=["created_at", "id"], name="products_by_creation"),
            models.Index(fields=["updated_at", "id"], name="products_by_change"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(stock__gte=0), name="stock_is_not_negative"),
            models.CheckConstraint(condition=Q(price__gte=0), name="price_is_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.sku})"

    def save(self, *, by: Person = None, **options: Any) -> None:
        """Write the product and record what changed; a new product's `stock` is booked as its opening stock.

        Raises TypeError where the stock of an existing product was assigned: the ledger's verbs move it. A stock that
        is merely stale (others have sold since it was loaded) is not written and not an error.
        """
        fields = options.get("update_fields")
        assigned = not self._state.adding and fields is None and self.__dict__.get("stock") != self.loaded_stock
        if assigned or "stock" in (fields or ()):
            raise TypeError(NOT_BY_HAND)
        try:
            self._save_new(by, options) if self._state.adding else whole(lambda: self._write_change(by, options))
        except IntegrityError:
            taken = Product.objects.filter(sku=self.sku).exclude(pk=self.pk).first()
            if taken is not None:
                raise SkuTaken(taken.pk, taken.sku) from None
            raise

    @property
    def category_slug(self) -> str | None:
        return self.category.slug if self.category else None

    def on_record(self) -> "Product":
        """This product as the database has it now."""
        return Product.objects.get(pk=self.pk)

    # Verbs

    def receive(self, quantity: int, *, by: Person = None, note: str = "", key: str | None = None) -> StockMovement:
        """Goods came in: add `quantity` pieces, at least 1. Raises InvalidStockChange.

        Here and in the next two, `key` makes a retry harmless: it answers with the movement that the first try made.
        """
        movement = StockChange(self, Reason.RECEIVED, quantity, by=by, note=note, key=key).make()
        assert movement is not None  # noqa: S101 - for mypy: what is received is never 0
        return movement

    def correct(self, delta: int, *, by: Person = None, note: str = "", key: str | None = None) -> StockMovement:
        """Pieces were lost, broken or found: add `delta`, which may be negative.

        Raises InvalidStockChange where it is 0, InsufficientStock where there are not that many to take away.
        """
        movement = StockChange(self, Reason.CORRECTED, delta, by=by, note=note, key=key).make()
        assert movement is not None  # noqa: S101 - for mypy: a correction is never by 0
        return movement

    def count(
        self,
        counted: int,
        *,
        expected: int | None = None,
        by: Person = None,
        note: str = "",
        key: str | None = None,
    ) -> StockMovement | None:
        """Somebody counted the pieces: make the stock `counted`. None where the count agrees, as nothing moves.

        Raises InvalidStockChange where it is negative, and StockHasMoved where the stock is not `expected`, what it
        was when the counting began: the count may or may not have seen what moved since.
        """
        return StockChange(self, Reason.COUNTED, counted, expected=expected, by=by, note=note, key=key).make()

    def retire(self, *, by: Person = None) -> None:
        """Take the product off sale. Its stock and its history stay; retiring twice changes nothing."""
        if self.retired_at is None:
            self.retired_at = timezone.now()
            self.save(by=by, update_fields=["retired_at", "updated_at"])

    def bring_back(self, *, by: Person = None) -> None:
        """Put a retired product on sale again."""
        if self.retired_at is not None:
            self.retired_at = None
            self.save(by=by, update_fields=["retired_at", "updated_at"])

    # Mechanics

    @classmethod
    def from_db(cls, db: str | None, field_names: Collection[str], values: Collection[Any]) -> "Product":
        """Load a row, and remember its stock, so that save() can tell an assignment from a stale figure."""
        product = super().from_db(db, field_names, values)
        product.loaded_stock = product.__dict__.get("stock")
        return product

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        super().refresh_from_db(*args, **kwargs)
        self.loaded_stock = self.__dict__.get("stock")

    def set_stock(self, stock: int) -> None:
        """Show the stock that the ledger has come to. For the code that moves it, not for callers."""
        self.stock = self.loaded_stock = stock

    def _save_new(self, by: Person, options: dict[str, Any]) -> None:
        as_it_was, opening = Snapshot(self), self.stock
        try:
            whole(lambda: self._write_new(opening, by, options))
        except BaseException:
            as_it_was.restore()
            raise

    def _write_new(self, opening: int, by: Person, options: dict[str, Any]) -> None:
        self.set_stock(0)  # here, as a try that the database has undone may have received the opening stock already
        self.search_text = searchable(self.name, self.sku, self.description)
        super().save(**{**options, "force_insert": True})
        Event.objects.create(kind="product.created", product=self, by=by, facts={"price": str(self.price)})
        if opening:
            self.receive(opening, by=by, note="Opening stock")

    def _write_change(self, by: Person, options: dict[str, Any]) -> None:
        fields = options.get("update_fields")
        if fields is None:
            fields = writable_fields() - self.get_deferred_fields()
        before = Product.objects.locked().get(pk=self.pk)
        # What is not written may be stale here, and the search has to find what is on record.
        self.search_text = searchable(*(getattr(self if name in fields else before, name) for name in SEARCHED))
        super().save(**{**options, "update_fields": {*fields, "search_text"}})
        changed = sorted(name for name in {*fields} - NOT_A_CHANGE if self._differs(before, name))
        if changed:
            Event.objects.create(kind="product.changed", product=self, by=by, facts={"fields": changed})

    def _differs(self, before: "Product", name: str) -> bool:
        # What was given may still be text, as in price="4.50"; the field knows what it means.
        attribute, meaning = next((f.attname, f.to_python) for f in self._meta.concrete_fields if f.name == name)
        return bool(meaning(getattr(self, attribute)) != getattr(before, attribute))


SEARCHED = ["name", "sku", "description"]
NOT_A_CHANGE = {"updated_at", "search_text"}
"""Columns that follow from the others, so that writing them is no event."""


@functools.cache
def writable_fields() -> frozenset[str]:
    """Every column of a product but its key and its stock, which only the ledger's verbs move."""
    return frozenset(field.name for field in Product._meta.concrete_fields) - {"id", "stock"}
