"""How each database is talked to: what an entry of Django's DATABASES needs beyond the address."""

import os
import tempfile
from pathlib import Path
from typing import Any

CONNECTING = {
    # For each address of the host: both of localhost's fit into the five seconds that a request has.
    "connect_timeout": 2,
    # So that an idle connection that was cut off without a word is found out before a request uses it.
    "keepalives_idle": 30,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}


def sqlite(database: dict[str, Any]) -> dict[str, Any]:
    """Writers wait for each other, and what was acknowledged survives a power failure."""
    options = {
        # A deferred transaction that reads and then writes fails with "database is locked" instead of waiting.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        # FULL costs half a millisecond per commit. NORMAL would lose the last commits when the power fails, and an
        # order that was acknowledged has to be there.
        # And without recursive triggers a REPLACE would delete lines of the ledger behind its triggers' back.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA recursive_triggers=ON",
    }
    # A file, since threads and processes that race cannot share a database in memory; each test run has its own.
    test = {"NAME": Path(tempfile.gettempdir(), f"shop-test-{os.getpid()}.sqlite3")}
    return database | {"OPTIONS": options | database.get("OPTIONS", {}), "TEST": test}


def postgresql(database: dict[str, Any], *, statement_timeout: int, behind_pgbouncer: bool) -> dict[str, Any]:
    """Nothing waits for ever. `statement_timeout` is in seconds."""
    options, given = CONNECTING, database.get("OPTIONS", {})
    if not behind_pgbouncer:  # which refuses these at the start of a connection
        limits = {
            # Four tries fit into the five seconds that a request has (products.db.retry).
            "lock_timeout": 1_000,
            "statement_timeout": statement_timeout * 1_000,
            "idle_in_transaction_session_timeout": 30_000,
        }
        # What the URL says comes last and wins.
        stated = [*(f"-c {name}={milliseconds}" for name, milliseconds in limits.items()), given.get("options")]
        given = given | {"options": " ".join(filter(None, stated))}
    return database | {
        "ENGINE": "shop.postgresql",
        "OPTIONS": options | given,
        # Without it, a restart of PostgreSQL costs a failed request per connection.
        "CONN_HEALTH_CHECKS": True,
        # In a pool that gives a connection per transaction, no cursor outlives one.
        "DISABLE_SERVER_SIDE_CURSORS": behind_pgbouncer,
    }
