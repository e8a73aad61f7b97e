import csv
from argparse import ArgumentParser
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from products.imports import product_changes, product_files, products
from products.imports.cells import UnreadableFile
from products.imports.results import bad_rows, shown_changes
from products.models import ProductImport, ProductImportRow, RowKind, RowState

BAR = 40


class Command(BaseCommand):
    help = (
        "Import products, prices and stock from a CSV or XLSX file, which docs/imports.md describes, or undo an "
        "import; exit with 1 where rows are bad or refused. The good ones are applied all the same."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, nargs="?", help="a file of products")
        parser.add_argument(
            "--dry-run", action="store_true", help="say what every row would change, and change nothing"
        )
        parser.add_argument("--bad", type=Path, metavar="FILE", help="where to write the rows that are not applied")
        parser.add_argument("--format", choices=product_files.FORMATS, help="instead of what the header tells")
        parser.add_argument("--encoding", choices=product_files.ENCODINGS, default="utf-8", help="of a CSV file")
        parser.add_argument("--note", default="", help="of the movements in the ledger")
        parser.add_argument("--by", metavar="USER", help="the user whose name the history has; nobody's without it")
        parser.add_argument("--continue", type=int, metavar="ID", dest="resume", help="go on with a stopped import")
        parser.add_argument("--undo", type=int, metavar="ID", help="undo an import")

    def handle(
        self,
        *,
        file: Path | None,
        undo: int | None,
        resume: int | None,
        bad: Path | None,
        by: str | None,
        **options: Any,
    ) -> None:
        if [file, undo, resume].count(None) != 2:
            raise CommandError("Give a file, or --continue or --undo with the number of an import.")
        if file is not None and bad is not None and bad.resolve() == file.resolve():
            raise CommandError("Write the bad rows to another file than the one that is read.")
        try:
            person = None if by is None else User.objects.get(username=by)
            if undo is not None:
                return self._undo(ProductImport.objects.get(pk=undo), person)
            if resume is not None:
                batch = ProductImport.objects.get(pk=resume)
            elif file is not None:
                data = self._data_of(file)
                read = product_files.read(data, format=options["format"], encoding=options["encoding"])
                if options["dry_run"]:
                    return self._dry_run(read, bad)
                note = options["note"]
                batch = products.store(
                    read, data, file.name, by=person, note=note, trusted=True, progress=self._show_read
                )
            return self._apply(batch, person, bad)
        except (UnreadableFile, product_changes.WrongState) as error:
            raise CommandError(str(error)) from None
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        except User.DoesNotExist:
            raise CommandError(f"There is no user {by!r}.") from None
        except ProductImport.DoesNotExist:
            raise CommandError(f"There is no import {undo or resume}.") from None

    def _data_of(self, file: Path) -> bytes:
        try:
            with file.open("rb") as opened:
                return opened.read(product_files.MAX_BYTES + 1)
        except OSError as error:
            raise UnreadableFile(f"{file} cannot be read: {error.strerror}.") from None

    def _dry_run(self, read: product_files.ProductFile, bad: Path | None) -> None:
        counts, not_applied = dict.fromkeys(RowKind.values, 0), list[ProductImportRow]()
        paths = products.category_paths()
        for done, row in enumerate(products.read_rows(read, trusted=True), start=1):
            counts[row.kind] += 1
            if row.kind == RowKind.BAD:
                not_applied.append(row)
            elif row.changes:
                changes = "; ".join(map(str, shown_changes(row, paths)))
                self.stdout.write(f"Line {row.line}, {row.sku}: {row.get_kind_display()}. {changes}")
            if not done % products.SET:
                self._show_read(done)
        self._name(not_applied)
        if bad is not None:
            write_bad(bad, read.header, not_applied)
        self._end("Dry run, nothing was changed. " + kinds_of(counts), failed=bool(not_applied))

    def _apply(self, batch: ProductImport, by: User | None, bad: Path | None) -> None:
        done, total = 0, batch.rows.to_apply().count()
        while applied := product_changes.apply_set(batch, by, trusted=True):
            done += applied
            self._show_progress(done, total)
        not_applied = batch.rows.with_reasons()
        self._name(not_applied.iterator())
        if bad is not None:
            write_bad(bad, batch.header, not_applied.iterator())
        tally = batch.tally()
        counts = {kind: getattr(batch, kind.lower()) for kind in RowKind.values}
        done_with = f"Applied: {tally[RowState.APPLIED]}. Refused: {tally[RowState.REFUSED]}."
        told = f"Import {batch.pk}. {kinds_of(counts)} {done_with}"
        self._end(told, failed=bool(batch.bad or tally[RowState.REFUSED]))

    def _undo(self, batch: ProductImport, by: User | None) -> None:
        done, total = 0, batch.rows.to_undo().count()
        while undone := product_changes.undo_set(batch, by, trusted=True):
            done += undone
            self._show_progress(done, total)
        kept = batch.rows.filter(state=RowState.KEPT)
        self._name(kept.iterator())
        tally = batch.tally()
        told = f"Import {batch.pk}. Undone: {tally[RowState.UNDONE]}. Not undone: {tally[RowState.KEPT]}."
        self._end(told, failed=bool(tally[RowState.KEPT]))

    def _end(self, told: str, *, failed: bool) -> None:
        if failed:
            raise CommandError(told)
        self.stdout.write(told)

    def _name(self, rows: Iterable[ProductImportRow]) -> None:
        for row in rows:
            self.stdout.write(f"Line {row.line}, {row.sku or 'without a SKU'}: {' '.join(row.reasons)}")

    def _show_read(self, done: int) -> None:
        if self.stderr.isatty():
            self.stderr.write(f"\r{done} rows read", style_func=str, ending="")

    def _show_progress(self, done: int, total: int) -> None:
        if self.stderr.isatty():
            filled = BAR * done // total
            bar = f"\r[{'#' * filled}{' ' * (BAR - filled)}] {done} of {total} products"
            self.stderr.write(bar, style_func=str, ending="\n" if done == total else "")


def kinds_of(counts: Mapping[str, int]) -> str:
    """Return a sentence for each kind of row."""
    return " ".join(f"{kind.label.capitalize()}: {counts[kind]}." for kind in RowKind)


def write_bad(path: Path, header: Sequence[str], rows: Iterable[ProductImportRow]) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as text:
        csv.writer(text).writerows(bad_rows(header, rows))
