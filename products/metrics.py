"""What the shop counts about its business, for /metrics. How the figures get out is not decided here.

Counting is part of no rule: it comes after the commit, and nothing depends on it.
"""

from prometheus_client import CollectorRegistry, Counter, disable_created_metrics

# They would double the series, to say since when each is counted.
disable_created_metrics()

REGISTRY = CollectorRegistry()

REASONS = ("invalid_order", "insufficient_stock", "idempotency_key_reused")
"""The codes of the refusals that keep an order from being placed."""

orders_placed = Counter("shop_orders_placed", "Orders that were placed and are committed.", registry=REGISTRY)
orders_replayed = Counter("shop_orders_replayed", "Retries that found their order placed before.", registry=REGISTRY)
orders_refused = Counter(
    "shop_orders_refused", "Orders that a rule refused, by its code.", ["reason"], registry=REGISTRY
)
units_sold = Counter("shop_units_sold", "Pieces in the orders that were placed.", registry=REGISTRY)
stock_shortages = Counter(
    "shop_stock_shortages", "Lines of refused orders for which there was not enough stock.", registry=REGISTRY
)
logins = Counter(
    "shop_logins", "Passwords shown: right, wrong, or not looked at any more.", ["outcome"], registry=REGISTRY
)
database_errors = Counter(
    "shop_database_errors",
    "Requests that the database failed: no connection, or a connection that could not do it now.",
    ["kind"],
    registry=REGISTRY,
)

# Looked up once. It also makes each of them start from 0, without which the first one of all would be no increase.
_refused = {reason: orders_refused.labels(reason) for reason in REASONS}
_logins = {outcome: logins.labels(outcome) for outcome in ("succeeded", "failed", "locked_out")}
_database_errors = {kind: database_errors.labels(kind) for kind in ("connection", "busy")}


def count_placed(units: int) -> None:
    """One more order, of so many pieces. To be called when it is committed."""
    orders_placed.inc()
    units_sold.inc(units)


def count_not_placed(code: str, problems: int) -> None:
    """An order that came to nothing, by its refusal's code and the number of problems that it lists."""
    if code == "already_placed":
        orders_replayed.inc()
    elif code in _refused:
        _refused[code].inc()
    if code == "insufficient_stock":
        stock_shortages.inc(problems)


def count_login(outcome: str) -> None:
    """A password was shown: it "succeeded", "failed", or was not looked at: "locked_out"."""
    _logins[outcome].inc()


def count_database_error(error: BaseException | None) -> None:
    """The database failed a request."""
    _database_errors["connection" if is_about_the_connection(error) else "busy"].inc()


def is_about_the_connection(error: BaseException | None) -> bool:
    """Whether there is no connection (any more), and not only a statement that could not be done now."""
    code = getattr(getattr(error, "__cause__", None), "pgcode", "sqlite")
    if code == "sqlite":
        return "locked" not in str(error)  # which is waiting for another writer
    # None where no server answered. Classes 08 and 57P are PostgreSQL's own words for a connection that is lost.
    return code is None or code.startswith(("08", "57P"))
