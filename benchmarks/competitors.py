"""Who is measured: what they share. Each has a database of its own in one cluster, and a server that stays up."""

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

from benchmarks.goods import Size, Tables, fill
from benchmarks.processes import cpu_seconds, memory_mb
from benchmarks.requests import Request
from products.tests.postgres import PostgresServer, free_port

ROOT = Path(__file__).resolve().parent.parent
BUYERS = [f"buyer-{number}" for number in range(1, 17)]
READERS = [f"reader-{number}" for number in range(1, 17)]
"""Those who have ordered before. They buy nothing more, so that a history has the same length for everybody."""
PASSWORD = "correct-horse-battery-staple"
WORKERS = 2
PATIENCE = 30  # seconds for a start or a stop

# Ends the server when its own input ends, which it does however the benchmark ends.
LEASH = '"$@" </dev/null & read -r nothing; kill -TERM $!; wait $!'


class Competitor:
    """A shop that answers over HTTP. A context manager: its server runs inside the `with`."""

    name: ClassVar[str]
    title: ClassVar[str]
    scheme: ClassVar[str]
    """The word before the token in the Authorization header."""
    tables: ClassVar[Tables]
    product_table: ClassVar[str]
    line_table: ClassVar[str]
    headers: ClassVar[Mapping[str, str]] = {}
    keyed: ClassVar[bool] = False

    def __init__(self, postgres: PostgresServer, folder: Path, *, database: str = "") -> None:
        self.postgres = postgres
        self.database = database or f"bench_{self.name}"
        self.log = folder / f"{self.database}.log"
        self.address = ("127.0.0.1", free_port())
        self.size = Size()
        self.tokens: dict[str, str] = {}
        self.leash: subprocess.Popen[bytes] | None = None

    # What a kind of competitor says of itself

    def environment(self) -> dict[str, str]:
        """What its processes are told, beside what is told to all."""
        raise NotImplementedError

    def home(self) -> Path:
        """The folder that its commands run in."""
        raise NotImplementedError

    def seed_command(self) -> Sequence[object]:
        """Makes tables and customers and prints [[name, token], …]; the password and the names are appended."""
        raise NotImplementedError

    def server_command(self) -> Sequence[object]:
        raise NotImplementedError

    def page(self, limit: int = 20) -> Request:
        """The first products."""
        raise NotImplementedError

    def far_page(self, number: int, limit: int) -> Request:
        raise NotImplementedError

    def search(self, words: str) -> Request:
        raise NotImplementedError

    def product(self, pk: int) -> Request:
        raise NotImplementedError

    def history(self) -> Request:
        """The customer's latest 20 orders."""
        raise NotImplementedError

    def order(self, lines: Sequence[tuple[int, int]]) -> Request:
        """An order of [(product, quantity), …]."""
        raise NotImplementedError

    def login(self, name: str) -> Request:
        raise NotImplementedError

    def put_on_shelf(self, cursor: Any, pk: int, pieces: int) -> None:
        """Make a product's stock `pieces`."""
        cursor.execute(f"UPDATE {self.product_table} SET stock = %s WHERE id = %s", [pieces, pk])

    # What they all do

    def prepare(self, size: Size, tell: Callable[[float], None] = lambda part: None) -> None:
        """Make the database and everything in it. `tell` is called with the part that is done."""
        self.size = size
        with closing(psycopg2.connect(self.postgres.url)) as connection:
            connection.autocommit = True
            connection.cursor().execute(f'CREATE DATABASE "{self.database}"')
        self.tokens = dict(json.loads(self.run(*self.seed_command(), PASSWORD, *BUYERS, *READERS)))
        with closing(self.connect()) as connection:
            cursor = connection.cursor()
            customers = list(range(len(BUYERS) + 1, len(BUYERS) + len(READERS) + 1))
            for part in fill(cursor, self.tables, size, customers):
                tell(part)

    def connect(self) -> Any:
        """A connection of our own to its database, in autocommit."""
        connection = psycopg2.connect(self.postgres.url, dbname=self.database)
        connection.autocommit = True
        return connection

    def run(self, *command: object) -> str:
        """Run a command of its own; what it prints."""
        done = subprocess.run(
            [str(word) for word in command],
            cwd=self.home(),
            env=self.whole_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{command[1:3]} of {self.title} failed:\n{done.stderr[-4000:]}")
        return done.stdout

    def __enter__(self) -> Self:
        with self.log.open("ab") as log:
            self.leash = subprocess.Popen(
                ["/bin/sh", "-c", LEASH, "leash", *map(str, self.server_command())],
                cwd=self.home(),
                env=self.whole_environment(),
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,  # a Ctrl-C is for us, who then end it
            )
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            if self.leash.poll() is not None or time.monotonic() > deadline:
                self.__exit__()
                raise RuntimeError(f"{self.title} did not start:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.05)
        return self

    def __exit__(self, *exception: object) -> None:
        if self.leash is not None:
            self.leash.communicate(timeout=PATIENCE)  # closes its input

    def authorizations(self, names: Sequence[str]) -> list[str]:
        return [f"{self.scheme} {self.tokens[name]}" for name in names]

    def cpu(self) -> float:
        """Seconds of CPU that its server has used until now."""
        return cpu_seconds(self.leash.pid) if self.leash else 0.0

    def memory(self) -> float:
        """MB that its server occupies now (PSS)."""
        return memory_mb(self.leash.pid) if self.leash else 0.0

    def whole_environment(self) -> dict[str, str]:
        plain = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        return plain | {"PYTHONDONTWRITEBYTECODE": "1"} | self.environment()

    def _answers(self) -> bool:
        probe = http.client.HTTPConnection(*self.address, timeout=5)
        try:
            probe.request("GET", self.page().path, headers=dict(self.headers))
            return probe.getresponse().status == 401
        except OSError:
            return False
        finally:
            probe.close()
