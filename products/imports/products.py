"""Importing products from a file: what it would change, applying that in sets, and undoing it as one batch.

What a row changes is stored with it, with the values before. So nothing of a file is needed after it was read, any
server can go on with any import, and what somebody else has changed meanwhile is noticed and left alone.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from products import currencies, policies
from products.db.retry import atomic_with_retry
from products.exceptions import DomainError
from products.imports.cells import decimal, pieces
from products.imports.product_files import FileProduct, ProductFile
from products.models import (
    Category,
    ImportState,
    Product,
    ProductImport,
    ProductImportRow,
    Reason,
    RowKind,
    RowState,
)
from products.models.products import tag_key
from products.ordering.stock_adjustment import Person, StockAdjustment, adjust_locked
from products.skus import is_sku, sku_key
from products.validators import clean_fields

SET = 1_000
"""Rows that are written in one transaction."""

TEXTS = ("name", "description", "vendor", "barcode", "tax_class")
FIELDS = (*TEXTS, "category", "weight", "tags", "images", "price", "list_price", "low_stock", "retired_at")
"""What an import writes of a product, but for its stock."""

NEEDED = ("name", "price")
CLEANED = ("sku", *(name for name in FIELDS if name not in ("category", "retired_at")))
"""What the model's validators look at, in the order of their sentences."""
YES, NO = ("yes", "true", "1"), ("no", "false", "0")

Move = tuple[ProductImportRow, Product, Reason, int]
"""What is to be done with the stock of a product: a row, its product, and an adjustment."""

PLACES = {ImportState.READ: "was not applied", ImportState.UNDOING: "is being undone", ImportState.UNDONE: "is undone"}


class WrongState(Exception):
    """The import cannot be applied or undone, as it is undone already, or was never applied."""


class NotPermitted(Exception):
    """The person may not change what the file changes."""


@dataclass
class Catalogue:
    """What the cells of a file refer to: the categories by their slugs and paths."""

    by_slug: dict[str, int] = field(default_factory=dict)
    by_path: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def load(cls) -> "Catalogue":
        categories = {pk: (slug, name, parent) for pk, slug, name, parent in _category_rows()}
        catalogue = cls()
        catalogue.by_slug = {slug: pk for pk, (slug, _, _) in categories.items()}
        for pk, path in _paths(categories).items():
            catalogue.by_path.setdefault(_path_key(path), []).append(pk)
        return catalogue

    def category(self, text: str) -> int:
        """Return the category with this slug, or else this path of names in any case. Raises ValueError."""
        if text in self.by_slug:  # As our own export names it, whatever others are called.
            return self.by_slug[text]
        found = self.by_path.get(_path_key(text), [])
        if len(found) != 1:
            raise ValueError(f"there is no category {text!r}." if not found else f"{text!r} are several categories.")
        return found[0]


def category_paths() -> dict[int, str]:
    """Return every category's path of names: {id: "Kitchen / Mugs"}."""
    return _paths({pk: (slug, name, parent) for pk, slug, name, parent in _category_rows()})


def _category_rows() -> Iterable[tuple[int, str, str, int | None]]:
    return Category.objects.order_by("depth", "pk").values_list("pk", "slug", "name", "parent_id")


def _paths(categories: Mapping[int, tuple[str, str, int | None]]) -> dict[int, str]:
    paths: dict[int, str] = {}
    for pk, (_, name, parent) in categories.items():  # those above come first
        paths[pk] = f"{paths[parent]} / {name}" if parent in paths else name
    return paths


def _path_key(path: str) -> str:
    return " / ".join(part.strip() for part in path.casefold().split("/"))


# --- Reading -----------------------------------------------------------------------------------------------------


def read_rows(file: ProductFile, by: Person = None, *, trusted: bool = False) -> Iterator[ProductImportRow]:
    """Return what each product of the file would change, and every reason why it cannot, as rows that are not stored.

    Raises UnreadableFile, and NotPermitted if the person may not adjust stock and the file has some. `trusted` is for
    the command, which nobody logs in to.
    """
    may = _permissions(by, trusted)
    if "stock" in file.columns and policies.ADJUST_STOCK not in may:
        raise NotPermitted("The file has a column for the stock, which you may not adjust.")
    catalogue, lines = Catalogue.load(), dict[str, int]()
    products = iter(file.products)
    while some := list(islice(products, SET)):
        keys = {sku_key(each.texts["sku"]) for each in some if is_sku(each.texts["sku"])}
        found = {sku_key(each.sku): each for each in Product.objects.with_sku_keys(keys)}
        for each in some:
            yield _compared(each, file, found, lines, catalogue, may)


