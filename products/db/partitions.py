"""Events by month: partition the events table on PostgreSQL, with one partition for each month of `at`.

A shop starts with one table. `split` makes it the first partition of a new table with the same name, columns,
constraints and privileges, without copying rows. Later months get their own partitions, and dropping a month drops its
table. This module knows only tables; products.feed.months decides which month may be dropped.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, TypeVar

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.utils import CursorWrapper

from products.db import triggers
from products.db.retry import atomic_with_retry
from products.db.triggers import EVENTS, FEED, FROM_PARTITIONS, ORDERS

Result = TypeVar("Result")

DEFAULT = f"{EVENTS}_default"
"""The partition of the events for whose month there is none, so that an insert never fails."""

REFERRING = (FEED, "products_mail")
"""The tables whose rows name an event, by foreign keys that become triggers, as a partitioned table's key has `at`."""

REFERRED = ("products_product", ORDERS, "auth_user")
"""The tables that the foreign keys of events name, in the order in which most transactions come to them."""

PATIENCE = "200ms"
"""How long a statement that needs the table for itself waits before it makes way for those behind it, and retries."""
MAX_TRIES = 8

MARGIN = timedelta(days=7)
"""How long a month lasts at least that a table which is being split still takes."""

NEW_KEY, BEFORE = f"{EVENTS}_id_at", "events_before_the_months"

PARTITIONS = f"""
    SELECT relname, pg_get_expr(relpartbound, pg_class.oid), pg_total_relation_size(pg_class.oid) {FROM_PARTITIONS}
"""
BOUND = re.compile(r"FROM \((?:MINVALUE|'(?P<start>[^']+)')\) TO \('(?P<end>[^']+)'\)")

# These triggers replace the foreign keys. Like foreign keys they run with the owner's privileges, because a role that
# writes feed entries or mails may not be allowed to lock events. The lock keeps the event until the row is committed.
REFERENCES = f"""
    CREATE OR REPLACE FUNCTION products_event_exists() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    BEGIN
        PERFORM FROM {EVENTS} WHERE id = NEW.event_id FOR KEY SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'There is no event %, which a row of % is to name.', NEW.event_id, TG_TABLE_NAME
                USING ERRCODE = 'foreign_key_violation';
        END IF;
        RETURN NULL;
    END $$;
    CREATE OR REPLACE FUNCTION products_event_is_free() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
    BEGIN
        IF EXISTS (SELECT FROM {FEED} WHERE event_id = OLD.id)
                OR EXISTS (SELECT FROM products_mail WHERE event_id = OLD.id) THEN
            RAISE EXCEPTION 'A feed entry or a mail names the event %.', OLD.id
                USING ERRCODE = 'foreign_key_violation';
        END IF;
        RETURN NULL;
    END $$;
    CREATE TRIGGER {EVENTS}_is_free AFTER DELETE ON {EVENTS}
        FOR EACH ROW EXECUTE FUNCTION products_event_is_free();
"""  # noqa: S608 - our own names
REFERENCES += "".join(
    f"""
    CREATE TRIGGER {table}_event_exists AFTER INSERT OR UPDATE OF event_id ON {table}
        FOR EACH ROW EXECUTE FUNCTION products_event_exists();
    """
    for table in REFERRING
)


class CannotSplit(Exception):
    """The events table cannot be partitioned, or a month's partition cannot be created; says why."""


class EventsWithoutPosition(Exception):
    """The partition has events that may have no position in the feed yet."""


class Partition(NamedTuple):
    """A partition: its table, its range of times from `start` up to, excluding, `end`, and its size on disk in bytes.

    The first partition has no `start`; the default partition has no `start` and no `end`.
    """

    table: str
    start: datetime | None
    end: datetime | None
    size: int


def is_partitioned(connection: BaseDatabaseWrapper) -> bool:
    """Return whether the events table is partitioned by month; always False on SQLite."""
    if connection.vendor != "postgresql":
        return False
    with connection.cursor() as cursor:
        cursor.execute("SELECT relkind = 'p' FROM pg_class WHERE oid = to_regclass(%s)", [EVENTS])
        row = cursor.fetchone()
    return bool(row and row[0])


