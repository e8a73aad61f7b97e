"""Products. A product's stock moves through its verbs only."""

import functools
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple, TypeGuard

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, MaxValueValidator, MinValueValidator, URLValidator
from django.db import IntegrityError, models, transaction
from django.db.models import F, OuterRef, Q, Subquery, Sum, Value
from django.db.models.functions import Coalesce, Round, StrIndex
from django.db.models.lookups import GreaterThan
from django.utils import timezone

from products import currencies
from products.barcodes import GTIN, forms_of, validate_gtin
from products.db.bulk_sql import Statement, execute_batch, increment_sql, insert_many_sql
from products.db.compiled_queries import MAX_CACHED, Param, compile_once
from products.db.retry import InstanceState, atomic_with_retry
from products.exceptions import SkuTaken
from products.models.categories import Category, in_branch
from products.models.events import Event
from products.models.lines import LinesField
from products.models.money import MoneyField, price_decimals
from products.models.order_status import WAITING_TO_BE_SHIPPED
from products.models.product_changes import change_rows, created_row
from products.models.querysets import ValidatedQuerySet, validated_fields
from products.models.stock import MAX_STOCK, Reason, StockMovement
from products.ordering.stock_adjustment import Person, ShelfCount, StockAdjustment
from products.skus import MAX_LENGTH, SKU_KEY, is_sku, sku_key, stored_key, trimmed
from products.taxes import STANDARD, validate_tax_class
from products.validators import clean_fields, clean_values, printable, printable_line, visible, wholly_visible

STOCK_IS_READ_ONLY = "Stock moves through receive(), correct(), count() and orders, which write the ledger."
SEARCH_TEXT_IS_DERIVED = (
    "update() cannot keep the search right when it sets a name, SKU or description; use bulk_update(), or save() of "
    "each product. The search text and the folded SKU follow from the three and are not set."
)
EXPRESSIONS_ARE_FOR_UPDATE = (
    "{name} is an expression, which only the database can compute: Product.objects.filter(…).update({name}=…)."
)
UPSERT_NAMES_ALL_TEXTS = (
    "Name all of name, SKU and description among update_fields and unique_fields, or none of them: what is searched "
    "in is made of the three."
)

MAX_WEIGHT = 100_000_000
"""In grams; a hundred tonnes."""
MAX_TAGS = 50
MAX_TAG = 50
"""Characters."""
MAX_IMAGES = 20
MAX_IMAGE = 500
"""Characters of a URL."""

PLACEMENT_COLUMNS = ("id", "sku", "name", "price", "tax_class", "stock", "retired_at")
"""The columns that placing an order needs."""

PRICES = {"price", "list_price"}

Movement = tuple[Any, int, int]
"""A stock movement of an order: (line id, product id, pieces)."""

SEARCHED_FIELDS = ("name", "sku", "description")
SEARCH_COLUMNS = {*SEARCHED_FIELDS, "search_text", "folded_sku"}
DERIVED_FIELDS = {"updated_at", "search_text", "folded_sku"}
"""Columns that follow from the others, so that a change of them alone is no event."""


class PricePeriod(NamedTuple):
    """A price and the period in which it applied; `until` is None for the current price."""

    price: Decimal
    start: datetime
    until: datetime | None


class Shelf(NamedTuple):
    """The pieces of a product that should be on the shelf: those that can be sold, and those of unshipped orders."""

    free: int
    waiting: int

    @property
    def total(self) -> int:
        return self.free + self.waiting

    def __str__(self) -> str:
        return f"{self.free} free + {self.waiting} sold and waiting"


def searchable(*texts: str) -> str:
    """Return the texts as one, normalized for searching: NFKC, and case-folded."""
    return unicodedata.normalize("NFKC", "\n".join(texts)).casefold()


def tag_key(tag: str) -> str:
    """Return a tag as it is stored: in Unicode's form NFKC, in lower case."""
    return unicodedata.normalize("NFKC", tag).lower()


def validate_tag(tag: str) -> None:
    """Refuse a tag that is not one line of visible text in lower case."""
    if not tag:
        raise ValidationError("A tag cannot be blank.", "blank")
    wholly_visible(tag)
    trimmed(tag)
    if tag != tag_key(tag):
        raise ValidationError("Write tags in lower case, as %(tag)s.", "not_lower_case", {"tag": tag_key(tag)})


def validate_image(url: str) -> None:
    """Refuse a URL that a browser would not load on an HTTPS page."""
    wholly_visible(url)
    URLValidator(["https"], message="An image is an https:// URL.")(url)


