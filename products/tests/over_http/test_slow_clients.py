"""Clients that take their time, on purpose or not, and how long the others wait for them: they do not."""

import contextlib
import http.client
import socket
import time

import pytest

from products.tests.over_http.server import Gunicorn

AT_ONCE = 2.5  # seconds, on a machine that has other things to do

HEAD = b"POST /api-token-auth HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
HALVES = {
    "nothing": b"",
    "half a line": b"GET /api/prod",
    "half a header": b"GET /api/products HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Hal",
    "line ends and half a line": b"\r\n\r\nGET /api/prod",
    "half a body": HEAD + b'Content-Length: 50\r\n\r\n{"username": "a',
    "half a body in chunks": HEAD + b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"use',
    "half a body that was announced": HEAD + b'Expect: 100-continue\r\nContent-Length: 50\r\n\r\n{"use',
    "half a body that nobody reads": HEAD.replace(b"/api-token-auth", b"/nothing")
    + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
}
SILENT_AFTER_THE_ANSWER = b"GET /api/products HTTP/9.9\r\n\r\n"


@pytest.fixture(scope="module")
def server(django_db_setup):
    with Gunicorn(workers=2, threads=4) as server:
        yield server


@pytest.fixture(scope="module")
def strict_server(django_db_setup):
    """One that gives its clients a second."""
    with Gunicorn(workers=1, READ_TIMEOUT_SECONDS="1") as server:
        yield server


@contextlib.contextmanager
def clients_that_send(address, words, *, number):
    """So many connections on which these words were sent, and then nothing more."""
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(socket.create_connection(address, timeout=10)) for _ in range(number)]
        for connection in connections:
            connection.sendall(words)
        time.sleep(0.2)
        yield connections


def seconds_for(address, *, requests=20):
    """How long the slowest of some requests took, each on a connection of its own."""
    return max(seconds_for_one(address) for _ in range(requests))


def seconds_for_one(address):
    began = time.monotonic()
    connection = http.client.HTTPConnection(*address, timeout=30)
    connection.request("GET", "/api/nothing")
    assert connection.getresponse().status == 404
    connection.close()
    return time.monotonic() - began


def answer_on(connection):
    """(status, headers) of the answer."""
    response = http.client.HTTPResponse(connection)
    response.begin()
    response.read()
    return response.status, response.headers


@pytest.mark.parametrize("number", [8, 50])
@pytest.mark.parametrize("what", HALVES)
def test_who_sends_half_a_request_keeps_nobody_else_waiting(server, what, number):
    with clients_that_send(server.address, HALVES[what], number=number):
        assert seconds_for(server.address) < AT_ONCE


def test_who_does_not_hang_up_after_the_last_answer_keeps_nobody_else_waiting(server):
    with clients_that_send(server.address, SILENT_AFTER_THE_ANSWER, number=50):
        assert seconds_for(server.address) < AT_ONCE


def test_more_connections_than_there_can_be_keep_nobody_out(django_db_setup):
    with (
        Gunicorn(workers=1, GUNICORN_CMD_ARGS="--worker-connections 20") as server,
        clients_that_send(server.address, HALVES["half a header"], number=60),
    ):
        assert seconds_for(server.address) < AT_ONCE


@pytest.mark.parametrize("what", ["half a header", "half a body", "half a body in chunks"])
def test_who_has_not_sent_all_in_time_is_told_so(strict_server, what):
    with clients_that_send(strict_server.address, HALVES[what], number=1) as [connection]:
        began = time.monotonic()
        status, headers = answer_on(connection)

    assert time.monotonic() - began < 3
    assert (status, headers["Content-Type"]) == (408, "application/problem+json")


def test_who_says_nothing_at_all_is_left_without_a_word(strict_server):
    with clients_that_send(strict_server.address, b"", number=1) as [connection]:
        assert connection.recv(100) == b""


def test_a_request_that_comes_byte_by_byte_is_answered_and_so_is_the_one_behind_it(server):
    whole = b"GET /api/nothing HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    with socket.create_connection(server.address, timeout=10) as connection:
        connection.sendall(whole + whole[:20])
        first = answer_on(connection)
        for byte in whole[20:]:
            connection.sendall(bytes([byte]))
        second = answer_on(connection)

    assert [first[0], second[0]] == [404, 404]


def test_a_head_without_an_end_is_refused(server):
    line = b"X-Long: " + b"a" * 8_000 + b"\r\n"
    with clients_that_send(server.address, b"GET / HTTP/1.1\r\n" + 9 * line, number=1) as [connection]:
        status, headers = answer_on(connection)

    assert (status, headers["Content-Type"]) == (431, "application/problem+json")


def test_whoever_sends_the_other_half_in_time_is_answered_however_many_they_are(server):
    half = b"GET /api/nothing HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    with clients_that_send(server.address, half, number=50) as connections:
        for connection in connections:
            connection.sendall(b"\r\n")
        statuses = [answer_on(connection)[0] for connection in connections]

    assert statuses == [404] * 50
