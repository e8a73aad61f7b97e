"""The strict parsers of JSON and forms."""

import io
from decimal import Decimal

import pytest
from rest_framework.exceptions import ParseError

from products.api.http.parsers import MAX_DIGITS, MAX_NESTING, loads

FORM = "application/x-www-form-urlencoded"

NESTED = "[" * MAX_NESTING + "]" * MAX_NESTING


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('{"a": [1, "x", null, true]}', {"a": [1, "x", None, True]}),
        ("4.50", Decimal("4.50")),
        ("1e2", Decimal("1E+2")),
        (r'"😀"', "😀"),
        ("1" * MAX_DIGITS, int("1" * MAX_DIGITS)),
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
        ("1" * (MAX_DIGITS + 1), "number_too_long"),
        ("9" * 5_000, "number_too_long"),
        ("0." + "1" * MAX_DIGITS, "number_too_long"),
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
def test_ambiguous_and_unbounded_bodies_are_rejected(text, code):
    with pytest.raises(ParseError) as refused:
        loads(text)

    assert refused.value.get_codes() == code


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "content_type", "code"),
    [
        (b'{"username": "alice", "password": "x"}', "application/json", "malformed_json"),
        (b"username=alice&password=x", FORM, "malformed_form"),
    ],
)
def test_a_byte_order_mark_is_named(api, body, content_type, code):
    answer = api().generic("POST", "/api-token-auth", b"\xef\xbb\xbf" + body, content_type=content_type)

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert "byte order mark (U+FEFF)" in answer.json()["detail"]


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
        (b"x" * 1_048_577, "application/json", {}, 413),
        (b" " * 1_048_574 + b"{}", "application/json", {}, 400),
    ],
)
def test_a_body_is_json_in_utf_8_of_a_bounded_size(api, alice, body, content_type, headers, status):
    answer = api(alice).generic("POST", "/api/orders", body, content_type=content_type, **headers)

    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"username=alice&username=bob&password=x", FORM, 400, "duplicate_key"),
        (b"username=%ff&password=x", FORM, 400, "not_utf8"),
        (b"username=\xff&password=x", FORM, 400, "not_utf8"),
        (b"username=a%00&password=x", FORM, 400, "nul_character"),
        (b"a=1&" * 4_100, FORM, 400, "too_many_fields"),
        (b"username=" + b"x" * 262_144, FORM, 413, "body_too_large"),
        (b"username=alice&password=x", f"{FORM}; charset=utf-7", 415, "unsupported_media_type"),
        (b"username=alice&password=x", "*/*", 415, "unsupported_media_type"),
        (b"username=alice&password=x", FORM, 401, "wrong_credentials"),
    ],
)
def test_a_form_is_read_as_strictly(api, body, content_type, status, code):
    answer = api().generic("POST", "/api-token-auth", body, content_type=content_type)

    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("arrives", "status", "code"),
    [(b'{"product": 1, "quantity": 1}', 400, "incomplete_body"), (TimeoutError(), 408, "request_timeout")],
)
def test_half_a_body_is_not_taken_for_the_whole(api, alice, arrives, status, code):
    class Input(io.RawIOBase):
        def read(self, size=-1):
            if isinstance(arrives, Exception):
                raise arrives
            return arrives

    answer = api(alice).post("/api/orders", {}, CONTENT_LENGTH="100", **{"wsgi.input": Input()})

    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("method", "path", "extra", "code"),
    [
        ("GET", "/api/products?search=%FF", {}, "not_utf8"),
        ("GET", "/api/nothing?%C3", {}, "not_utf8"),
        ("GET", "/api/products?search=%", {}, "malformed_query"),
        ("GET", "/api/products?" + "a&" * 4_100, {}, "too_many_parameters"),
        ("GET", "/api/products", {"data": b"{}"}, "unexpected_body"),
        ("DELETE", "/api/cart", {"data": b"{}"}, "unexpected_body"),
        ("POST", "/api/orders", {"HTTP_X_HTTP_METHOD_OVERRIDE": "GET"}, "method_override"),
    ],
)
def test_nothing_is_ignored_in_silence(api, alice, method, path, extra, code):
    answer = api(alice).generic(method, path, content_type="application/json", **extra)

    assert (answer.status_code, answer.json()["code"]) == (400, code)
    assert answer["Cache-Control"] == "no-store"


def test_outside_of_the_api_it_is_not_looked_at(client):
    assert client.get("/?%FF").status_code == 302