def validate_tags(tags: Sequence[str]) -> None:
    """Refuse too many tags, the same tag twice, and tags that are not valid."""
    _validate_each(tags, validate_tag, most=MAX_TAGS, longest=MAX_TAG)
    if len({*tags}) < len(tags):
        raise ValidationError("Each tag is given once.", "repeated")


def validate_images(urls: Sequence[str]) -> None:
    """Refuse too many images, and addresses that are not valid."""
    _validate_each(urls, validate_image, most=MAX_IMAGES, longest=MAX_IMAGE)


def _validate_each(items: Sequence[str], validate: Callable[[str], None], *, most: int, longest: int) -> None:
    if len(items) > most:
        raise ValidationError("At most %(most)s.", "too_many", {"most": most})
    for item in items:
        MaxLengthValidator(longest)(item)
        validate(item)


class ProductQuerySet(ValidatedQuerySet["Product"]):
    """Queries over products, and the SQL that moves the stock of several at once."""

    def on_sale(self) -> "ProductQuerySet":
        return self.filter(retired_at=None)

    def retired(self) -> "ProductQuerySet":
        return self.exclude(retired_at=None)

    def in_stock(self) -> "ProductQuerySet":
        return self.filter(stock__gt=0)

    def sold_out(self) -> "ProductQuerySet":
        return self.filter(stock=0)

    def running_low(self) -> "ProductQuerySet":
        """Return the products with pieces left, but no more than their `low_stock`, or else LOW_STOCK.

        No index has the stock, because it would slow down every sale; so this and sold_out() read every product.
        """
        threshold: Any = F("low_stock")
        if settings.LOW_STOCK is not None:
            threshold = Coalesce(threshold, settings.LOW_STOCK)
        return self.in_stock().filter(stock__lte=threshold)

    def changed_since(self, moment: Any) -> "ProductQuerySet":
        """Return the products of which anything has changed at or after `moment`, the stock included."""
        # Not by OR: the database would then read every product, and the ledger for each of them.
        updated = self.model.objects.updated_since(moment).order_by().values("pk")
        return self.filter(pk__in=updated.union(_moved_since(moment)))

    def updated_since(self, moment: Any) -> "ProductQuerySet":
        """Return the products of which anything but the stock has changed at or after `moment`."""
        return self.filter(updated_at__gte=moment)

    def moved_since(self, moment: Any, **bounds: Any) -> "ProductQuerySet":
        """Return the products whose stock has moved at or after `moment`, according to the ledger.

        `bounds` are conditions on the movements, to repeat a condition on the products, which PostgreSQL does not
        infer.
        """
        return self.filter(pk__in=_moved_since(moment).filter(**bounds))

    def in_branch(self, slug: Any) -> "ProductQuerySet":
        """Return the products in the category with this slug, and in all categories below it."""
        return self.filter(in_branch("category_id", slug))

    def tagged(self, line: Any) -> "ProductQuerySet":
        """Return the products that have a tag; `line` is the tag as_line()."""
        return self.filter(tags__contains=line)

    def with_sku_keys(self, keys: Collection[Any]) -> "ProductQuerySet":
        """Return the products whose SKUs have these keys; see products.skus."""
        return self.alias(sku_key=SKU_KEY).filter(sku_key__in=keys)

    def search(self, text: str) -> "ProductQuerySet":
        """Return the products with every word of `text` in their name, SKU or description, regardless of case."""
        return self.containing_words(searchable(text).split())

    def containing_words(self, words: Iterable[Any]) -> "ProductQuerySet":
        """Return the products whose search text contains every one of `words`, which are `searchable` already."""
        found = self.all()
        for word in words:
            found = found.filter(search_text__contains=word)
        return found

    def containing_words_by_scan(self, words: Iterable[Any]) -> "ProductQuerySet":
        """Return the same as containing_words(), phrased so that no index applies and every row is tested."""
        return self.filter(*(GreaterThan(StrIndex("search_text", word), 0) for word in words))

    def locked(self) -> "ProductQuerySet":
        """Lock these products until the transaction ends.

        In id order, so that two orders for the same goods cannot deadlock; and NO KEY, because a line that refers to a
        product holds a KEY SHARE lock on it, which a plain FOR UPDATE would wait for.
        """
        return self.order_by("pk").select_for_update(no_key=True)

    def touch(self) -> None:
        """Set the `updated_at` of these products, because a row of another table that they show has changed."""
        with transaction.atomic(using=self.db):
            if list(self.locked().values_list("pk")):  # locked in id order first, which an UPDATE does not do
                self.update(updated_at=timezone.now())

    def shelves(self) -> dict[int, Shelf]:
        """Return how many pieces of each product should be on the shelf now, by the product's key."""
        sold = self.model.objects.filter(pk=OuterRef("pk"), order_lines__order__status__in=WAITING_TO_BE_SHIPPED)
        remaining = F("order_lines__quantity") - F("order_lines__shipped") - F("order_lines__cancelled")
        waiting = Subquery(sold.order_by().values("pk").annotate(waiting=Sum(remaining)).values("waiting"))
        # In one statement, so that a concurrent sale is in both numbers or in neither.
        rows = self.order_by().values_list("pk", "stock", Coalesce(waiting, 0))
        return {pk: Shelf(*numbers) for pk, *numbers in rows}

    def by_codes(self, codes: Collection[str]) -> "dict[str, list[Product]]":
        """Return for each code, as a scanner types it, the product with this SKU, otherwise those with this barcode."""
        keys = {code: sku_key(code) for code in codes if is_sku(code)}
        by_key = {sku_key(product.sku): product for product in self.with_sku_keys({*keys.values()})}
        found = {code: [by_key[keys[code]]] if keys.get(code) in by_key else [] for code in codes}
        barcodes = {code: forms_of(code) for code in codes if not found[code] and GTIN.fullmatch(code)}
        if barcodes:
            forms = {form for every in barcodes.values() for form in every}
            for product in self.filter(barcode__in=forms).order_by("pk"):
                for code, every in barcodes.items():
                    if product.barcode in every:
                        found[code].append(product)
        return found

    def out_of_balance(self) -> "ProductQuerySet":
        """Return the products whose stock is not the sum of their movements; each carries that sum as `ledger`."""
        return self.annotate(ledger=Coalesce(Sum("movements__delta"), 0)).exclude(stock=F("ledger")).order_by("pk")

    def update(self, *, by: Person = None, **values: Any) -> int:
        """Update these products and their `updated_at`, and record what changed. `by` is the user.

        Raises TypeError for the stock and for the searched texts. The texts are normalized for the search in Python, so
        no single statement can do it for rows it has not read.
        """
        if "stock" in values:
            raise TypeError(STOCK_IS_READ_ONLY)
        if SEARCH_COLUMNS & set(values):
            raise TypeError(SEARCH_TEXT_IS_DERIVED)
        if set(values) - DERIVED_FIELDS:
            values.setdefault("updated_at", timezone.now())
        for name in PRICES & set(values):
            price = values[name]
            if hasattr(price, "resolve_expression") and not isinstance(price, Value):
                # SQLite would cut off the decimals that PostgreSQL rounds.
                values[name] = Round(price, precision=price_decimals())
            else:
                check_price(name, clean_values(self.model, {name: price})[name])
        recorded = recorded_fields(values)
        if not recorded:
            return super().update(**values)
        with transaction.atomic(using=self.db):
            before = self._stored(self.locked(), recorded)
            # Only these: rows that have begun to match meanwhile are not locked, and their values were not read.
            updated = super(ProductQuerySet, self.filter(pk__in=list(before))).update(**values)
            self._record_changes(before, recorded, by)
        return updated

    def bulk_update(
        self, objs: Iterable[Any], fields: Iterable[str], *arguments: Any, by: Person = None, **options: Any
    ) -> int:
        """Update these fields of the products, with them `search_text` and `updated_at`, and record what changed."""
        products, names = list(objs), set(fields)
        if "stock" in names:
            raise TypeError(STOCK_IS_READ_ONLY)
        for product in products:
            product.clean_for_writing(names)
        recorded = recorded_fields(names)
        with transaction.atomic(using=self.db):
            stored = self.locked().in_bulk([product.pk for product in products if product.pk is not None])
            if names & SEARCH_COLUMNS:
                names |= {"search_text", "folded_sku"}
                for product in products:
                    if product.pk in stored:
                        product.derive_from(names, stored[product.pk])
            if names - {"updated_at"} and products:
                names.add("updated_at")
                now = timezone.now()
                for product in products:
                    product.updated_at = now
            before = {pk: product.recorded_values(recorded) for pk, product in stored.items()}
            # Django's own queryset, because this one's update() would read the old values again for each batch.
            plain = models.QuerySet["Product"](self.model, using=self.db)
            locked = [product for product in products if product.pk is None or product.pk in stored]
            updated = plain.bulk_update(locked, sorted(names), *arguments, **options)
            # Of two instances of the same product, the first one is written.
            after = {product.pk: product.recorded_values(recorded) for product in reversed(locked)}
            self._write_change_events(before, after, by)
        return updated

    def bulk_create(
        self,
        objs: Iterable[Any],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        update_fields: Collection[str] | None = None,
        unique_fields: Collection[str] | None = None,
        *,
        by: Person = None,
    ) -> list[Any]:
        """Create these products without stock, or update existing ones except for their stock; record either."""
        products, updated = list(objs), set(update_fields or ())
        if "stock" in updated:
            raise TypeError(STOCK_IS_READ_ONLY)
        if any(product.stock for product in products):
            raise TypeError("New products in bulk have no stock yet; receive() it, which writes the ledger.")
        if updated & SEARCH_COLUMNS:
            if not set(SEARCHED_FIELDS) <= updated | set(unique_fields or ()):
                raise TypeError(UPSERT_NAMES_ALL_TEXTS)
            updated |= {"search_text", "folded_sku"}
        if updated:
            updated.add("updated_at")
        for product in products:
            product.clean_for_writing(writable_fields())
            product.derive_from(SEARCHED_FIELDS, product)
        conflicting = {f"{name}__in": [getattr(product, name) for product in products] for name in unique_fields or ()}
        may_exist, recorded = ignore_conflicts or update_conflicts, recorded_fields(updated)
        with transaction.atomic(using=self.db):
            before = self._stored(self.filter(**conflicting).locked(), recorded) if recorded else {}
            named = self.model.objects.using(self.db).with_sku_keys([sku_key(product.sku) for product in products])
            existing = {*before, *named.values_list("pk", flat=True)} if may_exist else set[int]()
            created = super().bulk_create(
                products, batch_size, ignore_conflicts, update_conflicts, sorted(updated) or None, unique_fields
            )
            self._record_changes(before, recorded, by)
            # Products that others have created meanwhile have their event already.
            new = named.exclude(pk__in=existing).exclude(events__kind="product.created") if may_exist else created
            _write_events(created_row(product.pk, product.price, _key_of(by)) for product in new)
        return created

    def _stored(self, products: "ProductQuerySet", names: Collection[str]) -> dict[int, dict[str, Any]]:
        """Return the stored values of these fields: {key: {field: value}}."""
        columns = {field.name: field.attname for field in self.model._meta.concrete_fields if field.name in names}
        return {
            row["pk"]: {name: row[column] for name, column in columns.items()}
            for row in products.values("pk", *columns.values())
        }

    def _record_changes(self, before: Mapping[int, dict[str, Any]], names: Collection[str], by: Person) -> None:
        """Write the events for the changes of these fields since `before`."""
        if before:
            now = self._stored(self.model.objects.using(self.db).filter(pk__in=list(before)), names)
            self._write_change_events(before, now, by)

    def _write_change_events(
        self, before: Mapping[int, dict[str, Any]], after: Mapping[int, dict[str, Any]], by: Person
    ) -> None:
        _write_events(
            row for pk, was in before.items() if pk in after for row in change_rows(pk, was, after[pk], _key_of(by))
        )

    def by_ids_or_skus(
        self, ids: Collection[int], skus: Collection[str] = (), *, locked: bool = False
    ) -> "list[Product]":
        """Return the products with these ids or SKUs in id order, with only the columns that placing an order needs.

        A SKU is found in any case, so it may differ from that of its product; their `sku_key()` is the same.
        """
        if not (ids or skus):
            return []
        keys, rows = [sku_key(sku) for sku in skus], []
        if len(ids) + len(keys) > MAX_CACHED:
            rows = list(_with_ids_or_keys(self.model, ids, keys, locked))
        else:
            values: dict[Any, Any] = dict(enumerate(ids))
            values |= {f"sku {position}": key for position, key in enumerate(keys)}
            rows = compile_once(_by_ids_or_skus, self.model, len(ids), len(keys), locked).rows(values)
        return [self.model.from_db(self.db, PLACEMENT_COLUMNS, row) for row in rows]

    def take_stock(self, lines: Sequence[Any]) -> list[Statement]:
        """Return the SQL that takes the order lines' stock and writes the ledger; the products must be locked."""
        return self._move_stock([(line.pk, line.product_id, -line.quantity) for line in lines], Reason.SOLD)

    def take_again(self, pieces: Sequence[Movement], part: int) -> list[Statement]:
        """Return the SQL that takes pieces of order lines which were put back; the products must be locked."""
        return self._move_stock([(line, product, -number) for line, product, number in pieces], Reason.SOLD, part)

    def put_back(self, pieces: Sequence[Movement], reason: Reason, part: int = 0) -> list[Statement]:
        """Lock the products, and return the SQL that puts back these pieces of order lines and writes the ledger."""
        if not pieces:
            return []
        self.by_ids_or_skus(sorted({product for _, product, _ in pieces}), locked=True)
        return self._move_stock(pieces, reason, part)

    def increment_stock(self, deltas: Mapping[int, int]) -> Statement:
        """Return the SQL that adds each delta to its product's stock; the caller writes the ledger beside it."""
        return increment_sql(self.model, "stock", deltas)

    def _move_stock(self, movements: Sequence[Movement], reason: Reason, part: int = 0) -> list[Statement]:
        deltas: dict[int, int] = {}
        for _, product, delta in movements:
            deltas[product] = deltas.get(product, 0) + delta
        ledger = [
            {"product_id": product, "delta": delta, "reason": reason, "line_id": line, "part": part}
            for line, product, delta in movements
        ]
        return [self.increment_stock(deltas), *insert_many_sql(StockMovement, ledger)]


