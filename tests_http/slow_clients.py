"""Measure how long other clients wait while slow ones hold connections open:

    python -m tests_http.slow_clients --seconds 30

Eight clients send half of their headers, 20 send nothing, and eight send a body byte by byte. Each reconnects when
disconnected. Another client asks once a second. This runs twice, with and without the shipped nginx in front.
"""

import argparse
import http.client
import os
import socket
import ssl
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests_http import sample_shop
from tests_http.proxy import NAME, Nginx
from tests_http.sample_shop import PRODUCTION
from tests_http.server import Gunicorn

Address = tuple[str, int]

HALF_HEADERS = f"GET /api/products HTTP/1.1\r\nHost: {NAME}\r\nX-Half: ".encode()
SLOW_BODY = (
    f"POST /api/orders HTTP/1.1\r\nHost: {NAME}\r\nContent-Type: application/json\r\nContent-Length: 200\r\n"
    "X-Forwarded-Proto: https\r\nAuthorization: Bearer {}\r\n\r\n"
)
SECONDS_PER_BYTE = 0.5
GIVE_UP = 10.0  # seconds after which the measuring client counts a request as unanswered


@contextmanager
def slow_clients(address: Address, token: str, tls: ssl.SSLContext | None) -> Iterator[None]:
    """Keep the slow clients connected to `address`."""
    stopped = threading.Event()
    clients = [
        *[threading.Thread(target=send_slowly, args=(address, tls, HALF_HEADERS, stopped)) for _ in range(8)],
        *[threading.Thread(target=send_slowly, args=(address, None, b"", stopped)) for _ in range(20)],
        *[
            threading.Thread(target=send_slowly, args=(address, tls, SLOW_BODY.format(token).encode(), stopped))
            for _ in range(8)
        ],
    ]
    for client in clients:
        client.start()
    time.sleep(1)
    try:
        yield
    finally:
        stopped.set()
        for client in clients:
            client.join()


def send_slowly(address: Address, tls: ssl.SSLContext | None, beginning: bytes, stopped: threading.Event) -> None:
    """Send `beginning`, then a byte at a time, or nothing if it is empty; connect again whenever disconnected."""
    while not stopped.wait(SECONDS_PER_BYTE):
        with (
            suppress(OSError),
            socket.create_connection(address, timeout=5) as plain,
            tls.wrap_socket(plain) if tls else plain as connection,
        ):
            connection.sendall(beginning)
            connection.settimeout(0.01)
            while not stopped.wait(SECONDS_PER_BYTE):
                with suppress(TimeoutError):
                    if not connection.recv(1_000):
                        break
                if beginning:
                    connection.sendall(b"x")


def ask_regularly(connect: Callable[[], http.client.HTTPConnection], token: str, seconds: float) -> list[float]:
    """Ask for the products once a second, and return how many seconds each answer took."""
    durations = []
    ends_at = time.monotonic() + seconds
    while (began := time.monotonic()) < ends_at:
        connection = connect()
        headers = {"Host": NAME, "Authorization": f"Bearer {token}", "X-Forwarded-Proto": "https"}
        try:
            connection.request("GET", "/api/products", headers=headers)
            assert connection.getresponse().status == 200
            durations.append(time.monotonic() - began)
        except TimeoutError:
            durations.append(GIVE_UP)
        finally:
            connection.close()
        time.sleep(max(0.0, began + 1 - time.monotonic()))
    return durations


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30)
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shop = sample_shop.create(folder)
        with Gunicorn(database_url=shop.database_url, **PRODUCTION) as server:
            with Nginx(folder, server.address) as proxy, slow_clients(proxy.https, shop.token, proxy.tls()):
                report("behind nginx", ask_regularly(proxy.connect, shop.token, seconds))
            with slow_clients(server.address, shop.token, None):

                def connect() -> http.client.HTTPConnection:
                    return http.client.HTTPConnection(*server.address, timeout=GIVE_UP)

                report("without a proxy", ask_regularly(connect, shop.token, seconds))


def report(where: str, durations: list[float]) -> None:
    unanswered = sum(each >= GIVE_UP for each in durations)
    sys.stdout.write(
        f"{where}: {len(durations)} requests, longest answer {max(durations):.2f} s, unanswered after"
        f" {GIVE_UP:.0f} s: {unanswered}\n"
    )
    sys.stdout.flush()


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    main()
