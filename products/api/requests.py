"""Reading what a request says beside its body: the query string and the headers, strictly."""

import functools
import re
from collections.abc import Callable
from typing import Any

from django.http import QueryDict
from drf_spectacular.utils import OpenApiParameter
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.request import Request

from products.api.errors import InvalidHeader, InvalidQuery
from products.api.parsers import check_text

MAX_QUERIES = 1_000
LONGEST_QUERY = 500
"""Characters; with those above some 1.5 MB for each function, whatever is asked for."""


def kept_by_query(read: Callable[..., Any]) -> Callable[..., Any]:
    """Keep what `read(query string, …)` returns, for the query strings that are asked for all day.

    What they mean depends on nothing else, and understanding one takes longer than finding what is asked for. What is
    kept is for all requests, so nobody may change it. Nothing is kept of what raises.
    """
    keeping = functools.lru_cache(MAX_QUERIES)(read)

    @functools.wraps(read)
    def reading(query: str, *details: Any) -> Any:
        return (keeping if len(query) <= LONGEST_QUERY else read)(query, *details)

    return reading


def read_query(request: Request, serializer_class: type[serializers.Serializer]) -> dict[str, Any]:
    """The query string's parameters, each at most once, checked by `serializer_class`. Raises InvalidQuery."""
    query = request.META.get("QUERY_STRING")
    # No parameter is required anywhere, and none has a default.
    return dict(_read(query, serializer_class)) if query else {}


@kept_by_query
def _read(query: str, serializer_class: type[serializers.Serializer]) -> dict[str, Any]:
    parameters = {}
    for name, values in parameters_in(query).lists():
        check_text(name + "".join(values))
        if len(values) > 1:
            raise InvalidQuery({name: [ErrorDetail("Give this parameter once.", "repeated")]})
        parameters[name] = values[0]
    try:
        read: dict[str, Any] = _reader(serializer_class).run_validation(parameters)
        return read
    except serializers.ValidationError as error:
        raise InvalidQuery(error.detail) from error


def address_of(request: Request, path: str) -> str:
    """Return the absolute URL of a path."""
    return request.build_absolute_uri(path)


def parameters_in(query: str) -> QueryDict:
    """What a query string, as WSGI has it, says. It is UTF-8, whatever the request says of its body."""
    return QueryDict(query.encode("latin-1"), encoding="utf-8")


@functools.cache
def _reader(serializer_class: type[serializers.Serializer]) -> serializers.Serializer:
    """One for all requests: it keeps nothing of what it reads, and making it takes longer than reading."""
    return serializer_class()


MAX_KEY = 255


def idempotency_key(most: int = MAX_KEY) -> OpenApiParameter:
    """The header, as the document has it."""
    return OpenApiParameter(
        "Idempotency-Key",
        location=OpenApiParameter.HEADER,
        pattern=rf'^("[\x21\x23-\x7e]{{1,{most}}}"|[\x21\x23-\x7e]{{1,{most}}})$',
        description="Your name for this request; sent again, it answers with what the first one did, and does it once.",
    )


IDEMPOTENCY_KEY = idempotency_key()


def read_idempotency_key(request: Request, most: int = MAX_KEY) -> str | None:
    """The Idempotency-Key header, None where there is none. Raises InvalidHeader.

    The draft (draft-ietf-httpapi-idempotency-key-header) makes it a quoted string; without quotes it means the same.
    """
    header = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if header is None:
        return None
    key = header[1:-1] if re.fullmatch(r'"[^"]*"', header) else header
    if len(key) > most or not re.fullmatch(r"[\x21\x23-\x7e]+", key):
        detail = f"A key is 1 to {most} visible ASCII characters, without double quotes in it."
        raise InvalidHeader({"Idempotency-Key": [ErrorDetail(detail, "invalid_key")]})
    return key
