"""Product files: CSV and XLSX in the shop's own format, and the product exports of Shopify and WooCommerce.

In every format, a product is read as a mapping of the `COLUMNS`, which docs/imports.md describes, to texts. A file is
read row by row and within limits, because users upload it.
"""

import csv
import html
import io
import lzma
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.utils.html import strip_tags
from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from products.imports.cells import NUMBER, UnreadableFile
from products.spreadsheets import undefused

REASON = "reason"
"""The column that a file of bad rows has besides, and that is not read."""

COLUMNS = (
    "sku",
    "name",
    "description",
    "category",
    "vendor",
    "barcode",
    "weight",
    "tags",
    "images",
    "price",
    "list_price",
    "tax_class",
    "low_stock",
    "retired",
    "stock",
    "expected",
)

OWN, SHOPIFY, WOOCOMMERCE = "shop", "shopify", "woocommerce"
FORMATS = (OWN, SHOPIFY, WOOCOMMERCE)
ENCODINGS = ("utf-8", "cp1252")

MAX_BYTES = 10 * 1024 * 1024
"""As deploy/nginx/shop.conf lets staff upload."""
MAX_UNZIPPED = 100 * 1024 * 1024
MAX_ROWS = 50_000
MAX_COLUMNS = 200

DELIMITERS = ",;\t"

SHOPIFY_COLUMNS = {
    "Variant SKU": "sku",
    "Title": "name",
    "Body (HTML)": "description",
    "Vendor": "vendor",
    "Variant Barcode": "barcode",
    "Variant Grams": "weight",
    "Tags": "tags",
    "Image Src": "images",
    "Variant Price": "price",
    "Variant Compare At Price": "list_price",
    "Published": "retired",
    "Status": "retired",
    "Variant Inventory Qty": "stock",
}
SHOPIFY_OPTIONS = ("Option1 Value", "Option2 Value", "Option3 Value")
SHOPIFY_OF_PRODUCT = ("Title", "Body (HTML)", "Vendor", "Tags", "Published", "Status")
"""What only the first row of a handle has."""
SHOPIFY_READ = {"Handle", *SHOPIFY_COLUMNS, *SHOPIFY_OPTIONS}

WOOCOMMERCE_COLUMNS = {
    "SKU": "sku",
    "Name": "name",
    "Description": "description",
    "Categories": "category",
    "Brands": "vendor",
    "GTIN, UPC, EAN, or ISBN": "barcode",
    "Weight (g)": "weight",
    "Weight (kg)": "weight",
    "Weight (lbs)": "weight",
    "Weight (oz)": "weight",
    "Tags": "tags",
    "Images": "images",
    "Regular price": "price",
    "Published": "retired",
    "Stock": "stock",
    "Low stock amount": "low_stock",
}
WOOCOMMERCE_READ = {*WOOCOMMERCE_COLUMNS, "Sale price", "Type"}
NOT_SOLD = ("variable", "grouped")
GRAMS = {
    "Weight (g)": Decimal(1),
    "Weight (kg)": Decimal(1000),
    "Weight (lbs)": Decimal("453.59237"),
    "Weight (oz)": Decimal("28.349523125"),
}


@dataclass
class FileProduct:
    """One product of a file: its line number, the rows of cells that it was read from, and its texts by column name."""

    line: int
    cells: list[list[str]]
    texts: dict[str, str]
    faults: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class ProductFile:
    """A file that is read while iterating over its `products`. `ignored` are its columns that are not imported."""

    format: str
    header: list[str]
    columns: list[str]
    ignored: list[str]
    products: Iterator[FileProduct]


@dataclass
class _Row:
    line: int
    cells: list[str]
    texts: dict[str, str]


def read(data: bytes, *, format: str | None = None, encoding: str = "utf-8") -> ProductFile:
    """Return the products of a file; without a given format, the header determines it. Raises UnreadableFile.

    UnreadableFile may also be raised while iterating over the products.
    """
    if len(data) > MAX_BYTES:
        raise UnreadableFile(f"The file is larger than {MAX_BYTES // 1024**2} MB.")
    rows = _xlsx_rows(data) if data.startswith(b"PK\x03\x04") else _csv_rows(data, encoding, format)
    header = [_storable(name).strip() for name in next(rows, (1, []))[1]]
    found = format_of(header)
    if found is None or format not in (None, found):
        raise UnreadableFile(
            "The first row names the columns; a file of our own has `sku`, one of Shopify `Handle` and `Variant SKU`, "
            f"one of WooCommerce `SKU` and `Name`. This one has {', '.join(header[:20]) or 'none'}."
        )
    if len(header) > MAX_COLUMNS:
        raise UnreadableFile(f"The file has more than {MAX_COLUMNS} columns.")
    if twice := sorted({name for name in header if name and header.count(name) > 1}):
        raise UnreadableFile(f"Named twice: {', '.join(twice)}.")
    table = _limited(header, rows)
    if found == SHOPIFY:
        columns, products = _mapped(header, SHOPIFY_COLUMNS), _shopify_products(header, table)
        known: Iterable[str] = SHOPIFY_READ
    elif found == WOOCOMMERCE:
        columns, products = _mapped(header, WOOCOMMERCE_COLUMNS), map(_woocommerce_product, table)
        if "price" in columns and "Sale price" in header:
            columns.append("list_price")
        known = WOOCOMMERCE_READ
    else:
        known = (*COLUMNS, REASON)
        if unknown := [name for name in header if name.lower() not in known]:
            raise UnreadableFile(f"Unknown columns: {', '.join(map(repr, unknown))}. Known are {', '.join(COLUMNS)}.")
        columns = [name.lower() for name in header if name.lower() != REASON]
        if "expected" in columns and "stock" not in columns:
            raise UnreadableFile("The column `expected` is about `stock`, which is missing.")
        products = map(_own_product, table)
    ignored = [] if found == OWN else [name for name in header if name not in known and name.lower() != REASON]
    return ProductFile(found, header, columns, ignored, _complete(header, products))


