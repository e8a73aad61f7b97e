"""Parsed query strings are cached, and requests cannot modify each other's."""

import pytest
from django.test import RequestFactory
from rest_framework.exceptions import ParseError
from rest_framework.request import Request

from products.api.errors import InvalidQuery
from products.api.http.query_params import MAX_CACHED_LENGTH, cached_by_query_string, read_query
from products.api.schemas.orders import OrderQuery
from products.api.schemas.pages import NoQuery, PageQuery
from products.api.schemas.products import ProductQuery
from products.api.schemas.stock import LedgerQuery
from products.api.schemas.tokens import TokenQuery


def asking(query, **extra):
    return Request(RequestFactory().get("/", QUERY_STRING=query, **extra))


EVERYTHING = [
    (ProductQuery, "search=red+mug&category=mugs&sku=A&price_min=1&price_max=2.50&in_stock=true&retired=false"),
    (ProductQuery, "changed_since=2026-01-31T12:00:00Z&ordering=-price&limit=5&cursor=x&count=true"),
    (OrderQuery, "status=PLACED,PAID&placed_after=2026-01-31T12:00:00Z&key=k&customer=7"),
    (LedgerQuery, "at=2026-01-31T12:00:00Z"),
    (TokenQuery, "all=true"),
]


@pytest.mark.parametrize(("serializer", "query"), EVERYTHING)
def test_a_caller_cannot_modify_the_cached_parameters(serializer, query):
    given = read_query(asking(query), serializer)
    before = dict(given)

    given["limit"] = 99
    given.pop("search", None)

    assert read_query(asking(query), serializer) == before
    for value in before.values():
        hash(value)  # raises for what could be changed


def test_the_cache_distinguishes_serializers():
    assert read_query(asking("limit=5"), PageQuery) == {"limit": 5}

    with pytest.raises(InvalidQuery):
        read_query(asking("limit=5"), NoQuery)


@pytest.mark.parametrize(
    ("query", "error"), [("nope=1", InvalidQuery), ("limit=1&limit=1", InvalidQuery), ("search=%00", ParseError)]
)
def test_errors_are_not_cached(query, error):
    for _ in range(2):
        with pytest.raises(error):
            read_query(asking(query), ProductQuery)


def test_a_query_string_is_utf_8_whatever_the_charset_of_the_body():
    asked = asking("search=%C3%A4", CONTENT_TYPE="text/plain; charset=latin-1")

    assert read_query(asked, ProductQuery) == {"search": "ä"}


def test_only_short_query_strings_are_cached():
    understood = []

    @cached_by_query_string
    def read(query):
        understood.append(query)

    short, long = "a" * MAX_CACHED_LENGTH, "a" * (MAX_CACHED_LENGTH + 1)
    for query in (short, long, short, long):
        read(query)

    assert understood == [short, long, long]
