"""Looks at the database all the time: at the stock, and who is connected."""

import sqlite3
from collections.abc import Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from typing import Any

import psycopg2

from chaos.databases import Postgres, Sqlite
from chaos.watcher import Watcher

BETWEEN_SAMPLES = 0.05  # seconds
CONNECTIONS = """
    SELECT count(*), count(*) FILTER (WHERE state LIKE 'idle in transaction%')
    FROM pg_stat_activity WHERE usename = 'clerk' AND application_name <> 'auditor'
"""


@dataclass
class Samples:
    """How often the stock was looked at, every negative one that was seen, and who was connected at the end.

    `connections` and `in_transaction` are the shop's, when nobody asked it for anything any more; None on SQLite.
    """

    taken: int = 0
    negative: list[tuple[int, int]] = field(default_factory=list)
    connections: int | None = None
    in_transaction: int | None = None
    allowed: int = 0


class Sampler(Watcher):
    """A context manager: samples from start to end of the `with`, whenever the database is there."""

    def __init__(self, database: Postgres | Sqlite) -> None:
        self.database, self.samples = database, Samples()
        super().__init__()

    def look_who_is_left(self, *, allowed: int) -> None:
        """Note the connections that are open now. One for each thread of the servers is `allowed`."""
        self.samples.allowed = allowed
        if isinstance(self.database, Postgres):
            [(self.samples.connections, self.samples.in_transaction)] = self.database.execute(CONNECTIONS)

    def watch(self) -> None:
        while not self.over.is_set():
            with suppress(psycopg2.Error, sqlite3.Error), closing(self.database.connect()) as connection:
                while not self.over.wait(BETWEEN_SAMPLES):
                    self._take_one(connection)
            self.over.wait(BETWEEN_SAMPLES)

    def _take_one(self, connection: Any) -> None:
        cursor = connection.cursor()
        cursor.execute("SELECT id, stock FROM products_product WHERE stock < 0")
        negative: Iterable[tuple[int, int]] = cursor.fetchall()
        self.samples.taken += 1
        self.samples.negative += negative
