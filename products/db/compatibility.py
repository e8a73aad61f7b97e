"""Find the changes in a migration that would break the running release.

During a deployment, the running release reads and writes tables that are already migrated. It names every column that
it knows, and inserts rows without the columns that it does not know. This module checks neither what a RunPython
operation does nor whether the running release satisfies a new constraint.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from django.db.migrations import Migration, RunSQL, SeparateDatabaseAndState
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import NOT_PROVIDED

Columns = dict[str, dict[str, Any]]
"""The field of each column of each table."""

BREAKING_SQL = re.compile(
    r"\b(DROP\s+(TABLE|COLUMN)|RENAME|SET\s+NOT\s+NULL|ALTER\s+COLUMN\s+\S+\s+(SET\s+DATA\s+)?TYPE)\b", re.IGNORECASE
)


def breaking_changes(migration: Migration, state: ProjectState) -> list[str]:
    """Return a sentence for each schema change that breaks the running release.

    `state` is the project state before the migration; the call changes it to the state after the migration.
    """
    return list(_walk(migration.operations, migration.app_label, state, frozenset(_columns(state))))


def _walk(
    operations: Iterable[Operation], app_label: str, state: ProjectState, existing: frozenset[str]
) -> Iterator[str]:
    for operation in operations:
        if isinstance(operation, SeparateDatabaseAndState):
            yield from _walk(operation.database_operations, app_label, state.clone(), existing)
            for each in operation.state_operations:
                each.state_forwards(app_label, state)
            continue
        before = _columns(state)
        operation.state_forwards(app_label, state)
        if isinstance(operation, RunSQL):
            yield from (f"runs {found[0]!r}." for found in BREAKING_SQL.finditer(str(operation.sql)))
        else:
            yield from _differences(before, _columns(state), existing)


def _columns(state: ProjectState) -> Columns:
    models = state.apps.get_models(include_auto_created=True)
    return {
        model._meta.db_table: {str(field.column): field for field in model._meta.local_concrete_fields}
        for model in models
        if model._meta.managed and not model._meta.proxy
    }


def _differences(before: Columns, after: Columns, existing: frozenset[str]) -> Iterator[str]:
    """Compare the tables that existed before the migration; no release uses the new ones yet."""
    for table in sorted(existing & before.keys()):
        if table not in after:
            yield f"drops or renames the table {table}, which the running release uses."
            continue
        old, new = before[table], after[table]
        for column in sorted(old.keys() | new.keys()):
            name = f"{table}.{column}"
            if column not in new:
                yield f"drops or renames the column {name}, which the running release uses."
            elif column not in old:
                if _is_required(new[column]):
                    yield f"adds {name}, NOT NULL without a db_default: the running release inserts rows without it."
            elif _is_required(new[column]) and not _is_required(old[column]):
                yield f"makes {name} NOT NULL without a db_default: the running release may leave it out."
            elif not _has_room_for(new[column], old[column]):
                yield f"changes the type of {name}, so that it may not hold what the running release writes."


def _is_required(field: Any) -> bool:
    """Return whether an INSERT must name the column."""
    return not (field.null or field.generated or field.db_default is not NOT_PROVIDED)


def _has_room_for(new: Any, old: Any) -> bool:
    """Return whether the column can still hold every value that it could hold before."""
    facts = [
        (field.get_internal_type(), getattr(field, "max_digits", None), getattr(field, "decimal_places", None))
        for field in (new, old)
    ]
    is_shorter = new.max_length is not None and (old.max_length is None or new.max_length < old.max_length)
    return facts[0] == facts[1] and not is_shorter
