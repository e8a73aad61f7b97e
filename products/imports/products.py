"""Read a file of products and store the changes that it would make, row by row, with the old values.

The file is then no longer needed when the rows are applied or undone (products.imports.product_changes).
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
from django.db import transaction
from django.utils import timezone

from products import currencies, policies
from products.imports.cells import decimal, pieces
from products.imports.product_files import FileProduct, ProductFile
from products.models import (
    Category,
    Product,
    ProductImport,
    ProductImportRow,
    RowKind,
)
from products.models.products import tag_key
from products.ordering.stock_adjustment import Person
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


class NotPermitted(Exception):
    """The user lacks the permission for the file's changes."""


@dataclass
class Catalogue:
    """The categories that the cells of a file can refer to, by slug and by path."""

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
        """Return the category with this slug, else with this path of names, ignoring case. Raises ValueError."""
        if text in self.by_slug:  # Our own export writes slugs, so a slug wins over a name.
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
    for pk, (_, name, parent) in categories.items():  # parents come first
        paths[pk] = f"{paths[parent]} / {name}" if parent in paths else name
    return paths


def _path_key(path: str) -> str:
    return " / ".join(part.strip() for part in path.casefold().split("/"))


# --- Reading -----------------------------------------------------------------------------------------------------


def read_rows(file: ProductFile, by: Person = None, *, trusted: bool = False) -> Iterator[ProductImportRow]:
    """Return unsaved rows with the changes of each product in the file, and all reasons why they cannot be made.

    Raises UnreadableFile, and NotPermitted if the file has stock and the user may not adjust it. `trusted` is for the
    command, which has no logged-in user.
    """
    may = permissions_of(by, trusted)
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
    """Read a file and store the changes that it would make, for review. Raises the same errors as read_rows()."""
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


def permissions_of(by: Person, trusted: bool) -> set[str]:
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
    """Return the product's values, parsed from its texts, in JSON form; add errors to `faults`."""
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
            continue  # Empty cells of these columns change nothing.
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
    """Return the changes that these values make: {field: [old, new]}. A product is retired at the time of applying."""
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
    """Return the value of a product's field in JSON form."""
    value = getattr(product, "category_id" if name == "category" else name)
    if isinstance(value, Decimal):
        return str(currencies.scaled(value, settings.CURRENCY))
    return value.isoformat() if name == "retired_at" and value is not None else value


def assign(product: Product, name: str, value: Any) -> None:
    if name == "retired_at":
        value = timezone.now() if value == "now" else value and datetime.fromisoformat(value)
    if name in ("price", "list_price") and value is not None:
        value = Decimal(value)
    setattr(product, "category_id" if name == "category" else name, value)


def _broken_rules(product: Product, is_new: bool, changes: Mapping[str, Any], faults: Sequence[str]) -> list[str]:
    """Return every rule of the model that the product would break with these changes."""
    names = [name for name in changes if name in FIELDS]
    for name in names:
        assign(product, name, changes[name][1])
    if not (names or is_new):
        return []
    # Check all fields, because all are written; fields that a new product lacks are reported already.
    names = [name for name in CLEANED if getattr(product, name) not in (None, "") or name not in NEEDED]
    try:
        product.clean_for_writing(names)
    except ValidationError:
        # Check field by field, because the model stops after the first kind of rule.
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
