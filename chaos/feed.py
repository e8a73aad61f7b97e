"""The feed under load: three readers follow what many processes write, and one of them misses nothing.

    python -m chaos.feed --seconds 30 --processes 20 --seed 1

starts a PostgreSQL of its own and processes that place orders of several lines, cancel and receive, while a transaction
that has written an event stays open. A reader of the feed has to be told every event once, those of each product in
order, and in the end the stock that the database has. Beside it, for comparison, one reader goes by `id >`, and one by
the oldest open transaction (`pg_snapshot_xmin`). Exits with 0 if the reader of the feed was told everything right.
"""

import argparse
import json
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any

import django
import psycopg2
from django.apps import apps
from django.core.management import call_command
from django.db import connections

from products.tests.postgres import PostgresServer

LATE = "FEED-LATE"
"""The product that the open transaction moves; nobody else does, as they would wait for it."""
SKUS = tuple(f"FEED-{number:02}" for number in range(12))
POLL = 0.05
"""Seconds between two requests of a reader."""
PATIENCE = 120
"""Seconds for a process or a reader to end."""


@dataclass
class Told:
    """What a reader was told: how many events, and what was wrong with it."""

    events: int = 0
    skipped: int = 0
    doubled: int = 0
    out_of_order: int = 0
    wrong_stocks: int = 0

    @property
    def is_right(self) -> bool:
        return not (self.skipped or self.doubled or self.out_of_order or self.wrong_stocks)


@dataclass
class Stocks:
    """The stock of each product as a reader was told it last."""

    last: dict[int, int] = field(default_factory=dict)
    sequences: dict[int, int] = field(default_factory=dict)


# One of the processes


def work(seed: int, stop: Any) -> None:
    """Place, cancel and receive at random, until the event `stop` is set."""
    models: Any = apps.get_app_config("products").models_module
    alice, chance = apps.get_model("auth", "User").objects.get(username="alice"), random.Random(seed)
    while not stop.is_set():
        with suppress(models.DomainError):
            do_something(chance, models, alice)
    connections.close_all()


def do_something(chance: random.Random, models: Any, alice: Any) -> None:
    dice = chance.random()
    if dice < 0.15:
        models.Product.objects.get(sku=chance.choice(SKUS)).receive(chance.randint(1, 60))
    elif dice < 0.35:
        newest = models.Order.objects.filter(status="PLACED").order_by("-pk")[:30]
        if orders := list(newest):
            chance.choice(orders).cancel()
    else:
        items = [(sku, chance.randint(1, 3)) for sku in chance.sample(SKUS, chance.randint(1, 5))]
        models.Order.objects.create(customer=alice, items=items)


# The readers


class FeedReader:
    """Follows the feed, as a client of `GET /api/events` does."""

    name = "feed"

    def __init__(self) -> None:
        self.told, self.position = Told(), 0
        self.stocks = Stocks()

    def read(self) -> int:
        """Read what is new; return the number of entries."""
        from products.feed.reading import read_page  # noqa: PLC0415 - needs Django to be set up

        page = read_page(self.position, 500)
        for entry in page.payloads:
            self._check(entry)
        return len(page.payloads)

    def _check(self, entry: dict[str, Any]) -> None:
        if entry["position"] != self.position + 1:
            self.told.skipped += max(0, entry["position"] - self.position - 1)
            self.told.doubled += entry["position"] <= self.position
        self.position = entry["position"]
        data, stocks = entry["data"], self.stocks
        if "product" not in data:
            self.told.events += 1
            for line in data["lines"]:
                if "stock" in line:
                    stocks.last[line["product"]] = line["stock"]
            return
        product = data["product"]
        self.told.events += not entry["type"].startswith("stock.") or data["order"] is None
        self.told.out_of_order += entry["sequence"] != stocks.sequences.get(product, 0) + 1
        stocks.sequences[product] = entry["sequence"]
        if "stock" in data and not entry["type"].endswith((".low", ".out")):
            # What an order's own entry has said a moment ago, its entry for the product repeats.
            before = stocks.last.get(product)
            self.told.out_of_order += before not in (None, data["stock"], data["stock"] - data["delta"])
            stocks.last[product] = data["stock"]

    def finish(self, events: int, stocks: dict[int, int]) -> None:
        self.told.skipped += max(0, events - self.told.events)
        self.told.doubled += max(0, self.told.events - events)
        self.told.wrong_stocks = sum(stocks[product] != stock for product, stock in self.stocks.last.items())
        self.told.wrong_stocks += len(set(stocks) - set(self.stocks.last))


class LedgerReader:
    """Follows the ledger by a query, `{newest}` being what it was told last."""

    def __init__(self, name: str, connection: Any, query: str) -> None:
        self.name, self.connection, self.query = name, connection, query
        self.told, self.newest = Told(), (0, 0)
        self.seen: set[int] = set()
        self.last: dict[int, int] = {}

    def read(self) -> int:
        with self.connection.cursor() as cursor:
            cursor.execute(self.query, {"xid": self.newest[0], "id": self.newest[1]})
            rows = cursor.fetchall()
        for xid, pk, product in rows:
            self.newest = (xid, pk)
            self.told.doubled += pk in self.seen
            self.seen.add(pk)
            self.told.out_of_order += pk < self.last.get(product, 0)
            self.last[product] = max(pk, self.last.get(product, 0))
        self.told.events += len(rows)
        return len(rows)

    def finish(self, movements: int) -> None:
        self.told.skipped = movements - len(self.seen)


