"""Pages by key: each continues behind the last row of the one before, however many rows there are or come."""

import functools
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core import signing
from django.db.models import BooleanField, Expression, F, Field, Func, Model, QuerySet, Value
from django.http import HttpResponse
from rest_framework.request import Request

from products.api.conditions import answer
from products.api.errors import InvalidQuery
from products.api.requests import address_of, kept_by_query, parameters_in

DEFAULT_LIMIT = 20
MOST = 100
MAX_SIGNERS = 100
MAX_CURSORS = 1_000
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
        self.queryset = queryset
        self._read(queryset.model, ordering, query)

    def respond(self, request: Request, body_of: Callable[[Any], dict[str, Any]]) -> HttpResponse:
        """The page as an answer: `next`, `previous`, `results`, `count` if asked for, and Link headers (RFC 8288)."""
        self._cut(self.fetch())
        links = {"next": self._link(request, back=False), "previous": self._link(request, back=True)}
        body: dict[str, Any] = {**links, "results": [body_of(row) for row in self.rows]}
        if self.query.get("count"):
            body["count"] = self.total()
        header = ", ".join(f'<{url}>; rel="{RELATION[rel]}"' for rel, url in links.items() if url)
        return answer(request, body, headers={"Link": header} if header else None)

    def fetch(self) -> list[Any]:
        """The rows of this page, nearest to the one before first, and one more if there is a page behind it."""
        behind = None if self.behind is None else list(map(Value, self.behind, self.fields))
        return list(page_of(self.queryset, self.names, self.down, self.limit, behind))

    def total(self) -> int:
        """How many rows there are on all pages."""
        return self.queryset.order_by().count()

    def _read(self, model: type[Model], ordering: Sequence[str], query: dict[str, Any]) -> None:
        self.query, self.limit = query, query.get("limit") or DEFAULT_LIMIT
        self.names = tuple(name.lstrip("-") for name in ordering)
        self.fields: list[Field[Any, Any]] = [model._meta.get_field(name) for name in self.names]  # type: ignore[misc]
        self.signer = signer_of(model, tuple(ordering), settings.SECRET_KEY)
        self.back, self.behind = self._read_cursor(query.get("cursor"))
        self.down = ordering[0].startswith("-") != self.back

    def _read_cursor(self, cursor: str | None) -> tuple[bool, list[Any] | None]:
        if cursor is None:
            return False, None
        try:
            back, values = self.signer.unsign_object(cursor)
        except signing.BadSignature as error:
            raise InvalidQuery({"cursor": ["This is not a cursor of this list."]}, "invalid_cursor") from error
        return back, [field.to_python(value) for field, value in zip(self.fields, values, strict=True)]

    def _cut(self, rows: list[Any]) -> None:
        self.more, rows = len(rows) > self.limit, rows[: self.limit]
        self.rows = rows[::-1] if self.back else rows

    def _link(self, request: Request, *, back: bool) -> str | None:
        came_from_there = self.behind is not None and self.back != back
        if not self.rows or not (came_from_there or (self.more and self.back == back)):
            return None
        edge = self.rows[0 if back else -1]
        values = [field.value_to_string(edge) for field in self.fields]
        others = without_cursor(request.META.get("QUERY_STRING", ""))
        # Nothing in a cursor or in a list's path has to be quoted.
        return f"{address_of(request, request.path)}?{others}cursor={cursor_of(self.signer, back, *values)}"


@kept_by_query
def without_cursor(query: str) -> str:
    """A query string without its cursor, to go on with."""
    others = {name: value for name, value in parameters_in(query).items() if name != "cursor"}
    return f"{urlencode(others)}&" if others else ""


@functools.lru_cache(MAX_CURSORS)
def cursor_of(signer: signing.Signer, back: bool, *values: str) -> str:
    """What a link to the rows before or behind the one with these values says: always the same, and slow to sign."""
    return signer.sign_object((back, values))


@functools.lru_cache(MAX_SIGNERS)
def signer_of(model: type[Model], ordering: tuple[str, ...], key: str) -> signing.Signer:
    """Whose cursors are good for a list of these in this order, and for no other."""
    return signing.Signer(key=key, salt=f"page of {model.__name__} by {','.join(ordering)}")


def page_of(
    queryset: "QuerySet[Any, Any]", names: Sequence[str], down: bool, limit: int, behind: Sequence[Expression] | None
) -> "QuerySet[Any, Any]":
    """The first rows of `queryset` in the order of `names`, of those behind the row with the values `behind`.

    One more than `limit`: whether it is there tells whether there is a next page.
    """
    if behind is not None:
        queryset = queryset.filter(Comes(Row(*map(F, names)), Row(*behind), arg_joiner=" < " if down else " > "))
    return queryset.order_by(*(f"-{name}" if down else name for name in names))[: limit + 1]
