"""The time up to which all changes are visible: a row can be committed long after the timestamp in it.

A client that asks for what changed since its last request needs that time. Its own clock, and the newest timestamp
that it has seen, are both too late: a transaction that was open at the time may still bring an older one.
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

# A timestamp is read right before the statement that writes it, and so not before that transaction has begun; or, in a
# transaction that has written nothing yet and may be waiting for a lock, not before its present statement. The rows of
# a role that this one may not look at have no timestamps, but show whether they are writing. That of the autovacuum
# has no user. A prepared transaction is in no session, and its start is unknown.
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

    None if it is unknown, because the start of an open transaction cannot be seen. Call it before the query, not
    after it: what is committed in between would be in neither.
    """
    connection = connections[alias]
    if connection.vendor != "postgresql":
        return timezone.now() - SQLITE_ALLOWANCE
    with connection.cursor() as cursor:
        cursor.execute(WRITERS)
        oldest, is_uncertain = cursor.fetchone()
    return None if is_uncertain else oldest - ALLOWANCE
