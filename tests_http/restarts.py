"""Count the requests that fail while servers are restarted under load:

    python -m tests_http.restarts --seconds 20

Eight clients on kept connections place orders and read products. Meanwhile each server is stopped with SIGTERM and
started again, in these setups:

    sockets       two servers behind nginx, whose sockets stay open across the restart, as systemd keeps them
    drained       two servers behind nginx, each marked `down` in nginx before it is restarted
    plain         two servers behind nginx, restarted without either
    lone          one server without a proxy
    lone-socket   the same with a socket that stays open

With `--drill` it fails where a request has failed, or where the orders are not those that were acknowledged:

    python -m tests_http.restarts --setup sockets --rounds 4 --requests 3000 --drill
"""

import argparse
import http.client
import json
import os
import select
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from tests_http import sample_shop
from tests_http.clients import Clients
from tests_http.proxy import NAME, Nginx
from tests_http.sample_shop import PRODUCTION, SampleShop
from tests_http.server import Gunicorn

SETUPS = ["sockets", "drained", "plain", "lone", "lone-socket"]
CLIENTS = 8
NO_ANSWER = "no answer"

Connect = Callable[[], http.client.HTTPConnection]


class Load(Clients):
    """Clients that order and read, and count the results."""

    def __init__(self, connect: Connect, shop: SampleShop) -> None:
        super().__init__(CLIENTS)
        self.connect, self.shop = connect, shop
        self.results: Counter[tuple[str, int | str]] = Counter()
        self.longest = 0.0
        self.lock = threading.Lock()

    @property
    def failed(self) -> dict[tuple[str, int | str], int]:
        """The results that are not success, with their numbers."""
        return {result: number for result, number in self.results.items() if result[1] not in (200, 201)}

    def run(self) -> None:
        headers = {"Host": NAME, "Authorization": f"Bearer {self.shop.token}", "X-Forwarded-Proto": "https"}
        order = json.dumps({"product": self.shop.product, "quantity": 1})
        connection = self.connect()
        while not self.stopped.is_set():
            for method, path, body in [("POST", "/api/orders", order), ("GET", "/api/products", None)]:
                if is_closed(connection):
                    connection.close()
                began = time.monotonic()
                result: int | str
                try:
                    connection.request(method, path, body, headers | {"Content-Type": "application/json"})
                    response = connection.getresponse()
                    response.read()
                    result = response.status
                except (OSError, http.client.HTTPException):
                    connection.close()
                    result = NO_ANSWER
                with self.lock:
                    self.results[method, result] += 1
                    self.longest = max(self.longest, time.monotonic() - began)
                time.sleep(0.01)
        connection.close()


def is_closed(connection: http.client.HTTPConnection) -> bool:
    """Whether the server has closed an idle connection, which HTTP clients check before they reuse it."""
    return connection.sock is not None and bool(select.select([connection.sock], [], [], 0)[0])


def run(setup: str, shop: SampleShop, folder: Path, seconds: float, *, rounds: int = 1, requests: int = 0) -> Load:
    """Restart the servers of a setup under load, each `rounds` times, with `seconds` / 4 before and after each restart.

    The load goes on until at least `requests` have been counted.
    """
    with ExitStack() as stack:
        number = 1 if setup.startswith("lone") else 2
        servers = [
            stack.enter_context(
                Gunicorn(workers=1, database_url=shop.database_url, keep_socket="socket" in setup, **PRODUCTION)
            )
            for _ in range(number)
        ]
        proxy = stack.enter_context(Nginx(folder, *(each.address for each in servers))) if number > 1 else None

        def connect() -> http.client.HTTPConnection:
            return proxy.connect() if proxy else http.client.HTTPConnection(*servers[0].address, timeout=30)

        pause = seconds / 4
        with Load(connect, shop) as load:
            for server in servers * rounds:
                time.sleep(pause)
                if proxy and setup == "drained":
                    proxy.use(down=[server.address])
                server.restart()
                if proxy and setup == "drained":
                    proxy.use(down=[])
            time.sleep(pause)
            while load.results.total() < requests:
                time.sleep(0.1)
        return load


def orders_of(shop: SampleShop) -> int:
    """Return how many orders the shop has."""
    count = "from products.models import Order; print(Order.objects.count())"
    return int(sample_shop.manage("shell", "--verbosity=0", f"--command={count}", url=shop.database_url))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--rounds", type=int, default=1, help="how often each server is restarted")
    parser.add_argument("--requests", type=int, default=0, help="go on until so many requests are counted")
    parser.add_argument("--setup", choices=SETUPS, action="append")
    parser.add_argument("--drill", action="store_true", help="fail where a request fails or an order is lost")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        shop = sample_shop.create(Path(name))
        for setup in arguments.setup or SETUPS:
            before = orders_of(shop)
            load = run(setup, shop, Path(name), arguments.seconds, rounds=arguments.rounds, requests=arguments.requests)
            failures = ", ".join(f"{number} × {' '.join(map(str, each))}" for each, number in load.failed.items())
            sys.stdout.write(
                f"{setup}: {load.results.total()} requests, {sum(load.failed.values())} failed"
                f"{' (' + failures + ')' if failures else ''}, longest answer {load.longest:.2f} s\n"
            )
            sys.stdout.flush()
            if arguments.drill:
                placed, acknowledged = orders_of(shop) - before, load.results["POST", 201]
                sys.stdout.write(f"{placed} orders placed, {acknowledged} acknowledged; ")
                sys.stdout.write(sample_shop.manage("check_stock", url=shop.database_url))
                if load.failed or placed != acknowledged:
                    sys.exit(f"{setup}: a restart was noticed")


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    main()
