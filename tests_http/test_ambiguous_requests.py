"""Requests that two servers could read differently are rejected, with nginx in front and without."""

import http.client
import json
import socket
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from email.message import Message
from types import SimpleNamespace

import pytest

from products.models import ApiToken, Order
from shop.pre_request import MARK, mark_ambiguous
from tests_http.proxy import NAME, Nginx
from tests_http.sample_shop import PRODUCTION
from tests_http.server import Gunicorn

CHUNKED = b"0\r\n\r\n"
USUAL = [f"Host: {NAME}", "Authorization: Bearer {token}", "Idempotency-Key: one", "Content-Type: application/json"]
LENGTH = "Content-Length: {length}"
ORDER = b'{"sku": "MUG", "quantity": 1}'


def post(*headers: str, target: str = "/api/orders", without: str = "-", body: bytes = ORDER) -> bytes:
    lines = [line for line in [*USUAL, LENGTH] if not line.startswith(without)]
    head = [f"POST {target} HTTP/1.1", *lines, *headers, "Connection: close", "", ""]
    return "\r\n".join(head).replace("{length}", str(len(body))).encode() + body


AMBIGUOUS = {
    "two Authorization headers": post("Authorization: Bearer another"),
    "two Idempotency-Key headers": post("Idempotency-Key: two"),
    "a header name with an underscore": post("Idempotency_Key: two"),
    "Content-Length and Transfer-Encoding": post("Transfer-Encoding: chunked", body=CHUNKED),
    "two different Content-Length headers": post("Content-Length: 5"),
    "a coding before chunked": post("Transfer-Encoding: gzip, chunked", without=LENGTH, body=CHUNKED),
    "a coding that is not chunked": post("Transfer-Encoding: identity", without=LENGTH),
    "an encoded slash": post(target="/api%2Forders"),
    "an encoded backslash": post(target="/api%5Corders"),
    "a backslash": post(target="/api\\orders"),
    "an encoded NUL": post(target="/api/orders%00"),
    "a fragment": post(target="/api/orders#now"),
    "no Host": post(without="Host"),
    "two Host headers": post("Host: elsewhere.example"),
    "another Host": post("Host: elsewhere.example", without="Host"),
    "a URL with another host": post(target="http://elsewhere.example/api/orders"),
}
# gunicorn answers these itself, with a page of HTML; nginx or the application answers all others.
REJECTED_BY_GUNICORN = {
    "a header name with an underscore",
    "Content-Length and Transfer-Encoding",
    "two different Content-Length headers",
    "a coding that is not chunked",
    "two Host headers",
}


@pytest.fixture
def good(transactional_db, alice, a_product) -> Callable[[bytes], bytes]:
    """Fill in the token of a customer who could order; so only the ambiguity can be the reason for a rejection."""
    a_product(sku="MUG", stock=100)
    _, token = ApiToken.objects.issue(alice)
    return lambda request: request.replace(b"{token}", token.encode())


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    body: bytes


def answer_to(connection: socket.socket, request: bytes) -> Answer:
    with closing(connection):
        connection.sendall(request)
        response = http.client.HTTPResponse(connection)
        response.begin()
        return Answer(response.status, response.headers, response.read())


def test_each_is_rejected_by_a_server_without_a_proxy(good):
    with Gunicorn(workers=1, **PRODUCTION | {"HTTPS_ONLY": "false"}) as server:

        def send(request: bytes) -> Answer:
            return answer_to(socket.create_connection(server.address, timeout=10), good(request))

        answers = {what: send(request) for what, request in AMBIGUOUS.items()}
        unambiguous = send(post()).status

    assert {what: answer.status for what, answer in answers.items()} == dict.fromkeys(AMBIGUOUS, 400)
    assert {what for what, answer in answers.items() if not is_problem(answer)} == REJECTED_BY_GUNICORN
    assert (unambiguous, Order.objects.count()) == (201, 1)


def test_each_is_rejected_behind_nginx(good, tmp_path):
    with Gunicorn(workers=1, **PRODUCTION) as server, Nginx(tmp_path, server.address) as proxy:

        def send(request: bytes) -> Answer:
            plain = socket.create_connection(proxy.https, timeout=10)
            return answer_to(proxy.tls().wrap_socket(plain), good(request))

        answers = {what: send(request) for what, request in AMBIGUOUS.items()}
        unambiguous = send(post()).status

    assert {what: answer.status for what, answer in answers.items()} == dict.fromkeys(AMBIGUOUS, 400)
    # nginx passes it on on purpose, and gunicorn rejects it.
    assert {what for what, answer in answers.items() if not is_problem(answer)} == {"a header name with an underscore"}
    assert (unambiguous, Order.objects.count()) == (201, 1)


def is_problem(answer: Answer) -> bool:
    """Whether the answer is a complete problem document, and not gunicorn's page."""
    if answer.headers["Content-Type"] != "application/problem+json":
        assert answer.headers["Content-Type"] == "text/html"
        return False
    problem = json.loads(answer.body)
    assert problem["request_id"] == answer.headers["X-Request-Id"]
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    return (problem["status"], problem["code"]) == (400, "bad_request")


def request_with(*headers: tuple[str, str], **values: object) -> SimpleNamespace:
    """What the hook reads of gunicorn's request."""
    usual = {"version": (1, 1), "uri": "/api/orders", "path": "/api/orders", "fragment": ""}
    return SimpleNamespace(headers=[("HOST", NAME), *headers], **usual | values)


def test_the_internal_header_of_a_client_is_removed():
    request = request_with((MARK, "no reason"))

    mark_ambiguous(None, request)

    assert request.headers == [("HOST", NAME)]


def test_http_1_0_needs_no_host():
    request = request_with(version=(1, 0))
    request.headers.clear()

    mark_ambiguous(None, request)

    assert request.headers == []
