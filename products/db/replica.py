"""Decide whether a request reads from the replica, which must have replayed everything its client has written or seen.

A position is a place in PostgreSQL's write-ahead log (an LSN), as a number of bytes. The project decides which models
may be read from the replica, and how to get the replica's position.
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
"""A statement that took too long; it would do so on the primary too."""


class LogPosition(Func):
    """The current position of the primary's log, after everything that is committed.

    It is the insert position, because with synchronous_commit off a commit may not be written or flushed yet.
    """

    template = "pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::bigint"
    output_field = BigIntegerField()


class Reads:
    """The reads of one request. The first read chooses the database, and all later ones use the same one.

    `replayed` returns the position that the replica has replayed; None if the replica must not be used.
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
        """Return whether the replica caused the error, so that the primary has to answer instead."""
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
    """Let the reads inside the block use the replica, once offer_replica() has been called."""
    token = _reads.set(reads)
    try:
        yield
    finally:
        _reads.reset(token)


def current_reads() -> Reads | None:
    """Return the reads of the request, if they may go to the replica."""
    return _reads.get()


def offer_replica(needed: int | None) -> None:
    """Let this request read from the replica if it has replayed the log up to this position; None means always."""
    if (reads := _reads.get()) is not None and reads.needed is None:
        reads.needed = needed or 0


def stay_on_primary() -> None:
    """Make this request read from the primary from now on, for data that must be complete."""
    if (reads := _reads.get()) is not None:
        reads.needed, reads.outcome = None, None


def is_replica_to_blame(error: BaseException) -> bool:
    """Return whether the request failed because of the replica; it is then repeated on the primary."""
    return (reads := _reads.get()) is not None and reads.fail(error)
