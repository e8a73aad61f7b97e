from argparse import ArgumentParser
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from products.imports import order_files
from products.imports.order_files import FileOrder
from products.imports.orders import OrderImport, Tally

BAR = 40


class Command(BaseCommand):
    help = (
        "Import the orders of another system from a CSV file, which docs/imports.md describes; exit with 1 where some "
        "are rejected. Orders that were imported before are left alone."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="CSV in UTF-8, a line of an order in each row")
        parser.add_argument("--dry-run", action="store_true", help="find every bad row, and write no order")
        parser.add_argument("--rejects", type=Path, metavar="FILE", help="where to write the rows that are rejected")
        parser.add_argument("--create-customers", action="store_true", help="make the customers that are missing")
        parser.add_argument(
            "--stock",
            choices=["keep", "take"],
            default="keep",
            help="leave the stock as it is (default), or take what the orders hold and reject those that are short",
        )

    def handle(
        self, *, file: Path, dry_run: bool, rejects: Path | None, create_customers: bool, stock: str, **options: Any
    ) -> None:
        if rejects is not None and rejects.resolve() == file.resolve():
            raise CommandError("Write the rejected rows to another file than the one that is read.")
        run = OrderImport(takes_stock=stock == "take", creates_customers=create_customers, dry_run=dry_run)
        try:
            read = order_files.read(file)
            tally = run.run(read.orders, lambda done: self._show_progress(done, len(read.orders)))
        except order_files.UnreadableFile as error:
            raise CommandError(str(error)) from None
        self._name_faults(read.orders)
        if rejects is not None:
            order_files.write_rejects(rejects, read)
        told = ("Dry run, nothing was changed. " if dry_run else "") + summary(tally)
        if tally.rejected:
            raise CommandError(told)
        self.stdout.write(told)

    def _name_faults(self, orders: Iterable[FileOrder]) -> None:
        for order in orders:
            for line, reason in order.faults:
                self.stdout.write(f"Line {line}, order {order.number or 'without a number'}: {reason}")

    def _show_progress(self, done: int, total: int) -> None:
        if self.stderr.isatty():
            filled = BAR * done // total
            bar = f"\r[{'#' * filled}{' ' * (BAR - filled)}] {done} of {total} orders"
            self.stderr.write(bar, style_func=str, ending="\n" if done == total else "")


def summary(tally: Tally) -> str:
    """Return a sentence for each number of an import."""
    return (
        f"Orders imported: {tally.imported}. Imported before: {tally.existing}. Rejected: {tally.rejected}. "
        f"Customers made: {tally.customers}."
    )
