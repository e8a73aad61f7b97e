"""Split the events by month while orders are placed, then delete one month by row and drop another, and compare:

    python -m tests_http.months_drill --events 200000

On a PostgreSQL of its own. Four clients place orders all the time. First `manage.py event_months split` splits a table
of so many events. In a second database, which was split long ago, one past month is deleted by row, as `purge` does
without months, and another with as many events is dropped. Orders may wait a moment and none may fail, no event may be
lost, stock and ledger have to agree, and the feed must have no gap. Exits with 0 if it is so.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg2

from products.tests.postgres import PostgresServer
from tests_http import sample_shop
from tests_http.restore_drill import Buyers, stock_of
from tests_http.sample_shop import SampleShop, manage
from tests_http.server import Gunicorn

LONGEST = 2.0
"""Seconds that an order may take at most meanwhile; it waits for at most a second for a lock, and may be retried."""

SETTINGS = {"autovacuum": "off"}
"""So that dead rows can be counted."""

RETENTION_DAYS = 100
SPLIT_LONG_AGO = """
from datetime import timedelta
from django.db import connection
from django.utils import timezone
from products.db import partitions
from products.feed import months
partitions.split(connection, timezone.now() - timedelta(days=200))
months.make_months()
print(partitions.partitions(connection)[0].end.isoformat())
"""
TIMED = """
import time
from django.conf import settings
from django.utils import timezone
from products.feed import months
from products.models import Event
began = time.monotonic()
{work}
print(time.monotonic() - began)
"""
BY_ROW = "months.deleted_by_row(Event.objects.older_than(timezone.now() - settings.EVENT_RETENTION)).purge()"
BY_MONTH = "[months.drop_month(month) for month in months.past_months() if month.start is not None]"

EVENTS = """
    INSERT INTO products_event (kind, product_id, facts, at)
    SELECT 'product.changed', %(product)s,
        '{"from": "PLACED", "to": "PAID", "total": "4.50", "currency": "EUR"}', %(at)s
    FROM generate_series(1, %(number)s)
"""
FEED = """
    INSERT INTO products_feedentry (position, type, event_id, is_derived, product_id, sequence)
    SELECT row_number() OVER (ORDER BY id), kind, id, false, product_id, row_number() OVER (ORDER BY id)
    FROM products_event ORDER BY id;
    DELETE FROM products_feedstate;
    INSERT INTO products_feedstate (id, position, newest_event, complete_to, waiting_for)
    SELECT 1, (SELECT max(position) FROM products_feedentry), max(id), max(id), '[]' FROM products_event;
"""
GAPS = """
    SELECT max(position) - {begin} - count(*),
        (SELECT count(*) FROM products_event WHERE id NOT IN (SELECT event_id FROM products_feedentry))
    FROM products_feedentry WHERE position > {begin}
