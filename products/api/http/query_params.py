"""Query strings, validated by a serializer."""

import functools
from collections.abc import Callable
from typing import Any

from django.http import QueryDict
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.request import Request

from products.api.errors import InvalidQuery
from products.api.http.parsers import check_text

MAX_CACHED = 1_000
MAX_CACHED_LENGTH = 500
"""Characters. With MAX_CACHED, this bounds the cache of each function at about 1.5 MB, whatever clients send."""


def cached_by_query_string(function: Callable[..., Any]) -> Callable[..., Any]:
    """Cache the results of `function(query_string, *arguments)`, which must depend on nothing else.

    Parsing a query string takes longer than the query itself, and clients repeat them. The results are shared by all
    requests, so they must not be modified. Exceptions are not cached.
    """
    cached = functools.lru_cache(MAX_CACHED)(function)

    @functools.wraps(function)
    def wrapper(query_string: str, *arguments: Any) -> Any:
        return (cached if len(query_string) <= MAX_CACHED_LENGTH else function)(query_string, *arguments)

    return wrapper


def read_query(request: Request, serializer_class: type[serializers.Serializer]) -> dict[str, Any]:
    """Return the query parameters, validated by `serializer_class`. Raises InvalidQuery, also for a repeated one."""
    query_string = request.META.get("QUERY_STRING")
    # An empty query is valid everywhere: no parameter is required, and none has a default.
    return dict(_validated(query_string, serializer_class)) if query_string else {}


@cached_by_query_string
def _validated(query_string: str, serializer_class: type[serializers.Serializer]) -> dict[str, Any]:
    parameters = {}
    for name, values in parse_query_string(query_string).lists():
        check_text(name + "".join(values))
        if len(values) > 1:
            raise InvalidQuery({name: [ErrorDetail("This parameter is given more than once.", "repeated")]})
        parameters[name] = values[0]
    try:
        validated: dict[str, Any] = _serializer(serializer_class).run_validation(parameters)
        return validated
    except serializers.ValidationError as error:
        raise InvalidQuery(error.detail) from error


def parse_query_string(query_string: str) -> QueryDict:
    """Parse a query string from the WSGI environment. It is UTF-8, whatever charset the body has."""
    return QueryDict(query_string.encode("latin-1"), encoding="utf-8")


@functools.cache
def _serializer(serializer_class: type[serializers.Serializer]) -> serializers.Serializer:
    """Return a shared instance: validation leaves no state in it, and creating one takes longer than using it."""
    return serializer_class()
