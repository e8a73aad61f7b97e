import argparse
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from products.audit_log import SecurityEvent, record
from products.reports import files
from products.reports.exports import EXPORTS
from products.reports.periods import Period, last_days

DAYS = 30


class Command(BaseCommand):
    help = "Write products, or the orders, lines, stock movements or customers of a period, to a CSV or XLSX file."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("kind", choices=EXPORTS)
        parser.add_argument("file", type=Path)
        parser.add_argument("--from", dest="first", type=date.fromisoformat, metavar="YYYY-MM-DD", help="the first day")
        parser.add_argument("--to", dest="last", type=date.fromisoformat, metavar="YYYY-MM-DD", help="the last day")
        parser.add_argument("--format", choices=files.CONTENT_TYPES, help="by default, as the file's name ends")

    def handle(
        self, *, kind: str, file: Path, first: date | None, last: date | None, format: str | None, **options: Any
    ) -> None:
        default = last_days(DAYS)
        period = Period(first or default.first, last or default.last)
        written = format or file.suffix.lstrip(".").lower()
        if written not in files.CONTENT_TYPES:
            raise CommandError("Name the format: --format csv, or --format xlsx.")
        try:
            period.check(max_days=None)
            rows = self._write(kind, file, period, written)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        except files.TooManyRows:
            raise CommandError(f"A sheet holds {files.MAX_XLSX_ROWS} rows; export a shorter period, or CSV.") from None
        except OSError as error:
            raise CommandError(f"{file}: {error.strerror}.") from None
        if EXPORTS[kind].is_personal:
            record(SecurityEvent.DATA_EXPORTED, None, user=None, kind=kind, first=period.first, last=period.last)
        self.stdout.write(f"Rows: {rows}.")

    def _write(self, kind: str, file: Path, period: Period, written: str) -> int:
        """Write the file and return the number of its rows."""
        export = EXPORTS[kind]
        rows = _Counted(export.rows(period))
        if written == "xlsx":
            with file.open("wb") as binary:
                files.write_xlsx(binary, kind, export.columns, rows)
        else:
            with file.open("w", encoding="utf-8", newline="") as text:
                text.writelines(files.csv_parts(export.columns, rows))
        return rows.number


class _Counted:
    """Rows that are counted as they are read."""

    def __init__(self, rows: Iterator[Any]) -> None:
        self.rows, self.number = rows, 0

    def __iter__(self) -> Iterator[Any]:
        for row in self.rows:
            self.number += 1
            yield row
