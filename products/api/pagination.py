"""Pages by key: each continues behind the last row of the one before, however many rows there are or come."""

from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from django.core import signing
from django.db.models import BooleanField, Expression, F, Field, Func, Model, QuerySet, Value
from rest_framework.request import Request
from rest_framework.response import Response

from products.api.conditions import answer
from products.api.errors import InvalidQuery

DEFAULT_LIMIT = 20
MOST = 100
RELATION = {"next": "next", "previous": "prev"}
"""What the body calls a link, and what RFC 8288 calls it."""


class Row(Func):
    """`(a, b)`: several values compared as one, which lets one index answer for all of them."""

    template = "(%(expressions)s)"
    output_field = BooleanField()


class Comes(Func):
    """`(a, b) > (x, y)`, or `<`."""

    template = "%(expressions)s"
    output_field = BooleanField()


class KeysetPage:
    """One page of `queryset` in an order that a key makes unique.

    `ordering` is the fields' names, all ascending or all descending (with `-`), the last of them unique. `query` has
    `limit`, `cursor` (as an earlier page's link gave it) and `count`. A cursor is signed, and good for its own
    ordering only; any other raises InvalidQuery.
    """

    def __init__(self, queryset: QuerySet[Any], ordering: Sequence[str], query: dict[str, Any]) -> None:
        self.fields = [name.lstrip("-") for name in ordering]
        self.descending = ordering[0].startswith("-")
        self.limit = query.get("limit") or DEFAULT_LIMIT
        self.salt = f"page of {queryset.model.__name__} by {','.join(ordering)}"
        self.back, self.behind = self._read(query.get("cursor"))
        self.count = queryset.order_by().count() if query.get("count") else None
        self.rows, self.more = self._fetch(queryset)

    def respond(self, request: Request, body_of: Callable[[Any], dict[str, Any]]) -> Response:
        """The page as an answer: `next`, `previous`, `results`, `count` if asked for, and Link headers (RFC 8288)."""
        links = {"next": self._link(request, back=False), "previous": self._link(request, back=True)}
        body: dict[str, Any] = {**links, "results": [body_of(row) for row in self.rows]}
        if self.count is not None:
            body["count"] = self.count
        header = ", ".join(
            f'<{url}>; rel="{"prev" if rel == "previous" else rel}"' for rel, url in links.items() if url
        )
        return answer(request, body, headers={"Link": header} if header else None)

    def _fetch(self, queryset: QuerySet[Any]) -> tuple[list[Model], bool]:
        down = self.descending != self.back
        if self.behind is not None:
            queryset = queryset.filter(self._beyond(queryset.model, down))
        ordered = queryset.order_by(*(f"-{name}" if down else name for name in self.fields))
        # One more than shown tells whether there is a next page.
        rows = list(ordered[: self.limit + 1])
        more, rows = len(rows) > self.limit, rows[: self.limit]
        return (rows[::-1] if self.back else rows), more

    def _beyond(self, model: type[Model], down: bool) -> Expression:
        fields = _fields(model, self.fields)
        values = [Value(field.to_python(value), field) for field, value in zip(fields, self.behind or [], strict=True)]
        return Comes(Row(*map(F, self.fields)), Row(*values), arg_joiner=" < " if down else " > ")

    def _read(self, cursor: str | None) -> tuple[bool, list[str] | None]:
        if cursor is None:
            return False, None
        try:
            back, values = signing.Signer(salt=self.salt).unsign_object(cursor)
        except signing.BadSignature as error:
            raise InvalidQuery({"cursor": ["This is not a cursor of this list."]}, "invalid_cursor") from error
        return back, values

    def _link(self, request: Request, *, back: bool) -> str | None:
        came_from_there = self.behind is not None and self.back != back
        if not self.rows or not (came_from_there or (self.more and self.back == back)):
            return None
        edge = self.rows[0 if back else -1]
        values = [field.value_to_string(edge) for field in _fields(type(edge), self.fields)]
        cursor = signing.Signer(salt=self.salt).sign_object((back, values))
        parameters = {**request.query_params.dict(), "cursor": cursor}
        return request.build_absolute_uri(f"{request.path}?{urlencode(parameters)}")


def _fields(model: type[Model], names: Sequence[str]) -> "list[Field[Any, Any]]":
    by_name = {field.name: field for field in model._meta.concrete_fields}
    return [by_name[name] for name in names]