BY_ID = """
    SELECT 0, id, product_id FROM products_stockmovement WHERE id > %(id)s ORDER BY id
"""
BY_XMIN = """
    SELECT xmin::text::bigint, id, product_id FROM products_stockmovement
    WHERE (xmin::text::bigint, id) > (%(xid)s, %(id)s)
        AND xmin::text::bigint < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
    ORDER BY xmin::text::bigint, id
"""


# The run


def run(*, seconds: float, processes: int, seed: int) -> dict[str, Told]:
    """Let the processes write and the readers follow for so many seconds; return what each reader was told."""
    chance = random.Random(seed)
    with PostgresServer(max_connections=processes + 20) as server:
        os.environ |= {"DATABASE_URL": server.url, "DJANGO_SETTINGS_MODULE": "shop.settings"}
        django.setup()
        prepare()
        enough = get_context("fork").Event()
        writers = [start(chance, enough) for _ in range(processes)]
        try:
            with (
                closing(psycopg2.connect(server.url)) as idle,
                closing(autocommit(server.url)) as first,
                closing(autocommit(server.url)) as second,
            ):
                leave_open(idle)
                feed = FeedReader()
                by_id, by_xmin = LedgerReader("id >", first, BY_ID), LedgerReader("xmin", second, BY_XMIN)
                stop, threads = threading.Event(), []
                for reader in (feed, by_id, by_xmin):
                    threads.append(threading.Thread(target=follow, args=[reader.read, stop], daemon=True))
                    threads[-1].start()
                time.sleep(seconds / 2)
                idle.commit()
                leave_open(idle)
                time.sleep(seconds / 2)
                enough.set()
                for writer in writers:
                    writer.join(PATIENCE)
                idle.commit()
                stop.set()
                for thread in threads:
                    thread.join(PATIENCE)
                    if thread.is_alive():
                        raise RuntimeError("A reader does not come to an end.")
                return compared(feed, by_id, by_xmin)
        finally:
            for writer in writers:
                writer.kill()
            connections.close_all()


def prepare() -> None:
    call_command("migrate", verbosity=0)
    apps.get_model("auth", "User").objects.create_user("alice")
    for sku in (*SKUS, LATE):
        apps.get_model("products", "Product").objects.create(sku=sku, name=sku, price="4.50").receive(500)
    connections.close_all()


def start(chance: random.Random, stop: Any) -> Any:
    writer = get_context("fork").Process(target=work, args=[chance.randrange(10**9), stop], daemon=True)
    writer.start()
    return writer


def autocommit(url: str) -> Any:
    connection = psycopg2.connect(url)
    connection.autocommit = True
    return connection


def leave_open(connection: Any) -> None:
    """Receive a piece with all that it brings, and leave the transaction open."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE products_product SET stock = stock + 1 WHERE sku = %s RETURNING id, stock", [LATE])
        product, stock = cursor.fetchone()
        cursor.execute(
            "INSERT INTO products_stockmovement (product_id, delta, reason, note, at)"
            " VALUES (%s, 1, 'RECEIVED', '', now())",
            [product],
        )
        facts = json.dumps({"delta": 1, "reason": "RECEIVED", "stock": stock})
        cursor.execute(
            "INSERT INTO products_event (kind, product_id, facts, at) VALUES ('product.stock_moved', %s, %s, now())",
            [product, facts],
        )


def follow(read: Callable[[], int], stop: threading.Event) -> None:
    """Read until told to stop, and then what is left."""
    while not stop.is_set():
        if not read():
            time.sleep(POLL)
    while read():
        pass
    connections.close_all()


def compared(feed: FeedReader, by_id: LedgerReader, by_xmin: LedgerReader) -> dict[str, Told]:
    models: Any = apps.get_app_config("products").models_module
    feed.finish(models.Event.objects.count(), dict(models.Product.objects.values_list("pk", "stock")))
    movements = models.StockMovement.objects.count()
    for reader in (by_id, by_xmin):
        reader.finish(movements)
    return {each.name: each.told for each in (feed, by_id, by_xmin)}


def main() -> int:
    parser = argparse.ArgumentParser(prog="chaos.feed", description=__doc__)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--processes", type=int, default=20)
    parser.add_argument("--seed", type=int, default=None, help="random by default")
    arguments = parser.parse_args()
    seed = random.randrange(1, 1_000_000) if arguments.seed is None else arguments.seed
    told = run(seconds=arguments.seconds, processes=arguments.processes, seed=seed)
    for name, each in told.items():
        counts = Counter(
            skipped=each.skipped,
            doubled=each.doubled,
            out_of_order=each.out_of_order,
            wrong_stocks=each.wrong_stocks,
        )
        text = ", ".join(f"{number:,} {what.replace('_', ' ')}" for what, number in counts.items())
        sys.stdout.write(f"Reader by {name}: {each.events:,} told, {text}\n")
    sys.stdout.write(f"Seed {seed}: the feed was told {'right' if told['feed'].is_right else 'WRONG'}.\n")
    return 0 if told["feed"].is_right else 1


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    sys.exit(main())
