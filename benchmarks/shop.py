"""The shop as a competitor: this checkout or another one, its database near or distant, with PgBouncer or without."""

import configparser
import json
import os
import secrets
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlencode, urlsplit

import psycopg2

from benchmarks.competitors import BUYERS, PASSWORD, ROOT, TIMEOUT, WORKERS, Competitor
from benchmarks.load import Address, Request, RequestMix, send
from benchmarks.machine import cpu_seconds
from benchmarks.sample_data import SHOP
from products.tests.postgres import PostgresServer, free_port, the_unprivileged

MAX_PAGE_SIZE = 100
SECRET = secrets.token_urlsafe(64)
POOL_SIZE = 8
"""PgBouncer's connections to a database: one for each thread of the shop's two workers."""
ROUND_TRIPS = 50
LIMITS = (ROOT / "deploy" / "pgbouncer" / "limits.sql").read_text(encoding="utf-8")
"""The shipped statements that give the role shop the limits of time that it needs behind PgBouncer."""


class LatencyProxy:
    """A context manager: `python -m benchmarks.latency` in front of PostgreSQL, listening on `address`."""

    def __init__(self, postgres: PostgresServer, milliseconds: float) -> None:
        self.postgres = postgres
        self.address: Address = ("127.0.0.1", free_port())
        target = postgres.home / f".s.PGSQL.{postgres.port}"
        self.command = [sys.executable, "-m", "benchmarks.latency", str(self.address[1]), str(target)]
        self.command.append(str(milliseconds))

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(self.command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        if not self.process.stdout.readline():  # printed once it listens
            raise RuntimeError("The latency proxy did not start; its error is above.")
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.communicate(timeout=TIMEOUT)  # closes its standard input, which stops it

    def added_milliseconds(self) -> float:
        """Measure by how much the proxy lengthens `SELECT 1`, in milliseconds, on the median."""
        host, port = self.address
        direct = _round_trip(psycopg2.connect(self.postgres.url))
        return _round_trip(psycopg2.connect(self.postgres.url, host=host, port=port)) - direct


class PgBouncerNotFound(RuntimeError):
    """PgBouncer is not installed."""


def find_pgbouncer() -> str:
    program = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
    if program is None:
        raise PgBouncerNotFound("PgBouncer is not installed; on Debian: apt-get install pgbouncer")
    return program


class PgBouncer:
    """A context manager: PgBouncer as it is shipped, but in front of all databases, listening on `address`.

    `database` is the address of PostgreSQL, or the folder and port of its socket, and `pool_size` the most connections
    to it. PostgreSQL has to trust it: the password is PgBouncer's own.
    """

    def __init__(self, database: Address, *, pool_size: int = POOL_SIZE) -> None:
        self.address: Address = ("127.0.0.1", free_port())
        self.password = secrets.token_urlsafe(24)
        host, port = database
        self.configuration = configparser.ConfigParser(interpolation=None)
        self.configuration.read(ROOT / "deploy" / "pgbouncer" / "pgbouncer.ini", encoding="utf-8")
        self.configuration["databases"] = {"*": f"host={host} port={port}"}
        self.configuration["pgbouncer"].update(
            listen_addr=self.address[0], listen_port=str(self.address[1]), default_pool_size=str(pool_size)
        )

    def url(self, database: str) -> str:
        """Return the URL of a database, through PgBouncer."""
        return "postgres://shop:{}@{}:{}/{}".format(self.password, *self.address, database)

    def __enter__(self) -> Self:
        program = find_pgbouncer()
        self.folder = Path(tempfile.mkdtemp(prefix="shop-pgbouncer-"))
        configuration, self.log = self.folder / "pgbouncer.ini", self.folder / "pgbouncer.log"
        users = self.folder / "users"
        users.write_text(f'"shop" "{self.password}"\n')
        self.configuration["pgbouncer"].update(auth_file=str(users), logfile=str(self.log))
        with configuration.open("w") as file:
            self.configuration.write(file)
        user: dict[str, Any] = {}
        if os.getuid() == 0:  # PgBouncer refuses to run as root
            uid, gid = the_unprivileged()
            os.chown(self.folder, uid, gid)
            user = {"user": uid, "group": gid, "extra_groups": []}
        self.process = subprocess.Popen(
            [program, "--quiet", str(configuration)], stdin=subprocess.DEVNULL, start_new_session=True, **user
        )
        try:
            self._wait_until_up()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.terminate()
        self.process.wait(TIMEOUT)
        shutil.rmtree(self.folder)

    def cpu(self) -> float:
        """Return the seconds of CPU time that it has used so far."""
        return cpu_seconds(self.process.pid)

    def _wait_until_up(self) -> None:
        deadline = time.monotonic() + TIMEOUT
        while True:
            try:
                with closing(psycopg2.connect(self.url("postgres"))):
                    return
            except psycopg2.OperationalError as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    log = self.log.read_text() if self.log.exists() else ""
                    raise RuntimeError(f"PgBouncer did not start: {error}\n{log}") from error
                time.sleep(0.05)


class Shop(Competitor):
    """gunicorn with the shipped configuration behind a trusted proxy; request log, metrics and limits are on.

    The limits are so high that every request is counted and none is rejected.

    `checkout` and `python` are another revision of the shop and its interpreter. `database_address` is where its
    server finds PostgreSQL, if not on the socket; `pgbouncer` is what it then talks to.
    """

    name, title, scheme = "shop", "Shop", "Bearer"
    tables, product_table, line_table = SHOP, "products_product", "products_orderline"
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.1"}
    keyed = True

    def __init__(
        self,
        postgres: PostgresServer,
        folder: Path,
        *,
        database: str = "",
        name: str = "shop",
        title: str = "Shop",
        checkout: Path = ROOT,
        python: Path = Path(sys.executable),
        database_address: Address | None = None,
        pgbouncer: PgBouncer | None = None,
    ) -> None:
        self.name, self.title = name, title
        self.checkout, self.python = checkout, python
        self.pgbouncer = pgbouncer
        self.database_address = database_address
        super().__init__(postgres, folder, database=database)

    def environment(self) -> dict[str, str]:
        return {
            "DEBUG": "false",
            "SECRET_KEY": SECRET,
            "METRICS_TOKEN": SECRET,  # without it, /metrics is off and nothing is counted
            "ALLOWED_HOSTS": "127.0.0.1",
            "DATABASE_URL": f"postgres://shop@{quote(str(self.postgres.home), safe='')}/{self.database}",
            "TRUSTED_PROXIES": "1",
            "REQUESTS_PER_MINUTE": "1000000",
            "LOGINS_PER_NAME": "1000000",
            "LOGINS_PER_ADDRESS": "1000000",
            "LISTEN_ON": self.address[0],
            "PORT": str(self.address[1]),
            "WEB_CONCURRENCY": str(WORKERS),
        }

    def server_environment(self) -> dict[str, str]:
        """Migrations use the socket; the server takes the way that is measured."""
        values = self.environment()
        if self.database_address:
            values["DATABASE_URL"] = "postgres://shop@{}:{}/{}".format(*self.database_address, self.database)
        if self.pgbouncer:
            values |= {"DATABASE_URL": self.pgbouncer.url(self.database), "BEHIND_PGBOUNCER": "true"}
        return values

    def home(self) -> Path:
        return self.checkout

    def seed_command(self) -> Sequence[object]:
        return [self.python, "-m", "benchmarks.customers"]

    def server_command(self) -> Sequence[object]:
        return [self.python.with_name("gunicorn"), "shop.wsgi"]

    def cpu(self) -> float:
        return super().cpu() + (self.pgbouncer.cpu() if self.pgbouncer else 0.0)

    def page(self, limit: int = 20) -> Request:
        return Request(f"/api/products?limit={limit}")

    def far_page(self, number: int, limit: int) -> Request:
        """Follow the links from page to page, since pages have cursors and no numbers."""
        before, path = (number - 1) * limit, f"/api/products?limit={min(MAX_PAGE_SIZE, (number - 1) * limit)}"
        while before:
            step = min(MAX_PAGE_SIZE, before)
            mix = RequestMix([Request(_with_limit(path, step))], self.authorizations(BUYERS[:1]), self.headers)
            [(status, body)] = send(self.address, mix, 1, "")
            assert status == 200, body
            link = urlsplit(json.loads(body)["next"])
            path, before = f"{link.path}?{link.query}", before - step
        return Request(_with_limit(path, limit))

    def search(self, words: str) -> Request:
        return Request(f"/api/products?{urlencode({'search': words})}")

    def product(self, pk: int) -> Request:
        return Request(f"/api/products/{pk}")

    def history(self) -> Request:
        return Request("/api/orders?limit=20")

    def order(self, lines: Sequence[tuple[int, int]]) -> Request:
        items = [{"product": product, "quantity": quantity} for product, quantity in lines]
        return Request("/api/orders", "POST", {"lines": items})

    def login(self, name: str) -> Request:
        return Request("/api-token-auth", "POST", {"username": name, "password": PASSWORD})

    def set_stock(self, cursor: Any, pk: int, stock: int) -> None:
        """Write the ledger as well, as a count does."""
        cursor.execute(
            """
            WITH before AS (SELECT id, stock FROM products_product WHERE id = %(pk)s FOR NO KEY UPDATE),
                after AS (UPDATE products_product now SET stock = %(stock)s FROM before WHERE now.id = before.id)
            INSERT INTO products_stockmovement (product_id, delta, reason, note, at)
            SELECT id, %(stock)s - stock, 'COUNTED', '', now() FROM before WHERE stock <> %(stock)s
            """,
            {"pk": pk, "stock": stock},
        )


def _with_limit(path: str, limit: int) -> str:
    plain, _, query = path.partition("?")
    parameters = [part for part in query.split("&") if not part.startswith("limit=")]
    return f"{plain}?{'&'.join([f'limit={limit}', *parameters])}"


def _round_trip(connection: Any) -> float:
    """Return how many milliseconds `SELECT 1` takes on this connection, on the median, and close it."""
    times = []
    with closing(connection):
        connection.autocommit = True
        cursor = connection.cursor()
        for _ in range(ROUND_TRIPS):
            began = time.perf_counter()
            cursor.execute("SELECT 1")
            times.append((time.perf_counter() - began) * 1_000)
    return statistics.median(times)
