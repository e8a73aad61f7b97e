"""What the servers take of the machine over time: memory and connections."""

import statistics
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import psutil
import psycopg2

from chaos.databases import Postgres
from chaos.sampler import CONNECTIONS
from chaos.shop import Shop
from chaos.watcher import Watcher

MEGABYTE = 1_048_576
LONG_ENOUGH = 300  # readings, before growth means anything: at first every process grows
MOST_GROWTH = 8.0  # MB a worker, from the second fifth of the time to the last


@dataclass
class Readings:
    """One reading a second: `memory` is the workers' resident memory in MB, each of them on average."""

    memory: list[float] = field(default_factory=list)
    connections: list[int] = field(default_factory=list)

    @property
    def growth(self) -> float:
        """MB that a worker grew by, from the second fifth of the time to the last."""
        fifth = len(self.memory) // 5
        if not fifth:
            return 0.0
        return statistics.median(self.memory[-fifth:]) - statistics.median(self.memory[fifth : 2 * fifth])

    @property
    def is_flat(self) -> bool | None:
        """Whether the memory stays as it is; None where it was not looked at for long enough."""
        return self.growth <= MOST_GROWTH if len(self.memory) >= LONG_ENOUGH else None

    def __str__(self) -> str:
        judged = {True: "flat", False: "it GROWS", None: "too short a time to tell"}[self.is_flat]
        memory = (
            f"{self.memory[0]:.1f} MB at first, {self.memory[-1]:.1f} MB at last, {max(self.memory):.1f} MB at most"
        )
        lines = [f"  a worker's memory: {memory}; {self.growth:+.1f} MB from the second fifth to the last: {judged}"]
        if self.connections:
            lines.append(f"  connections: {self.connections[0]} at first, {max(self.connections)} at most")
        return "\n".join(lines)


class Meter(Watcher):
    """A context manager: takes a reading a second, from start to end of the `with`."""

    def __init__(self, shop: Shop, database: Any) -> None:
        self.shop, self.database, self.readings = shop, database, Readings()
        super().__init__()

    def watch(self) -> None:
        while not self.over.wait(1):
            with suppress(psutil.NoSuchProcess, FileNotFoundError, ValueError, ZeroDivisionError):
                sizes = [psutil.Process(pid).memory_info().rss for pid in self.shop.main.workers()]
                self.readings.memory.append(sum(sizes) / len(sizes) / MEGABYTE)
            if isinstance(self.database, Postgres):
                with suppress(psycopg2.Error):
                    self.readings.connections.append(self.database.execute(CONNECTIONS)[0][0])