class Product(models.Model):
    """A thing the shop sells under one SKU. `stock` is the sum of its StockMovements, at every commit.

    `price` is in the shop's one currency (settings.CURRENCY). A retired product keeps its history but is no longer
    sold.
    """

    sku = models.CharField("SKU", max_length=MAX_LENGTH, unique=True, validators=[wholly_visible, trimmed])
    name = models.CharField(max_length=200, validators=[printable_line, visible])
    description = models.TextField(blank=True, default="", validators=[MaxLengthValidator(10_000), printable])
    category = models.ForeignKey(Category, models.PROTECT, null=True, blank=True, related_name="products")
    price = MoneyField(max_digits=12, validators=[MinValueValidator(0)])
    list_price = MoneyField(
        max_digits=12,
        null=True,
        blank=True,
        validators=[MinValueValidator(0)],
        help_text="The price before a reduction, at least the price; shown beside it.",
    )
    tax_class = models.CharField(
        max_length=30,
        default=STANDARD,
        db_default=STANDARD,
        validators=[printable_line, visible, validate_tax_class],
        help_text="One of the classes in TAX_RATES.",
    )
    stock = models.IntegerField(default=0, editable=False, help_text="Pieces that can be sold now.")
    low_stock = models.IntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(0), MaxValueValidator(MAX_STOCK)],
        help_text="With so many pieces or fewer it is running low; 0 for never, empty for the shop's LOW_STOCK.",
    )
    vendor = models.CharField(
        max_length=100, blank=True, default="", db_default="", validators=[printable_line, visible]
    )
    barcode = models.CharField(
        max_length=14, blank=True, default="", db_default="", validators=[validate_gtin], help_text="A GTIN."
    )
    weight = models.IntegerField(
        null=True, blank=True, validators=[MinValueValidator(0), MaxValueValidator(MAX_WEIGHT)], help_text="In grams."
    )
    tags = LinesField(
        blank=True, default=list, db_default="", validators=[validate_tags], help_text="One a line, in lower case."
    )
    images = LinesField(
        blank=True, default=list, db_default="", validators=[validate_images], help_text="URLs, one a line."
    )
    retired_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    # Of the description, price and so on, but not of the stock, whose timestamps are in the ledger (moved_since()): an
    # index on a column that every sale writes would slow down every sale.
    updated_at = models.DateTimeField(auto_now=True)
    # Not a generated column, so that every database finds the same.
    search_text = models.TextField(default="", editable=False)
    # Null for a SKU in ASCII: so the release before this column, which accepts only ASCII, writes correct rows.
    folded_sku = models.TextField(null=True, editable=False)  # noqa: DJ001 - null means that there is none

    loaded_stock: int | None = None
    """The stock that this instance was loaded with or that the ledger last set; None if the column is deferred."""

    objects = ProductQuerySet.as_manager()

    class Meta:
        base_manager_name = "objects"
        ordering = ["id"]
        indexes = [
            models.Index(fields=["name", "id"], name="products_by_name"),
            models.Index(fields=["price", "id"], name="products_by_price"),
            models.Index(fields=["created_at", "id"], name="products_by_creation"),
            models.Index(fields=["updated_at", "id"], name="products_by_change"),
            models.Index(fields=["barcode"], condition=Q(barcode__gt=""), name="products_by_barcode"),
        ]
        constraints = [
            models.CheckConstraint(condition=Q(stock__gte=0), name="stock_is_not_negative"),
            models.CheckConstraint(condition=Q(price__gte=0), name="price_is_not_negative"),
            # On PostgreSQL, the column would hold any number.
            models.CheckConstraint(
                condition=Q(price__lt=10**8, list_price__lt=10**8), name="prices_have_at_most_8_digits"
            ),
            models.CheckConstraint(condition=Q(list_price__gte=F("price")), name="list_price_is_at_least_the_price"),
            models.CheckConstraint(condition=Q(weight__gte=0), name="weight_is_not_negative"),
            models.CheckConstraint(condition=Q(low_stock__gte=0), name="low_stock_is_not_negative"),
            models.UniqueConstraint(SKU_KEY, name="a_sku_belongs_to_one_product_in_any_case"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.sku})"

    def save(self, *, by: Person = None, **options: Any) -> None:
        """Write the product and record what changed; a new product's `stock` is booked as its opening stock.

        Raises SkuTaken, ValidationError, and TypeError if the stock of an existing product was assigned: only the
        ledger's verbs move it. A stock that is merely stale, because others have sold since it was loaded, is ignored.
        """
        fields = options.get("update_fields")
        assigned = not self._state.adding and fields is None and self.__dict__.get("stock") != self.loaded_stock
        if assigned or "stock" in (fields or ()):
            raise TypeError(STOCK_IS_READ_ONLY)
        self.clean_for_writing(writable_fields() - self.get_deferred_fields() if fields is None else fields)
        try:
            if self._state.adding:
                self._save_new(by, options)
            else:
                atomic_with_retry(lambda: self._save_change(by, options))
        except IntegrityError:
            taken = self._with_same_sku()
            if taken is not None:
                raise SkuTaken(taken.pk, taken.sku) from None
            raise

    def clean(self) -> None:
        """Validate the price by the shop's currency, for forms. Raises ValidationError."""
        super().clean()
        for name in PRICES:
            if _is_number(getattr(self, name)):  # Otherwise its field has refused it already.
                check_price(name, getattr(self, name))
        self._check_list_price()

    def validate_unique(self, exclude: Collection[str] | None = None) -> None:
        """Validate for forms that no other product has the SKU, in any case. Raises ValidationError."""
        super().validate_unique(exclude)
        if "sku" not in (exclude or ()) and self._with_same_sku() is not None:
            raise ValidationError({"sku": ValidationError("Product with this SKU already exists.", "unique")})

    @property
    def category_slug(self) -> str | None:
        return self.category.slug if self.category else None

    @property
    def is_running_low(self) -> bool:
        """Return whether there are pieces left, but no more than its `low_stock`, or else LOW_STOCK."""
        threshold = settings.LOW_STOCK if self.low_stock is None else self.low_stock
        return threshold is not None and 0 < self.stock <= threshold

    def refreshed(self) -> "Product":
        """Return this product as it is in the database now, as a new instance."""
        return Product.objects.get(pk=self.pk)

    # Verbs

    def receive(self, quantity: int, *, by: Person = None, note: str = "", key: str | None = None) -> StockMovement:
        """Add at least 1 delivered piece to the stock. Raises InvalidStockAdjustment.

        For this and the next two verbs, `key` is an idempotency key: a retry returns the first request's movement.
        """
        movement = StockAdjustment(self, Reason.RECEIVED, quantity, by=by, note=note, key=key).execute()
        assert movement is not None  # noqa: S101 - for mypy: a received quantity is never 0
        return movement

    def correct(self, delta: int, *, by: Person = None, note: str = "", key: str | None = None) -> StockMovement:
        """Add `delta` pieces, negative for pieces that were lost or broken.

        Raises InvalidStockAdjustment if it is 0, InsufficientStock if more would be removed than there are.
        """
        movement = StockAdjustment(self, Reason.CORRECTED, delta, by=by, note=note, key=key).execute()
        assert movement is not None  # noqa: S101 - for mypy: a correction is never 0
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
        """Set the stock to the counted number of pieces; None if it was that already and nothing moves.

        Raises InvalidStockAdjustment if it is negative, and StockHasMoved if the stock is no longer `expected`, the
        stock at which the count began: later movements may or may not be in the count.
        """
        return StockAdjustment(self, Reason.COUNTED, counted, expected=expected, by=by, note=note, key=key).execute()

    def shelf(self) -> Shelf:
        """Return how many pieces should be on the shelf now, according to the database."""
        return Product.objects.filter(pk=self.pk).shelves()[self.pk]

    def count_shelf(
        self, counted: int, *, expected: int, by: Person = None, note: str = "", key: str | None = None
    ) -> StockMovement | None:
        """Book a count of the shelf, including sold pieces that are not shipped yet; None if nothing differs.

        `expected` is the `shelf().total` at which the count began. Raises InvalidStockAdjustment if `counted` is
        negative, StockHasMoved if the expected number has changed since, and InsufficientStock if `counted` is less
        than the sold pieces that wait to be shipped.
        """
        return ShelfCount(self, Reason.COUNTED, counted, expected=expected, by=by, note=note, key=key).execute()

    def price_history(self, since: datetime) -> list[PricePeriod]:
        """Return the prices since a moment, oldest first: the one at that moment, and each that followed.

        Read from the events, so `since` is within their retention. The history begins when the product was created, or
        after the last change whose event has no old price.
        """
        changes = self.events.filter(kind="product.changed", at__gt=since).order_by("id").values_list("facts", "at")
        start, periods, present = max(since, self.created_at), list[PricePeriod](), self.price
        for facts, at in changes:
            if "price" not in facts["fields"]:
                continue
            if "old" in facts:
                periods.append(PricePeriod(Decimal(facts["old"]["price"]), start, at))
                present = Decimal(facts["new"]["price"])  # It may have changed since this instance was loaded.
            else:
                periods, present = [], self.price
            start = at
        return [*periods, PricePeriod(present, start, None)]

    def retire(self, *, by: Person = None) -> None:
        """Take the product off sale; its stock and history stay. Retiring a retired product changes nothing."""
        if self.retired_at is None:
            self.retired_at = timezone.now()
            self.save(by=by, update_fields=["retired_at", "updated_at"])

    def bring_back(self, *, by: Person = None) -> None:
        """Put a retired product on sale again."""
        if self.retired_at is not None:
            self.retired_at = None
            self.save(by=by, update_fields=["retired_at", "updated_at"])

    # Mechanics

    def clean_for_writing(self, names: Iterable[str]) -> None:
        """Convert and validate these fields. Raises ValidationError, and TypeError for an expression such as F()."""
        for name in names:
            if hasattr(self.__dict__.get(name), "resolve_expression"):
                raise TypeError(EXPRESSIONS_ARE_FOR_UPDATE.format(name=name))
        clean_fields(self, {*names} & {*validated_fields(Product)})
        for name in PRICES & {*names}:
            if getattr(self, name) is not None:
                check_price(name, getattr(self, name))
                setattr(self, name, currencies.scaled(getattr(self, name), settings.CURRENCY))  # as it is stored
        if not self.get_deferred_fields().intersection(PRICES):
            self._check_list_price()

    def _check_list_price(self) -> None:
        price, list_price = self.price, self.list_price
        if _is_number(price) and _is_number(list_price) and list_price < price:
            raise ValidationError(
                {"list_price": ValidationError("A list price is at least the price.", "list_price_too_low")}
            )

    def derive_from(self, names: Collection[str], stored: "Product") -> None:
        """Set the search text and the folded SKU for writing the fields `names` over `stored`, the row on record."""
        # A field that is not written may be stale here; the search must find what is in the database.
        texts = {name: getattr(self if name in names else stored, name) for name in SEARCHED_FIELDS}
        self.search_text = searchable(*texts.values())
        self.folded_sku = stored_key(texts["sku"])

    @classmethod
    def from_db(
        cls, db: str | None, field_names: Collection[str], values: Collection[Any], **options: Any
    ) -> "Product":
        """Load a row and remember its stock, so that save() can tell an assigned stock from a stale one."""
        product = super().from_db(db, field_names, values, **options)
        product.loaded_stock = product.__dict__.get("stock")
        return product

    def refresh_from_db(self, using: str | None = None, fields: Any = None, from_queryset: Any = None) -> None:
        super().refresh_from_db(using, fields, from_queryset)
        if fields is None or "stock" in fields:
            self.loaded_stock = self.__dict__.get("stock")

    def set_stock(self, stock: int) -> None:
        """Set the attribute to the sum of the ledger. For the code that writes the ledger only."""
        self.stock = self.loaded_stock = stock

    def _save_new(self, by: Person, options: dict[str, Any]) -> None:
        state, opening_stock = InstanceState(self, "loaded_stock"), self.stock
        try:
            atomic_with_retry(lambda: self._insert(opening_stock, by, options))
        except BaseException:
            state.restore()
            raise

    def _insert(self, opening_stock: int, by: Person, options: dict[str, Any]) -> None:
        self.set_stock(0)  # A rolled-back attempt may have set the opening stock on this instance already.
        if self.category_id is not None:
            Category.objects.hold(self.category_id)
        self.derive_from(SEARCHED_FIELDS, self)
        super().save(**{**options, "force_insert": True})
        _write_events([created_row(self.pk, self.price, _key_of(by))])
        if opening_stock:
            self.receive(opening_stock, by=by, note="Opening stock")

    def _save_change(self, by: Person, options: dict[str, Any]) -> None:
        fields = options.get("update_fields")
        if fields is None:
            fields = writable_fields() - self.get_deferred_fields()
        before = Product.objects.locked().get(pk=self.pk)
        if {"category", "category_id"} & {*fields} and self.category_id not in (None, before.category_id):
            Category.objects.hold(self.category_id)
        self.derive_from({*fields}, before)
        # updated_at too, even if the caller has named only other fields, because they have changed.
        super().save(**{**options, "update_fields": {*fields, *DERIVED_FIELDS} if fields else fields})
        recorded = recorded_fields(fields)
        _write_events(
            change_rows(self.pk, before.recorded_values(recorded), self.recorded_values(recorded), _key_of(by))
        )

    def _with_same_sku(self) -> "Product | None":
        """Return another product that has this SKU, in any case."""
        return Product.objects.with_sku_keys([sku_key(self.sku)]).exclude(pk=self.pk).first()

    def recorded_values(self, names: Collection[str]) -> dict[str, Any]:
        """Return the values of these fields as the database has them, for the event of their change."""
        # An assigned value may still be text, as in retired_at="2026-01-01T00:00Z"; the field converts it.
        fields = [field for field in self._meta.concrete_fields if field.name in names]
        return {field.name: field.to_python(getattr(self, field.attname)) for field in fields}


