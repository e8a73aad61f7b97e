"""Inside the database: a lock that is held, and a migration while the shop serves."""

import threading
import time
from contextlib import closing
from typing import Any

import psycopg2

from chaos.databases import Postgres
from chaos.faults.fault import Fault, Promise

# As a migration is written that does not stop the shop: each step short, none that waits for long, and all of it again
# where one of them did not get its lock.
MIGRATION = [
    "ALTER TABLE products_order ADD COLUMN IF NOT EXISTS gift_note varchar(200)",
    "CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_by_gift_note ON products_order (gift_note)",
    "ALTER TABLE products_order ADD CONSTRAINT a_gift_note_says_something CHECK (gift_note <> '') NOT VALID",
    "ALTER TABLE products_order VALIDATE CONSTRAINT a_gift_note_says_something",
    "ALTER TABLE products_order DROP CONSTRAINT a_gift_note_says_something",
    "DROP INDEX CONCURRENTLY IF EXISTS orders_by_gift_note",
    "ALTER TABLE products_order DROP COLUMN IF EXISTS gift_note",
]
LOCK_TIMEOUT = 200  # milliseconds
TRIES = 100


class RowLocked(Fault):
    """Somebody holds the lock of the products, in a transaction that does not end."""

    name = "row_locked"
    seconds = (6, 10)
    database = Postgres

    def begin(self) -> None:
        self.holder = self.scene.database.connect()
        self.holder.autocommit = False
        self.holder.cursor().execute("SELECT id FROM products_product ORDER BY id FOR UPDATE")

    def end(self) -> None:
        self.holder.close()


class Migration(Fault):
    """A migration while serving: a column, an index and a law are added and taken away again."""

    name = "migration"
    seconds = (3, 6)
    promise = Promise.NONE_FAILS
    database = Postgres

    def begin(self) -> None:
        self.over, self.problem = threading.Event(), ""
        self.thread = threading.Thread(target=self._migrate)
        self.thread.start()

    def end(self) -> None:
        self.over.set()
        self.thread.join()
        assert not self.problem, self.problem

    def _migrate(self) -> None:
        with closing(self.scene.database.connect_as_the_shop()) as connection:
            cursor = connection.cursor()
            cursor.execute(f"SET lock_timeout = {LOCK_TIMEOUT}")
            while not self.over.is_set() and not self.problem:
                for statement in MIGRATION:
                    self._insist(cursor, statement)

    def _insist(self, cursor: Any, statement: str) -> None:
        for _ in range(TRIES):
            try:
                cursor.execute(statement)
                return
            except psycopg2.errors.LockNotAvailable:
                time.sleep(0.05)
        self.problem = f"the migration did not get its lock: {statement}"
