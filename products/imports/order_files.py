"""Order files: CSV with one order line per row. A file is read as a whole, and every bad row is reported.

`COLUMNS` are described in docs/imports.md.
"""

import csv
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from products.imports.cells import UnreadableFile, decimal, pieces
from products.models import Order, Status
from products.models.orders import CUSTOMER_DETAILS
from products.validators import clean_values

REASONS = "reasons"
"""The column that a file of rejected rows has besides, and that is not read."""

REQUIRED = ("number", "customer", "placed_at", "status", "sku", "quantity", "unit_price")
OF_LINE = ("sku", "quantity", "unit_price", "discount", "discount_percent")
OF_ORDER = ("number", "customer", "placed_at", "status", "paid_at", "shipped_at", "shipping", *CUSTOMER_DETAILS)
COLUMNS = (*OF_ORDER, *OF_LINE)

STATUSES = tuple(status for status in Status if status not in (Status.CART, Status.EXPIRED))
NEVER_PAID = (Status.PLACED,)
SHIPPED = (Status.SHIPPED, Status.DELIVERED, Status.RETURNED)

MIN_YEAR = 1900  # Every database can store it in every time zone.
UNKNOWN = datetime(MIN_YEAR, 1, 1, tzinfo=UTC)

DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class Fault(NamedTuple):
    """A fault of a row, or of the order that begins in that row."""

    line: int
    reason: str


@dataclass(frozen=True)
class FileRow:
    """A row of the file: the number of its first line, its cells as they are, and the texts of its columns."""

    line: int
    cells: list[str]
    texts: dict[str, str]


@dataclass(frozen=True)
class FileLine:
    """One line of an order as a row names it, with a discount as an amount or in percent."""

    line: int
    sku: str
    quantity: int
    unit_price: Decimal
    discount: Decimal | None
    discount_percent: Decimal | None


@dataclass
class FileOrder:
    """The rows of one order and what they say, which may be incomplete where there are `faults`.

    A moment that the file does not name is None.
    """

    number: str
    rows: list[FileRow] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    customer: str = ""
    status: Status = Status.PLACED
    placed_at: datetime = UNKNOWN
    paid_at: datetime | None = None
    shipped_at: datetime | None = None
    shipping: Decimal = Decimal(0)
    details: dict[str, str] = field(default_factory=dict)
    lines: list[FileLine] = field(default_factory=list)

    def reject(self, reason: str, line: int | None = None) -> None:
        """Add a fault of the row at this line, or of the whole order, which is reported at its first row."""
        self.faults.append(Fault(self.rows[0].line if line is None else line, reason))


@dataclass(frozen=True)
class OrderFile:
    """A file that was read: its header, and its orders in the order of their first rows."""

    header: list[str]
    orders: list[FileOrder]


def read(path: Path) -> OrderFile:
    """Read a file of orders, in UTF-8 with or without a byte order mark. Raises UnreadableFile."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as text:
            reader = csv.reader(text, strict=True)
            header = next(reader, [])
            _check_header(header)
            rows, line = [], reader.line_num + 1
            for cells in reader:
                if cells:
                    rows.append(FileRow(line, cells, _texts(header, cells)))
                line = reader.line_num + 1
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise UnreadableFile(f"{path} is not in UTF-8.") from None
    except csv.Error as error:
        raise UnreadableFile(f"{path}, line {reader.line_num}: this is not CSV: {error}.") from None
    return OrderFile(header, _grouped(header, rows))


def write_rejects(path: Path, file: OrderFile) -> None:
    """Write all rows of the faulty orders as they were read, with the reasons in an added first column."""
    kept = [position for position, name in enumerate(file.header) if name.strip() != REASONS]
    with path.open("w", encoding="utf-8-sig", newline="") as text:
        writer = csv.writer(text)
        writer.writerow([REASONS, *(file.header[position] for position in kept)])
        for order in file.orders:
            for row in order.rows if order.faults else ():
                reasons = " ".join(fault.reason for fault in order.faults if fault.line == row.line)
                dropped = set(range(len(file.header))).difference(kept)
                cells = [cell for position, cell in enumerate(row.cells) if position not in dropped]
                writer.writerow([reasons, *cells])


def _check_header(header: Sequence[str]) -> None:
    names = [name.strip() for name in header]
    unknown = sorted({name for name in names if name not in (*COLUMNS, REASONS)})
    missing = [name for name in REQUIRED if name not in names]
    twice = sorted({name for name in names if names.count(name) > 1})
    problems = [
        f"{sentence} {', '.join(repr(name) for name in columns)}."
        for sentence, columns in (("Unknown columns:", unknown), ("Missing:", missing), ("Named twice:", twice))
        if columns
    ]
    if problems:
        raise UnreadableFile(
            f"The first line names the columns, separated by commas. {' '.join(problems)} Known are "
            f"{', '.join(COLUMNS)}."
        )


def _texts(header: Sequence[str], cells: Sequence[str]) -> dict[str, str]:
    return {name.strip(): cell.strip() for name, cell in zip(header, cells, strict=False)}


def _grouped(header: Sequence[str], rows: Iterable[FileRow]) -> list[FileOrder]:
    """Return one order per order number, and one per row without a number."""
    orders: dict[str | int, FileOrder] = {}
    for row in rows:
        number = row.texts.get("number", "")
        order = orders.setdefault(number or row.line, FileOrder(number))
        order.rows.append(row)
        if len(row.cells) != len(header):
            order.reject(f"The row has {len(row.cells)} cells, and the header {len(header)}.", row.line)
    for order in orders.values():
        if not order.faults:
            _parse(order)
    return list(orders.values())


def _parse(order: FileOrder) -> None:
    """Set an order's values and faults from its rows."""
    texts = _order_texts(order)
    for name in ("number", "customer", "placed_at", "status"):
        if not texts[name]:
            order.reject(f"{name}: it is missing.")
    _clean(order, {"imported_number": texts["number"] or "-"})
    order.customer = texts["customer"]
    order.details = {name: texts[name] for name in CUSTOMER_DETAILS if texts.get(name)}
    if texts["status"] in STATUSES:
        order.status = Status(texts["status"])
    elif texts["status"]:
        order.reject(f"status: {texts['status']!r} is none of {', '.join(STATUSES)}.")
    order.placed_at = _parsed(order, "placed_at", texts["placed_at"], moment) or order.placed_at
    order.paid_at = _parsed(order, "paid_at", texts.get("paid_at"), moment)
    order.shipped_at = _parsed(order, "shipped_at", texts.get("shipped_at"), moment)
    order.shipping = _parsed(order, "shipping", texts.get("shipping"), decimal) or Decimal(0)
    _check_moments(order)
    for row in order.rows:
        _parse_line(order, row)