def _is_number(price: Any) -> TypeGuard[Decimal]:
    """Return whether a price can be compared: not None, a text, NaN or infinity."""
    return isinstance(price, Decimal) and price.is_finite()


def check_price(name: str, price: Decimal | None) -> None:
    """Raise ValidationError for a price with more decimals than price_decimals()."""
    digits = price_decimals()
    if price is not None and not currencies.fits(price, digits):
        sentence = currencies.sentence_for(settings.CURRENCY, digits)
        raise ValidationError({name: ValidationError(sentence, "too_many_decimals")})


@functools.cache
def writable_fields() -> frozenset[str]:
    """Return every field of a product except its key and its stock, which only the ledger's verbs change."""
    return frozenset(field.name for field in Product._meta.concrete_fields) - {"id", "stock"}


def recorded_fields(names: Iterable[str]) -> frozenset[str]:
    """Return the fields among these whose changes are recorded in events: all but derived ones."""
    return frozenset(Product._meta.get_field(name).name for name in names) - DERIVED_FIELDS


def _write_events(rows: Iterable[Mapping[str, Any]]) -> None:
    statements = insert_many_sql(Event, list(rows))
    if statements:
        execute_batch(*statements)


def _key_of(by: Person) -> int | None:
    return None if by is None else by.pk


def _moved_since(moment: Any) -> "models.QuerySet[StockMovement, Any]":
    """Return the ids of the products whose stock has moved at or after `moment`."""
    return StockMovement.objects.filter(at__gte=moment).order_by().values("product")


def _by_ids_or_skus(model: "type[Product]", ids: int, skus: int, locked: bool) -> "models.QuerySet[Product, Any]":
    some_ids = [Param(position, models.BigAutoField()) for position in range(ids)]
    some_keys = [Param(f"sku {position}", models.TextField()) for position in range(skus)]
    return _with_ids_or_keys(model, some_ids, some_keys, locked)


def _with_ids_or_keys(
    model: "type[Product]", ids: Collection[Any], keys: Collection[Any], locked: bool
) -> "models.QuerySet[Product, Any]":
    products = model.objects
    names = Q(pk__in=ids) if ids else Q()
    if keys:  # Only if there are any: an OR keeps the database from using the primary key alone.
        names |= Q(sku_key__in=keys)
    found = (products.locked() if locked else products.order_by("pk")).alias(sku_key=SKU_KEY).filter(names)
    return found.values_list(*PLACEMENT_COLUMNS)
