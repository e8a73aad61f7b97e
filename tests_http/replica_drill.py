"""Sell with a replica that is half a second behind, without the pinning of reads as well, and kill the replica:

    python -m tests_http.replica_drill --seconds 10

A primary and a streaming standby (PostgreSQL servers of its own), and two servers of the shop. Each client places an
order on one of them and reads it at once on the other; a 404 is a stale read. Each reads products besides. Then the
same with a trigger that forgets the tokens' positions, and then the standby is killed in the middle. Exits with 0 if
nothing was stale with the positions, something was without, and no request failed.
"""

import argparse
import http.client
import json
import os
import re
import secrets
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import psycopg2

from products.tests.postgres import NoPostgres, PostgresServer, Standby
from tests_http.clients import Address
from tests_http.sample_shop import manage
from tests_http.server import Gunicorn

CLIENTS = 4
DELAY = 0.5
"""Seconds that the standby applies everything later."""
BREAK = DELAY + 0.3
"""Seconds from time to time without an order, so that the replica catches up with a client."""

CREATE = f"""
from django.contrib.auth.models import User
from products.models import ApiToken, Product
print(Product.objects.create(sku="{{name}}", name="Mug", price="4.50", stock=1_000_000).pk)
for number in range({CLIENTS}):
    print(ApiToken.objects.issue(User.objects.create_user(f"{{name}}-{{{{number}}}}"))[1])
"""
FORGET = """
CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.last_write := NULL; RETURN NEW; END';
CREATE TRIGGER forget BEFORE UPDATE ON products_apitoken FOR EACH ROW EXECUTE FUNCTION forget();
UPDATE products_apitoken SET last_write = NULL;
"""
REMEMBER = "DROP TRIGGER forget ON products_apitoken; DROP FUNCTION forget();"


@dataclass
class Figures:
    """What the clients saw in one part of the drill."""

    orders: int = 0
    reads: int = 0
    stale: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    outcomes: dict[str, int] = field(default_factory=dict)
    """How many reads went to the replica, or why not, as the shop counts them."""

    def __str__(self) -> str:
        outcomes = ", ".join(f"{number:,} {name}" for name, number in self.outcomes.items())
        failed = f"{sum(self.failed.values())} failed {dict(self.failed) or ''}".strip()
        return f"{self.orders:,} orders, {self.reads:,} reads ({outcomes}), {self.stale} stale, {failed}"


@dataclass(frozen=True)
class Drill:
    pinned: Figures
    unpinned: Figures
    killed: Figures

    @property
    def is_good(self) -> bool:
        works = self.pinned.outcomes["replica"] and self.killed.outcomes["unavailable"] and self.unpinned.stale
        fresh = not (self.pinned.stale or self.killed.stale)
        return bool(works) and fresh and not (self.pinned.failed or self.unpinned.failed or self.killed.failed)

    def __str__(self) -> str:
        return "\n".join(
            [
                f"With the position of each token: {self.pinned}",
                f"Without it: {self.unpinned}",
                f"With it, and the replica killed: {self.killed}",
            ]
        )


