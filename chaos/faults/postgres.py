"""PostgreSQL itself: restarted, killed, frozen, read-only, without a disk."""

from contextlib import suppress
from pathlib import Path

import psutil

from chaos.databases import Postgres, Sqlite, may_mount
from chaos.faults.fault import Fault

BLOCK = b"\0" * 65_536


class PostgresFault(Fault):
    database = Postgres


class PostgresRestarted(PostgresFault):
    """Stopped as for a minor update, and started again."""

    name = "postgres_restarted"
    seconds = (0.5, 2)

    def begin(self) -> None:
        self.scene.database.server.stop("fast")

    def end(self) -> None:
        self.scene.database.wait_until_it_works()


class PostgresKilled(PostgresRestarted):
    """`kill -9` of all its processes; it comes back through crash recovery."""

    name = "postgres_killed"

    def begin(self) -> None:
        self.scene.database.server.kill()


class PostgresFrozen(PostgresFault):
    """SIGSTOP: connections stay open, and nobody answers on them. The worst there is for whoever has no deadline."""

    name = "postgres_frozen"
    seconds = (7, 15)  # longer than a request may take

    def begin(self) -> None:
        self.stopped: list[psutil.Process] = []
        # The postmaster first, which then starts no backend that we would overlook.
        for process in self.scene.database.server.processes:
            with suppress(psutil.NoSuchProcess):
                process.suspend()
                self.stopped.append(process)

    def end(self) -> None:
        for process in self.stopped:
            with suppress(psutil.NoSuchProcess):
                process.resume()


class PostgresReadOnly(PostgresFault):
    """Every transaction is read-only, as after a failover to a standby, or when somebody does this to save a disk."""

    name = "postgres_read_only"
    seconds = (3, 6)

    def begin(self) -> None:
        self._be("on")

    def end(self) -> None:
        self._be("off")

    def _be(self, read_only: str) -> None:
        # For those who are connected already as well, from their next transaction on.
        self.scene.database.execute(f"ALTER SYSTEM SET default_transaction_read_only = {read_only}")
        self.scene.database.execute("SELECT pg_reload_conf()")


class DiskFull(PostgresFault):
    """No space left where PostgreSQL writes."""

    name = "disk_full"
    seconds = (3, 6)

    @classmethod
    def why_not(cls, database: Postgres | Sqlite) -> str:
        if super().why_not(database):
            return super().why_not(database)
        return "" if may_mount() else "only root may mount a disk that is small enough"

    @property
    def ballast(self) -> Path:
        return Path(self.scene.database.server.home, "data", "ballast")

    def begin(self) -> None:
        with suppress(OSError), self.ballast.open("ab", buffering=0) as file:
            while file.write(BLOCK):
                pass

    def go_on(self) -> None:
        self.begin()

    def end(self) -> None:
        self.ballast.unlink(missing_ok=True)
        self.scene.database.wait_until_it_works()
