"""Connections that are kept, shared out among threads and given back by them: who is asked answers, and him only."""

import contextlib
import http.client
import json
import os
import signal
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from products.tests.over_http import plain_application
from products.tests.over_http.server import Gunicorn
from products.tests.waiting import until
from shop import shares

PATIENCE = 10


class Plain(Gunicorn):
    application = "products.tests.over_http.plain_application"

    def __init__(self, **options):
        super().__init__(database_url="sqlite://:memory:", **options)


@pytest.fixture(scope="module")
def server():
    with Plain(workers=1) as server:
        yield server


@contextlib.contextmanager
def connected(address):
    with contextlib.closing(http.client.HTTPConnection(*address, timeout=PATIENCE)) as client:
        client.connect()
        yield client


def ask(client, path, method="GET", body=None):
    """(status, body, whether the connection ends)."""
    client.request(method, path, body)
    response = client.getresponse()
    return response.status, response.read(), response.will_close


def answers_on(connection, number):
    """The bodies of the next answers, of which none is longer than it says."""
    stream = connection.makefile("rb")
    for _ in range(number):
        headers = http.client.parse_headers(stream) if stream.readline() == b"HTTP/1.1 200 OK\r\n" else {}
        yield stream.read(int(headers["Content-Length"]))


def get(path):
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def has_ended(connection):
    connection.settimeout(0.1)
    try:
        return connection.recv(1) == b""
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True


def test_many_kept_connections_at_once_each_have_their_own_answers(server):
    def talk(name):
        with connected(server.address) as client:
            socket_at_first = client.sock
            answers = [ask(client, f"/echo?{name}-{number}")[1].decode() for number in range(100)]
            assert client.sock is socket_at_first
            return answers

    with ThreadPoolExecutor(24) as threads:
        answers = list(threads.map(talk, range(24)))

    assert answers == [[f"{name}-{number}" for number in range(100)] for name in range(24)]


def test_requests_that_come_while_the_last_one_is_served_wait_for_their_turn(server):
    def talk(name):
        with socket.create_connection(server.address, timeout=PATIENCE) as connection:
            connection.sendall(get(f"/sleep?{name}-0"))
            for number in range(1, 20):
                time.sleep(0.02)
                connection.sendall(get(f"/echo?{name}-{number}"))
            return [body.decode() for body in answers_on(connection, 20)]

    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(talk, range(4)))

    assert answers == [[f"{name}-{number}" for number in range(20)] for name in range(4)]


def test_half_a_request_on_a_kept_connection_takes_no_thread_either(server):
    half = get("/echo?half").removesuffix(b"\r\n") + b"X-Long: " + b"a" * 1_000
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(socket.create_connection(server.address, PATIENCE)) for _ in range(8)]
        for connection in connections:
            connection.sendall(get("/echo"))
            assert list(answers_on(connection, 1)) == [b""]
            connection.sendall(half)
        time.sleep(0.2)
        for connection in connections:
            connection.sendall(b"\r\n\r\n")

        assert [list(answers_on(connection, 1)) for connection in connections] == [[b"half"]] * 8


def test_requests_in_one_piece_are_answered_one_after_the_other(server):
    unread = b"POST /echo?unread HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n\r\nGET /"
    with socket.create_connection(server.address, timeout=PATIENCE) as connection:
        connection.sendall(get("/echo?first") + unread + unread + get("/echo?last"))

        assert list(answers_on(connection, 4)) == [b"first", b"unread", b"unread", b"last"]


def test_a_small_answer_arrives_in_one_piece(server):
    with socket.create_connection(server.address, timeout=PATIENCE) as connection:
        for number in range(50):
            connection.sendall(get(f"/echo?{number}"))
            head, body = connection.recv(10_000).split(b"\r\n\r\n")

            assert (head[:15], body) == (b"HTTP/1.1 200 OK", b"%d" % number)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/pieces", b"one two " + plain_application.LARGE),
        ("/large", plain_application.LARGE),
        ("/file", Path(plain_application.__file__).read_bytes()),
        ("/no_file", b"abc"),
    ],
)
def test_whatever_an_answer_is_made_of_it_arrives_whole_and_the_next_one_too(server, path, body):
    with connected(server.address) as client:
        assert ask(client, path) == (200, body, False)
        assert ask(client, path, "HEAD") == (200, b"", False)
        assert ask(client, "/echo?next") == (200, b"next", False)


def test_an_answer_that_breaks_off_ends_its_connection_and_no_other(server):
    workers = server.workers()
    for _ in range(10):
        with connected(server.address) as client, connected(server.address) as other:
            client.request("GET", "/broken")
            with pytest.raises(http.client.IncompleteRead):
                client.getresponse().read()

            assert ask(other, "/echo?other") == (200, b"other", False)

    assert server.workers() == workers


def test_a_probe_on_a_kept_connection_is_answered_while_all_threads_are_busy(server):
    with contextlib.ExitStack() as stack:
        busy = [stack.enter_context(connected(server.address)) for _ in range(8)]
        prober = stack.enter_context(connected(server.address))
        ask(prober, "/echo")
        for client in busy:
            client.request("GET", "/sleep?x")
        time.sleep(0.2)
        began = time.monotonic()
        probe = ask(prober, "/health/live?alive")
        seconds = time.monotonic() - began
        answers = [client.getresponse().read() for client in busy]

    assert (probe, answers) == ((200, b"alive", False), [b"x"] * 8)
    assert seconds < 0.7


