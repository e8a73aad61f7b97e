"""What becomes of requests while workers go: by HUP, which brings new ones, and by TERM, after which there are none."""

import http.client
import signal
import socket
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from products.models import Order
from products.tests.over_http.clients import all_at_once, place_for_a_while
from products.tests.over_http.server import Gunicorn

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE = 20
LOST = "lost"


class Asker:
    """A client with a kept connection, which it opens anew whenever it was told that this one ends."""

    def __init__(self, address):
        self.connection = http.client.HTTPConnection(*address, timeout=PATIENCE)

    def ask(self, path="/api/nothing"):
        """(status, whether the connection ends), LOST, or None where nobody listens any more."""
        try:
            if self.connection.sock is None:
                self.connection.connect()
        except ConnectionRefusedError:
            return None
        try:
            self.connection.request("GET", path)
            response = self.connection.getresponse()
            response.read()
            return response.status, response.will_close
        except (OSError, http.client.HTTPException):
            self.connection.close()
            return LOST


def ask_until_nobody_listens(address):
    asker, answers = Asker(address), Counter()
    while (answer := asker.ask()) is not None:
        answers[answer] += 1
        time.sleep(0.005)
    return answers


def test_beginning_anew_under_load_loses_no_order(a_product, tokens):
    order = {"product": a_product(stock=100_000).pk, "quantity": 1}
    shares = [(token, [(f"of-{number}", order)]) for number, token in enumerate(tokens(4))]

    with Gunicorn(DRAIN_SECONDS="1") as server, ThreadPoolExecutor(1) as thread:
        old = server.workers()
        orders = thread.submit(all_at_once, place_for_a_while, server.address, shares)
        for _ in range(3):
            time.sleep(3)
            server.tell(signal.SIGHUP)
        answers = orders.result(120)
        new = server.workers()

    assert set(Counter(answer.status for answer in answers)) == {201}
    assert Order.objects.count() == len(answers)
    assert not set(old) & set(new)


def test_told_to_go_under_load_every_request_that_was_sent_is_answered():
    with Gunicorn(DRAIN_SECONDS="1") as server, ThreadPoolExecutor(8) as threads:
        asked = [threads.submit(ask_until_nobody_listens, server.address) for _ in range(8)]
        time.sleep(0.5)
        server.tell(signal.SIGTERM)
        answers = sum((each.result(PATIENCE) for each in asked), Counter())

    assert set(answers) == {(404, False), (404, True)}


def test_told_to_go_it_is_not_ready_first_and_serves_on():
    with Gunicorn(workers=1, DRAIN_SECONDS="2") as server:
        kept = [Asker(server.address) for _ in range(2)]
        before = [asker.ask("/health/ready") for asker in kept]
        server.tell(signal.SIGTERM)
        time.sleep(0.5)
        probed, asked, new = kept[0].ask("/health/ready"), kept[1].ask(), Asker(server.address).ask()
        time.sleep(2.5)
        late = Asker(server.address).ask()

    assert before == [(200, False), (200, False)]
    assert (probed, asked, new, late) == ((503, True), (404, True), (404, True), None)


def test_a_kept_connection_that_speaks_after_the_last_moment_to_connect_is_answered():
    with Gunicorn(workers=1, DRAIN_SECONDS="0") as server:
        kept = Asker(server.address)
        kept.ask()
        server.tell(signal.SIGTERM)
        time.sleep(1)

        assert Asker(server.address).ask() is None
        assert kept.ask() == (404, True)


def test_a_request_that_is_half_sent_when_the_worker_goes_is_answered():
    with (
        Gunicorn(workers=1, DRAIN_SECONDS="0") as server,
        socket.create_connection(server.address, timeout=PATIENCE) as connection,
    ):
        connection.sendall(b"GET /api/nothing HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        time.sleep(0.2)
        server.tell(signal.SIGTERM)
        time.sleep(3)
        connection.sendall(b"\r\n")
        response = http.client.HTTPResponse(connection)
        response.begin()

        assert (response.status, response.headers["Connection"]) == (404, "close")


def test_it_goes_at_once_where_nobody_is_there():
    with Gunicorn(DRAIN_SECONDS="0") as server:
        workers = server.workers()
        began = time.monotonic()
        server.tell(signal.SIGTERM)
        while any(Path(f"/proc/{pid}").exists() for pid in workers):
            assert time.monotonic() - began < PATIENCE / 2
            time.sleep(0.05)
