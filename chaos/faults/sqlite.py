"""SQLite: other processes that write to the same file."""

from typing import Any

from chaos.databases import Sqlite
from chaos.faults.fault import Fault
from chaos.shop import Server


class ConcurrentWriters(Fault):
    """A second server uses the same file, and another process holds the write lock half of the time."""

    name = "concurrent_writers"
    seconds = (4, 8)
    database = Sqlite
    second: Server | None = None

    def begin(self) -> None:
        shop = self.context.shop
        self.second = shop.open_server()
        self.chore: Any = self.context.database.connect()
        self.writes = False
        shop.list_only(shop.main, self.second)

    def tick(self) -> None:
        """Take the write lock and release it in turns."""
        self.chore.execute("ROLLBACK" if self.writes else "BEGIN IMMEDIATE")
        self.writes = not self.writes

    def end(self) -> None:
        self.chore.close()
        self.context.shop.list_only(self.context.shop.main)

    def clean_up(self) -> None:
        if self.second:
            self.context.shop.close_server(self.second)
