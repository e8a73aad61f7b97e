"""JSON, strictly."""

from decimal import Decimal

import pytest
from rest_framework.exceptions import ParseError

from products.api.parsers import MOST_DIGITS, MOST_NESTING, loads

NESTED = "[" * MOST_NESTING + "]" * MOST_NESTING


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, "x", null, true]}', {"a": [1, "x", None, True]}),
        ("4.50", Decimal("4.50")),
        ("1e2", Decimal("1E+2")),
        (r'"😀"', "😀"),
        ("1" * MOST_DIGITS, int("1" * MOST_DIGITS)),
        ("[0.1]", [Decimal("0.1")]),
    ],
)
def test_json_is_read_exactly(text, value):
    assert loads(text) == value


def test_it_may_be_nested_up_to_the_limit():
    assert loads(NESTED) is not None


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "malformed_json"),
        ("{", "malformed_json"),
        ("{'a': 1}", "malformed_json"),
        ('{"a": 1} x', "malformed_json"),
        ('\ufeff{"a": 1}', "malformed_json"),
        ("NaN", "malformed_json"),
        ("-Infinity", "malformed_json"),
        ("1_0", "malformed_json"),
        ("１", "malformed_json"),
        ('"a\nb"', "malformed_json"),
        ("1e309", "number_too_long"),
        ("1e999999999", "number_too_long"),
        ("1e99999999999999999999", "number_too_long"),
        ("1" * (MOST_DIGITS + 1), "number_too_long"),
        ("9" * 5_000, "number_too_long"),
        ("0." + "1" * MOST_DIGITS, "number_too_long"),
        ('{"a": 1, "a": 2}', "duplicate_key"),
        ('[{"a": {"b": 1, "b": 1}}]', "duplicate_key"),
        (f"[{NESTED}]", "too_deep"),
        ("[" * 100_000, "too_deep"),
        ('{"a":' * 50_000, "too_deep"),
        (r'"\u0000"', "nul_character"),
        (r'{"\u0000": 1}', "nul_character"),
        (r'"\ud800"', "lone_surrogate"),
        (r'["\udc00\ud800"]', "lone_surrogate"),
    ],
)
def test_what_is_ambiguous_or_unbounded_is_refused(text, code):
    with pytest.raises(ParseError) as refused:
        loads(text)

    assert refused.value.get_codes() == code


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "content_type", "headers", "status"),
    [
        (b'{"product": 1, "quantity": 1}', "application/json; charset=utf-16", {}, 415),
        ('{"product": 1}'.encode("utf-16"), "application/json", {}, 400),
        (b'{"a": "\xff"}', "application/json", {}, 400),
        (b"{}", "application/json", {"HTTP_CONTENT_ENCODING": "gzip"}, 415),
        (b"{}", "", {}, 415),
        (b"<a/>", "application/xml", {}, 415),
        (b"x" * 262_145, "application/json", {}, 413),
        (b" " * 262_142 + b"{}", "application/json", {}, 400),
    ],
)
def test_a_body_is_json_in_utf_8_of_a_bounded_size(api, alice, body, content_type, headers, status):
    answer = api(alice).generic("POST", "/api/orders", body, content_type=content_type, **headers)

    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