def format_of(header: Sequence[str]) -> str | None:
    """Return the format of a file with this header; None if it is not a supported one."""
    names = {*header}
    if {"Handle", "Variant SKU"} <= names:
        return SHOPIFY
    if {"SKU", "Name"} <= names and names & {"Type", "Published", "Regular price"}:
        return WOOCOMMERCE
    return OWN if "sku" in {name.lower() for name in names} else None


def _mapped(header: Sequence[str], columns: Mapping[str, str]) -> list[str]:
    return list(dict.fromkeys(columns[name] for name in header if name in columns))


def _csv_rows(data: bytes, encoding: str, format: str | None) -> Iterator[tuple[int, list[str]]]:
    try:
        text = data.decode("utf-8-sig" if encoding == "utf-8" else encoding)
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise UnreadableFile(
            f"Line {line} is not in {encoding}. Save the file as UTF-8, or name its encoding."
        ) from None
    headers = {
        each: next(csv.reader(io.StringIO(text[:100_000], newline=""), delimiter=each), []) for each in DELIMITERS
    }
    # The delimiter is the one with which the header has a known format; a text may contain any of the three.
    known = [each for each in DELIMITERS if format_of([name.strip() for name in headers[each]]) is not None]
    delimiter = max(known or DELIMITERS, key=lambda each: len(headers[each]))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            yield line, cells
            line = reader.line_num + 1
    except csv.Error as error:
        raise UnreadableFile(f"Line {reader.line_num}: this is not CSV: {error}.") from None


def _xlsx_rows(data: bytes) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a workbook's first sheet, with the values of its cells and not their formulas."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            # zipfile never unpacks more of an entry than the size that the entry declares.
            if sum(entry.file_size for entry in archive.infolist()) > MAX_UNZIPPED:
                raise UnreadableFile(f"Unpacked, the file is larger than {MAX_UNZIPPED // 1024**2} MB.")
        workbook = load_workbook(io.BytesIO(data), read_only=True, data_only=True, keep_links=False)
        sheet = workbook.worksheets[0]
        sheet.reset_dimensions()  # do not trust the dimensions that the file declares
        # openpyxl yields empty rows for gaps, so the limit applies to row numbers and not to the rows in the file.
        rows = sheet.iter_rows(max_row=MAX_ROWS + 2, max_col=MAX_COLUMNS + 1, values_only=True)
        for line, values in enumerate(rows, start=1):
            cells = [_text_of(value) for value in values]
            while cells and not cells[-1]:
                cells.pop()
            yield line, cells
    except UnreadableFile:
        raise
    except (InvalidFileException, zipfile.BadZipFile, zipfile.LargeZipFile, RuntimeError) as error:
        # A RuntimeError means that an entry is encrypted, or compressed with a method that Python does not support.
        raise UnreadableFile(f"This is no XLSX file: {error}") from None
    except (zlib.error, lzma.LZMAError) as error:
        raise UnreadableFile(f"This XLSX file is damaged: {error}.") from None
    except (KeyError, IndexError, ValueError, TypeError, AttributeError, SyntaxError, EOFError, OSError) as error:
        # openpyxl and its XML parser raise these for damaged workbooks (ParseError is a SyntaxError).
        raise UnreadableFile(f"This XLSX file is damaged: {type(error).__name__}.") from None


