"""Servers and their workers: killed, told to go, reloaded, doubled."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from chaos.faults.fault import Fault, Promise
from chaos.shop import Server

BETWEEN_KILLS = 2.0  # seconds: a new worker needs a moment to come up, and killed sooner nobody would ever be served


class WorkersKilled(Fault):
    """`kill -9` of a worker, now and then."""

    name = "workers_killed"
    seconds = (3, 8)
    promise = Promise.RETRY

    def begin(self) -> None:
        self.killed_at = 0.0
        self.go_on()

    def go_on(self) -> None:
        if time.monotonic() - self.killed_at > BETWEEN_KILLS and self.scene.shop.main.workers():
            with suppress(ProcessLookupError):
                os.kill(self.random.choice(self.scene.shop.main.workers()), signal.SIGKILL)
            self.killed_at = time.monotonic()

    def end(self) -> None:
        """gunicorn starts the new ones by itself."""


class ServerKilled(Fault):
    """`kill -9` of the only server, all its processes at once; somebody starts it again."""

    name = "server_killed"
    seconds = (1, 3)
    promise = Promise.RETRY

    def begin(self) -> None:
        self.scene.shop.main.kill()

    def end(self) -> None:
        self.scene.shop.main.start_again()


class TwoMachines(Fault):
    """Two machines' worth of servers on one database."""

    name = "two_machines"
    seconds = (3, 8)
    promise = Promise.NONE_FAILS
    second: Server | None = None

    def begin(self) -> None:
        shop = self.scene.shop
        self.second = shop.open_server()
        shop.list_only(shop.main, self.second)

    def end(self) -> None:
        self.scene.shop.list_only(self.scene.shop.main)

    def clean_up(self) -> None:
        if self.second:
            self.scene.shop.close_server(self.second)


class ServerToldToGo(TwoMachines):
    """SIGTERM for one of two servers, under load. Nobody tells the balancer, which has to see it by itself."""

    name = "server_told_to_go"
    seconds = (4, 8)

    def begin(self) -> None:
        super().begin()
        time.sleep(1)  # until it has its share of the load
        self._second.tell(signal.SIGTERM)

    def end(self) -> None:
        wait_until(self._second.has_gone)
        super().end()

    @property
    def _second(self) -> Server:
        assert self.second is not None
        return self.second


class ServerReloaded(Fault):
    """SIGHUP under load: new workers for old ones, without a server that is away."""

    name = "server_reloaded"
    seconds = (3, 6)
    promise = Promise.NONE_FAILS

    def begin(self) -> None:
        self.old = set(self.scene.shop.main.workers())
        self.scene.shop.main.tell(signal.SIGHUP)

    def end(self) -> None:
        """It lasts until only new workers are there."""
        wait_until(lambda: self.old.isdisjoint(self.scene.shop.main.workers()))


def wait_until(it_is_so: Callable[[], bool]) -> None:
    """Give it 30 s; what has not come by then is for the auditor to find out."""
    deadline = time.monotonic() + 30
    while not it_is_so() and time.monotonic() < deadline:
        time.sleep(0.05)
