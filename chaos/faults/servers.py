"""The shop's servers: killed, terminated, reloaded, doubled."""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from chaos.faults.fault import Fault, Promise
from chaos.shop import Server

BETWEEN_KILLS = 2.0  # seconds; if workers were killed before they have started, no request would ever be served


class WorkersKilled(Fault):
    """A worker is killed with `kill -9` every two seconds."""

    name = "workers_killed"
    seconds = (3, 8)
    promise = Promise.RETRY

    def begin(self) -> None:
        self.killed_at = 0.0
        self.tick()

    def tick(self) -> None:
        if time.monotonic() - self.killed_at > BETWEEN_KILLS and self.context.shop.main.workers():
            with suppress(ProcessLookupError):
                os.kill(self.random.choice(self.context.shop.main.workers()), signal.SIGKILL)
            self.killed_at = time.monotonic()

    def end(self) -> None:
        """gunicorn replaces killed workers by itself."""


class ServerKilled(Fault):
    """All processes of the only server are killed with `kill -9`; it is started again afterwards."""

    name = "server_killed"
    seconds = (1, 3)
    promise = Promise.RETRY

    def begin(self) -> None:
        self.context.shop.main.kill()

    def end(self) -> None:
        self.context.shop.main.start_again()


class TwoMachines(Fault):
    """A second server uses the same database, as on a second machine."""

    name = "two_machines"
    seconds = (3, 8)
    promise = Promise.NONE_FAILS
    second: Server | None = None

    def begin(self) -> None:
        shop = self.context.shop
        self.second = shop.open_server()
        shop.list_only(shop.main, self.second)

    def end(self) -> None:
        self.context.shop.list_only(self.context.shop.main)

    def clean_up(self) -> None:
        if self.second:
            self.context.shop.close_server(self.second)


class ServerTerminated(TwoMachines):
    """One of two servers gets SIGTERM under load; the load balancer learns of it from its health check alone."""

    name = "server_terminated"
    seconds = (4, 8)

    def begin(self) -> None:
        super().begin()
        time.sleep(1)  # until it gets its share of the load
        self._second.tell(signal.SIGTERM)

    def end(self) -> None:
        wait_until(self._second.has_exited)
        super().end()

    @property
    def _second(self) -> Server:
        assert self.second is not None
        return self.second


class ServerReloaded(Fault):
    """The server gets SIGHUP under load and replaces all its workers."""

    name = "server_reloaded"
    seconds = (3, 6)
    promise = Promise.NONE_FAILS

    def begin(self) -> None:
        self.old = set(self.context.shop.main.workers())
        self.context.shop.main.tell(signal.SIGHUP)

    def end(self) -> None:
        """Wait until all old workers are gone."""
        wait_until(lambda: self.old.isdisjoint(self.context.shop.main.workers()))


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for at most 30 s; if the condition is still not met, the auditor finds what that breaks."""
    deadline = time.monotonic() + 30
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
