"""Whether the current request reads from the replica: if that has replayed all that its client has written or seen.

A position is a place in PostgreSQL's write-ahead log (an LSN), as a number of bytes. Which models a replica may be
asked for, and how it is asked for its position, is up to the project.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.db import DEFAULT_DB_ALIAS, DataError, Error, connections
from django.db.models import BigIntegerField, Func

from products.db.errors import causes, sqlstate

REPLICA = "replica"
"""The replica's alias in DATABASES."""

QUERY_CANCELED = "57014"
"""A statement that took too long, which it would on the primary too."""


class LogPosition(Func):
    """The position of the primary's log, after everything that was committed before.

    The insert position: with synchronous_commit off, a commit is not yet written or flushed.
    """

    template = "pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"
    output_field = BigIntegerField()


class Reads:
    """The reads of one request. Where they go is chosen at the first one, and stays so: all see one database.

    `replayed` returns the position up to which the replica has replayed; None if it is not to be used.
    """

    def __init__(self, replayed: Callable[[], int | None]) -> None:
        self.replayed = replayed
        self.needed: int | None = None
        self.outcome: str | None = None
        """replica, pinned, unavailable or failed; None as long as nothing is chosen."""
        self.error: BaseException | None = None

    @property
    def alias(self) -> str:
        """The database to read from."""
        if self.needed is None or connections[DEFAULT_DB_ALIAS].in_atomic_block:
            return DEFAULT_DB_ALIAS
        if self.outcome is None:
            replayed = self.replayed()
            if replayed is None:
                self.outcome = "unavailable"
            else:
                self.outcome = "replica" if replayed >= self.needed else "pinned"
        return REPLICA if self.outcome == "replica" else DEFAULT_DB_ALIAS

    def fail(self, error: BaseException) -> bool:
        """Return whether the replica is to blame for an error, so that the primary has to answer instead."""
        errors = [each for each in causes(error) if isinstance(each, Error)]
        if self.outcome != "replica" or not errors:
            return False
        if any(isinstance(each, DataError) or sqlstate(each) == QUERY_CANCELED for each in errors):
            return False
        self.outcome, self.error = "failed", error
        return True


_reads: ContextVar[Reads | None] = ContextVar("reads", default=None)


@contextmanager
def reads_of_request(reads: Reads) -> Iterator[None]:
    """Let the reads inside go to the replica, as soon as it was offered."""
    token = _reads.set(reads)
    try:
        yield
    finally:
        _reads.reset(token)


def current_reads() -> Reads | None:
    """Return the reads of the request, if they may go to the replica."""
    return _reads.get()


def offer_replica(needed: int | None) -> None:
    """Let this request read from a replica that has replayed the log up to this position; None is any replica."""
    if (reads := _reads.get()) is not None and reads.needed is None:
        reads.needed = needed or 0


def stay_on_primary() -> None:
    """Have this request read from the primary from now on, for what has to be complete."""
    if (reads := _reads.get()) is not None:
        reads.needed, reads.outcome = None, None


def is_replica_to_blame(error: BaseException) -> bool:
    """Return whether the request failed because of the replica; then it is answered once more, by the primary."""
    return (reads := _reads.get()) is not None and reads.fail(error)
