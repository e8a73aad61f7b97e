"""Business metrics: the counters that /metrics exports, and the functions that increment them.

Counting happens after the commit and no rule depends on it. The export itself is in shop.observability.
"""

from prometheus_client import CollectorRegistry, Counter, disable_created_metrics

# The creation timestamps would double the number of series.
disable_created_metrics()

REGISTRY = CollectorRegistry()

REJECTION_REASONS = ("invalid_order", "insufficient_stock", "idempotency_key_reused")
"""The error codes of the rejections that are counted by reason."""

orders_placed = Counter("shop_orders_placed", "Orders that were placed, counted after the commit.", registry=REGISTRY)
orders_replayed = Counter(
    "shop_orders_replayed", "Retries that returned an order that was already placed.", registry=REGISTRY
)
orders_refused = Counter(
    "shop_orders_refused", "Orders that were rejected, by error code.", ["reason"], registry=REGISTRY
)
units_sold = Counter("shop_units_sold", "Pieces in placed orders.", registry=REGISTRY)
stock_shortages = Counter(
    "shop_stock_shortages", "Lines of rejected orders with insufficient stock.", registry=REGISTRY
)
logins = Counter(
    "shop_logins", "Login attempts, by outcome: succeeded, failed or locked out.", ["outcome"], registry=REGISTRY
)
database_errors = Counter(
    "shop_database_errors",
    "Requests that failed because of the database: no connection, or busy.",
    ["kind"],
    registry=REGISTRY,
)

replica_reads = Counter(
    "shop_replica_reads",
    "Requests that may read from the replica, by what became of that: replica, pinned, unavailable, failed.",
    ["outcome"],
    registry=REGISTRY,
)

# Creating the labeled children here starts each series at 0, so that Prometheus sees the first increment.
_refused = {reason: orders_refused.labels(reason) for reason in REJECTION_REASONS}
_logins = {outcome: logins.labels(outcome) for outcome in ("succeeded", "failed", "locked_out")}
_database_errors = {kind: database_errors.labels(kind) for kind in ("connection", "busy")}

_replica_reads = {outcome: replica_reads.labels(outcome) for outcome in ("replica", "pinned", "unavailable", "failed")}


def count_placed(units: int) -> None:
    """Count a placed order with so many pieces. Call it after the commit."""
    orders_placed.inc()
    units_sold.inc(units)


def count_not_placed(code: str, violations: int) -> None:
    """Count an order that was not placed, by the error's code and its number of violations."""
    if code == "already_placed":
        orders_replayed.inc()
    elif code in _refused:
        _refused[code].inc()
    if code == "insufficient_stock":
        stock_shortages.inc(violations)


def count_login(outcome: str) -> None:
    """Count a login attempt by its outcome: "succeeded", "failed" or "locked_out"."""
    _logins[outcome].inc()


def count_database_error(error: BaseException | None) -> None:
    """Count a request that failed because of the database."""
    _database_errors["connection" if is_connection_error(error) else "busy"].inc()


def count_replica_read(outcome: str) -> None:
    """Count a request that may read from the replica: "replica", "pinned", "unavailable" or "failed"."""
    _replica_reads[outcome].inc()


def is_connection_error(error: BaseException | None) -> bool:
    """Return whether the connection failed or was lost, as opposed to a statement that could not run now."""
    code = getattr(getattr(error, "__cause__", None), "pgcode", "sqlite")
    if code == "sqlite":
        return "locked" not in str(error)  # SQLite waited too long for another writer
    # None if no server answered. In PostgreSQL, classes 08 and 57P mean that the connection is lost.
    return code is None or code.startswith(("08", "57P"))