def store(
    file: ProductFile,
    data: bytes,
    name: str,
    *,
    by: Person = None,
    note: str = "",
    trusted: bool = False,
    progress: Callable[[int], None] = lambda done: None,
) -> ProductImport:
    """Read a file and keep what it would change, to be looked at and applied. Raises as read_rows() does."""
    with transaction.atomic():
        batch = ProductImport(
            name=name[:200], digest=hashlib.sha256(data).hexdigest(), format=file.format, by=by, note=note
        )
        batch.header, batch.fields, batch.ignored = file.header, file.columns, file.ignored
        clean_fields(batch, ["name", "note"])
        batch.save()
        rows, counts, done = read_rows(file, by, trusted=trusted), Counter[str](), 0
        while some := list(islice(rows, SET)):
            for row in some:
                row.batch = batch
            ProductImportRow.objects.bulk_create(some)
            counts.update(row.kind for row in some)
            done += len(some)
            progress(done)
        for kind in RowKind:
            setattr(batch, kind.value.lower(), counts[kind])
        batch.save()
    return batch


def _permissions(by: Person, trusted: bool) -> set[str]:
    needed = (policies.ADD_PRODUCTS, policies.CHANGE_PRODUCTS, policies.ADJUST_STOCK)
    return {name for name in needed if trusted or (by is not None and policies.is_staff_with(by, name))}


def _compared(
    source: FileProduct,
    file: ProductFile,
    found: Mapping[str, Product],
    lines: dict[str, int],
    catalogue: Catalogue,
    may: Collection[str],
) -> ProductImportRow:
    sku, faults = source.texts["sku"], list(source.faults)
    if not sku:
        faults.append("sku: it is missing.")
    elif lines.setdefault(sku_key(sku), source.line) != source.line:
        faults.append(f"sku: line {lines[sku_key(sku)]} has it already.")
    product = found.get(sku_key(sku))
    values = _values(source, file.columns, catalogue, faults)
    changes = _changes(product, values)
    kind = RowKind.NEW if product is None else RowKind.CHANGED if changes else RowKind.UNCHANGED
    if product is None:
        faults += [f"{name}: it is missing." for name in NEEDED if values.get(name) is None and not _told(faults, name)]
        if policies.ADD_PRODUCTS not in may:
            faults.append("You may not add products.")
    elif {*changes} - {"stock"} and policies.CHANGE_PRODUCTS not in may:
        faults.append("You may not change products.")
    if sku and (product is None or changes):
        faults += _broken_rules(product or Product(sku=sku), product is None, changes, faults)
    faults += _stock_faults(source, product, values)
    row = ProductImportRow(line=source.line, sku=sku[:200], product=product, kind=RowKind.BAD if faults else kind)
    row.reasons = list(dict.fromkeys(faults))
    row.changes = {} if faults else changes
    row.cells = [] if row.kind == RowKind.UNCHANGED else source.cells
    return row


def _told(faults: Iterable[str], name: str) -> bool:
    return any(fault.startswith(f"{name}:") for fault in faults)


def _values(source: FileProduct, columns: Collection[str], catalogue: Catalogue, faults: list[str]) -> dict[str, Any]:
    """Return the values that the texts of the product name, as JSON has them; add what is wrong to `faults`."""
    parse: dict[str, Callable[[str], Any]] = {
        "category": catalogue.category,
        "weight": pieces,
        "tags": lambda text: list(
            dict.fromkeys(tag_key(tag.strip()) for tag in re.split(r"[,\n]", text) if tag.strip())
        ),
        "images": str.split,
        "price": _price,
        "list_price": _price,
        "stock": pieces,
        "low_stock": pieces,
        "expected": pieces,
        "retired": _retired,
    }
    values: dict[str, Any] = {}
    for name in columns:
        text = source.texts.get(name, "")
        if name == "sku" or (not text and name in ("stock", "expected", "retired", "tax_class")):
            continue  # What is empty there is left as it is.
        if not text and name in NEEDED:
            faults.append(f"{name}: it is missing.")
        elif not text:
            values[name] = {"tags": [], "images": []}.get(name, "" if name in TEXTS else None)
        else:
            try:
                values[name] = parse.get(name, str)(text)
            except ValueError as error:
                faults.append(f"{name}: {error}")
    return values


def _price(text: str) -> str:
    return str(currencies.scaled(decimal(text), settings.CURRENCY))


def _retired(text: str) -> bool:
    if text.lower() in YES:
        return True
    if text.lower() in NO:
        return False
    raise ValueError(f"{text!r} is neither yes nor no.")


