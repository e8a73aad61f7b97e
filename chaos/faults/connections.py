"""Between the shop and its database: a bad network, and no connection left."""

import random
import threading
import time
from contextlib import suppress
from typing import Any

import psycopg2

from chaos.databases import Postgres
from chaos.faults.fault import Fault, Scene

TERMINATE = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'clerk' AND application_name <> 'auditor'"
)


class NetworkFault(Fault):
    database = Postgres

    def end(self) -> None:
        self.scene.database.proxy.pass_on()


class ConnectionsCut(NetworkFault):
    """Every connection to the database is reset, again and again."""

    name = "connections_cut"
    seconds = (2, 5)

    def begin(self) -> None:
        self.scene.database.proxy.cut()


class ConnectionsSwallowed(NetworkFault):
    """A black hole: nothing arrives any more, and nobody is told."""

    name = "connections_black_holed"
    seconds = (7, 15)  # longer than a request may take

    def begin(self) -> None:
        self.scene.database.proxy.swallow()


class NetworkSlow(NetworkFault):
    """Every packet to and from the database takes its time."""

    name = "network_slow"
    seconds = (3, 6)
    milliseconds = 15

    def begin(self) -> None:
        self.scene.database.proxy.slow_down(self.milliseconds / 1_000)


class OutOfConnections(Fault):
    """Somebody has taken every connection that PostgreSQL gives, the shop's as well."""

    name = "out_of_connections"
    seconds = (3, 6)
    database = Postgres

    def __init__(self, scene: Scene, chance: random.Random) -> None:
        super().__init__(scene, chance)
        self.taken: list[Any] = []
        self.over = threading.Event()

    def begin(self) -> None:
        self.thread = threading.Thread(target=self._take)
        self.thread.start()
        time.sleep(0.3)
        # Kept connections would go on as if nothing were. Whatever becomes free is taken at once.
        self.scene.database.execute(TERMINATE)

    def end(self) -> None:
        self.over.set()
        self.thread.join()
        for connection in self.taken:
            with suppress(psycopg2.Error):
                connection.close()

    def _take(self) -> None:
        while not self.over.wait(0.002):
            with suppress(psycopg2.Error):
                self.taken.append(self.scene.database.connect_as_the_shop())
