"""Bulk SQL: INSERT and UPDATE statements for many rows, sent to the database together."""

import functools
import sqlite3
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Field, JSONField, Model

Statement = tuple[str, Sequence[Any]]
"""SQL with a %s for each value, and the values."""


def insert_sql(model: type[Model], rows: Sequence[Mapping[str, Any]]) -> Statement:
    """Return one INSERT for all `rows`, each a mapping of attribute names to values (such as `vars(instance)`).

    Columns missing from a row get their field's default. The ORM's own INSERT takes 0.3 ms longer.
    """
    columns = insertable_columns(model)
    names, placeholders = ", ".join(columns), f"({', '.join(['%s'] * len(columns))})"
    values = [value for row in rows for value in insert_values(model, row)]
    return f"INSERT INTO {model._meta.db_table} ({names}) VALUES {', '.join([placeholders] * len(rows))}", values  # noqa: S608


def insert_many_sql(model: type[Model], rows: Sequence[Mapping[str, Any]]) -> list[Statement]:
    """Return the INSERTs for any number of rows: none, one, or as many as the database's parameter limit requires."""
    size = max_values() // len(insertable_columns(model))
    return [insert_sql(model, rows[start : start + size]) for start in range(0, len(rows), size)]


def max_values() -> int:
    """Return how many values one statement may have; PostgreSQL gets them in the SQL text, without a limit."""
    database = connections[DEFAULT_DB_ALIAS]
    if database.vendor != "sqlite":
        return sys.maxsize
    database.ensure_connection()
    return int(database.connection.getlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER))


def delete_sql(model: type[Model], name: str, value: Any) -> Statement:
    """Return one DELETE of all rows whose field `name` has this value.

    The ORM's own DELETE reads the rows first, looks for rows that refer to them, and deletes a hundred at a time.
    """
    field: Any = model._meta.get_field(name)
    prepared = field.get_db_prep_value(value, connections[DEFAULT_DB_ALIAS])
    return f"DELETE FROM {model._meta.db_table} WHERE {field.column} = %s", [prepared]  # noqa: S608


@functools.cache
def insertable_columns(model: type[Model]) -> tuple[str, ...]:
    """Return the columns that an INSERT sets: all except an automatic key."""
    return tuple(str(field.column) for field in _insertable_fields(model))


def insert_values(model: type[Model], row: Mapping[str, Any]) -> list[Any]:
    """Return the values of a row, prepared for the database, in the order of insertable_columns()."""
    database = connections[DEFAULT_DB_ALIAS]
    return [
        prepare(value, database) if prepare else value
        for name, default, prepare in _value_makers(model, database.vendor)
        for value in (row[name] if name in row else default(),)
    ]


@functools.cache
def _value_makers(
    model: type[Model], vendor: str
) -> list[tuple[str, Callable[[], Any], Callable[[Any, Any], Any] | None]]:
    """Return (attribute, default, conversion or None) for each insertable column."""
    return [(field.attname, field.get_default, _conversion(field, vendor)) for field in _insertable_fields(model)]


def _insertable_fields(model: type[Model]) -> "list[Field[Any, Any]]":
    return [field for field in model._meta.concrete_fields if field is not model._meta.auto_field]


def _conversion(field: "Field[Any, Any]", vendor: str) -> Callable[[Any, Any], Any] | None:
    # psycopg2 adapts UUIDs, decimals and timestamps itself; SQLite takes text.
    is_adapted = vendor == "postgresql" and not isinstance(field, JSONField)
    return None if is_adapted else field.get_db_prep_save


def increment_sql(model: type[Model], column: str, deltas: Mapping[int, int]) -> Statement:
    """Return one UPDATE that adds each delta to `column` of the row with its id: {id: delta}."""
    table = model._meta.db_table
    rows = ", ".join(["(%s, %s)"] * len(deltas))
    # PostgreSQL and SQLite both name the columns of a VALUES list column1 and column2.
    sql = f"UPDATE {table} SET {column} = {column} + column2 FROM (VALUES {rows}) AS deltas WHERE id = column1"  # noqa: S608
    return sql, [value for delta in deltas.items() for value in delta]


def increment_columns_sql(model: type[Model], columns: Sequence[str], deltas: Mapping[Any, Sequence[int]]) -> Statement:
    """Return one UPDATE that adds to several columns of each row: {id: a delta for each column}."""
    table, key = model._meta.db_table, model._meta.pk
    changes = ", ".join(f"{name} = {name} + column{position}" for position, name in enumerate(columns, start=2))
    row = f"({', '.join(['%s'] * (len(columns) + 1))})"
    sql = f"UPDATE {table} SET {changes} FROM (VALUES {', '.join([row] * len(deltas))}) AS deltas WHERE id = column1"  # noqa: S608
    database = connections[DEFAULT_DB_ALIAS]
    return sql, [value for pk, each in deltas.items() for value in (key.get_db_prep_value(pk, database), *each)]


def insert_returning_ids(model: type[Model], rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Insert the rows, in the caller's transaction, and return their automatic keys in the order of the rows."""
    key = model._meta.pk.column
    ids: list[int] = []
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        for sql, values in insert_many_sql(model, rows):
            cursor.execute(f"{sql} RETURNING {key}", values)
            # Keys are assigned in the order of the values, but neither database promises to return them in it.
            ids += sorted(pk for (pk,) in cursor.fetchall())
    return ids


def execute_batch(*statements: Statement) -> None:
    """Run the statements in order, in the caller's transaction. On PostgreSQL this takes one round trip."""
    database = connections[DEFAULT_DB_ALIAS]
    if database.vendor == "postgresql":
        text = ";\n".join(sql for sql, _ in statements)
        statements = ((text, [value for _, values in statements for value in values]),)
    with database.cursor() as cursor:
        for sql, values in statements:
            cursor.execute(sql, values)
