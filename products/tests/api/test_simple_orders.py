"""The parser of simple orders agrees with the serializer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rest_framework.exceptions import ValidationError

from products.api.schemas.orders import OrderRequest, parse_simple_order

NAMES = st.sampled_from(["product", "quantity", "sku", "lines", "else"])
VALUES = st.one_of(
    st.integers(-2, 12_000),
    st.integers(),
    st.booleans(),
    st.none(),
    st.floats(allow_nan=False),
    st.sampled_from(["1", "x", ""]),
)
LINES = st.one_of(
    st.fixed_dictionaries({"product": st.integers(), "quantity": st.integers()}), st.dictionaries(NAMES, VALUES), VALUES
)
BODIES = st.one_of(
    LINES,
    st.fixed_dictionaries({"lines": st.one_of(st.lists(LINES), VALUES)}),
    st.dictionaries(NAMES, st.one_of(VALUES, st.lists(LINES))),
    st.lists(LINES),
)


def as_the_serializer_reads_it(body):
    wanted = OrderRequest(data=body)
    try:
        wanted.is_valid(raise_exception=True)
    except ValidationError:
        return "refused"
    return wanted.items


@given(BODIES)
@settings(max_examples=500, deadline=None)
def test_the_simple_parser_agrees_with_the_serializer(body):
    items = parse_simple_order(body)

    assert items is None or items == as_the_serializer_reads_it(body)


@pytest.mark.parametrize(
    ("body", "items"),
    [
        ({"product": 1, "quantity": 2}, [(1, 2)]),
        ({"lines": [{"product": 1, "quantity": 2}, {"quantity": 3, "product": 1}]}, [(1, 2), (1, 3)]),
        ({"lines": []}, []),
        ({"product": True, "quantity": 2}, None),
        ({"product": "1", "quantity": 2}, None),
        ({"product": 1, "quantity": 2, "else": 3}, None),
        ({"lines": [{"sku": "MUG", "quantity": 2}]}, None),
        ({"lines": {"product": 1, "quantity": 2}}, None),
    ],
)
def test_the_simple_parser_only_takes_simple_bodies(body, items):
    assert parse_simple_order(body) == items