def test_an_answer_says_when_it_was_made(server):
    with connected(server.address) as client:
        for _ in range(2):
            client.request("GET", "/echo")
            response = client.getresponse()
            response.read()
            assert abs(parsedate_to_datetime(response.headers["Date"]).timestamp() - time.time()) < 2
            time.sleep(2)


def test_connections_that_come_at_once_are_shared_out_among_the_workers():
    with two_workers() as server, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connected(server.address)) for _ in range(40)]

        served_by = Counter(pid for pid, _ in map(process_behind, clients))

        assert sorted(served_by) == sorted(server.workers())
        assert min(served_by.values()) >= 16


def test_a_worker_that_is_new_gets_what_comes_until_it_has_as_many():
    with two_workers() as server, contextlib.ExitStack() as stack:
        clients = [stack.enter_context(connected(server.address)) for _ in range(20)]
        old = {pid for pid, _ in map(process_behind, clients)}
        gone = server.kill_a_worker()
        until(lambda: len(server.workers()) == 2 and gone not in server.workers(), PATIENCE)
        until(lambda: shares.AWAY not in answer_of_a_new_connection(server)[1], PATIENCE)

        late = [stack.enter_context(connected(server.address)) for _ in range(6)]
        served_by = Counter(pid for pid, _ in map(process_behind, late))

        assert sum(number for pid, number in served_by.items() if pid not in old) >= 5


def test_whoever_is_gone_has_no_share_any_more():
    with two_workers() as server:
        for _ in range(3):
            gone = server.kill_a_worker()
            until(lambda gone=gone: len(server.workers()) == 2 and gone not in server.workers(), PATIENCE)

        with connected(server.address) as client:
            _, said = process_behind(client)

        assert len(said) == 2


def test_nobody_waits_for_a_worker_that_goes():
    with Plain(workers=1) as server, connected(server.address) as client:
        [old] = server.workers()
        client.request("GET", "/sleep")
        server.tell(signal.SIGHUP)

        until(lambda: answer_of_a_new_connection(server)[0] != old, PATIENCE)

        assert shares.AWAY in answer_of_a_new_connection(server)[1]
        assert client.getresponse().status == 200


@contextlib.contextmanager
def two_workers():
    with Plain(workers=2) as server:
        until(lambda: sorted(answer_of_a_new_connection(server)[1]) == [0, 1], PATIENCE)
        yield server


def process_behind(client):
    """(the id of the process that answers, how many connections each worker says it has)."""
    return json.loads(ask(client, "/process")[1])


def answer_of_a_new_connection(server):
    with connected(server.address) as client:
        return process_behind(client)


def test_who_is_idle_for_too_long_is_left_and_who_is_not_stays():
    with Plain(workers=1, KEEP_ALIVE_SECONDS="2") as server, connected(server.address) as idle:
        with connected(server.address) as busy:
            ask(idle, "/echo")
            began = time.monotonic()
            while time.monotonic() < began + 4:
                assert ask(busy, "/echo?busy") == (200, b"busy", False)
                time.sleep(0.1)

        assert has_ended(idle.sock)


def test_who_is_idle_does_not_keep_a_worker_that_is_told_to_go():
    with Plain(workers=1) as server, connected(server.address) as idle:
        ask(idle, "/echo")
        [worker] = server.workers()
        began = time.monotonic()
        server.tell(signal.SIGTERM)
        while Path(f"/proc/{worker}").exists():
            time.sleep(0.05)

    assert time.monotonic() - began < PATIENCE


def test_no_more_connections_are_kept_than_leave_room_for_new_ones():
    limits = "--worker-connections 6"
    with Plain(workers=1, GUNICORN_CMD_ARGS=limits) as server, contextlib.ExitStack() as stack:
        time.sleep(0.5)  # Whoever asked whether it serves is gone by then.
        clients = [stack.enter_context(connected(server.address)) for _ in range(4)]
        ends = [ask(client, "/echo")[2] for client in clients]

    assert ends == [False, False, True, True]


def test_who_is_sent_away_at_the_moment_of_speaking_is_not_heard_any_more(tmp_path):
    limits, log = "--worker-connections 8", tmp_path / "log"
    with Plain(workers=1, GUNICORN_CMD_ARGS=limits, log=log) as server, contextlib.ExitStack() as stack:

        def begin():
            connection = stack.enter_context(socket.create_connection(server.address, PATIENCE))
            connection.sendall(b"GET /ec")
            return connection

        time.sleep(0.5)  # Whoever asked whether it serves is gone by then.
        begun = [begin() for _ in range(7)]
        time.sleep(0.2)
        [worker] = server.workers()
        os.kill(worker, signal.SIGSTOP)  # so that all of it has happened when it looks again
        last = begin()
        for connection in begun:
            connection.sendall(b"h")
        os.kill(worker, signal.SIGCONT)
        time.sleep(0.2)
        last.sendall(get("/echo?last").removeprefix(b"GET /ec"))

        assert list(answers_on(last, 1)) == [b"last"]
        assert [has_ended(connection) for connection in begun].count(True) == 1

    assert "Traceback" not in log.read_text()


def test_after_so_many_requests_there_is_another_worker_and_nobody_is_lost():
    with Plain(workers=1, GUNICORN_CMD_ARGS="--max-requests 50") as server:
        workers = server.workers()
        for number in range(120):
            with connected(server.address) as client:
                assert ask(client, f"/echo?{number}")[:2] == (200, b"%d" % number)

        assert server.workers() != workers