def partitions(connection: BaseDatabaseWrapper) -> list[Partition]:
    """Return the partitions in month order, without the default one; an empty list if the table is not partitioned."""
    if connection.vendor != "postgresql":
        return []
    with connection.cursor() as cursor:
        cursor.execute(PARTITIONS, [EVENTS])
        rows = cursor.fetchall()
    found = []
    for table, bound, size in rows:
        if match := BOUND.search(bound):
            start = datetime.fromisoformat(match["start"]) if match["start"] else None
            found.append(Partition(table, start, datetime.fromisoformat(match["end"]), size))
    return sorted(found, key=lambda each: each.end or datetime.max.replace(tzinfo=UTC))


def next_month(moment: datetime) -> datetime:
    """Return the start of the following month, in UTC."""
    moment = moment.astimezone(UTC)
    return datetime(moment.year + moment.month // 12, moment.month % 12 + 1, 1, tzinfo=UTC)


def split(connection: BaseDatabaseWrapper, now: datetime) -> None:
    """Make the events table the first partition of a new table with the same name.

    The slow steps, building an index and checking every row, run while the shop is in use; then orders pause briefly.
    Raises CannotSplit, and OperationalError if another transaction blocked every attempt. Neither leaves changes.
    """
    if connection.vendor != "postgresql":
        raise CannotSplit("SQLite has no partitions.")
    if is_partitioned(connection):
        raise CannotSplit("The events are by month already.")
    _refuse_unknown_foreign_keys(connection)
    end = next_month(now + MARGIN)
    concurrently = "" if connection.in_atomic_block else "CONCURRENTLY"
    try:
        _alone(connection, _undo)  # Remove what a killed attempt left behind.
        with connection.cursor() as cursor:
            cursor.execute("SET statement_timeout = 0")
            cursor.execute("SET lock_timeout = 0")  # It waits for transactions but blocks none.
            cursor.execute(f"CREATE UNIQUE INDEX {concurrently} {NEW_KEY} ON {EVENTS} (id, at)")
        _alone(connection, lambda cursor: _add_upper_bound(cursor, end))
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {EVENTS} VALIDATE CONSTRAINT {BEFORE}")
        _alone(connection, lambda cursor: _swap(connection, cursor, end))
    finally:
        if not connection.needs_rollback:
            if not is_partitioned(connection):
                _alone(connection, _undo)  # The constraint would reject events of that month.
            with connection.cursor() as cursor:
                cursor.execute("RESET statement_timeout")
                cursor.execute("RESET lock_timeout")


def make_months(connection: BaseDatabaseWrapper, up_to: datetime) -> list[str]:
    """Create the missing partitions up to the one that takes events of `up_to`; return their tables.

    If the default partition already has events after the last month, it becomes the partition of their months.
    """
    made: list[str] = []
    while (end := _newest_end(connection)) <= up_to:
        made.append(_alone(connection, lambda cursor, end=end: _make(connection, cursor, end)))  # type: ignore[misc]
    return made


def drop(connection: BaseDatabaseWrapper, partition: Partition, complete_to: int) -> None:
    """Drop a partition. Raises EventsWithoutPosition if it has events with larger ids than `complete_to`.

    The check follows the lock, because until then events could still be written into the partition.
    """

    def work(cursor: CursorWrapper) -> None:
        cursor.execute(f"LOCK TABLE ONLY {EVENTS} IN ACCESS EXCLUSIVE MODE")
        cursor.execute(f"LOCK TABLE {partition.table} IN ACCESS EXCLUSIVE MODE")
        cursor.execute(f"SELECT EXISTS (SELECT FROM {partition.table} WHERE id > %s)", [complete_to])  # noqa: S608
        if cursor.fetchone()[0]:
            raise EventsWithoutPosition
        cursor.execute(f"DROP TABLE {partition.table}")

    _alone(connection, work)


def _alone(connection: BaseDatabaseWrapper, work: Callable[[CursorWrapper], Result]) -> Result:
    """Run `work`, which locks tables exclusively, in a transaction with a short lock timeout to let orders pass."""

    def patiently() -> Result:
        with connection.cursor() as cursor:
            triggers.settle(connection)
            cursor.execute(f"SET LOCAL lock_timeout = '{PATIENCE}'")
            result = work(cursor)
            triggers.settle(connection)  # Lets a test go on in its own transaction.
            return result

    result: Result = atomic_with_retry(patiently, max_tries=MAX_TRIES)
    return result


def _refuse_unknown_foreign_keys(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT conrelid::regclass::text FROM pg_constraint WHERE contype = 'f' AND confrelid = to_regclass(%s)",
            [EVENTS],
        )
        unknown = sorted({table for (table,) in cursor.fetchall()} - {*REFERRING})
    if unknown:
        raise CannotSplit(f"Foreign keys of {', '.join(unknown)} name events, which a partitioned table cannot keep.")


def _add_upper_bound(cursor: CursorWrapper, end: datetime) -> None:
    """Add a constraint against events from `end` on, so that attaching the table as a partition needs no scan."""
    cursor.execute(f"ALTER TABLE {EVENTS} ADD CONSTRAINT {BEFORE} CHECK (at < '{end.isoformat()}') NOT VALID")


def _undo(cursor: CursorWrapper) -> None:
    """Remove what a failed attempt to split leaves behind."""
    cursor.execute(f"ALTER TABLE {EVENTS} DROP CONSTRAINT IF EXISTS {BEFORE}")
    cursor.execute(f"DROP INDEX IF EXISTS {NEW_KEY}")


def _lock(cursor: CursorWrapper) -> None:
    """Lock all tables that a change of partitions affects, before changing anything.

    The tables that the foreign keys refer to are included, because attaching or detaching a partition changes their
    triggers.
    """
    for table in REFERRED:
        cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
    cursor.execute(f"LOCK TABLE ONLY {EVENTS} IN ACCESS EXCLUSIVE MODE")


def _swap(connection: BaseDatabaseWrapper, cursor: CursorWrapper, end: datetime) -> None:
    """Replace the old table by the new one, with all dependent objects under their present names."""
    former = f"{EVENTS}_before_{end:%Y_%m}"
    _lock(cursor)
    for table in REFERRING:
        cursor.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
    # The new table's triggers are cloned to its partitions.
    triggers.remove_from_events(connection)
    cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id'))", [EVENTS])
    following = cursor.fetchone()[0] + 1
    rows = """
        SELECT conrelid::regclass::text, conname, contype::text, pg_get_constraintdef(oid) FROM pg_constraint
        WHERE contype IN ('p', 'f') AND %s::regclass IN (conrelid, confrelid)
    """
    cursor.execute(rows, [EVENTS])
    constraints = cursor.fetchall()
    cursor.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = current_schema() AND tablename = %s "
        "AND indexname NOT IN (SELECT conname FROM pg_constraint WHERE conrelid = %s::regclass) AND indexname <> %s",
        [EVENTS, EVENTS, NEW_KEY],
    )
    indexes = cursor.fetchall()
    # The privileges of other roles, and the owner.
    cursor.execute(
        "SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END, privilege_type, "
        "is_grantable FROM pg_class, aclexplode(relacl) WHERE oid = %s::regclass",
        [EVENTS],
    )
    grants = cursor.fetchall()
    cursor.execute("SELECT quote_ident(pg_get_userbyid(relowner)) FROM pg_class WHERE oid = %s::regclass", [EVENTS])
    owner = cursor.fetchone()[0]

    statements = [
        f"ALTER TABLE {table} DROP CONSTRAINT {name}" for table, name, kind, _ in constraints if table in REFERRING
    ]
    key = next(name for _, name, kind, _ in constraints if kind == "p")
    statements += [
        f"ALTER TABLE {EVENTS} DROP CONSTRAINT {key}",
        f"ALTER TABLE {EVENTS} ADD CONSTRAINT {former}_pkey PRIMARY KEY USING INDEX {NEW_KEY}",
        f"ALTER TABLE {EVENTS} ALTER COLUMN id DROP IDENTITY",
        f"ALTER TABLE {EVENTS} RENAME TO {former}",
        *(f"ALTER INDEX {name} RENAME TO {name}_before" for name, _ in indexes),
        # Without the constraint, which later months would violate.
        f"ALTER TABLE {former} RENAME CONSTRAINT {BEFORE} TO {former}_at",
        f"CREATE TABLE {EVENTS} (LIKE {former} INCLUDING DEFAULTS INCLUDING CONSTRAINTS) PARTITION BY RANGE (at)",
        f"ALTER TABLE {EVENTS} DROP CONSTRAINT {former}_at",
        f"ALTER TABLE {EVENTS} OWNER TO {owner}",
        f"ALTER TABLE {EVENTS} ALTER COLUMN id ADD GENERATED BY DEFAULT AS IDENTITY (START WITH {following})",
        f"ALTER TABLE {EVENTS} ADD CONSTRAINT {key} PRIMARY KEY (id, at)",
        *(definition for _, definition in indexes),
        *(
            f"ALTER TABLE {EVENTS} ADD CONSTRAINT {name} {definition}"
            for table, name, kind, definition in constraints
            if kind == "f" and table not in REFERRING
        ),
        *(
            f"GRANT {privilege} ON {EVENTS} TO {role}{' WITH GRANT OPTION' if grantable else ''}"
            for role, privilege, grantable in grants
        ),
    ]
    for statement in statements:
        cursor.execute(statement)
    cursor.execute(
        f"ALTER TABLE {EVENTS} ATTACH PARTITION {former} FOR VALUES FROM (MINVALUE) TO ('{end.isoformat()}')"
    )
    cursor.execute(f"CREATE TABLE {DEFAULT} PARTITION OF {EVENTS} DEFAULT")
    cursor.execute(f"ALTER TABLE {DEFAULT} OWNER TO {owner}")
    cursor.execute(f"ALTER TABLE {former} DROP CONSTRAINT {former}_at")
    cursor.execute(REFERENCES)
    triggers.install_on_events(connection)


