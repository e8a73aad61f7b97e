"""Compiled queries: querysets whose SQL is generated once and then run with different values.

For a query by key, the ORM takes about a millisecond to generate the SQL, ten times as long as the database takes to
answer it. Each query is still defined by a queryset, so it follows changes of the model and works on every database.
No statement is prepared on the connection, because a pool may use a different one for each transaction.
"""

import functools
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Expression, Field, Model, QuerySet
from django.db.models.sql.compiler import SQLCompiler

MAX_COMPILED = 1_000
"""How many compiled queries are cached, about 5 MB; beyond that the least recently used one is dropped."""

MAX_CACHED = 100
"""How many values a cached query may list: each number of them is a query of its own.

For a longer list the ORM's own queryset runs, whose SQL costs little beside what is done with so many rows. Otherwise a
few large requests would fill the cache, at half a megabyte each, and drop the queries that most requests need.
"""

Row = tuple[Any, ...]
Converters = tuple[int, tuple[list[Any], Any]]
"""A column's position, and what converts its values: Django's converters and the expression they are for."""


class Param(Expression):
    """A placeholder in the queryset of a compiled query, for a value that is given by `name` when the query runs."""

    def __init__(self, name: Hashable, field: "Field[Any, Any]") -> None:
        super().__init__(output_field=field)
        self.name, self.prepare = name, field.get_db_prep_value

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        return "%s", (self,)


class CompiledQuery:
    """SQL with its parameters, each a value or a Param, and the conversions that its columns need.

    `compile` creates one from a queryset; `width` is the number of columns. Each run asks Django's database routers
    which database to read `model` from, because that may differ between requests.
    """

    def __init__(
        self,
        model: type[Model],
        sql: str,
        parameters: Sequence[Any],
        width: int,
        converters: Sequence[Converters] = (),
    ) -> None:
        self.model, self.sql, self.parameters = model, sql, list(parameters)
        self.width, self.converters = width, list(converters)

    @classmethod
    def compile(cls, queryset: "QuerySet[Any, Any]") -> "CompiledQuery":
        """Compile a queryset, which must come from `.values_list()`."""
        compiler = queryset.query.get_compiler(queryset.db)
        parameters: Sequence[Any] = ()
        try:
            sql, parameters = compiler.as_sql()
        except EmptyResultSet:  # No row can match, for example because the id is out of the column's range.
            sql = ""
        columns = [column for column, _, _ in compiler.select]
        # SQLite has no types for timestamps, decimals and UUIDs, so its columns are converted.
        return cls(queryset.model, sql, parameters, len(columns), list(compiler.get_converters(columns).items()))

    def rows(self, values: Mapping[Any, Any]) -> list[Row]:
        """Run the query and return its rows. `values` maps the name of each Param to its value."""
        if not self.sql:
            return []
        connection = connections[router.db_for_read(self.model)]
        return self.converted(fetch_all(connection, self.sql, self.bound(values, connection)), connection)

    def bound(self, values: Mapping[Any, Any], connection: BaseDatabaseWrapper) -> list[Any]:
        """Return the parameters with each Param replaced by its value, prepared for the database."""
        return [
            each.prepare(values[each.name], connection) if isinstance(each, Param) else each for each in self.parameters
        ]

    def converted(self, rows: list[Row], connection: BaseDatabaseWrapper) -> list[Row]:
        """Return the rows with their columns converted to Python values."""
        return [self._converted(row, connection) for row in rows] if self.converters else rows

    def _converted(self, row: Row, connection: BaseDatabaseWrapper) -> Row:
        values = list(row)
        for position, (converters, expression) in self.converters:
            for convert in converters:
                values[position] = convert(values[position], expression, connection)
        return tuple(values)


def fetch_all(connection: BaseDatabaseWrapper, sql: str, parameters: list[Any]) -> list[Row]:
    """Run one statement and return all its rows."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[Row] = cursor.fetchall()
        return rows


@functools.lru_cache(MAX_COMPILED)
def compile_once(define: "Callable[..., QuerySet[Any, Any]]", *shape: Hashable) -> CompiledQuery:
    """Return the compiled query of `define(*shape)`, compiling it on first use.

    `shape` is whatever changes the SQL itself, such as the number of ids in an IN list.
    """
    return CompiledQuery.compile(define(*shape))
