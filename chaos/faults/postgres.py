"""PostgreSQL itself: restarted, killed, frozen, read-only, with a full disk."""

from contextlib import suppress
from pathlib import Path

import psutil

from chaos.databases import Postgres, Sqlite, may_mount
from chaos.faults.fault import Fault

BLOCK = b"\0" * 65_536


class PostgresFault(Fault):
    database = Postgres


class PostgresRestarted(PostgresFault):
    """PostgreSQL is restarted, as for a minor update."""

    name = "postgres_restarted"
    seconds = (0.5, 2)

    def begin(self) -> None:
        self.context.database.server.stop("fast")

    def end(self) -> None:
        self.context.database.wait_until_it_works()


class PostgresKilled(PostgresRestarted):
    """All PostgreSQL processes are killed with `kill -9`; it restarts with crash recovery."""

    name = "postgres_killed"

    def begin(self) -> None:
        self.context.database.server.kill()


class PostgresFrozen(PostgresFault):
    """All PostgreSQL processes are stopped with SIGSTOP: connections stay open and nothing answers."""

    name = "postgres_frozen"
    seconds = (7, 15)  # longer than a request may take

    def begin(self) -> None:
        self.stopped: list[psutil.Process] = []
        # The postmaster first, so that it starts no backend that would be overlooked.
        for process in self.context.database.server.processes:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
                self.stopped.append(process)

    def end(self) -> None:
        for process in self.stopped:
            with suppress(psutil.NoSuchProcess):
                process.resume()


class PostgresReadOnly(PostgresFault):
    """Every transaction is read-only, as after a failover to a standby."""

    name = "postgres_read_only"
    seconds = (3, 6)

    def begin(self) -> None:
        self._be("on")

    def end(self) -> None:
        self._be("off")

    def _be(self, read_only: str) -> None:
        # Applies to open connections too, from their next transaction on.
        self.context.database.execute(f"ALTER SYSTEM SET default_transaction_read_only = {read_only}")
        self.context.database.execute("SELECT pg_reload_conf()")


class DiskFull(PostgresFault):
    """PostgreSQL's disk is full."""

    name = "disk_full"
    seconds = (3, 6)

    @classmethod
    def why_not(cls, database: Postgres | Sqlite) -> str:
        if super().why_not(database):
            return super().why_not(database)
        return "" if may_mount() else "it needs root, to mount a small disk"

    @property
    def ballast(self) -> Path:
        return Path(self.context.database.server.home, "data", "ballast")

    def begin(self) -> None:
        with suppress(OSError), self.ballast.open("ab", buffering=0) as file:
            while file.write(BLOCK):
                pass

    def tick(self) -> None:
        self.begin()

    def end(self) -> None:
        self.ballast.unlink(missing_ok=True)
        self.context.database.wait_until_it_works()
