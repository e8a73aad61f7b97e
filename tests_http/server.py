"""The shop as it is deployed: gunicorn with the shipped configuration, on the test's own database."""

import http.client
import os
import signal
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

PATIENCE = 20  # seconds for a start or a stop
ROOT = Path(__file__).resolve().parents[1]

# Ends the server when its own input ends, which it does however the test run ends.
LEASH = '"$@" </dev/null & read -r nothing; kill -TERM $!; wait $!'


class Gunicorn:
    """A context manager: serves on `address` (host, port) from start to end of the `with`, with `workers` processes.

    `database_url` is the test's own database unless given, and `headers` are what a proxy in front would add. What it
    says goes where the tests' own words go, or to the file `log`, and is then more: all but debugging.
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
        **environment: str,
    ) -> None:
        self.address = ("127.0.0.1", free_port())
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
        level = "info" if self.log else "critical"
        command = [str(Path(sys.executable).with_name("gunicorn")), self.application, f"--log-level={level}"]
        with self.log.open("ab") if self.log else nullcontext() as log:
            self.leash = subprocess.Popen(
                ["/bin/sh", "-c", LEASH, "leash", *command],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.PIPE,
                stderr=log,
            )
        deadline = time.monotonic() + self.patience
        while not self._answers():
            assert self.leash.poll() is None, "gunicorn ended while starting; its words are above"
            assert time.monotonic() < deadline, "gunicorn does not answer"
            time.sleep(0.05)
        return self

    def __exit__(self, *exception: object) -> None:
        self.leash.communicate(timeout=PATIENCE)  # closes its input

    def workers(self) -> list[int]:
        """The worker processes' ids."""
        return children_of(self.master())

    def master(self) -> int:
        """The process id of gunicorn itself."""
        [master] = children_of(self.leash.pid)
        return master

    def tell(self, signal_number: int) -> None:
        """Send gunicorn a signal: HUP to begin anew, TERM to go."""
        os.kill(self.master(), signal_number)

    def kill_a_worker(self) -> int:
        """`kill -9` one worker; its process id."""
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
    """The DATABASE_URL of the database that this test uses."""
    database = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{Path(database['NAME']).resolve()}"
    words = [quote(str(database[name]), safe="") for name in ("USER", "PASSWORD", "HOST", "PORT", "NAME")]
    user, password, host, port, name = words
    return f"postgres://{user}{password and ':' + password}@{host}{port and ':' + port}/{name}"
