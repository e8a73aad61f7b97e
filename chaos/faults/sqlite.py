"""SQLite: others who write to the same file."""

from typing import Any

from chaos.databases import Sqlite
from chaos.faults.fault import Fault
from chaos.shop import Server


class ConcurrentWriters(Fault):
    """A second server on the same file, and a chore that keeps everybody from writing for a moment, again and again."""

    name = "concurrent_writers"
    seconds = (4, 8)
    database = Sqlite
    second: Server | None = None

    def begin(self) -> None:
        shop = self.scene.shop
        self.second = shop.open_server()
        self.chore: Any = self.scene.database.connect()
        self.writes = False
        shop.list_only(shop.main, self.second)

    def go_on(self) -> None:
        """Hold the one write lock that there is half of the time."""
        self.chore.execute("ROLLBACK" if self.writes else "BEGIN IMMEDIATE")
        self.writes = not self.writes

    def end(self) -> None:
        self.chore.close()
        self.scene.shop.list_only(self.scene.shop.main)

    def clean_up(self) -> None:
        if self.second:
            self.scene.shop.close_server(self.second)