def _text_of(value: Any) -> str:
    """Return the value of a cell as a CSV file would have it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 2**53 else repr(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)


def _storable(text: str) -> str:
    """Return the text without NUL, which PostgreSQL can store neither in text nor in JSON."""
    return text.replace("\0", "\ufffd")


def _limited(header: Sequence[str], rows: Iterable[tuple[int, list[str]]]) -> Iterator[_Row]:
    taken = 0
    for line, raw in rows:
        cells = [_storable(cell) for cell in raw]
        if not any(cell.strip() for cell in cells):
            continue
        taken += 1
        if taken > MAX_ROWS:
            raise UnreadableFile(f"The file has more than {MAX_ROWS:,} rows; part it.")
        texts = {name: undefused(cell.strip()) for name, cell in zip(header, cells, strict=False)}
        yield _Row(line, cells, dict.fromkeys(header, "") | texts)


def _complete(header: Sequence[str], products: Iterable[FileProduct]) -> Iterator[FileProduct]:
    """Add a fault to each product with a row longer than the header. Shorter rows are fine: XLSX omits empty cells."""
    for product in products:
        for cells in product.cells:
            if len(cells) > len(header):
                product.faults.append(f"The row has {len(cells)} cells, and the header {len(header)}.")
        yield product


def _own_product(row: _Row) -> FileProduct:
    return FileProduct(row.line, [row.cells], {name.lower(): text for name, text in row.texts.items()})


def _shopify_products(header: Sequence[str], rows: Iterable[_Row]) -> Iterator[FileProduct]:
    """Return a product for each variant. A row without one carries an image of the handle above."""
    handle: list[_Row] = []
    for row in rows:
        if handle and row.texts["Handle"] not in ("", handle[0].texts["Handle"]):
            yield from _shopify_variants(header, handle)
            handle = []
        handle.append(row)
    if handle:
        yield from _shopify_variants(header, handle)


def _shopify_variants(header: Sequence[str], rows: Sequence[_Row]) -> Iterator[FileProduct]:
    first = rows[0].texts
    images = [row.texts["Image Src"] for row in rows if row.texts.get("Image Src")]
    only_images = {row.line: row.cells for row in rows[1:] if not (row.texts["Variant SKU"] or _price_of(row))}
    for row in rows:
        if row.line in only_images:
            continue
        shared = {name: first[name] for name in SHOPIFY_OF_PRODUCT if name in first and not row.texts[name]}
        texts = row.texts | shared
        own = {own: texts[name] for name, own in SHOPIFY_COLUMNS.items() if name in texts}
        options = [texts[name] for name in SHOPIFY_OPTIONS if texts.get(name) and texts[name] != "Default Title"]
        if options and own.get("name"):
            own["name"] += f" – {' / '.join(options)}"
        if "description" in own:
            own["description"] = _plain(own["description"])
        if "barcode" in own:
            own["barcode"] = own["barcode"].removeprefix("'")  # Shopify adds it to keep leading zeros
        if "images" in own:
            own["images"] = "\n".join(images)
        if "retired" in own:
            is_on_sale = texts.get("Status", "active") == "active" and texts.get("Published", "").lower() != "false"
            own["retired"] = "no" if is_on_sale else "yes"
        # In a corrected file that is imported again, this row may be the first one of its handle.
        cells = [shared.get(name, cell) for name, cell in zip(header, _padded(row.cells, header), strict=False)]
        extra = only_images.values() if row is rows[0] else []
        yield FileProduct(row.line, [cells, *extra], own)


def _price_of(row: _Row) -> str:
    return row.texts.get("Variant Price", "")


def _woocommerce_product(row: _Row) -> FileProduct:
    texts = row.texts
    own = {own: texts[name] for name, own in WOOCOMMERCE_COLUMNS.items() if name in texts}
    product = FileProduct(row.line, [row.cells], own)
    if "description" in own:
        own["description"] = _plain(own["description"].replace("\\n", "\n"))
    for name, grams in GRAMS.items():
        if NUMBER.fullmatch(texts.get(name, "")):
            own["weight"] = str(round(Decimal(texts[name]) * grams))
        elif texts.get(name):
            product.faults.append(f"{name}: {texts[name]!r} is no number such as 0.35.")
            own["weight"] = ""
    if "category" in own:
        first = re.split(r"(?<!\\),", own["category"])[0].replace("\\,", ",")
        own["category"] = " / ".join(part.strip() for part in first.split(">"))
    if "images" in own:
        own["images"] = "\n".join(part.strip() for part in re.split(r",\s+", own["images"]))
    if "price" in own and "Sale price" in texts:
        sale = texts["Sale price"]
        own["price"], own["list_price"] = (sale, own["price"]) if sale else (own["price"], "")
    if "retired" in own:
        own["retired"] = "no" if own["retired"] == "1" else "yes"
    if texts.get("Type", "").split(",")[0].strip() in NOT_SOLD:
        product.faults.append(f"A {texts['Type']} product is not sold itself, but its variations are.")
    return product


def _plain(text: str) -> str:
    """Return the text of HTML."""
    return html.unescape(strip_tags(text)).strip() if "<" in text or "&" in text else text


def _padded(cells: Sequence[str], header: Sequence[str]) -> list[str]:
    return [*cells, *[""] * (len(header) - len(cells))]
