"""Queries whose SQL is written once: the ORM takes a millisecond to write what the database answers in a tenth of it.

A queryset still defines each of them, so they follow every change of a model, and are the same on every database.
"""

import functools
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

from django.core.exceptions import EmptyResultSet
from django.db import Error, NotSupportedError, OperationalError, connections
from django.db.models import Expression, Field, Model, QuerySet
from django.db.models.sql.compiler import SQLCompiler

MOST_KEPT = 1_000
"""Some 5 MB. Past it the one that was used longest ago is forgotten, and written anew when it is asked for again."""

MOST_PREPARED = 100
"""On each connection, for as long as it is kept: PostgreSQL forgets none by itself, and how many ids and SKUs an order
names is up to its customer. What comes later is planned anew each time."""

Row = tuple[Any, ...]


@dataclass
class Plans:
    """The queries that a connection to PostgreSQL has prepared, by what name, and how many it was asked to prepare."""

    names: "dict[Planned, str]" = field(default_factory=dict)
    asked: int = 0


plans_of: "WeakKeyDictionary[Any, Plans]" = WeakKeyDictionary()


class Given(Expression):
    """In the queryset that defines a kept query, a value that comes later, under `name`."""

    def __init__(self, name: Hashable, field: "Field[Any, Any]") -> None:
        super().__init__(output_field=field)
        self.name, self.prepare = name, field.get_db_prep_value

    def as_sql(self, compiler: SQLCompiler, connection: Any) -> tuple[str, list[Any]]:  # type: ignore[override]
        return "%s", [self]


class Planned:
    """SQL, with %s for each value, whose plan PostgreSQL keeps for each connection: making it takes longer than
    following it.

    `casts` follow each %s where the plan is called, such as "::uuid[]": to psycopg2 a list of texts is text[].
    """

    def __init__(self, sql: str, casts: Sequence[str] = ()) -> None:
        self.sql, self.casts = sql, casts

    def execute(self, connection: Any, parameters: list[Any]) -> list[Row]:
        # As a cursor would do; but by then this would have looked at what the old connection knew.
        connection.close_if_health_check_failed()
        connection.ensure_connection()
        plans = plans_of.setdefault(connection.connection, Plans())
        name = plans.names.get(self)
        if name is None and plans.asked >= MOST_PREPARED:
            return ask(connection, self.sql, parameters)
        try:
            if name is None:
                return self._prepare(connection, plans, parameters)
            return ask(connection, self._call(name, parameters), parameters)
        except NotSupportedError as error:
            plans.names.clear()
            # A column has another type now ("cached plan must not change result type"), so it is prepared anew; in a
            # transaction, which that has broken, by whoever tries it again (products.models.transactions).
            if name is None:
                raise
            if connection.in_atomic_block:
                raise OperationalError(*error.args) from error.__cause__
            return self.execute(connection, parameters)
        except Error:
            plans.names.pop(self, None)
            raise

    def _prepare(self, connection: Any, plans: Plans, parameters: list[Any]) -> list[Row]:
        # Under a new name each time: after an error nobody knows whether there is one with the old name.
        plans.asked += 1
        name = plans.names[self] = f"kept_{plans.asked}"
        sql = self.sql % tuple(f"${number}" for number in range(1, len(parameters) + 1))
        sql = sql.replace("%", "%%") if parameters else sql
        return ask(connection, f"PREPARE {name} AS {sql};\n{self._call(name, parameters)}", parameters)

    def _call(self, name: str, parameters: list[Any]) -> str:
        places = [f"%s{cast}" for cast in self.casts] or ["%s"] * len(parameters)
        return f"EXECUTE {name} ({', '.join(places)})" if places else f"EXECUTE {name}"


class KeptQuery(Planned):
    """The query that `queryset`, made by `.values_list()`, comes to with the values for its Givens.

    `prepared` has PostgreSQL keep its plan too. That is for queries that go by keys: with other values in it, a query
    may be better off with another plan.
    """

    def __init__(self, queryset: "QuerySet[Any, Any]", *, prepared: bool = False) -> None:
        self.alias, self.prepared = queryset.db, prepared
        compiler = queryset.query.get_compiler(self.alias)
        try:
            sql, self.parameters = compiler.as_sql()
        except EmptyResultSet:  # what no row can have was asked for, such as an id that is too large for any
            sql, self.parameters = "", ()
        super().__init__(sql)
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
        if self.prepared and can_prepare(connection):
            rows = self.execute(connection, parameters)
        else:
            rows = fetch(connection, self.sql, parameters)
        return [self._converted(row, connection) for row in rows] if self.converters else rows

    def _converted(self, row: Row, connection: Any) -> Row:
        values = list(row)
        for place, (converters, expression) in self.converters:
            for convert in converters:
                values[place] = convert(values[place], expression, connection)
        return tuple(values)


def can_prepare(connection: Any) -> bool:
    """Not on SQLite, which needs no plans; and not where a pool gives out a connection for each transaction."""
    return connection.vendor == "postgresql" and not connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"]


def fetch(connection: Any, sql: str, parameters: list[Any]) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        rows: list[Row] = cursor.fetchall()
        return rows


def ask(connection: Any, sql: str, parameters: list[Any]) -> list[Row]:
    """The same of a connection that is open, with the driver's cursor: making and asking Django's takes 20 us more."""
    if connection.queries_logged:
        return fetch(connection, sql, parameters)
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors:  # A connection that broke makes no cursor, and is no bug.
        cursor = connection.create_cursor()

        def execute(sql: str, parameters: list[Any], many: bool, context: dict[str, Any]) -> None:
            with connection.wrap_database_errors:
                cursor.execute(sql, parameters)

        for wrapper in reversed(connection.execute_wrappers):
            execute = functools.partial(wrapper, execute)
        execute(sql, parameters, False, {"connection": connection, "cursor": cursor})
        rows: list[Row] = cursor.fetchall()
        return rows


@functools.lru_cache(MOST_KEPT)
def kept(define: "Callable[..., QuerySet[Any, Any]]", *shape: Hashable, prepared: bool = False) -> KeptQuery:
    """The query that `define(*shape)` defines; `shape` is what makes its SQL another, such as the number of ids."""
    return KeptQuery(define(*shape), prepared=prepared)


@functools.cache
def columns_of(model: type[Model], prefix: str = "") -> tuple[str, ...]:
    """The names of all of a model's columns, as values_list() and from_db() take them."""
    return tuple(f"{prefix}{field.attname}" for field in model._meta.concrete_fields)
