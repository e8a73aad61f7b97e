"""The shop in other settings, to compare with the shop as it is: another revision, a distant database, PgBouncer."""

import os
import pwd
import shutil
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Self

import psycopg2

from benchmarks.processes import cpu_seconds
from benchmarks.shop import Shop
from products.tests.postgres import PostgresServer, free_port

PGBOUNCER = "pgbouncer"
POOL_SIZE = 8


class ShopBefore(Shop):
    """Another checkout of the shop, served by its own gunicorn.conf.py from its own folder."""

    name, title = "before", "Shop before"
    checkout: Path = Path()

    def home(self) -> Path:
        return self.checkout


class Latency:
    """A context manager: `python -m benchmarks.latency`, a proxy that adds `milliseconds` to each round trip."""

    def __init__(self, postgres: PostgresServer, milliseconds: float) -> None:
        self.port = free_port()
        target = postgres.home / f".s.PGSQL.{postgres.port}"
        self.command = [sys.executable, "-m", "benchmarks.latency", str(self.port), str(target), str(milliseconds)]

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        self.process.stdout.readline()  # it says when it listens
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.communicate()  # closes its input, which ends it


class PgBouncer:
    """A context manager: Debian's PgBouncer in transaction mode in front of one database."""

    def __init__(self, postgres: PostgresServer, folder: Path) -> None:
        self.postgres, self.port = postgres, free_port()
        self.configuration, self.log = folder / "pgbouncer.ini", folder / "pgbouncer.log"

    def __enter__(self) -> Self:
        program = shutil.which(PGBOUNCER) or shutil.which(PGBOUNCER, path="/usr/sbin")
        if program is None:
            raise RuntimeError("PgBouncer is not installed; on Debian: apt-get install pgbouncer")
        self.configuration.write_text(
            "[databases]\n"
            f"* = host={self.postgres.home} port={self.postgres.port} user=shop\n"
            "[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {self.port}\nunix_socket_dir =\n"
            f"auth_type = any\npool_mode = transaction\ndefault_pool_size = {POOL_SIZE}\nmax_client_conn = 200\n"
            f"logfile = {self.log}\n"
        )
        user = None
        if os.getuid() == 0:  # which PgBouncer refuses to run as
            user = pwd.getpwnam("nobody").pw_uid
            for path in (self.configuration.parent, self.configuration):
                os.chmod(path, 0o777)
        self.process = subprocess.Popen(
            [program, self.configuration], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, user=user
        )
        self._wait_until_it_answers()
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.terminate()
        self.process.wait(10)

    def cpu(self) -> float:
        """Seconds of CPU that it has used until now."""
        return cpu_seconds(self.process.pid)

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + 10
        while True:
            try:
                with closing(psycopg2.connect(host="127.0.0.1", port=self.port, user="shop", dbname="postgres")):
                    return
            except psycopg2.OperationalError:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


class ShopThroughPgBouncer(Shop):
    """The shop with BEHIND_PGBOUNCER=true, through a PgBouncer of its own."""

    name, title = "pgbouncer", "Shop through PgBouncer"

    def __init__(self, postgres: PostgresServer, folder: Path, *, database: str = "") -> None:
        super().__init__(postgres, folder, database=database)
        self.bouncer = PgBouncer(postgres, folder)

    def served_url(self) -> str:
        return f"postgres://shop@127.0.0.1:{self.bouncer.port}/{self.database}"

    def environment(self) -> dict[str, str]:
        return super().environment() | {"BEHIND_PGBOUNCER": str(self.is_serving).lower()}

    def __enter__(self) -> Self:
        self.bouncer.__enter__()
        return super().__enter__()

    def __exit__(self, *exception: object) -> None:
        super().__exit__(*exception)
        self.bouncer.__exit__()

    def cpu(self) -> float:
        return super().cpu() + self.bouncer.cpu()


class DistantShop(Shop):
    """The shop with its database some milliseconds away (`latency`, shared by all distant shops)."""

    latency: Latency

    def served_url(self) -> str:
        return f"postgres://shop@127.0.0.1:{self.latency.port}/{self.database}"


class DistantShopBefore(DistantShop, ShopBefore):
    """The same of another checkout."""
