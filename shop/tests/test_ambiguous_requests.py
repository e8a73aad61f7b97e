"""The hook and the middleware against ambiguous requests; tests_http has the same with real servers."""

from types import SimpleNamespace

import pytest
from django.test import Client

from shop.pre_request import MARK, ambiguity_of, mark_ambiguous


def request_with(*headers: tuple[str, str], without: str = "", **values: object) -> SimpleNamespace:
    """What the hook reads of gunicorn's request: a good one, but for what is given here."""
    usual = {"version": (1, 1), "uri": "/api/orders", "path": "/api/orders", "fragment": ""}
    given = [header for header in [("HOST", "shop.example"), ("AUTHORIZATION", "Bearer one")] if header[0] != without]
    return SimpleNamespace(headers=[*given, *headers], **usual | values)


@pytest.mark.parametrize(
    "request_",
    [
        request_with(),
        request_with(("IDEMPOTENCY-KEY", "one"), ("ACCEPT", "text/html"), ("ACCEPT", "application/json")),
        request_with(("TRANSFER-ENCODING", "Chunked")),
        request_with(uri="http://shop.example/api/orders"),
        request_with(version=(1, 0), without="HOST"),
        request_with(path="/api/orders%20now"),
    ],
)
def test_an_unambiguous_request_is_not_marked(request_):
    before = list(request_.headers)

    mark_ambiguous(None, request_)

    assert request_.headers == before


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (request_with(("AUTHORIZATION", "Bearer two")), "Authorization only once"),
        (request_with(("IDEMPOTENCY-KEY", "one"), ("IDEMPOTENCY-KEY", "one")), "Idempotency-Key only once"),
        (request_with(without="HOST"), "a Host header"),
        (request_with(("HOST", "")), "a Host header"),
        (request_with(("TRANSFER-ENCODING", "gzip, chunked")), "Transfer-Encoding"),
        (request_with(path="/api%2Forders"), "The path"),
        (request_with(path="/api%5corders"), "The path"),
        (request_with(path="/api\\orders"), "The path"),
        (request_with(path="/api/orders%00"), "The path"),
        (request_with(fragment="now"), "The path"),
        (request_with(uri="http://elsewhere.example/api/orders"), "The request target"),
        (request_with(uri="ftp://shop.example/api/orders"), "The request target"),
        (request_with(uri="*"), "The request target"),
    ],
)
def test_an_ambiguous_request_is_marked_with_the_reason(request_, words):
    mark_ambiguous(None, request_)

    name, reason = request_.headers[-1]
    assert (name, reason) == (MARK, ambiguity_of(request_))
    assert words in reason


@pytest.mark.parametrize("path", ["/api/orders", "/admin/login/"])
def test_a_marked_request_is_answered_with_400_and_the_reason(path):
    answer = Client().post(path, headers={MARK: "Send a Host header."})

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert (answer.json()["code"], answer.json()["detail"]) == ("bad_request", "Send a Host header.")
    assert int(answer["Content-Length"]) == len(answer.content)
    assert answer["Cache-Control"] == "no-store"
    assert "default-src 'none'" in answer["Content-Security-Policy"]
