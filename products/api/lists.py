"""The lists that are asked for all day: their SQL is kept, and their rows become answers without model instances."""

from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from django.db.models import Expression, Field, Model, QuerySet

from products.api.pagination import KeysetPage, page_of
from products.db.compiled_queries import Param, compile_once

Parameters = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class KeptList:
    """`wanted` makes the queryset of what the parameters ask for, and `row` takes its `columns`.

    Parameters named in `values` are sent with the statement, a tuple each of its members; any other makes the
    statement another one, and has to be hashable. With no others than `keys`, any value is best off with the same plan.
    """

    model: type[Model]
    wanted: "Callable[[Parameters], QuerySet[Any, Any]]"
    row: Callable[..., Any]
    columns: Sequence[str | Expression]
    values: "Mapping[str, Field[Any, Any]]"
    keys: Set[str]

    def rows(
        self,
        parameters: Parameters,
        names: tuple[str, ...],
        down: bool,
        limit: int,
        behind: list[Any] | None,
    ) -> list[Any]:
        """The rows of one page; see pagination.page_of."""
        values, shape = dict[Any, Any](enumerate(behind or ())), []
        for name, value in parameters.items():
            if name not in self.values:
                shape.append((name, value))
            elif isinstance(value, tuple):
                shape.append((name, len(value)))
                values |= {(name, place): each for place, each in enumerate(value)}
            else:
                shape.append((name, None))
                values[name] = value
        how = (tuple(shape), names, down, limit, behind is not None)
        return [self.row(*row) for row in compile_once(self.define, *how).rows(values)]

    def define(
        self,
        shape: tuple[tuple[str, Any], ...],
        names: tuple[str, ...],
        down: bool,
        limit: int,
        goes_on: bool,
    ) -> "QuerySet[Any, Any]":
        """The queryset of a page, with Givens in the place of values."""
        parameters = {name: self._given(name, value) if name in self.values else value for name, value in shape}
        fields: list[Any] = [self.model._meta.get_field(name) for name in names]
        behind = [Param(place, field) for place, field in enumerate(fields)] if goes_on else None
        wanted = self.among(parameters, names, down, behind)
        return page_of(wanted, names, down, limit, behind).values_list(*self.columns)

    def among(
        self, parameters: Parameters, names: Sequence[str], down: bool, behind: Sequence[Any] | None
    ) -> "QuerySet[Any, Any]":
        """The rows among which the page is."""
        return self.wanted(parameters)

    def _given(self, name: str, length: int | None) -> Any:
        field = self.values[name]
        return Param(name, field) if length is None else tuple(Param((name, place), field) for place in range(length))


class KeptPage(KeysetPage):
    """A page of a KeptList: what `parameters` ask for, in the order and with the limits of a KeysetPage."""

    def __init__(
        self,
        of: KeptList,
        parameters: Parameters,
        ordering: Sequence[str],
        query: dict[str, Any],
    ) -> None:
        self.list, self.parameters = of, parameters
        self._read(of.model, ordering, query)

    def fetch(self) -> list[Any]:
        return self.list.rows(self.parameters, self.names, self.down, self.limit, self.behind)

    def total(self) -> int:
        return self.list.wanted(self.parameters).order_by().count()
