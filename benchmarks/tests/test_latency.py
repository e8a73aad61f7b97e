"""The proxy that adds latency. It is given upper limits nowhere: on a busy machine everything may take longer."""

import os
import socket
import socketserver
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from products.tests.postgres import free_port

ROOT = Path(__file__).resolve().parents[2]
MILLISECONDS = 40


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(100_000):
            self.request.sendall(data)


@pytest.fixture
def echo_socket():
    """The path of a UNIX socket whose server returns what it is sent."""
    with tempfile.TemporaryDirectory() as folder:  # tmp_path may be too long for a socket's name
        path = os.path.join(folder, "echo")
        with socketserver.ThreadingUnixStreamServer(path, Echo) as server:
            server.daemon_threads = True
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield path
            server.shutdown()


@contextmanager
def proxy(target):
    """Start the proxy; yield its port, and afterwards what it has written to standard error."""
    port, errors = free_port(), []
    command = [sys.executable, "-m", "benchmarks.latency", str(port), str(target), str(MILLISECONDS)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, cwd=ROOT, **pipes) as process:
        assert process.stdout.readline() == b"listening\n"
        yield port, errors
        errors.append(process.communicate()[1].decode())
        assert process.returncode == 0


def test_a_round_trip_takes_at_least_the_added_latency(echo_socket):
    with proxy(echo_socket) as (port, _), socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        began = time.monotonic()
        client.sendall(b"SELECT 1")
        answer = client.recv(100)
        seconds = time.monotonic() - began

    assert answer == b"SELECT 1"
    assert seconds >= MILLISECONDS / 1_000


def test_everything_arrives_once_and_in_order(echo_socket):
    sent = b"".join(b"%07d " % number for number in range(100_000))
    received = b""

    with proxy(echo_socket) as (port, _), socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        writer = threading.Thread(target=client.sendall, args=(sent,))
        writer.start()
        while len(received) < len(sent):
            received += client.recv(100_000)
        writer.join()

    assert received == sent


def test_the_end_of_one_side_ends_the_other(echo_socket):
    with proxy(echo_socket) as (port, _), socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.shutdown(socket.SHUT_WR)

        assert client.recv(100) == b""


def test_a_client_is_disconnected_if_the_database_is_down(tmp_path):
    with (
        proxy(tmp_path / "nothing") as (port, _),
        socket.create_connection(("127.0.0.1", port), timeout=30) as client,
    ):
        assert client.recv(100) == b""


def test_it_stops_quietly_while_connections_are_open(echo_socket):
    with proxy(echo_socket) as (port, errors), socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(b"SELECT 1")
        client.recv(100)
        stay_open = client.dup()

    stay_open.close()
    assert errors == [""]