def _changes(product: Product | None, values: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Return what these values change: {field: [old, new]}. The moment of a retirement is that of applying it."""
    changes: dict[str, list[Any]] = {}
    for name, value in values.items():
        if name == "expected":
            continue
        if name == "retired":
            old = None if product is None else plain(product, "retired_at")
            if value != (old is not None):
                changes["retired_at"] = [old, "now" if value else None]
            continue
        old = (0 if name == "stock" else None) if product is None else plain(product, name)
        if old != value and not (product is None and value in ("", [])):
            changes[name] = [old, value]
    return changes


def plain(product: Product, name: str) -> Any:
    """Return the value of a product's field as JSON has it."""
    value = getattr(product, "category_id" if name == "category" else name)
    if isinstance(value, Decimal):
        return str(currencies.scaled(value, settings.CURRENCY))
    return value.isoformat() if name == "retired_at" and value is not None else value


def _assign(product: Product, name: str, value: Any) -> None:
    if name == "retired_at":
        value = timezone.now() if value == "now" else value and datetime.fromisoformat(value)
    if name in ("price", "list_price") and value is not None:
        value = Decimal(value)
    setattr(product, "category_id" if name == "category" else name, value)


def _broken_rules(product: Product, is_new: bool, changes: Mapping[str, Any], faults: Sequence[str]) -> list[str]:
    """Return every rule of the model that the product would break with these changes."""
    names = [name for name in changes if name in FIELDS]
    for name in names:
        _assign(product, name, changes[name][1])
    if not (names or is_new):
        return []
    # All of them, as all are written; those that a new product lacks are named already.
    names = [name for name in CLEANED if getattr(product, name) not in (None, "") or name not in NEEDED]
    try:
        product.clean_for_writing(names)
    except ValidationError:
        # Field by field, as the model stops at the first kind of rule.
        return [sentence for name in names for sentence in _sentences(product, name) if sentence not in faults]
    return []


def _sentences(product: Product, name: str) -> list[str]:
    try:
        product.clean_for_writing([name])
    except ValidationError as error:
        return [f"{about}: {' '.join(texts)}" for about, texts in error.message_dict.items()]
    return []


def _stock_faults(source: FileProduct, product: Product | None, values: Mapping[str, Any]) -> list[str]:
    expected = values.get("expected")
    if expected is None:
        return []
    if source.texts.get("stock", "") == "":
        return ["expected: it is about the stock, which is missing."]
    present = 0 if product is None else product.stock
    return [] if expected == present else [f"stock: {expected} expected, and there are {present}."]


# --- Applying ----------------------------------------------------------------------------------------------------


def apply_set(batch: ProductImport, by: Person = None, *, trusted: bool = False) -> int:
    """Apply the next rows of an import, in one transaction, and return how many there were; 0 when it is applied.

    Two who do this at once get different rows. Raises WrongState and NotPermitted.
    """
    return _with_second_try(lambda: _apply_set(batch, by, trusted))


def undo_set(batch: ProductImport, by: Person = None, *, trusted: bool = False) -> int:
    """Undo the next rows of what an import has applied, and return how many there were; 0 when it is undone.

    Values that are no longer those of the import are left as they are, with a reason; new products are retired. Raises
    WrongState and NotPermitted.
    """
    return _with_second_try(lambda: _undo_set(batch, by, trusted))


def _with_second_try(work: Callable[[], int]) -> int:
    try:
        return atomic_with_retry(work)
    except IntegrityError:
        # Somebody has made a product with the SKU of a new one meanwhile; now it is seen.
        return atomic_with_retry(work)


def _locked(batch: ProductImport, states: Collection[ImportState], verb: str) -> ProductImport:
    locked = ProductImport.objects.select_for_update().get(pk=batch.pk)
    if locked.state not in states:
        place = PLACES.get(ImportState(locked.state), "is applied")
        raise WrongState(f"This import {place}, so it cannot be {verb}.")
    return locked


def _check_permissions(batch: ProductImport, by: Person, trusted: bool) -> None:
    may = _permissions(by, trusted)
    needed = {policies.ADJUST_STOCK: "stock" in batch.fields}
    needed |= {policies.ADD_PRODUCTS: batch.new > 0}
    if policies.CHANGE_PRODUCTS not in may:  # A file may have every column and change nothing but the stock.
        changed = batch.rows.filter(kind=RowKind.CHANGED, changes__has_any_keys=FIELDS)
        needed |= {policies.CHANGE_PRODUCTS: changed.exists()}
    if any(is_needed and name not in may for name, is_needed in needed.items()):
        raise NotPermitted("You may not do all that this import does.")


def _apply_set(batch: ProductImport, by: Person, trusted: bool) -> int:
    # A concurrent run of this import waits here, and continues with the next rows.
    locked = _locked(batch, (ImportState.READ, ImportState.APPLYING), "applied")
    _check_permissions(locked, by, trusted)
    rows = list(locked.rows.to_apply().by_product()[:SET])
    if rows:
        locked.state = ImportState.APPLYING
        _apply(rows, locked, by)
    else:
        locked.state, locked.applied_at = ImportState.APPLIED, timezone.now()
    locked.save(update_fields=["state", "applied_at"])
    return len(rows)


def _undo_set(batch: ProductImport, by: Person, trusted: bool) -> int:
    locked = _locked(batch, (ImportState.APPLYING, ImportState.APPLIED, ImportState.UNDOING), "undone")
    _check_permissions(locked, by, trusted)
    rows = list(locked.rows.to_undo().by_product()[:SET])
    if rows:
        locked.state = ImportState.UNDOING
        _undo(rows, locked, by)
    else:
        locked.state, locked.undone_at = ImportState.UNDONE, timezone.now()
    locked.save(update_fields=["state", "undone_at"])
    return len(rows)


def note_of(batch: ProductImport, undone: bool = False) -> str:
    """Return the note of the import's movements in the ledger."""
    about = f"Undo of import {batch.pk}" if undone else f"Import {batch.pk}"
    return f"{about}: {batch.note or batch.name}"[:200]


def _held_categories(rows: Sequence[ProductImportRow], position: int) -> set[int]:
    """Keep the categories that the rows name from being removed, and return those that there are."""
    wanted = {row.changes["category"][position] for row in rows if "category" in row.changes} - {None}
    if not wanted:
        return set()
    held = Category.objects.filter(pk__in=wanted).order_by("pk").select_for_update(no_key=True)
    return set(held.values_list("pk", flat=True))


def _apply(rows: Sequence[ProductImportRow], batch: ProductImport, by: Person) -> None:
    categories = _held_categories(rows, 1)
    products = {each.pk: each for each in Product.objects.locked().filter(pk__in=_product_ids(rows))}
    keys = [sku_key(row.sku) for row in rows if row.kind == RowKind.NEW]
    taken = (
        {sku_key(sku) for sku in Product.objects.with_sku_keys(keys).values_list("sku", flat=True)} if keys else set()
    )
    new, changed = list[tuple[ProductImportRow, Product]](), list[tuple[ProductImportRow, Product]]()
    applied = list[tuple[ProductImportRow, Product]]()
    for row in rows:
        is_new = row.kind == RowKind.NEW
        product = Product(sku=row.sku) if is_new else products.get(row.product_id or 0)
        row.state, row.reasons = RowState.APPLIED, _reasons_against(row, product, categories, taken)
        if row.reasons or product is None:
            continue
        for name in (name for name in row.changes if name in FIELDS):
            _assign(product, name, row.changes[name][1])
        if "retired_at" in row.changes:
            row.changes["retired_at"][1] = plain(product, "retired_at")
        applied.append((row, product))
        if is_new or {*row.changes} - {"stock"}:
            (new if is_new else changed).append((row, product))
    _write(changed, by)
    _create(new, by)
    counted = [
        (row, product, Reason.RECEIVED if row.kind == RowKind.NEW else Reason.COUNTED, row.changes["stock"][1])
        for row, product in applied
        if "stock" in row.changes and not row.reasons
    ]
    for row in rows:
        if row.reasons:
            row.state = RowState.REFUSED
    for row in _adjust(counted, note_of(batch), by):
        del row.changes["stock"]  # Nothing of it is to be undone.
    _store(rows)


def _product_ids(rows: Iterable[ProductImportRow]) -> list[int]:
    return [row.product_id for row in rows if row.product_id is not None]


def _reasons_against(
    row: ProductImportRow, product: Product | None, categories: Collection[int], taken: Collection[str]
) -> list[str]:
    """Return why a row cannot be applied any more: what has changed since the file was read."""
    if product is None:
        return ["The product is gone."]
    if row.kind == RowKind.NEW:
        reasons = ["sku: somebody has made a product with this SKU."] if sku_key(row.sku) in taken else []
    else:
        reasons = [
            f"{name}: it is {_shown(now)} by now, and was {_shown(old)} when the file was read."
            for name, (old, _) in row.changes.items()
            if (now := plain(product, name)) != old
        ]
    category = row.changes.get("category", (None, None))[1]
    if category is not None and category not in categories:
        reasons.append("category: it is gone.")
    return reasons


def _shown(value: Any) -> str:
    return "empty" if value in (None, "", []) else repr(value) if isinstance(value, list) else str(value)


def _write(pairs: Sequence[tuple[ProductImportRow, Product]], by: Person) -> None:
    """Write what rows change of products that are locked, in one statement whatever it is.

    A row whose product would break a rule, which the file or somebody since is to blame for, gets the reasons.
    """
    fields = {name for row, _ in pairs for name in row.changes if name in FIELDS}
    if any(row.kind == RowKind.NEW for row, _ in pairs):
        fields.add("retired_at")  # of what is undone
    if fields & {"name", "description"}:
        fields |= {"sku", "name", "description"}  # what is searched in is made of the three

    def write(products: Iterable[Product]) -> None:
        copies = []
        for product in products:
            values = {each.attname: getattr(product, each.attname) for each in Product._meta.concrete_fields}
            copies.append(Product(**values | {"stock": 0}))  # It is not among the fields that are written.
        Product.objects.bulk_create(copies, update_conflicts=True, update_fields=fields, unique_fields=["id"], by=by)

    if fields:
        _write_valid(pairs, write)


def _create(pairs: Sequence[tuple[ProductImportRow, Product]], by: Person) -> None:
    """Create the products of new rows; a row whose product would break a rule gets the reasons."""
    if pairs:
        _write_valid(pairs, lambda products: Product.objects.bulk_create(products, by=by))
    for row, product in pairs:
        row.product = product if product.pk else None


def _write_valid(pairs: Sequence[tuple[ProductImportRow, Product]], write: Callable[[list[Product]], object]) -> None:
    try:
        # It validates all of them first.
        write([product for _, product in pairs])
    except ValidationError:
        for row, product in pairs:
            try:
                product.clean_for_writing(CLEANED)
            except ValidationError as error:
                row.reasons += error.messages
        write([product for row, product in pairs if not row.reasons])


def _adjust(moves: Sequence[Move], note: str, by: Person) -> list[ProductImportRow]:
    """Move the stock of products that are locked, and return the rows whose stock cannot move, with the reason."""
    adjustments = [StockAdjustment(product, reason, number, by=by, note=note) for _, product, reason, number in moves]
    failed = []
    for (row, *_), outcome in zip(moves, adjust_locked(adjustments), strict=True):
        if outcome.error is not None:
            row.reasons.append(f"stock: {_text_of(outcome.error)}")
            failed.append(row)
    return failed


def _text_of(error: DomainError | ValidationError) -> str:
    return " ".join(error.messages) if isinstance(error, ValidationError) else str(error)


def _store(rows: Sequence[ProductImportRow]) -> None:
    ProductImportRow.objects.bulk_create(
        rows,
        update_conflicts=True,
        update_fields=["state", "product", "changes", "reasons"],
        unique_fields=["id"],
    )


# --- Undoing -----------------------------------------------------------------------------------------------------


def _undo(rows: Sequence[ProductImportRow], batch: ProductImport, by: Person) -> None:
    categories = _held_categories(rows, 0)
    products = {each.pk: each for each in Product.objects.locked().filter(pk__in=_product_ids(rows))}
    written, moved = list[tuple[ProductImportRow, Product]](), list[Move]()
    kept = {row.pk: list[str]() for row in rows}
    for row in rows:
        row.reasons = []
        product = products.get(row.product_id or 0)
        if product is None:
            kept[row.pk].append("The product is gone.")
            continue
        if _restore(row, product, categories, kept[row.pk]):
            written.append((row, product))
        if "stock" in row.changes:
            old, new = row.changes["stock"]
            moved.append((row, product, Reason.CORRECTED, old - new))
    _write(written, by)
    for row in rows:
        row.reasons += kept[row.pk]
    _adjust(moved, note_of(batch, undone=True), by)
    for row in rows:
        row.state = RowState.KEPT if row.reasons else RowState.UNDONE
    _store(rows)


def _restore(row: ProductImportRow, product: Product, categories: Collection[int], kept: list[str]) -> bool:
    """Give the product its values before the import, where they are still those of the import; say if there are any.

    What is left as it is goes into `kept`.
    """
    if row.kind == RowKind.NEW:
        was_on_sale = product.retired_at is None
        product.retired_at = product.retired_at or timezone.now()
        return was_on_sale
    restored = False
    for name in (name for name in row.changes if name in FIELDS):
        old, new = row.changes[name]
        if (now := plain(product, name)) != new:
            kept.append(f"{name}: it is {_shown(now)} by now, and not {_shown(new)} as imported; left as it is.")
        elif name == "category" and old is not None and old not in categories:
            kept.append("category: the one before is gone; left as it is.")
        else:
            _assign(product, name, old)
            restored = True
    return restored
