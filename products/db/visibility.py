"""Find the time up to which all changes are visible: a row can be committed long after the timestamp in it.

A client that asks for changes since its last request needs that time. Its own clock and the newest timestamp that it
has seen are both too late, because a transaction that was open then may still commit a row with an older timestamp.
"""

from datetime import datetime, timedelta

from django.db import DEFAULT_DB_ALIAS, connections
from django.utils import timezone

ALLOWANCE = timedelta(seconds=10)
"""For PostgreSQL: how far the servers' clocks may be apart, and how long a timestamp may be on its way into the
database, for example waiting for a connection of a pool."""

SQLITE_ALLOWANCE = timedelta(seconds=60)
"""SQLite does not tell who is writing. A writer waits 20 s for another at most, and no transaction of a request is
long."""

# A timestamp is read right before the statement that writes it. So it is never older than the start of its transaction
# or, if the transaction has written nothing yet and may be waiting for a lock, than the start of its current statement.
# Sessions of roles that this one may not inspect show no start times, but show whether they have written. Autovacuum's
# sessions have no user. A prepared transaction has no session, and its start is unknown.
WRITERS = """
    SELECT least(
            clock_timestamp(),
            min(CASE WHEN backend_xid IS NULL THEN query_start ELSE xact_start END)
        ),
        coalesce(bool_or(backend_xid IS NOT NULL AND xact_start IS NULL), false)
            OR EXISTS (SELECT FROM pg_prepared_xacts WHERE database = current_database())
            OR pg_is_in_recovery()
    FROM pg_stat_activity
    WHERE datname = current_database()
        AND pid <> pg_backend_pid()
        AND usesysid IS NOT NULL
        AND (backend_xid IS NOT NULL OR state = 'active' AND backend_type = 'client backend')
"""


def visible_until(alias: str = DEFAULT_DB_ALIAS) -> datetime | None:
    """Return a time before which nothing changes any more: the next query sees every row with an earlier timestamp.

    Returns None if the start of an open transaction is not visible. Call it before the query; if it were called after,
    changes committed in between would be missed for ever.
    """
    connection = connections[alias]
    if connection.vendor != "postgresql":
        return timezone.now() - SQLITE_ALLOWANCE
    with connection.cursor() as cursor:
        cursor.execute(WRITERS)
        oldest, is_uncertain = cursor.fetchone()
    return None if is_uncertain else oldest - ALLOWANCE
