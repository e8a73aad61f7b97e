"""The database under the shop: a PostgreSQL of one's own, reached through the proxy, or a file of SQLite."""

import os
import secrets
import sqlite3
import subprocess
import time
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, Self

import psutil
import psycopg2

from chaos.proxy import Proxy
from products.tests.postgres import PATIENCE, NoPostgres, PostgresServer, the_unprivileged

DISK = 400  # MB: room for a cluster and two minutes of orders
SETTINGS = {"max_wal_size": "64MB", "min_wal_size": "32MB", "log_min_messages": "log"}


class Sqlite:
    """A context manager: a database file in `folder`."""

    vendor = "sqlite"

    def __init__(self, folder: Path) -> None:
        self.path = folder / "shop.sqlite3"
        self.url = f"sqlite:///{self.path}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        """The folder's owner removes it."""

    def connect(self) -> Any:
        return sqlite3.connect(self.path, timeout=20, check_same_thread=False, isolation_level=None)


class DurableServer(PostgresServer):
    """A PostgreSQL that keeps its word after a crash; on a small disk of its own where we may mount one.

    `processes` are all of it, the postmaster first.
    """

    def __init__(self, *, small_disk: bool) -> None:
        super().__init__(durable=True, tcp=True, max_connections=40, settings=SETTINGS)
        self.small_disk = small_disk

    @property
    def processes(self) -> list[psutil.Process]:
        if self.pid is None:
            return []
        postmaster = psutil.Process(self.pid)
        return [postmaster, *postmaster.children(recursive=True)]

    def kill(self) -> None:
        """`kill -9` all of it at once. What is left of one that lost only its postmaster would keep the next out."""
        processes = self.processes
        for process in processes:
            process.kill()
        self.stop("crash")
        psutil.wait_procs(processes, PATIENCE)

    def close(self) -> None:
        self.stop("immediate")
        if self.small_disk:
            subprocess.run(["umount", "-l", self.home / "data"], check=False, capture_output=True)
        super().close()

    def _make_cluster(self) -> None:
        if self.small_disk:
            user, group = the_unprivileged()
            (self.home / "data").mkdir()
            options = f"size={DISK}m,mode=0700,uid={user},gid={group}"
            subprocess.run(["mount", "-t", "tmpfs", "-o", options, "shop-chaos", self.home / "data"], check=True)
        super()._make_cluster()


class Postgres:
    """A context manager: a PostgreSQL server, and the proxy through which the shop talks to it.

    The shop's role is nobody special, so that there is a way in for us when it has none.
    """

    vendor = "postgresql"

    def __init__(self, *, small_disk: bool = False) -> None:
        self.server = DurableServer(small_disk=small_disk)
        self.password = secrets.token_urlsafe(16)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.server)
            self.proxy = stack.enter_context(Proxy(("127.0.0.1", self.server.port)))
            self.execute(f"CREATE ROLE clerk LOGIN PASSWORD '{self.password}'")
            self.execute("ALTER DATABASE shop OWNER TO clerk")
            self.stack = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stack.close()

    @property
    def url(self) -> str:
        host, port = self.proxy.address
        return f"postgres://clerk:{self.password}@{host}:{port}/shop"

    def connect(self, **options: Any) -> Any:
        """A connection past the proxy, as superuser, for whom some are set aside; each statement commits."""
        options = {"options": "-c default_transaction_read_only=off"} | options  # also when it is on for the others
        connection = psycopg2.connect(self.server.url, connect_timeout=3, application_name="auditor", **options)
        connection.autocommit = True
        return connection

    def connect_as_the_shop(self) -> Any:
        return self.connect(user="clerk", password=self.password)

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        with closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def wait_until_it_works(self) -> None:
        """Start the server if it has ended, and return when it takes writes again. Raises NoPostgres after 30 s."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                if self.server.pid is None:
                    self.server.start()
                self.execute("CREATE TEMPORARY TABLE probe ()")
                return
            except psycopg2.Error as error:
                if time.monotonic() > deadline:
                    raise NoPostgres(f"PostgreSQL does not come back: {error}") from error
                time.sleep(0.05)


def may_mount() -> bool:
    """Whether we could give PostgreSQL a disk that is small enough to be filled."""
    return (
        os.getuid() == 0 and subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode == 0
    )
