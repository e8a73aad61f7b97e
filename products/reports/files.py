"""Write rows as CSV, line by line, or as XLSX. Texts are escaped, so that no spreadsheet evaluates one as a formula."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from typing import IO, Any

from django.conf import settings
from openpyxl import Workbook
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from products.currencies import scaled
from products.spreadsheets import BYTE_ORDER_MARK, defused

CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}

ROWS_AT_ONCE = 500

MAX_XLSX_ROWS = 1_048_575
"""What a sheet holds below its header."""


class TooManyRows(Exception):
    """There are more rows than a sheet holds."""


def csv_parts(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> Iterator[str]:
    """Yield the text of a CSV file in parts of some hundred rows."""
    lines: list[str] = []
    writer = csv.writer(_Lines(lines))
    writer.writerow(columns)
    yield BYTE_ORDER_MARK + lines.pop()
    remaining = iter(rows)
    while some := list(islice(remaining, ROWS_AT_ONCE)):
        writer.writerows([defused(plain(value)) for value in row] for row in some)
        yield "".join(lines)
        lines.clear()


def write_xlsx(
    file: IO[bytes], title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, max_rows: int = MAX_XLSX_ROWS
) -> None:
    """Write a workbook with one sheet, row by row to the disk. Raises TooManyRows."""
    book = Workbook(write_only=True)
    sheet = book.create_sheet(title)
    sheet.append([*columns])
    for number, row in enumerate(rows):
        if number == max_rows:
            sheet.close()
            raise TooManyRows
        sheet.append([_xlsx_value(value) for value in row])
    book.save(file)


def plain(value: Any) -> Any:
    """Return a value as files show it: times in UTC as ISO 8601, booleans as "yes" and "no", None as an empty text."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Decimal):
        return scaled(value, settings.CURRENCY)
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return value if isinstance(value, int) else str(value)


def _xlsx_value(value: Any) -> Any:
    written = defused(plain(value))
    return ILLEGAL_CHARACTERS_RE.sub("", written) or None if isinstance(written, str) else written


class _Lines:
    """What a csv.writer writes to: each row becomes an item of a list."""

    def __init__(self, lines: list[str]) -> None:
        self.write = lines.append
