"""Run the shop as it is deployed: gunicorn with the shipped configuration."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Self
from urllib.parse import quote

from django.db import connection

from products.tests.postgres import free_port
from shop.db.url import hosts_of

PATIENCE = 20  # seconds for a start or a stop
ROOT = Path(__file__).resolve().parents[1]

# Stops the server when its own standard input ends, however the test run ends.
LEASH = '"$@" </dev/null & read -r nothing; kill -TERM $!; wait $!'
# Passes a listening socket on as systemd does: as file descriptor 3, with the id of the receiving process.
WITH_SOCKET = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""


class Gunicorn:
    """Context manager: serve the shop on `address` (host, port) with `workers` processes.

    `database_url` defaults to the test's own database. `headers` are those that a proxy in front would add. With a file
    `log`, gunicorn logs there at level INFO; without one it logs errors to standard error. With `keep_socket` the
    listening socket belongs to this process, as it belongs to systemd under socket activation, and outlives a restart.
    """

    application = "shop.wsgi"
    patience = PATIENCE

    def __init__(
        self,
        *,
        workers: int = 2,
        threads: int = 4,
        database_url: str | None = None,
        headers: Mapping[str, str] | None = None,
        log: Path | None = None,
        keep_socket: bool = False,
        **environment: str,
    ) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0), backlog=2_048) if keep_socket else None
        self.address: tuple[str, int] = self.socket.getsockname() if self.socket else ("127.0.0.1", free_port())
        self.headers, self.log = dict(headers or {}), log
        self.environment = {
            **os.environ,
            "DATABASE_URL": database_url or url_of_the_test_database(),
            "LISTEN_ON": self.address[0],
            "PORT": str(self.address[1]),
            "WEB_CONCURRENCY": str(workers),
            "WEB_THREADS": str(threads),
            "LOG_LEVEL": "INFO" if log else "ERROR",
            "REQUESTS_PER_MINUTE": "0",
            **environment,
        }

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stop()
        if self.socket:
            self.socket.close()

    def start(self) -> None:
        """Start gunicorn, and return when it answers."""
        level = "info" if self.log else "critical"
        command = [str(Path(sys.executable).with_name("gunicorn")), self.application, f"--log-level={level}"]
        if self.socket:
            command = [sys.executable, "-c", WITH_SOCKET, str(self.socket.fileno()), *command]
        with self.log.open("ab") if self.log else nullcontext() as log:
            self.leash = subprocess.Popen(
                ["/bin/sh", "-c", LEASH, "leash", *command],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.PIPE,
                stderr=log,
                pass_fds=[self.socket.fileno()] if self.socket else [],
            )
        deadline = time.monotonic() + self.patience
        while not self._answers():
            assert self.leash.poll() is None, "gunicorn exited while starting; its output is above"
            assert time.monotonic() < deadline, "gunicorn does not answer"
            time.sleep(0.05)

    def stop(self) -> None:
        """Send SIGTERM, and return when all processes have exited."""
        self.leash.communicate(timeout=2 * PATIENCE)  # closes its input

    def restart(self) -> None:
        self.stop()
        self.start()

    def workers(self) -> list[int]:
        """Return the process ids of the workers."""
        return children_of(self.master())

    def master(self) -> int:
        """Return the process id of the master process."""
        [master] = children_of(self.leash.pid)
        return master

    def tell(self, signal_number: int) -> None:
        """Send a signal to the master process: HUP replaces the workers, TERM stops it."""
        os.kill(self.master(), signal_number)

    def kill_a_worker(self) -> int:
        """Send SIGKILL to one worker, and return its process id."""
        victim = self.workers()[0]
        os.kill(victim, signal.SIGKILL)
        return victim

    def _answers(self) -> bool:
        probe = http.client.HTTPConnection(*self.address, timeout=5)
        try:
            probe.request("GET", "/api/nothing", headers=self.headers)
            return probe.getresponse().status in (403, 404)  # 403 over plain HTTP, in production
        except OSError:
            return False
        finally:
            probe.close()


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def url_of_the_test_database() -> str:
    """Return the DATABASE_URL of the database that the running test uses."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{Path(database['NAME']).resolve()}"
    user, password, name = [quote(str(database[name]), safe="") for name in ("USER", "PASSWORD", "NAME")]
    pairs = [(quote(host, safe=""), port) for host, port in hosts_of(database["HOST"], database["PORT"])]
    hosts = ",".join(f"{host}:{port}" if port else host for host, port in pairs)
    return f"postgres://{user}{password and ':' + password}@{hosts}/{name}"
