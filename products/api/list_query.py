"""Lists whose SQL is compiled once, and whose rows become JSON without model instances."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Expression, Field, Model, QuerySet

from products.api.http.pagination import KeysetPage, keyset_slice
from products.db.compiled_queries import Param, compile_once

Filters = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class ListQuery:
    """A list of `model`: `filtered` returns the queryset for given filters, `row` is made from its `columns`.

    Filters that are named in `params` are sent as query parameters, a tuple as one for each member. Every other filter
    is part of the SQL, so its value must be hashable.
    """

    model: type[Model]
    filtered: "Callable[[Filters], QuerySet[Any, Any]]"
    row: Callable[..., Any]
    columns: Sequence[str | Expression]
    params: "Mapping[str, Field[Any, Any]]"

    def rows(
        self, filters: Filters, names: tuple[str, ...], descending: bool, limit: int, after: list[Any] | None
    ) -> list[Any]:
        """Return the rows of one page; see pagination.keyset_slice()."""
        values, shape = dict[Any, Any](enumerate(after or ())), []
        for name, value in filters.items():
            if name not in self.params:
                shape.append((name, value))
            elif isinstance(value, tuple):
                shape.append((name, len(value)))
                values |= {(name, position): each for position, each in enumerate(value)}
            else:
                shape.append((name, None))
                values[name] = value
        query = compile_once(self.define, tuple(shape), names, descending, limit, after is not None)
        return [self.row(*row) for row in query.rows(values)]

    def define(
        self,
        shape: tuple[tuple[str, Any], ...],
        names: tuple[str, ...],
        descending: bool,
        limit: int,
        continues: bool,
    ) -> "QuerySet[Any, Any]":
        """Return the queryset of a page, with a Param for each value."""
        filters = {name: self._param(name, value) if name in self.params else value for name, value in shape}
        fields: list[Any] = [self.model._meta.get_field(name) for name in names]
        after = [Param(position, field) for position, field in enumerate(fields)] if continues else None
        candidates = self.candidates(filters, names, descending, limit, after)
        return keyset_slice(candidates, names, descending, limit, after).values_list(*self.columns)

    def candidates(
        self, filters: Filters, names: Sequence[str], descending: bool, limit: int, after: Sequence[Any] | None
    ) -> "QuerySet[Any, Any]":
        """Return the rows that the page is taken from: all that match, or at least those of this page."""
        return self.filtered(filters)

    def _param(self, name: str, length: int | None) -> Any:
        field = self.params[name]
        if length is None:
            return Param(name, field)
        return tuple(Param((name, position), field) for position in range(length))


class ListPage(KeysetPage):
    """A page of a ListQuery."""

    def __init__(self, query: ListQuery, filters: Filters, ordering: Sequence[str], parameters: dict[str, Any]) -> None:
        self.list_query, self.filters = query, filters
        self._set_position(query.model, ordering, parameters)

    def fetch(self) -> list[Any]:
        return self.list_query.rows(self.filters, self.names, self.descending, self.limit, self.after)

    def count(self) -> int:
        return self.list_query.filtered(self.filters).order_by().count()
