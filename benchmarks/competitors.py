"""What all competitors have in common. Each has its own database in one PostgreSQL, and a server that stays up."""

import http.client
import json
import os
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, ClassVar, Self

import psycopg2

from benchmarks.load import Request
from benchmarks.machine import cpu_seconds, memory_mb
from benchmarks.sample_data import Size, Tables, fill
from products.tests.postgres import PostgresServer, free_port

ROOT = Path(__file__).resolve().parent.parent
BUYERS = [f"buyer-{number}" for number in range(1, 17)]
READERS = [f"reader-{number}" for number in range(1, 17)]
"""The customers who placed the past orders. They order nothing more, so every history has the same length."""
PASSWORD = "correct-horse-battery-staple"
WORKERS = 2
TIMEOUT = 30  # seconds for a start or a stop

# Stops the server when standard input is closed, which happens in every case when the benchmark ends.
STOP_WITH_PARENT = '"$@" </dev/null & read -r nothing; kill -TERM $!; wait $!'


class Competitor:
    """A shop that answers over HTTP. A context manager: its server runs inside the `with`."""

    name: str
    title: str
    scheme: ClassVar[str]
    """The word before the token in the Authorization header."""
    tables: ClassVar[Tables]
    product_table: ClassVar[str]
    line_table: ClassVar[str]
    headers: ClassVar[Mapping[str, str]] = {}
    keyed: ClassVar[bool] = False
    """Whether its orders carry an Idempotency-Key."""

    def __init__(self, postgres: PostgresServer, folder: Path, *, database: str = "") -> None:
        self.postgres = postgres
        self.database = database or f"bench_{self.name}"
        self.log = folder / f"{self.database}.log"
        self.address = ("127.0.0.1", free_port())
        self.size = Size()
        self.tokens: dict[str, str] = {}
        self.server: subprocess.Popen[bytes] | None = None

    # What each subclass defines

    def environment(self) -> dict[str, str]:
        """Return the environment variables of its commands."""
        raise NotImplementedError

    def server_environment(self) -> dict[str, str]:
        """Return the environment variables of its server."""
        return self.environment()

    def home(self) -> Path:
        """Return the folder that its commands run in."""
        raise NotImplementedError

    def seed_command(self) -> Sequence[object]:
        """Return the command that creates tables and customers; password and names are appended.

        It prints [[name, token], …].
        """
        raise NotImplementedError

    def server_command(self) -> Sequence[object]:
        raise NotImplementedError

    def page(self, limit: int = 20) -> Request:
        """Request the first products."""
        raise NotImplementedError

    def far_page(self, number: int, limit: int) -> Request:
        raise NotImplementedError

    def search(self, words: str) -> Request:
        raise NotImplementedError

    def product(self, pk: int) -> Request:
        raise NotImplementedError

    def history(self) -> Request:
        """Request the customer's latest 20 orders."""
        raise NotImplementedError

    def order(self, lines: Sequence[tuple[int, int]]) -> Request:
        """Order [(product, quantity), …]."""
        raise NotImplementedError

    def login(self, name: str) -> Request:
        raise NotImplementedError

    def set_stock(self, cursor: Any, pk: int, stock: int) -> None:
        cursor.execute(f"UPDATE {self.product_table} SET stock = %s WHERE id = %s", [stock, pk])

    # What they share

    def prepare(self, size: Size, progress: Callable[[float], None] = lambda part: None) -> None:
        """Create and fill the database. `progress` is called with the part that is done, from 0 to 1."""
        self.size = size
        with closing(psycopg2.connect(self.postgres.url)) as connection:
            connection.autocommit = True
            connection.cursor().execute(f'CREATE DATABASE "{self.database}"')
        self.tokens = dict(json.loads(self.run(*self.seed_command(), PASSWORD, *BUYERS, *READERS)))
        with closing(self.connect()) as connection:
            cursor = connection.cursor()
            customers = list(range(len(BUYERS) + 1, len(BUYERS) + len(READERS) + 1))
            for part in fill(cursor, self.tables, size, customers):
                progress(part)

    def connect(self) -> Any:
        """Return the benchmark's own connection to the database, in autocommit mode."""
        connection = psycopg2.connect(self.postgres.url, dbname=self.database)
        connection.autocommit = True
        return connection

    def run(self, *command: object) -> str:
        """Run one of its commands and return what it prints."""
        done = subprocess.run(
            [str(word) for word in command],
            cwd=self.home(),
            env=_inherited() | self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{command[1:3]} of {self.title} failed:\n{done.stderr[-4000:]}")
        return done.stdout

    def __enter__(self) -> Self:
        with self.log.open("ab") as log:
            self.server = subprocess.Popen(
                ["/bin/sh", "-c", STOP_WITH_PARENT, "server", *map(str, self.server_command())],
                cwd=self.home(),
                env=_inherited() | self.server_environment(),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C reaches the benchmark only, which then stops the server
            )
        deadline = time.monotonic() + TIMEOUT
        while not self._is_up():
            if self.server.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise RuntimeError(f"{self.title} did not start:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.05)
        return self

    def __exit__(self, *exception: object) -> None:
        if self.server is not None:
            self.server.communicate(timeout=TIMEOUT)  # closes its standard input

    def authorizations(self, names: Sequence[str]) -> list[str]:
        return [f"{self.scheme} {self.tokens[name]}" for name in names]

    def cpu(self) -> float:
        """Return the seconds of CPU time that its server has used so far."""
        return cpu_seconds(self.server.pid) if self.server else 0.0

    def memory(self) -> float:
        """Return the memory of its server in MB (PSS)."""
        return memory_mb(self.server.pid) if self.server else 0.0

    def _is_up(self) -> bool:
        probe = http.client.HTTPConnection(*self.address, timeout=5)
        try:
            probe.request("GET", self.page().path, headers=dict(self.headers))
            return probe.getresponse().status == 401
        except OSError:
            return False
        finally:
            probe.close()


def _inherited() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return kept | {"PYTHONDONTWRITEBYTECODE": "1"}
