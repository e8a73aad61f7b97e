"""Find the PostgreSQL sessions that another session is waiting for."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from threading import Event, Thread
from typing import NamedTuple

from django.db import Error, connections
from django.db.backends.base.base import BaseDatabaseWrapper

# The query texts are left out, because they may contain customers' data. pg_blocking_pids() locks PostgreSQL's lock
# table, so LATERAL calls it only while the session is waiting.
BLOCKERS = """
    SELECT DISTINCT blocking.pid, coalesce(nullif(activity.application_name, ''), activity.backend_type, ''),
        round(extract(epoch FROM now() - activity.xact_start))::int, activity.query_start
    FROM pg_stat_activity AS waiting
    CROSS JOIN LATERAL unnest(pg_blocking_pids(waiting.pid)) AS blocking (pid)
    LEFT JOIN pg_stat_activity AS activity ON activity.pid = blocking.pid
    WHERE waiting.pid = %s AND waiting.wait_event_type = 'Lock'
    ORDER BY blocking.pid
"""


class Blocker(NamedTuple):
    """A session that holds a lock or queued for it earlier. Details of other roles' sessions need pg_read_all_stats."""

    pid: int
    """0 for a prepared transaction, which has no session."""
    name: str
    """Its application_name, or else what kind of process it is."""
    age: int | None
    """Seconds since its transaction began."""
    statement_began_at: datetime | None

    def __str__(self) -> str:
        if not self.pid:
            return "a prepared transaction (see pg_prepared_xacts)"
        facts = [f"pid {self.pid} ({self.name or 'without a name'})"]
        if self.age is not None:
            facts.append(f"in a transaction for {self.age} s")
        if self.statement_began_at is not None:
            facts.append(f"last statement begun at {self.statement_began_at:%Y-%m-%d %H:%M:%S %Z}")
        return ", ".join(facts)


@contextmanager
def blockers_of(connection: BaseDatabaseWrapper, *, every: float) -> Iterator[list[Blocker]]:
    """Yield a list that always has the sessions that blocked this connection most recently, while the block runs.

    A thread with its own connection updates it at a fixed interval, because a waiting session cannot query anything
    itself, and after it gives up, the blockers cannot be seen. The list stays empty if the thread cannot look, for
    example because no connection is free.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        [pid] = cursor.fetchone()
    found: list[Blocker] = []
    is_over = Event()

    def look() -> None:
        observer = connections[connection.alias]  # Django's connections are per thread.
        try:
            with suppress(Error), observer.cursor() as cursor:
                while not is_over.wait(every):
                    cursor.execute(BLOCKERS, [pid])
                    if rows := cursor.fetchall():
                        found[:] = [Blocker(*row) for row in rows]
        finally:
            observer.close()

    thread = Thread(target=look, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        is_over.set()
        thread.join()
