"""Back the shop up while it sells, restore the backup beside it, and look at what was restored:

    python -m tests_http.restore_drill --seconds 20 --sqlite

Four clients place orders. In the middle of it the database is backed up, as docs/operations/backup.md says: on
PostgreSQL (a server of its own) by pg_dump, on SQLite by `manage.py backup`. The restored database has to hold every
order that was acknowledged before the backup began, none that was sent after it had ended, a stock that agrees with its
ledger, and it has to take orders. Exits with 0 if it does.
"""

import argparse
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import psycopg2

from products.tests.postgres import NoPostgres, PostgresServer
from products.tests.postgres_binaries import find_binaries
from tests_http import sample_shop
from tests_http.clients import Client, Clients
from tests_http.sample_shop import SampleShop, manage
from tests_http.server import Gunicorn

CLIENTS = 4
DUMP = ["pg_dump", "--format=custom"]
RESTORE = ["pg_restore", "--no-owner", "--exit-on-error", "--single-transaction"]
LEFTOVERS = ("-wal", "-shm")
"""What SQLite puts beside a database, which must not stay beside a restored one."""


@dataclass(frozen=True)
class Drill:
    """What was found. Times are in seconds."""

    orders: int
    restored: int
    size: int
    backup_seconds: float
    restore_seconds: float
    failed: int
    missing: int
    too_new: int
    stock: str
    takes_orders: bool

    @property
    def is_good(self) -> bool:
        agrees = "Differences: 0." in self.stock
        return agrees and self.takes_orders and not (self.failed or self.missing or self.too_new)

    def __str__(self) -> str:
        return (
            f"{self.orders:,} orders placed meanwhile, {self.failed} failed; backup {self.backup_seconds:.1f} s, "
            f"{self.size / 1e6:.1f} MB; restored in {self.restore_seconds:.1f} s: {self.restored:,} orders, "
            f"{self.missing} missing, {self.too_new} too new; {self.stock} "
            f"{'Takes orders.' if self.takes_orders else 'Takes NO orders.'}"
        )


class Buyers(Clients):
    """Clients that place orders."""

    def __init__(self, address: tuple[str, int], shop: SampleShop) -> None:
        super().__init__(CLIENTS)
        self.address, self.shop = address, shop
        self.acknowledged: list[tuple[str, float, float]] = []
        self.failed = 0

    def before(self, moment: float) -> set[str]:
        """The orders that were acknowledged before this moment."""
        return {order for order, _, acknowledged in self.acknowledged if acknowledged < moment}

    def after(self, moment: float) -> set[str]:
        """The orders that were sent after this moment."""
        return {order for order, sent, _ in self.acknowledged if sent > moment}

    def run(self) -> None:
        with Client(self.address, self.shop.token) as client:
            while not self.stopped.is_set():
                sent = time.monotonic()
                answer = client.place((None, {"product": self.shop.product, "quantity": 1}))
                if answer.status == 201:
                    self.acknowledged.append((answer.body["id"], sent, time.monotonic()))
                else:
                    self.failed += 1


def run(shop: SampleShop, folder: Path, seconds: float) -> Drill:
    """Sell for so many seconds with a backup in the middle, restore it, and return what was found."""
    backup = folder / "backup"
    with Gunicorn(database_url=shop.database_url) as server, Buyers(server.address, shop) as buyers:
        time.sleep(seconds / 2)
        began = time.monotonic()
        back_up(shop.database_url, backup)
        ended = time.monotonic()
        time.sleep(seconds / 2)
    before, after = buyers.before(began), buyers.after(ended)
    began_restoring = time.monotonic()
    with restored(shop.database_url, backup, folder) as url:
        restore_seconds = time.monotonic() - began_restoring
        there = orders_in(url)
        takes_orders = is_sold_by(url, shop)
        stock = stock_of(url)
    return Drill(
        orders=len(buyers.acknowledged),
        restored=len(there),
        size=backup.stat().st_size,
        backup_seconds=ended - began,
        restore_seconds=restore_seconds,
        failed=buyers.failed,
        missing=len(before - there),
        too_new=len(after & there),
        stock=stock,
        takes_orders=takes_orders,
    )


def back_up(url: str, backup: Path) -> None:
    if url.startswith("sqlite"):
        manage("backup", str(backup), url=url)
    else:
        execute(*DUMP, f"--file={backup}", f"--dbname={url}")


@contextmanager
def restored(url: str, backup: Path, folder: Path) -> Iterator[str]:
    """Restore the backup beside the database, and give its URL."""
    if url.startswith("sqlite"):
        file = folder / "restored.sqlite3"
        for leftover in LEFTOVERS:
            Path(f"{file}{leftover}").unlink(missing_ok=True)
        shutil.copyfile(backup, file)
        yield f"sqlite:///{file}"
        return
    name = urlsplit(url).path.removeprefix("/")
    target = url.removesuffix(name) + f"{name}_restored"
    with closing(psycopg2.connect(url)) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}_restored ENCODING 'UTF8' TEMPLATE template0")
            try:
                execute(*RESTORE, f"--dbname={target}", str(backup))
                yield target
            finally:
                cursor.execute(f"DROP DATABASE {name}_restored WITH (FORCE)")


def orders_in(url: str) -> set[str]:
    """Return the ids of the orders in a database."""
    place = url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(place) if url.startswith("sqlite") else psycopg2.connect(url)) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT id FROM products_order")
        return {str(UUID(str(pk))) for (pk,) in cursor.fetchall()}


def is_sold_by(url: str, shop: SampleShop) -> bool:
    """Return whether a server on this database takes an order."""
    with Gunicorn(database_url=url, workers=1) as server, Client(server.address, shop.token) as client:
        answer = client.place((None, {"product": shop.product, "quantity": 1}))
    return answer.status == 201


def stock_of(url: str) -> str:
    """Return the verdict of `manage.py check_stock`."""
    try:
        return manage("check_stock", url=url).strip().splitlines()[-1]
    except subprocess.CalledProcessError as error:
        return f"check_stock failed: {error.stdout}"


def execute(program: str, *arguments: str) -> None:
    """Run a program of PostgreSQL's. Raises NoPostgres where there is none."""
    beside = find_binaries(None).folder / program
    found = str(beside) if beside.exists() else shutil.which(program)
    if found is None:
        raise NoPostgres(f"There is no {program} on this machine.")
    subprocess.run([found, *arguments], check=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--sqlite", action="store_true", help="on SQLite instead of PostgreSQL")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        if arguments.sqlite:
            os.environ.pop("DATABASE_URL", None)
            drill = run(sample_shop.create(Path(folder)), Path(folder), arguments.seconds)
        else:
            with PostgresServer(durable=True) as server:
                os.environ["DATABASE_URL"] = server.url
                drill = run(sample_shop.create(Path(folder)), Path(folder), arguments.seconds)
    sys.stdout.write(f"{'SQLite' if arguments.sqlite else 'PostgreSQL'}: {drill}\n")
    return 0 if drill.is_good else 1


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    sys.exit(main())
