"""One declaration of a response, from which its SQL columns, its rows, its JSON and its documentation follow."""

from collections import namedtuple
from collections.abc import Callable, Mapping
from decimal import Decimal
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db.models import Func
from rest_framework import serializers


class Output:
    """What follows from a response serializer: `columns` to select, the `row` type for them, and the JSON `body()`.

    The serializer's fields are the declaration. Its `source` names the column where that differs from the field's name
    (`category.slug` follows a relation), and `computed` has a function of the row for each field without a column. The
    serializer itself only documents the response: serializing with DRF doubles the cost of a page.
    """

    def __init__(
        self,
        serializer_class: type[serializers.Serializer],
        *,
        computed: Mapping[str, Callable[[Any], Any]] | None = None,
        extra_columns: tuple[str, ...] = (),
    ) -> None:
        self.serializer_class, self._computed = serializer_class, computed or {}
        fields = serializer_class().fields
        stored = {name: field for name, field in fields.items() if name not in self._computed and not _is_nested(field)}
        self.columns: list[str | Func] = [_column(field) for field in stored.values()]
        self.columns += [AsText(name) for name in extra_columns]
        names = [_attribute(field) for field in stored.values()]
        self.row = namedtuple(f"{serializer_class.__name__}Row", [*names, *extra_columns])  # type: ignore[misc]
        self._getters = [(name, self._getter(name, field)) for name, field in fields.items()]

    def body(self, row: Any, **nested: Any) -> dict[str, Any]:
        """Return the JSON object for a row, or for a model instance, with values for the nested fields."""
        body = {name: get(row) for name, get in self._getters}
        body.update(nested)
        return body

    def _getter(self, name: str, field: serializers.Field) -> Callable[[Any], Any]:
        if name in self._computed:
            return self._computed[name]
        if _is_nested(field):
            return _not_given
        get = attrgetter(_attribute(field))
        return (lambda row: money(get(row))) if isinstance(field, serializers.DecimalField) else get


class AsText(Func):
    """A decimal or UUID column as the text that JSON has, made by the database where it can.

    In Python, making a UUID takes 3 µs, a tenth of the time of a page of 20 orders, and a Decimal and its text 1 µs.
    """

    template = "%(expressions)s"

    def get_db_converters(self, connection: Any) -> list[Any]:
        return [*super().get_db_converters(connection), _as_text]

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="%(expressions)s::text", **context)


def money(amount: Decimal | str | None) -> str | None:
    """Return an amount with two decimals. None stays None, and text from the database stays as it is."""
    return amount if amount is None or isinstance(amount, str) else f"{amount:.2f}"


def _as_text(value: Any, column: Any, connection: Any) -> Any:
    if isinstance(value, Decimal):  # SQLite drops trailing zeros.
        return f"{value:.{column.output_field.decimal_places}f}"
    return str(value) if isinstance(value, UUID) else value


def _column(field: serializers.Field) -> str | Func:
    path = _source(field).replace(".", "__")
    return AsText(path) if isinstance(field, serializers.DecimalField | serializers.UUIDField) else path


def _attribute(field: serializers.Field) -> str:
    return _source(field).replace(".", "_")


def _source(field: serializers.Field) -> str:
    return field.source or ""


def _is_nested(field: serializers.Field) -> bool:
    return isinstance(field, serializers.BaseSerializer)


def _not_given(row: Any) -> None:
    return None