"""
DEAD = "SELECT coalesce(sum(n_dead_tup), 0) FROM pg_stat_user_tables WHERE relname ~ 'event|feedentry'"
SIZE = (
    "SELECT coalesce(sum(pg_relation_size(oid)), 0) FROM pg_class WHERE relname ~ '^products_event' AND relkind = 'r'"
)


@dataclass(frozen=True)
class Step:
    """What one step took, less what the orders wrote meanwhile."""

    seconds: float
    longest_order: float
    wal: float
    dead: int
    freed: int

    def __str__(self) -> str:
        return (
            f"{self.seconds:.2f} s, {self.wal / 1e6:.1f} MB of WAL, {self.dead:,} dead rows, {self.freed / 1e6:.1f} MB "
            f"of disk given back; longest order {self.longest_order:.3f} s"
        )


@dataclass(frozen=True)
class Drill:
    """What was found."""

    split: Step
    deleted: Step
    dropped: Step
    orders: int
    failed: int
    lost: int
    gaps: tuple[int, int]
    stocks: tuple[str, str]
    left: int

    @property
    def is_good(self) -> bool:
        longest = max(step.longest_order for step in (self.split, self.deleted, self.dropped))
        agrees = all("Differences: 0." in stock for stock in self.stocks)
        return agrees and longest < LONGEST and not (self.failed or self.lost or any(self.gaps) or self.left)

    def __str__(self) -> str:
        return (
            f"split: {self.split}\ndeleted by row: {self.deleted}\ndropped: {self.dropped}\n"
            f"{self.orders:,} orders placed meanwhile, {self.failed} failed; {self.lost} events lost, {self.left} "
            f"left of the past months, {self.gaps[0]} gaps "
            f"in the feed, {self.gaps[1]} events without a position; {self.stocks[0]} {self.stocks[1]}\n"
        )


class Meter:
    """Measures steps beside the buyers, on a connection of its own."""

    def __init__(self, cursor: Any, buyers: Buyers, seconds: float) -> None:
        self.cursor, self.buyers = cursor, buyers
        time.sleep(0.5)  # until the servers are warm
        before, orders = self._value("SELECT pg_current_wal_lsn() - '0/0'"), len(buyers.acknowledged)
        time.sleep(seconds)
        written = self._value("SELECT pg_current_wal_lsn() - '0/0'") - before
        self.wal_of_an_order = written / max(1, len(buyers.acknowledged) - orders)

    def measure(self, work: Callable[[], float]) -> Step:
        """Do `work`, which returns the seconds that it took."""
        names = ("SELECT pg_current_wal_lsn() - '0/0'", DEAD, SIZE)
        wal, dead, size = (self._value(each) for each in names)
        orders = len(self.buyers.acknowledged)
        seconds = work()
        ended = time.monotonic()
        time.sleep(1.2)  # Orders that wait are over then, and the statistics are told.
        placed = self.buyers.acknowledged[orders:]
        wal_after, dead_after, size_after = (self._value(each) for each in names)
        return Step(
            seconds=seconds,
            longest_order=max((end - start for _, start, end in placed if start < ended), default=0.0),
            wal=max(0.0, wal_after - wal - self.wal_of_an_order * len(placed)),
            dead=max(0, int(dead_after - dead)),
            freed=int(size - size_after),
        )

    def _value(self, statement: str) -> float:
        self.cursor.execute(statement)
        return float(self.cursor.fetchone()[0])


def run(url: str, folder: Path, events: int, seconds: float) -> Drill:
    """Do both parts in two databases of the server, and return what was found."""
    manage("migrate", "--verbosity=0", url=url)
    other = copy_of(url)
    first = datetime.fromisoformat(shell(SPLIT_LONG_AGO, other))
    shops = []
    for each in (url, other):
        os.environ["DATABASE_URL"] = each
        shops.append(sample_shop.create(folder))
    split, before, lost = split_under_load(shops[0], events, seconds)

    day = timedelta(days=1)
    begin = write_history(shops[1], first - day, first + day, events=events)
    with load(shops[1], seconds) as (buyers, meter):
        deleted = meter.measure(lambda: float(shell(TIMED.format(work=BY_ROW), other)))
        dropped = meter.measure(lambda: float(shell(TIMED.format(work=BY_MONTH), other)))
    manage("number_events", "--once", url=other)
    (gaps,) = query(other, GAPS.format(begin=begin))
    ((left,),) = query(other, f"SELECT count(*) FROM products_event WHERE at < '{first + 2 * day}'")
    return Drill(
        split=split,
        deleted=deleted,
        dropped=dropped,
        orders=len(before.acknowledged) + len(buyers.acknowledged),
        failed=before.failed + buyers.failed,
        lost=lost,
        left=left,
        gaps=gaps,
        stocks=(stock_of(url), stock_of(other)),
    )


def split_under_load(shop: SampleShop, events: int, seconds: float) -> tuple[Step, Buyers, int]:
    """Split so many events while orders are placed; return what it took, the buyers and how many events were lost."""
    before = write_history(shop, datetime.now(UTC) - timedelta(days=40), events=events)
    with load(shop, seconds) as (buyers, meter):
        split = meter.measure(lambda: timed(lambda: manage("event_months", "split", url=shop.database_url)))
    ((after,),) = query(shop.database_url, "SELECT count(*) FROM products_event")
    return split, buyers, before + len(buyers.acknowledged) - after


def copy_of(url: str) -> str:
    """Copy the database, to which nobody is connected, on the same server; return the URL of the copy."""
    with closing(psycopg2.connect(url)) as connection:
        name = connection.info.dbname
    with closing(psycopg2.connect(url.removesuffix(name) + "postgres")) as connection:
        connection.autocommit = True
        connection.cursor().execute(f"CREATE DATABASE {name}_split TEMPLATE {name}")
    return f"{url}_split"


@contextmanager
def load(shop: SampleShop, seconds: float) -> Iterator[tuple[Buyers, Meter]]:
    """Place orders in this block; gives the buyers, and a meter after it has counted what an order writes."""
    with closing(psycopg2.connect(shop.database_url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        with Gunicorn(database_url=shop.database_url) as server, Buyers(server.address, shop) as buyers:
            yield buyers, Meter(cursor, buyers, seconds)


def write_history(shop: SampleShop, *moments: datetime, events: int) -> int:
    """Write so many events at each of these moments, and their entries in the feed; return how many there are."""
    with closing(psycopg2.connect(shop.database_url)) as connection, connection.cursor() as cursor:
        connection.autocommit = True
        for moment in moments:
            cursor.execute(EVENTS, {"product": shop.product, "at": moment, "number": events})
        cursor.execute(FEED)
        cursor.execute("VACUUM ANALYZE")
        cursor.execute("CHECKPOINT")
        cursor.execute("SELECT count(*) FROM products_event")
        return int(cursor.fetchone()[0])


def query(url: str, statement: str) -> list[Any]:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall()


def shell(code: str, url: str) -> str:
    return manage("shell", "--verbosity=0", f"--command={code}", url=url).strip()


def timed(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=200_000)
    parser.add_argument("--seconds", type=float, default=5, help="how long orders are watched before each part")
    arguments = parser.parse_args()
    os.environ["EVENT_RETENTION_DAYS"] = str(RETENTION_DAYS)
    with tempfile.TemporaryDirectory() as folder, PostgresServer(durable=True, settings=SETTINGS) as server:
        drill = run(server.url, Path(folder), arguments.events, arguments.seconds)
    sys.stdout.write(str(drill))
    return 0 if drill.is_good else 1


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
    sys.exit(main())
