"""Queries whose SQL is written once: the ORM takes a millisecond to write what the database answers in a tenth of it.

A queryset still defines each of them, so they follow every change of a model, and are the same on every database.
"""

import functools
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections
from django.db.models import Expression, Field, Model, QuerySet
from django.db.models.sql.compiler import SQLCompiler

MOST_KEPT = 1_000
"""Some 5 MB. Past it the one that was used longest ago is forgotten, and written anew when it is asked for again."""

Row = tuple[Any, ...]


class Given(Expression):
    """In the queryset that defines a kept query, a value that comes later, under `name`."""

    def __init__(self, name: Hashable, field: "Field[Any, Any]") -> None:
        super().__init__(output_field=field)
        self.name, self.prepare = name, field.get_db_prep_value

    def as_sql(self, compiler: SQLCompiler, connection: Any) -> tuple[str, list[Any]]:  # type: ignore[override]
        return "%s", [self]


class KeptQuery:
    """The query that `queryset`, made by `.values_list()`, comes to with the values for its Givens."""

    def __init__(self, queryset: "QuerySet[Any, Any]") -> None:
        self.alias = queryset.db
        compiler = queryset.query.get_compiler(self.alias)
        try:
            self.sql, self.parameters = compiler.as_sql()
        except EmptyResultSet:  # what no row can have was asked for, such as an id that is too large for any
            self.sql, self.parameters = "", ()
        # SQLite has no moments, decimals and UUIDs of its own, so there the columns are converted.
        self.converters = list(compiler.get_converters([column for column, _, _ in compiler.select]).items())

    def rows(self, values: Mapping[Any, Any]) -> list[Row]:
        """What the database answers. `values` has one for the name of each Given."""
        if not self.sql:
            return []
        connection = connections[self.alias]
        parameters = [
            each.prepare(values[each.name], connection) if isinstance(each, Given) else each for each in self.parameters
        ]
        with connection.cursor() as cursor:
            cursor.execute(self.sql, parameters)
            rows: list[Row] = cursor.fetchall()
        return [self._converted(row, connection) for row in rows] if self.converters else rows

    def _converted(self, row: Row, connection: Any) -> Row:
        values = list(row)
        for place, (converters, expression) in self.converters:
            for convert in converters:
                values[place] = convert(values[place], expression, connection)
        return tuple(values)


@functools.lru_cache(MOST_KEPT)
def kept(define: "Callable[..., QuerySet[Any, Any]]", *shape: Hashable) -> KeptQuery:
    """The query that `define(*shape)` defines; `shape` is what makes its SQL another, such as the number of ids."""
    return KeptQuery(define(*shape))


@functools.cache
def columns_of(model: type[Model], prefix: str = "") -> tuple[str, ...]:
    """The names of all of a model's columns, as values_list() and from_db() take them."""
    return tuple(f"{prefix}{field.attname}" for field in model._meta.concrete_fields)
