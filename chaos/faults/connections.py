"""The connections between the shop and its database: network failures, and none left."""

import random
import threading
import time
from contextlib import suppress
from typing import Any

import psycopg2

from chaos.databases import Postgres
from chaos.faults.fault import Context, Fault

TERMINATE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'clerk' AND application_name <> 'auditor'"
)


class NetworkFault(Fault):
    database = Postgres

    def end(self) -> None:
        self.context.database.proxy.pass_on()


class ConnectionsCut(NetworkFault):
    """Every connection to the database is reset, including new ones."""

    name = "connections_cut"
    seconds = (2, 5)

    def begin(self) -> None:
        self.context.database.proxy.cut()


class ConnectionsBlackHoled(NetworkFault):
    """A black hole: packets to and from the database are dropped silently."""

    name = "connections_black_holed"
    seconds = (7, 15)  # longer than a request may take

    def begin(self) -> None:
        self.context.database.proxy.black_hole()


class NetworkSlow(NetworkFault):
    """Every packet to and from the database is delayed by 15 ms."""

    name = "network_slow"
    seconds = (3, 6)
    milliseconds = 15

    def begin(self) -> None:
        self.context.database.proxy.slow_down(self.milliseconds / 1_000)


class OutOfConnections(Fault):
    """Another program holds all connections that PostgreSQL allows, after the shop's were terminated."""

    name = "out_of_connections"
    seconds = (3, 6)
    database = Postgres

    def __init__(self, context: Context, chance: random.Random) -> None:
        super().__init__(context, chance)
        self.taken: list[Any] = []
        self.over = threading.Event()

    def begin(self) -> None:
        self.thread = threading.Thread(target=self._take)
        self.thread.start()
        time.sleep(0.3)
        # The shop's open connections would go on working. Those that become free are taken at once.
        self.context.database.execute(TERMINATE)

    def end(self) -> None:
        self.over.set()
        self.thread.join()
        for connection in self.taken:
            with suppress(psycopg2.Error):
                connection.close()

    def _take(self) -> None:
        while not self.over.wait(0.002):
            with suppress(psycopg2.Error):
                self.taken.append(self.context.database.connect_as_the_shop())