def _order_texts(order: FileOrder) -> dict[str, str]:
    """Return the order columns' texts from the first row; the other rows must repeat them or leave them blank."""
    first = order.rows[0].texts
    for row in order.rows[1:]:
        for name in OF_ORDER:
            if row.texts.get(name) and row.texts[name] != first[name]:
                order.reject(f"{name}: it differs from line {order.rows[0].line} of the same order.", row.line)
    return first


def _parse_line(order: FileOrder, row: FileRow) -> None:
    faults, texts = len(order.faults), row.texts
    for name in ("sku", "quantity", "unit_price"):
        if not texts[name]:
            order.reject(f"{name}: it is missing.", row.line)
    quantity = _parsed(order, "quantity", texts["quantity"], pieces, row.line)
    unit_price, discount, percent = (
        _parsed(order, name, texts.get(name), decimal, row.line)
        for name in ("unit_price", "discount", "discount_percent")
    )
    if discount is not None and percent is not None:
        order.reject("discount and discount_percent: give one of them.", row.line)
    if percent is not None and percent > 100:
        order.reject("discount_percent: it is at most 100.", row.line)
    if len(order.faults) == faults and quantity is not None and unit_price is not None:
        order.lines.append(FileLine(row.line, texts["sku"], quantity, unit_price, discount, percent))


def _check_moments(order: FileOrder) -> None:
    if order.paid_at and order.status in NEVER_PAID:
        order.reject(f"paid_at: a {order.status} order is not paid.")
    if order.shipped_at and order.status not in SHIPPED:
        order.reject(f"shipped_at: a {order.status} order is not shipped.")
    moments = {name: getattr(order, name) for name in ("placed_at", "paid_at", "shipped_at")}
    for name, at in moments.items():
        if at and at > timezone.now():
            order.reject(f"{name}: it is in the future.")
        elif at and at < order.placed_at:
            order.reject(f"{name}: it is before placed_at.")


def _clean(order: FileOrder, values: Mapping[str, Any]) -> None:
    try:
        clean_values(Order, values)
    except ValidationError as error:
        for each in error.messages:
            order.reject(f"number: {each}")


def _parsed(order: FileOrder, name: str, text: str | None, parse: Callable[[str], Any], line: int | None = None) -> Any:
    """Return the value of a text; None if it is blank, or if it is invalid, which adds a fault to the order."""
    try:
        return parse(text) if text else None
    except ValueError as error:
        order.reject(f"{name}: {error}", line)
        return None


def moment(text: str) -> datetime:
    """Return the datetime in a text; a date means its start in the shop's time zone. Raises ValueError."""
    try:
        date = parse_date(text) if DATE.fullmatch(text) else None
        at = parse_datetime(text) if date is None else timezone.make_aware(datetime.combine(date, time.min))
    except ValueError:
        at = None  # correct format but no real date, such as 30 February
    if at is None or timezone.is_naive(at) or at.year < MIN_YEAR:
        raise ValueError(f"{text!r} is no moment such as 2024-02-29T12:00:00Z, and no date such as 2024-02-29.")
    return at