class Client:
    """A customer with a kept connection to each of the two servers."""

    def __init__(self, addresses: list[Address], token: str, product: int, figures: Figures) -> None:
        self.connections = [http.client.HTTPConnection(*address, timeout=30) for address in addresses]
        self.token, self.product, self.figures = token, product, figures

    def run(self, ends_at: float) -> None:
        """Order and read in turn until then."""
        while time.monotonic() < ends_at:
            for _ in range(5):
                self._order_and_read_it()
            rested_at = time.monotonic() + BREAK
            while time.monotonic() < rested_at:
                self._read(f"/api/products/{self.product}")
                time.sleep(0.01)
            self.connections.reverse()
        for connection in self.connections:
            connection.close()

    def _order_and_read_it(self) -> None:
        status, body = self._ask(0, "POST", "/api/orders", {"product": self.product, "quantity": 1})
        if status != 201:
            self.figures.failed[f"POST {status}"] += 1
            return
        self.figures.orders += 1
        self._read(f"/api/orders/{body['id']}")

    def _read(self, path: str) -> None:
        status, _ = self._ask(1, "GET", path)
        self.figures.reads += 1
        if status == 404:
            self.figures.stale += 1
        elif status != 200:
            self.figures.failed[f"GET {status}"] += 1

    def _ask(self, place: int, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        try:
            self.connections[place].request(method, path, body and json.dumps(body), headers)
            answer = self.connections[place].getresponse()
            return answer.status, json.loads(answer.read())
        except (OSError, http.client.HTTPException):
            self.connections[place].close()
            return 0, None


class Shop:
    """Two servers of the shop, with the same primary and the same replica."""

    def __init__(self, servers: list[Gunicorn], metrics_token: str, tokens: list[str], product: int) -> None:
        self.addresses = [server.address for server in servers]
        self.metrics_token, self.tokens, self.product = metrics_token, tokens, product

    def load(self, seconds: float, fault: Callable[[], None] | None = None) -> Figures:
        """Have the clients order and read for so many seconds, with a fault in the middle, and return what they saw."""
        figures, before, ends_at = Figures(), self._outcomes(), time.monotonic() + seconds
        clients = [Client(self.addresses, token, self.product, figures) for token in self.tokens]
        threads = [threading.Thread(target=client.run, args=[ends_at]) for client in clients]
        for thread in threads:
            thread.start()
        if fault is not None:
            time.sleep(seconds / 2)
            fault()
        for thread in threads:
            thread.join()
        figures.outcomes = {name: number - before[name] for name, number in self._outcomes().items()}
        return figures

    def _outcomes(self) -> Counter[str]:
        outcomes: Counter[str] = Counter()
        for address in self.addresses:
            connection = http.client.HTTPConnection(*address, timeout=30)
            connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {self.metrics_token}"})
            text = connection.getresponse().read().decode()
            connection.close()
            for name, number in re.findall(r'shop_replica_reads_total\{outcome="(\w+)"\} ([\d.]+)', text):
                outcomes[name] += int(float(number))
        return outcomes


def run(primary: PostgresServer, seconds: float, log: Path | None = None) -> Drill:
    """Do each part for so many seconds on a primary with migrated tables, and return what was seen.

    The servers write their log to `log`.
    """
    name, metrics_token = secrets.token_hex(4), secrets.token_hex(16)
    create = CREATE.format(name=name)
    product, *tokens = manage("shell", "--verbosity=0", f"--command={create}", url=primary.url).split()
    standby = Standby(primary)
    standby.settings["recovery_min_apply_delay"] = f"{DELAY:.3f}s"

    def server() -> Gunicorn:
        return Gunicorn(
            workers=1,
            threads=CLIENTS,
            database_url=primary.url,
            DATABASE_REPLICA_URL=standby.url,
            METRICS_TOKEN=metrics_token,
            log=log,
        )

    with standby, server() as one, server() as other:
        shop = Shop([one, other], metrics_token, tokens, int(product))
        time.sleep(BREAK)
        pinned = shop.load(seconds)
        execute(primary, FORGET)
        try:
            unpinned = shop.load(seconds)
        finally:
            execute(primary, REMEMBER)
        time.sleep(BREAK)
        killed = shop.load(seconds, fault=lambda: kill(standby))
    return Drill(pinned, unpinned, killed)


def kill(server: PostgresServer) -> None:
    """Kill all processes of a server with SIGKILL, those of its connections in the middle of their work."""
    postmaster = psutil.Process(server.pid)
    for process in [postmaster, *postmaster.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):  # It has noticed that the postmaster is gone.
            process.kill()
    server.stop("crash")


def execute(server: PostgresServer, sql: str) -> None:
    with closing(psycopg2.connect(server.url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(sql)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10, help="of each of the three parts")
    arguments = parser.parse_args()
    with PostgresServer(durable=True, tcp=True, max_connections=40) as primary:
        manage("migrate", "--verbosity=0", url=primary.url)
        drill = run(primary, arguments.seconds)
    sys.stdout.write(f"{drill}\n")
    return 0 if drill.is_good else 1


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    try:
        sys.exit(main())
    except NoPostgres as missing:
        sys.exit(str(missing))
