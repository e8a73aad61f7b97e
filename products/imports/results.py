"""Texts about an import's planned and completed changes, for its pages, its command and the file of bad rows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from products.imports.product_files import REASON
from products.models import ProductImportRow, RowKind
from products.spreadsheets import defused, undefused


class ShownChange(NamedTuple):
    """A field that a row changes, with both values formatted for display."""

    field: str
    old: str
    new: str

    def __str__(self) -> str:
        return f"{self.field}: {self.old or 'nothing'} → {self.new or 'nothing'}"


def shown_changes(row: ProductImportRow, paths: Mapping[int, str]) -> list[ShownChange]:
    """Return the row's changes; `paths` are category_paths()."""
    shown = []
    for name, (old, new) in row.changes.items():
        if name == "retired_at":
            shown.append(ShownChange("retired", "yes" if old else "no", "yes" if new else "no"))
        elif name == "category":
            shown.append(ShownChange(name, paths.get(old, ""), paths.get(new, "")))
        else:
            shown.append(ShownChange(name, "" if row.kind == RowKind.NEW else _text_of(old), _text_of(new)))
    return shown


def bad_rows(header: Sequence[str], rows: Iterable[ProductImportRow]) -> Iterator[list[str]]:
    """Return the rows that were not applied as they were read, with the reasons in an added first column."""
    kept = [position for position, name in enumerate(header) if name.lower() != REASON]
    yield [REASON, *(defused(header[position]) for position in kept)]
    for row in rows:
        for number, cells in enumerate(row.cells):
            padded = [*cells, *[""] * (len(header) - len(cells))]
            reasons = " ".join(row.reasons) if number == 0 else ""
            beyond = range(len(header), len(padded))
            # As in all our files, a cell that a spreadsheet would evaluate as a formula gets exactly one apostrophe.
            yield [defused(reasons), *(defused(undefused(padded[position])) for position in chain(kept, beyond))]


def _text_of(value: Any) -> str:
    if value is None:
        return ""
    return ", ".join(value) if isinstance(value, list) else str(value)
