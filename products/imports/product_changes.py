"""Apply an import of products in sets of rows, and undo it as a whole.

Any server can continue any import. Values that somebody else changed after the file was read are left alone.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.utils import timezone

from products import policies
from products.db.retry import atomic_with_retry
from products.exceptions import DomainError
from products.imports.products import CLEANED, FIELDS, SET, NotPermitted, assign, permissions_of, plain
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
from products.ordering.stock_adjustment import Person, StockAdjustment, adjust_locked
from products.skus import sku_key

Move = tuple[ProductImportRow, Product, Reason, int]
"""What is to be done with the stock of a product: a row, its product, and an adjustment."""

PLACES = {ImportState.READ: "was not applied", ImportState.UNDOING: "is being undone", ImportState.UNDONE: "is undone"}


class WrongState(Exception):
    """The import cannot be applied or undone in its current state."""


def apply_set(batch: ProductImport, by: Person = None, *, trusted: bool = False) -> int:
    """Apply the next rows of an import in one transaction, and return how many; 0 means that the import is finished.

    Concurrent calls get different rows. Raises WrongState and NotPermitted.
    """
    return _with_second_try(lambda: _apply_set(batch, by, trusted))


def undo_set(batch: ProductImport, by: Person = None, *, trusted: bool = False) -> int:
    """Undo the next applied rows of an import, and return how many; 0 means that the undo is finished.

    Values that were changed again after the import are left as they are, with a reason; new products are retired.
    Raises WrongState and NotPermitted.
    """
    return _with_second_try(lambda: _undo_set(batch, by, trusted))


def _with_second_try(work: Callable[[], int]) -> int:
    try:
        return atomic_with_retry(work)
    except IntegrityError:
        # Meanwhile somebody created a product with the SKU of a new row; the second attempt sees it.
        return atomic_with_retry(work)


def _locked(batch: ProductImport, states: Collection[ImportState], verb: str) -> ProductImport:
    locked = ProductImport.objects.select_for_update().get(pk=batch.pk)
    if locked.state not in states:
        place = PLACES.get(ImportState(locked.state), "is applied")
        raise WrongState(f"This import {place}, so it cannot be {verb}.")
    return locked


def _check_permissions(batch: ProductImport, by: Person, trusted: bool) -> None:
    may = permissions_of(by, trusted)
    needed = {policies.ADJUST_STOCK: "stock" in batch.fields}
    needed |= {policies.ADD_PRODUCTS: batch.new > 0}
    if policies.CHANGE_PRODUCTS not in may:  # A file may have all columns and yet change only the stock.
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
    """Lock the categories that the rows name against removal, and return the ids of those that exist."""
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
            assign(product, name, row.changes[name][1])
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
        del row.changes["stock"]  # The stock did not change, so there is nothing to undo.
    _store(rows)


def _product_ids(rows: Iterable[ProductImportRow]) -> list[int]:
    return [row.product_id for row in rows if row.product_id is not None]


def _reasons_against(
    row: ProductImportRow, product: Product | None, categories: Collection[int], taken: Collection[str]
) -> list[str]:
    """Return the reasons why a row can no longer be applied: changes since the file was read."""
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
    """Write the rows' changes to products, which must be locked, in one statement for all fields.

    If a product would break a rule, because of the file or of a later change, its row gets the reasons.
    """
    fields = {name for row, _ in pairs for name in row.changes if name in FIELDS}
    if any(row.kind == RowKind.NEW for row, _ in pairs):
        fields.add("retired_at")  # undoing a new product retires it
    if fields & {"name", "description"}:
        fields |= {"sku", "name", "description"}  # the search text is made of these three

    def write(products: Iterable[Product]) -> None:
        copies = []
        for product in products:
            values = {each.attname: getattr(product, each.attname) for each in Product._meta.concrete_fields}
            copies.append(Product(**values | {"stock": 0}))  # stock is not among the fields that are written
        Product.objects.bulk_create(copies, update_conflicts=True, update_fields=fields, unique_fields=["id"], by=by)

    if fields:
        _write_valid(pairs, write)


def _create(pairs: Sequence[tuple[ProductImportRow, Product]], by: Person) -> None:
    """Create the products of new rows; if a product would break a rule, its row gets the reasons."""
    if pairs:
        _write_valid(pairs, lambda products: Product.objects.bulk_create(products, by=by))
    for row, product in pairs:
        row.product = product if product.pk else None


def _write_valid(pairs: Sequence[tuple[ProductImportRow, Product]], write: Callable[[list[Product]], object]) -> None:
    try:
        # bulk_create() validates all products before it writes any.
        write([product for _, product in pairs])
    except ValidationError:
        for row, product in pairs:
            try:
                product.clean_for_writing(CLEANED)
            except ValidationError as error:
                row.reasons += error.messages
        write([product for row, product in pairs if not row.reasons])


def _adjust(moves: Sequence[Move], note: str, by: Person) -> list[ProductImportRow]:
    """Adjust the stock of locked products; return the rows whose stock cannot be adjusted, with the reason added."""
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
    """Restore the product's earlier values where the import's values are unchanged; return whether any was restored.

    For each field that is not restored, a reason is added to `kept`.
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
            assign(product, name, old)
            restored = True
    return restored
