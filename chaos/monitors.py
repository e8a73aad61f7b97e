"""Background threads that watch the database and the servers during a run."""

import sqlite3
import statistics
import threading
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any, Self

import psutil
import psycopg2

from chaos.databases import Postgres, Sqlite
from chaos.shop import Shop

SAMPLE_INTERVAL = 0.05  # seconds
CONNECTIONS = """
    SELECT count(*), count(*) FILTER (WHERE state LIKE 'idle in transaction%')
    FROM pg_stat_activity WHERE usename = 'clerk' AND application_name <> 'auditor'
"""
MEGABYTE = 1_048_576
MIN_READINGS = 300  # before growth means anything: at first every process grows
MAX_GROWTH = 8.0  # MB per worker, from the second fifth of the run to the last


class Monitor:
    """A context manager: `watch` runs in its own thread throughout the `with`, and returns once `over` is set."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.thread = threading.Thread(target=self.watch)

    def __enter__(self) -> Self:
        self.thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.over.set()
        self.thread.join()

    def watch(self) -> None:
        raise NotImplementedError


@dataclass
class Samples:
    """What was seen in the database: the number of samples, and every negative stock as (product, stock).

    `connections` and `in_transaction` are the shop's, counted once no client sends requests any more; None on SQLite.
    `allowed` is how many connections there may be.
    """

    taken: int = 0
    negative: list[tuple[int, int]] = field(default_factory=list)
    connections: int | None = None
    in_transaction: int | None = None
    allowed: int = 0


class DatabaseMonitor(Monitor):
    """Samples the stock of all products whenever the database is reachable."""

    def __init__(self, database: Postgres | Sqlite) -> None:
        self.database, self.samples = database, Samples()
        super().__init__()

    def count_connections(self, *, allowed: int) -> None:
        """Record how many connections are open now."""
        self.samples.allowed = allowed
        if isinstance(self.database, Postgres):
            [(self.samples.connections, self.samples.in_transaction)] = self.database.execute(CONNECTIONS)

    def watch(self) -> None:
        while not self.over.is_set():
            with suppress(psycopg2.Error, sqlite3.Error), closing(self.database.connect()) as connection:
                while not self.over.wait(SAMPLE_INTERVAL):
                    self._take_sample(connection)
            self.over.wait(SAMPLE_INTERVAL)

    def _take_sample(self, connection: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("SELECT id, stock FROM products_product WHERE stock < 0")
        negative: Iterable[tuple[int, int]] = cursor.fetchall()
        self.samples.taken += 1
        self.samples.negative += negative


@dataclass
class Resources:
    """One reading per second: the workers' mean resident memory in MB, and the shop's database connections."""

    memory: list[float] = field(default_factory=list)
    connections: list[int] = field(default_factory=list)

    @property
    def growth(self) -> float:
        """MB by which a worker has grown from the second fifth of the run to the last."""
        fifth = len(self.memory) // 5
        if not fifth:
            return 0.0
        return statistics.median(self.memory[-fifth:]) - statistics.median(self.memory[fifth : 2 * fifth])

    @property
    def is_flat(self) -> bool | None:
        """Whether the memory does not grow; None if the run was too short to tell."""
        return self.growth <= MAX_GROWTH if len(self.memory) >= MIN_READINGS else None

    def __str__(self) -> str:
        verdict = {True: "flat", False: "it GROWS", None: "the run is too short to tell"}[self.is_flat]
        memory = (
            f"{self.memory[0]:.1f} MB at first, {self.memory[-1]:.1f} MB at last, {max(self.memory):.1f} MB at most"
        )
        lines = [f"  memory of a worker: {memory}; {self.growth:+.1f} MB from the second fifth to the last: {verdict}"]
        if self.connections:
            lines.append(f"  connections: {self.connections[0]} at first, {max(self.connections)} at most")
        return "\n".join(lines)


class ResourceMonitor(Monitor):
    """Takes a reading per second."""

    def __init__(self, shop: Shop, database: Any) -> None:
        self.shop, self.database, self.resources = shop, database, Resources()
        super().__init__()

    def watch(self) -> None:
        while not self.over.wait(1):
            with suppress(psutil.NoSuchProcess, FileNotFoundError, ValueError, ZeroDivisionError):
                sizes = [psutil.Process(pid).memory_info().rss for pid in self.shop.main.workers()]
                self.resources.memory.append(sum(sizes) / len(sizes) / MEGABYTE)
            if isinstance(self.database, Postgres):
                with suppress(psycopg2.Error):
                    self.resources.connections.append(self.database.execute(CONNECTIONS)[0][0])