def _newest_end(connection: BaseDatabaseWrapper) -> datetime:
    ends = [each.end for each in partitions(connection) if each.end is not None]
    if not ends:
        raise CannotSplit("The events are not by month; `manage.py event_months split` does that.")
    return max(ends)


def _make(connection: BaseDatabaseWrapper, cursor: CursorWrapper, start: datetime) -> str:
    """Create the partition that begins at `start`; return its table."""
    _lock(cursor)
    table, end = f"{EVENTS}_{start:%Y_%m}", next_month(start)
    cursor.execute(f"SELECT min(at), max(at) FROM {DEFAULT}")  # noqa: S608 - our own name
    earliest, latest = cursor.fetchone()
    if latest is None or latest < start:
        bounds = f"FOR VALUES FROM ('{start.isoformat()}') TO ('{end.isoformat()}')"
        cursor.execute(f"CREATE TABLE {table} PARTITION OF {EVENTS} {bounds}")
    elif earliest < start:
        raise CannotSplit(
            f"{DEFAULT} has events of {earliest:%Y-%m} and of {latest:%Y-%m}, between which there are months already. "
            "They cannot be moved, as events are append-only, until `purge` has deleted the old ones."
        )
    else:
        # No event is moved: the default partition is renamed, and a new one is created in its place.
        end = next_month(latest)
        bounds = f"FOR VALUES FROM ('{start.isoformat()}') TO ('{end.isoformat()}')"
        cursor.execute(f"ALTER TABLE {EVENTS} DETACH PARTITION {DEFAULT}")
        cursor.execute(f"ALTER TABLE {DEFAULT} RENAME TO {table}")
        cursor.execute(f"ALTER TABLE {EVENTS} ATTACH PARTITION {table} {bounds}")
        cursor.execute(f"CREATE TABLE {DEFAULT} PARTITION OF {EVENTS} DEFAULT")
    cursor.execute("SELECT quote_ident(pg_get_userbyid(relowner)) FROM pg_class WHERE oid = %s::regclass", [EVENTS])
    owner = cursor.fetchone()[0]
    for each in (table, DEFAULT):
        cursor.execute(f"ALTER TABLE {each} OWNER TO {owner}")
        triggers.install_on_partition(connection, each)
    return table
