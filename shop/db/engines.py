"""Add each engine's options to an entry of Django's DATABASES."""

import os
import tempfile
from pathlib import Path
from typing import Any

CONNECTION_OPTIONS = {
    # For all addresses of the host together (shop.db.timeouts).
    "connect_timeout": 2,
    # Detect an idle connection that was cut off silently before a request uses it.
    "keepalives_idle": 30,
    "keepalives_interval": 5,
    "keepalives_count": 3,
}


def sqlite(database: dict[str, Any]) -> dict[str, Any]:
    """Configure SQLite so that writers wait for each other and a committed order survives a power failure."""
    options = {
        # A deferred transaction that reads and then writes fails with "database is locked" instead of waiting.
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        # synchronous=FULL costs half a millisecond per commit; NORMAL could lose the last commits in a power failure.
        # Without recursive triggers, a REPLACE would delete ledger rows without firing the triggers that forbid it.
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA recursive_triggers=ON",
    }
    # A file, because racing threads and processes cannot share an in-memory database; one for each test run.
    test = {"NAME": Path(tempfile.gettempdir(), f"shop-test-{os.getpid()}.sqlite3")}
    return database | {"OPTIONS": options | database.get("OPTIONS", {}), "TEST": test}


def postgresql(database: dict[str, Any], *, statement_timeout: int, behind_pgbouncer: bool) -> dict[str, Any]:
    """Configure PostgreSQL so that nothing waits forever. `statement_timeout` is in seconds."""
    given = database.get("OPTIONS", {})
    if not behind_pgbouncer:  # PgBouncer rejects these startup parameters.
        limits = {
            # Four attempts fit into API_DEADLINE (products.db.retry).
            "lock_timeout": 1_000,
            "statement_timeout": statement_timeout * 1_000,
            "idle_in_transaction_session_timeout": 30_000,
        }
        # The URL's own options come last, so that they win.
        options = [*(f"-c {name}={milliseconds}" for name, milliseconds in limits.items()), given.get("options")]
        given = given | {"options": " ".join(filter(None, options))}
    return database | {
        "ENGINE": "shop.db.postgresql",
        "OPTIONS": CONNECTION_OPTIONS | given,
        # Without it, a restart of PostgreSQL costs one failed request per connection.
        "CONN_HEALTH_CHECKS": True,
        # In transaction pooling, a cursor does not outlive its transaction.
        "DISABLE_SERVER_SIDE_CURSORS": behind_pgbouncer,
    }
