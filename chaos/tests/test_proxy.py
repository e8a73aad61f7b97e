"""The proxy that breaks the network between the shop and its database."""

import socket
import socketserver
import threading
import time

import pytest

from chaos.proxy import Proxy


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(1_000):
            self.request.sendall(data)


@pytest.fixture
def proxy():
    """One in front of a server that says what it hears."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with Proxy(server.server_address) as proxy:
            yield proxy
        server.shutdown()


def connect(proxy):
    return socket.create_connection(proxy.address, timeout=0.3)


def test_what_is_sent_is_passed_on_and_so_is_the_answer(proxy):
    with connect(proxy) as client:
        client.sendall(b"hello")

        assert client.recv(100) == b"hello"


def test_when_it_cuts_old_connections_and_new_ones_are_reset(proxy):
    with connect(proxy) as client:
        client.sendall(b"hello")
        client.recv(100)

        proxy.cut()

        assert is_over(client)
    assert not can_be_made(proxy)


def test_a_black_hole_says_nothing_and_what_it_swallowed_arrives_afterwards(proxy):
    with connect(proxy) as client:
        client.sendall(b"hello")
        client.recv(100)

        proxy.swallow()
        client.sendall(b"is there anybody?")
        with pytest.raises(TimeoutError):
            client.recv(100)
        proxy.pass_on()

        assert client.recv(100) == b"is there anybody?"


def test_a_slow_network_takes_its_time_in_each_direction(proxy):
    proxy.slow_down(0.05)

    with connect(proxy) as client:
        began = time.monotonic()
        client.sendall(b"hello")
        client.recv(100)

        assert time.monotonic() - began >= 0.1


def can_be_made(proxy):
    """Whether a new connection is there for long enough to be of use."""
    try:
        with connect(proxy) as client:
            return not is_over(client)
    except OSError:
        return False


def is_over(client):
    try:
        return client.recv(100) == b""
    except ConnectionResetError:
        return True
