import math
import time
from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.core.management.commands import migrate
from django.db import OperationalError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import Migration

from products.db.errors import sqlstate
from products.db.lock_waits import Blocker, blockers_of

LOCK_TIMEOUT = 0.3
"""Seconds, because as long as a migration waits for a table, everybody else who wants the table waits behind it."""
RETRY_FOR = 120.0
"""Seconds: longer than PostgreSQL lets a session of the shop idle in a transaction."""
MIN_PAUSE, MAX_PAUSE = 1.0, 8.0
"""Seconds between two tries, doubled each time; those who had to wait get through meanwhile."""

LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED = "55P03", "40P01"


def seconds(text: str) -> float:
    """Return the number of seconds in an option's text. Raises ArgumentTypeError if it is invalid."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 86_400:
        raise ArgumentTypeError(f"{text!r} is not a number of seconds up to a day")
    return value


def seconds_to_wait(text: str) -> float:
    """Return the seconds of a lock timeout, which must not round to 0 ms: PostgreSQL would take that as no limit."""
    value = seconds(text)
    if value < 0.001:
        raise ArgumentTypeError("without a limit, everybody would wait behind the migration")
    return value


class Command(migrate.Command):
    """Django's migrate, except that on PostgreSQL it waits only briefly for a lock, and then tries again.

    While a migration waits for a lock on a table, PostgreSQL queues all later requests for the table behind it. So one
    long-running reader would stop all orders.
    """

    connection: BaseDatabaseWrapper
    lock_timeout: float | None = None
    """None leaves the session's."""
    retry_for: float = RETRY_FOR
    gives_up_at: float | None = None
    """On the monotonic clock; None while nothing was in the way of the migration."""
    migration: Migration | None = None
    """The one that is being applied."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--lock-timeout",
            type=seconds_to_wait,
            default=LOCK_TIMEOUT,
            metavar="SECONDS",
            help=f"How long a migration, and all behind it, wait for a lock of PostgreSQL; {LOCK_TIMEOUT} by default.",
        )
        parser.add_argument(
            "--retry-for",
            type=seconds,
            default=RETRY_FOR,
            metavar="SECONDS",
            help=f"How long a migration that got no lock is tried again; {RETRY_FOR:.0f} by default, 0 is once only.",
        )

    def handle(self, *args: Any, lock_timeout: float, retry_for: float, **options: Any) -> None:
        self.connection = connections[options["database"]]
        # In the caller's transaction, only the caller can start again.
        if self.connection.vendor != "postgresql" or self.connection.in_atomic_block:
            super().handle(*args, **options)
            return
        self.lock_timeout, self.retry_for, pause = lock_timeout, retry_for, MIN_PAUSE
        try:
            while True:
                try:
                    with blockers_of(self.connection, every=lock_timeout / 4) as blockers:
                        super().handle(*args, **options)
                    return
                except OperationalError as error:
                    if sqlstate(error) not in {LOCK_NOT_AVAILABLE, DEADLOCK_DETECTED}:
                        raise
                    self._pause(pause, error, blockers)
                pause = min(2 * pause, MAX_PAUSE)
        finally:
            self.connection.close()  # The next one starts with the usual lock_timeout.

    def migration_progress_callback(self, action: str, migration: Migration | None = None, fake: bool = False) -> None:
        """Set the lock timeout before each migration, because an earlier one may have changed the session's."""
        super().migration_progress_callback(action, migration, fake)
        if action in {"apply_start", "unapply_start"}:
            self.migration = migration
            if self.lock_timeout is not None:
                with self.connection.cursor() as cursor:
                    cursor.execute(
                        "SELECT set_config('lock_timeout', %s, false)", [f"{self.lock_timeout * 1000:.0f}ms"]
                    )
        elif action in {"apply_success", "unapply_success"}:
            self.migration = self.gives_up_at = None

    def _pause(self, pause: float, error: OperationalError, blockers: list[Blocker]) -> None:
        """Report the blocking sessions and wait. Raises CommandError once the time for retries is over."""
        now = time.monotonic()
        if self.gives_up_at is None:
            self.gives_up_at = now + self.retry_for
        if self.migration and self.verbosity:
            self.stdout.write()  # Django has left the line open.
        name = str(self.migration or "What follows the migrations")
        met = "met a deadlock" if sqlstate(error) == DEADLOCK_DETECTED else f"got no lock in {self.lock_timeout:g} s"
        in_the_way = "; ".join(map(str, blockers)) or "nobody who could be seen"
        if now >= self.gives_up_at:
            raise CommandError(
                f"{name} {met}, although it was tried again for {self.retry_for:g} s. {self._what_is_left()} "
                f"In the way: {in_the_way}. Wait for it, or end it by SELECT pg_terminate_backend(pid), "
                "and run migrate again: it goes on there."
            ) from error
        pause = min(pause, self.gives_up_at - now)
        left = self.gives_up_at - now
        self.stderr.write(
            f"{name} {met}. In the way: {in_the_way}. It is tried again in {pause:.1f} s, and for {left:.0f} s at most."
        )
        time.sleep(pause)

    def _what_is_left(self) -> str:
        if self.migration is None:
            return "All migrations are applied."
        if self.migration.atomic:
            return "Nothing of it is left in the database."
        return "What it has committed stays."
