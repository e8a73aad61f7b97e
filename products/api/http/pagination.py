"""Keyset pagination: each page continues after the last row of the previous one.

DRF's CursorPagination falls back to offsets among equal values and cannot count or compare a whole key at once; this
one compares the key as a row value, `(price, id) > (x, y)`, which one index answers at any depth.
"""

import functools
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.core import signing
from django.db.models import BooleanField, Expression, F, Field, Func, Model, QuerySet, Value
from django.http import HttpResponse
from rest_framework.request import Request

from products.api.errors import InvalidQuery
from products.api.http.etags import respond
from products.api.http.query_params import cached_by_query_string, parse_query_string

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
MAX_LINES_ON_PAGE = 10_000
"""How many lines of orders one page has at most: it ends before its limit where the next row would exceed that."""
MAX_SIGNERS = 100
MAX_CURSORS = 1_000
LINK_RELATION = {"next": "next", "previous": "prev"}
"""The names of the links in the body, and their relations in RFC 8288."""


class RowValue(Func):
    """SQL's row value, `(a, b)`."""

    template = "(%(expressions)s)"
    output_field = BooleanField()


class RowComparison(Func):
    """`(a, b) > (x, y)`; the operator is given as `arg_joiner`."""

    template = "%(expressions)s"
    output_field = BooleanField()


class KeysetPage:
    """One page of `queryset`, in an order that a unique key ends.

    `ordering` has the names of the columns, either all ascending or all descending (with `-`), the last one unique.
    `query` may have `limit`, `cursor` (from the link of another page) and `count`. A cursor is signed and valid only
    for its own ordering; InvalidQuery is raised for any other. `lines` is how many lines a row may show at most; where
    that is many, the page has fewer rows.
    """

    def __init__(
        self, queryset: QuerySet[Any], ordering: Sequence[str], query: dict[str, Any], *, lines: int = 1
    ) -> None:
        self.queryset = queryset
        limit = min(query.get("limit") or DEFAULT_LIMIT, max(1, MAX_LINES_ON_PAGE // (lines or 1)))
        self._set_position(queryset.model, ordering, {**query, "limit": limit})

    def respond(self, request: Request, body_of: Callable[[Any], dict[str, Any]], **members: Any) -> HttpResponse:
        """Return the response: links, the next cursor, `results`, `count` on request, and a Link header (RFC 8288).

        `members` are added to the body.
        """
        self._set_rows(self.fetch())
        next_cursor, previous_cursor = self._cursor(backward=False), self._cursor(backward=True)
        links = {"next": self._link(request, next_cursor), "previous": self._link(request, previous_cursor)}
        results = [body_of(row) for row in self.rows]
        body: dict[str, Any] = {**links, "next_cursor": next_cursor, "results": results, **members}
        if self.query.get("count"):
            body["count"] = self.count()
        header = ", ".join(f'<{url}>; rel="{LINK_RELATION[name]}"' for name, url in links.items() if url)
        return respond(request, body, headers={"Link": header} if header else None)

    def fetch(self) -> list[Any]:
        """Return the rows in the direction of travel, and one more if another page follows."""
        after = None if self.after is None else list(map(Value, self.after, self.fields))
        return list(keyset_slice(self.queryset, self.names, self.descending, self.limit, after))

    def count(self) -> int:
        """Return the number of rows on all pages."""
        return self.queryset.order_by().count()

    def _set_position(self, model: type[Model], ordering: Sequence[str], query: dict[str, Any]) -> None:
        self.query, self.limit = query, query.get("limit") or DEFAULT_LIMIT
        self.names = tuple(name.lstrip("-") for name in ordering)
        self.fields: list[Field[Any, Any]] = [model._meta.get_field(name) for name in self.names]  # type: ignore[misc]
        keys = settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS
        self.signer = cursor_signer(model, tuple(ordering), keys)
        self.backward, self.after = self._read_cursor(query.get("cursor"))
        self.descending = ordering[0].startswith("-") != self.backward

    def _read_cursor(self, cursor: str | None) -> tuple[bool, list[Any] | None]:
        if cursor is None:
            return False, None
        try:
            backward, values = self.signer.unsign_object(cursor)
        except signing.BadSignature as error:
            raise InvalidQuery({"cursor": ["This cursor does not belong to this list."]}, "invalid_cursor") from error
        return backward, [field.to_python(value) for field, value in zip(self.fields, values, strict=True)]

    def _set_rows(self, rows: list[Any]) -> None:
        self.has_more, rows = len(rows) > self.limit, rows[: self.limit]
        self.rows = rows[::-1] if self.backward else rows

    def _cursor(self, *, backward: bool) -> str | None:
        came_from_there = self.after is not None and self.backward != backward
        if not self.rows or not (came_from_there or (self.has_more and self.backward == backward)):
            return None
        edge = self.rows[0 if backward else -1]
        return sign_cursor(self.signer, backward, *[field.value_to_string(edge) for field in self.fields])

    def _link(self, request: Request, cursor: str | None) -> str | None:
        if cursor is None:
            return None
        other_parameters = without_cursor(request.META.get("QUERY_STRING", ""))
        # A cursor needs no quoting.
        return request.build_absolute_uri(f"{request.path}?{other_parameters}cursor={cursor}")


@cached_by_query_string
def without_cursor(query_string: str) -> str:
    """Return a query string without its cursor, ready for another one to be appended."""
    parameters = {name: value for name, value in parse_query_string(query_string).items() if name != "cursor"}
    return f"{urlencode(parameters)}&" if parameters else ""


@functools.lru_cache(MAX_CURSORS)
def sign_cursor(signer: signing.Signer, backward: bool, *values: str) -> str:
    """Return the cursor for the rows before or after the row with these values. Cached, because signing is slow."""
    return signer.sign_object((backward, values))


@functools.lru_cache(MAX_SIGNERS)
def cursor_signer(model: type[Model], ordering: tuple[str, ...], keys: tuple[str, ...]) -> signing.Signer:
    """Return the signer of the cursors for this model and ordering, which accepts no other cursors.

    It signs with the first of the keys, and accepts what any of them has signed.
    """
    former: list[str | bytes] = list(keys[1:])
    return signing.Signer(key=keys[0], fallback_keys=former, salt=f"page of {model.__name__} by {','.join(ordering)}")


def keyset_slice(
    queryset: "QuerySet[Any, Any]",
    names: Sequence[str],
    descending: bool,
    limit: int,
    after: Sequence[Expression] | None,
) -> "QuerySet[Any, Any]":
    """Return the first rows in the order of `names`, of those after the row with the values `after`.

    One more than `limit`: whether it exists tells whether there is a next page.
    """
    if after is not None:
        operator = " < " if descending else " > "
        queryset = queryset.filter(RowComparison(RowValue(*map(F, names)), RowValue(*after), arg_joiner=operator))
    return queryset.order_by(*(f"-{name}" if descending else name for name in names))[: limit + 1]
