"""Triggers: changes that the database rejects, whichever client sends the SQL.

The ledger and the events are append-only, and what was agreed when an order was placed is frozen. One migration is not
enough to create the triggers, because SQLite drops a table's triggers whenever a migration rebuilds the table; such a
migration calls `install` again at its end. If it rebuilds `products_stockmovement` or `products_orderline`, which
triggers of other tables read, it also calls `remove` at its beginning: SQLite cannot rename a table while a trigger
reads a table that is missing.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

MOVEMENTS, EVENTS = "products_stockmovement", "products_event"
FEED = "products_feedentry"
ORDERS, LINES = "products_order", "products_orderline"
SHIPMENTS = "products_shipment"
FROM_PARTITIONS = "FROM pg_inherits JOIN pg_class ON pg_class.oid = inhrelid WHERE inhparent = to_regclass(%s)"
"""The partitions of a table, each as its row of pg_class."""

WRITTEN_ONCE = (
    "products_cancellation",
    "products_return",
    "products_refund",
    "products_shipmentline",
    "products_cancellationline",
    "products_returnline",
    "products_refundline",
)
"""The tables of what was done with an order's lines, whose rows stay as they were written."""

COUNTERS = ("shipped", "cancelled", "returned", "restocked")
"""The columns of a placed order's line that change; all others are frozen, those too that are added later."""

SHIPMENT_COLUMNS = ("id", "order_id", "number", "idempotency_key", "request_digest", "by_id", "at")
"""The columns of a shipment that never change; carrier and tracking number can be corrected."""

FROZEN_COLUMNS = (
    "id",
    "customer_id",
    "number",
    "discount",
    "shipping",
    "shipping_tax_rate",
    "shipping_tax",
    "tax",
    "prices_include_tax",
    "total",
    "currency",
    "idempotency_key",
    "request_digest",
    "imported_number",
    "created_at",
    "placed_at",
    "reference",
    "note",
    "email",
    "phone",
    "ship_to_name",
    "ship_to_company",
    "ship_to_line1",
    "ship_to_line2",
    "ship_to_postal_code",
    "ship_to_city",
    "ship_to_region",
    "ship_to_country",
)
"""The columns of an order that never change once it was placed."""

TRANSITIONS = (
    ("CART", "PLACED"),
    ("CART", "CANCELLED"),
    ("PLACED", "PAID"),
    ("PLACED", "CANCELLED"),
    ("PLACED", "EXPIRED"),
    ("PAID", "SHIPPED"),
    ("PAID", "CANCELLED"),
    ("SHIPPED", "DELIVERED"),
    ("SHIPPED", "RETURNED"),
    ("DELIVERED", "RETURNED"),
    ("EXPIRED", "PAID"),
)
"""The changes of an order's status that the database allows. A test holds them against products.models.TRANSITIONS; a
change needs a migration that calls `install`."""

APPEND_ONLY = (
    " is append-only: the ledger and the history are never rewritten. In tests, products.testing empties them."
)
FEED_IS_FINAL = "A position in the feed is final: readers have been told of it."
LINES_ARE_FROZEN = (
    "The lines of a placed order are frozen: product, quantity, SKU, name, unit price and order. "
    "Cancel or return the order and place another one."
)
FULFILMENT_STAYS = (
    " are written once, by ship(), cancel(), return_goods() and refund() of an order; of a shipment, carrier and "
    "tracking number can be corrected."
)
STATUS_AGREES_WITH_COUNTERS = (
    "The status of an order follows from the counters of its lines: it is SHIPPED, DELIVERED or RETURNED when no piece "
    "remains to be shipped, and CANCELLED or EXPIRED when every piece is cancelled."
)
NO_MORE_COMES_BACK = "An order line gives back no more stock than its counter says: restocked."
NO_LATE_LINES = "No line can be added to an order whose stock has been taken; place another order."
ORDER_IS_FROZEN = (
    "Id, number, customer, amounts, currency, idempotency key, request digest, created_at, placed_at, reference, note, "
    "e-mail, phone and address of a placed order are frozen. Cancel or return the order and place another one."
)
NUMBER_STAYS = "The number of an order never changes: it may have been read out already."
STATUS_FOLLOWS_TRANSITIONS = (
    "The status of an order changes only as TRANSITIONS allows: by place(), pay(), ship(), deliver(), cancel(), "
    "expire() and return_goods()."
)
DEADLINE_IS_FIXED = "The payment deadline (pay_by) of an order changes only while the order is PLACED."
ORDERS_STAY = "A placed order is never deleted; cancel() it."


class Rule(NamedTuple):
    """A row trigger that refuses `action` on `table`, where `when` holds, with `sentence`."""

    name: str
    table: str
    action: str
    sentence: str
    when: str = ""

    @property
    def exempts_old_rows(self) -> bool:
        """True if rows older than 30 days are exempt: see products.models.events.MIN_RETENTION."""
        return self.when == IS_YOUNGER_THAN_30_DAYS


def _differs(columns: Iterable[str]) -> str:
    return "(" + " OR ".join(f"OLD.{name} IS DISTINCT FROM NEW.{name}" for name in columns) + ")"


IS_YOUNGER_THAN_30_DAYS = "OLD.at > {thirty_days_ago}"
_AGO = {"postgresql": "now() - interval '30 days'", "sqlite": "datetime('now', '-30 days')"}

HISTORY_RULES = [
    Rule(f"{MOVEMENTS}_no_update", MOVEMENTS, "UPDATE", MOVEMENTS + APPEND_ONLY),
    Rule(f"{MOVEMENTS}_no_delete", MOVEMENTS, "DELETE", MOVEMENTS + APPEND_ONLY),
    Rule(f"{EVENTS}_no_update", EVENTS, "UPDATE", EVENTS + APPEND_ONLY),
    Rule(f"{EVENTS}_no_delete", EVENTS, "DELETE", EVENTS + APPEND_ONLY, IS_YOUNGER_THAN_30_DAYS),
    Rule(f"{FEED}_no_update", FEED, "UPDATE", FEED_IS_FINAL),
]

# A line has a unit price once its order is placed, and a cart's line has none, so no other table needs to be read.
ORDER_RULES = [
    Rule(
        f"{LINES}_frozen",
        LINES,
        "UPDATE",
        LINES_ARE_FROZEN,
        "(OLD.unit_price IS NOT NULL OR NEW.unit_price IS NOT NULL) AND {frozen_of_line_differ} OR "
        + _differs(["id", "order_id"]),
    ),
    Rule(f"{LINES}_no_delete", LINES, "DELETE", LINES_ARE_FROZEN, "OLD.unit_price IS NOT NULL"),
    Rule(
        f"{ORDERS}_frozen",
        ORDERS,
        "UPDATE",
        ORDER_IS_FROZEN,
        "OLD.placed_at IS NOT NULL AND {frozen_differ}",
    ),
    Rule(f"{ORDERS}_number", ORDERS, "UPDATE", NUMBER_STAYS, "OLD.placed_at IS NULL AND {number_differs}"),
    Rule(
        f"{ORDERS}_status",
        ORDERS,
        "UPDATE",
        STATUS_FOLLOWS_TRANSITIONS,
        "OLD.status <> NEW.status AND NOT ("
        + " OR ".join(f"(OLD.status = '{before}' AND NEW.status = '{after}')" for before, after in TRANSITIONS)
        + ")",
    ),
    Rule(
        f"{ORDERS}_deadline",
        ORDERS,
        "UPDATE",
        DEADLINE_IS_FIXED,
        f"OLD.status NOT IN ('CART', 'PLACED') AND {_differs(['pay_by'])}",
    ),
    Rule(f"{ORDERS}_no_delete", ORDERS, "DELETE", ORDERS_STAY, "OLD.placed_at IS NOT NULL"),
]

FULFILMENT_RULES = [
    *(
        Rule(f"{table}_no_{action.lower()}", table, action, f"The rows of {table}{FULFILMENT_STAYS}")
        for table in WRITTEN_ONCE
        for action in ("UPDATE", "DELETE")
    ),
    Rule(
        f"{SHIPMENTS}_frozen",
        SHIPMENTS,
        "UPDATE",
        f"The rows of {SHIPMENTS}{FULFILMENT_STAYS}",
        _differs(SHIPMENT_COLUMNS),
    ),
    Rule(f"{SHIPMENTS}_no_delete", SHIPMENTS, "DELETE", f"The rows of {SHIPMENTS}{FULFILMENT_STAYS}"),
]

RULES = [*HISTORY_RULES, *ORDER_RULES, *FULFILMENT_RULES]

LATE = f"{LINES}_no_late"

# It checks only the first line of the order in the index of (order, product): all lines of an order get their movements
# in one statement, and checking every line would cost n * n for an order of n lines. ORDER BY makes the planner use
# that index instead of scanning a table of few large orders for any line.
#
# This is a row trigger, because a statement trigger with a transition table was measured to cost more: 14 µs instead of
# 8 µs for one line, 60 µs instead of 45 µs for five.
LATE_LINES_POSTGRESQL = f"""
    CREATE OR REPLACE FUNCTION products_no_late_lines() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM FROM {MOVEMENTS} AS movement WHERE movement.line_id = (
            SELECT line.id FROM {LINES} AS line WHERE line.order_id = NEW.order_id
            ORDER BY line.order_id, line.product_id LIMIT 1
        );
        IF FOUND THEN
            RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER {LATE} BEFORE INSERT ON {LINES}
        FOR EACH ROW EXECUTE FUNCTION products_no_late_lines('{NO_LATE_LINES}')
"""  # noqa: S608 - our own names
LATE_LINES_SQLITE = f"""
    CREATE TRIGGER {LATE} BEFORE INSERT ON {LINES}
    WHEN EXISTS (
        SELECT 1 FROM {MOVEMENTS} AS movement WHERE movement.line_id = (
            SELECT line.id FROM {LINES} AS line WHERE line.order_id = NEW.order_id
            ORDER BY line.order_id, line.product_id LIMIT 1
        )
    )
    BEGIN SELECT RAISE(ABORT, '{NO_LATE_LINES}'); END
"""  # noqa: S608 - our own names

# The release before the counters changes the status of the whole order without setting counters. For an order whose
# counters are all 0, the database therefore sets those that the new status implies. Later releases write the counters
# before the status.
COUNTED, BACK = f"{ORDERS}_counted", f"{MOVEMENTS}_back"
STATUS_MOVED = "OLD.status <> NEW.status AND OLD.status <> 'CART'"
COUNTING = (
    """UPDATE {lines} SET shipped = quantity
        WHERE order_id = NEW.id AND NEW.status IN ('SHIPPED', 'DELIVERED', 'RETURNED') AND {nothing_counted}""",
    """UPDATE {lines} SET returned = shipped, restocked = shipped
        WHERE order_id = NEW.id AND NEW.status = 'RETURNED' AND NOT EXISTS (
            SELECT 1 FROM {lines} AS other WHERE other.order_id = NEW.id AND other.returned + other.cancelled > 0
        )""",
    """UPDATE {lines} SET cancelled = quantity, restocked = quantity
        WHERE order_id = NEW.id AND NEW.status IN ('CANCELLED', 'EXPIRED') AND {nothing_counted}""",
    # Checked only for a whole order: the amount due for a part depends on discounts and taxes (ordering.pricing.due).
    """UPDATE {orders} SET paid = total WHERE id = NEW.id AND NEW.status = 'PAID' AND paid = 0 AND {nothing_counted}""",
)
NOTHING_COUNTED = """NOT EXISTS (
            SELECT 1 FROM {lines} AS other WHERE other.order_id = NEW.id AND other.shipped + other.cancelled > 0
        )"""
DISAGREES = """
        SELECT 1 FROM {lines} AS line WHERE line.order_id = NEW.id AND (
            NEW.status IN ('SHIPPED', 'DELIVERED', 'RETURNED') AND line.shipped + line.cancelled < line.quantity
            OR NEW.status = 'RETURNED' AND line.returned < line.shipped
            OR NEW.status IN ('CANCELLED', 'EXPIRED') AND line.cancelled < line.quantity
        )"""
GAVE_BACK = "NEW.delta > 0 AND NEW.line_id IS NOT NULL"
TOO_MUCH_BACK = """
        SELECT 1 FROM {lines} AS line WHERE line.id = NEW.line_id AND line.restocked < (
            SELECT sum(movement.delta) FROM {movements} AS movement
            WHERE movement.line_id = NEW.line_id AND NOT (movement.reason = 'SOLD' AND movement.part = 0)
        )"""
"""What came back, without what a late payment took again."""


def _fulfilment_triggers(connection: BaseDatabaseWrapper) -> Iterator[str]:
    """Yield the triggers that compare order, lines and ledger, if the counter columns of the lines exist already."""
    if len(_existing_columns(connection, LINES, COUNTERS)) < len(COUNTERS):
        return
    tables = {"lines": LINES, "orders": ORDERS, "movements": MOVEMENTS}
    nothing_counted = NOTHING_COUNTED.format(**tables)
    counting = [statement.format(nothing_counted=nothing_counted, **tables) for statement in COUNTING]
    triggers = [
        (COUNTED, ORDERS, "UPDATE", STATUS_MOVED, counting, DISAGREES.format(**tables), STATUS_AGREES_WITH_COUNTERS),
        (BACK, MOVEMENTS, "INSERT", GAVE_BACK, [], TOO_MUCH_BACK.format(**tables), NO_MORE_COMES_BACK),
    ]
    for name, table, action, when, statements, wrong, sentence in triggers:
        body = "".join(f"{statement};\n        " for statement in statements)
        if connection.vendor == "postgresql":
            yield (
                f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$\n    BEGIN\n        {body}"
                f"IF EXISTS ({wrong}) THEN\n            RAISE EXCEPTION '%', TG_ARGV[0] "
                "USING ERRCODE = 'integrity_constraint_violation';\n        END IF;\n        RETURN NULL;\n    END $$"
            )
            yield (
                f"CREATE TRIGGER {name} AFTER {action} ON {table} FOR EACH ROW WHEN ({when}) "
                f"EXECUTE FUNCTION {name}('{sentence}')"
            )
        else:
            yield (
                f"CREATE TRIGGER {name} AFTER {action} ON {table} WHEN {when} BEGIN {body}"
                f"SELECT RAISE(ABORT, '{sentence}') WHERE EXISTS ({wrong}); END"
            )


def install(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Create all triggers, replacing existing ones. The signature is RunPython's."""
    _execute(schema_editor.connection, [*_drop_all(schema_editor.connection), *_create_all(schema_editor.connection)])


def remove(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Drop all triggers. The signature is RunPython's."""
    _execute(schema_editor.connection, _drop_all(schema_editor.connection))


def install_history(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Create the triggers of the ledger and the events only, as the migrations before 0014 did."""
    connection = schema_editor.connection
    _execute(connection, [*_drop_all(connection), *_create_history(connection, HISTORY_RULES)])


def install_on_events(connection: BaseDatabaseWrapper) -> None:
    """Create the triggers of the events table after it became a partitioned table (products.db.partitions)."""
    rules = [rule for rule in HISTORY_RULES if rule.table == EVENTS]
    _execute(connection, [*_create_truncates(connection, (EVENTS,)), *_create_rules(connection, rules)])


def remove_from_events(connection: BaseDatabaseWrapper) -> None:
    """Drop the triggers of the events table before it becomes a partition of a new table."""
    names = [name for name, table in _names(connection) if table == EVENTS]
    _execute(connection, [f"DROP TRIGGER IF EXISTS {name} ON {EVENTS}" for name in names])


def install_on_partition(connection: BaseDatabaseWrapper, table: str) -> None:
    """Create, if missing, the trigger that a partition of the events does not inherit from its parent."""
    _execute(connection, [f"DROP TRIGGER IF EXISTS {EVENTS}_no_truncate ON {table}", _no_truncate(EVENTS, table)])


@contextmanager
def lifted(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Drop the triggers for the duration of the block; for tests, never for a running shop."""
    _execute(connection, _drop_all(connection))
    try:
        yield
    finally:
        if not connection.needs_rollback:  # Otherwise the rollback restores them.
            _execute(connection, _create_all(connection))


def settle(connection: BaseDatabaseWrapper) -> None:
    """Run this transaction's deferred checks now: PostgreSQL cannot alter a table that has pending ones."""
    if connection.vendor == "postgresql" and connection.in_atomic_block:
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")


def _execute(connection: BaseDatabaseWrapper, statements: Iterable[str]) -> None:
    settle(connection)
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _create_all(connection: BaseDatabaseWrapper) -> Iterator[str]:
    yield from _create_history(connection, RULES)
    yield LATE_LINES_POSTGRESQL if connection.vendor == "postgresql" else LATE_LINES_SQLITE
    yield from _fulfilment_triggers(connection)


def _create_history(connection: BaseDatabaseWrapper, rules: list[Rule]) -> Iterator[str]:
    if connection.vendor == "postgresql":
        yield """
            CREATE OR REPLACE FUNCTION products_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
            END $$
        """
        yield from _create_truncates(connection, (MOVEMENTS, EVENTS))
    yield from _create_rules(connection, rules)


def _create_truncates(connection: BaseDatabaseWrapper, tables: Iterable[str]) -> Iterator[str]:
    """Yield the triggers against TRUNCATE, which a partition does not inherit from its parent, unlike row triggers."""
    for table in tables:
        yield _no_truncate(table, table)
        for partition in _partitions_of(connection, table):
            yield _no_truncate(table, partition)


def _no_truncate(law_of: str, table: str) -> str:
    return (
        f"CREATE TRIGGER {law_of}_no_truncate BEFORE TRUNCATE ON {table} "
        f"EXECUTE FUNCTION products_refuse('{law_of}{APPEND_ONLY}')"
    )


def _partitions_of(connection: BaseDatabaseWrapper, table: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT relname {FROM_PARTITIONS}", [table])
        return [name for (name,) in cursor.fetchall()]


def _create_rules(connection: BaseDatabaseWrapper, rules: list[Rule]) -> Iterator[str]:
    numbered = _existing_columns(connection, ORDERS, ["number"])
    conditions = {
        "thirty_days_ago": _AGO[connection.vendor],
        "frozen_differ": _differs(_existing_columns(connection, ORDERS, FROZEN_COLUMNS)),
        "number_differs": _differs(numbered) if numbered else "FALSE",
        "frozen_of_line_differ": _differs(sorted(_columns_of(connection, LINES) - {*COUNTERS})),
    }
    tables = _tables_of(connection)
    for rule in rules:
        if rule.table not in tables:
            continue  # Migrations install triggers even before this table is created.
        when = f"WHEN ({rule.when.format(**conditions)})" if rule.when else ""
        sentence = rule.sentence.replace("'", "''")
        if connection.vendor == "postgresql":
            yield (
                f"CREATE TRIGGER {rule.name} BEFORE {rule.action} ON {rule.table} FOR EACH ROW {when} "
                f"EXECUTE FUNCTION products_refuse('{sentence}')"
            )
        else:
            yield (
                f"CREATE TRIGGER {rule.name} BEFORE {rule.action} ON {rule.table} "
                f"{when.replace('IS DISTINCT FROM', 'IS NOT')} BEGIN SELECT RAISE(ABORT, '{sentence}'); END"
            )


def _existing_columns(connection: BaseDatabaseWrapper, table: str, columns: Iterable[str]) -> list[str]:
    """Return the table's existing columns, because migrations install triggers even before some columns are added."""
    existing = _columns_of(connection, table)
    return [name for name in columns if name in existing]


def _columns_of(connection: BaseDatabaseWrapper, table: str) -> set[str]:
    # Django's get_table_description() parses the table's whole SQL on SQLite, for the collations: 40 ms.
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT * FROM {table} LIMIT 0")  # noqa: S608 - one of the tables of this module
        return {column[0] for column in cursor.description}


def _tables_of(connection: BaseDatabaseWrapper) -> set[str]:
    with connection.cursor() as cursor:
        return set(connection.introspection.table_names(cursor))


def _names(connection: BaseDatabaseWrapper) -> list[tuple[str, str]]:
    """Return (trigger, table) of all triggers."""
    tables = _tables_of(connection)
    names = [(rule.name, rule.table) for rule in RULES if rule.table in tables]
    names += [(LATE, LINES), (COUNTED, ORDERS), (BACK, MOVEMENTS)]
    if connection.vendor == "postgresql":
        for table in (MOVEMENTS, EVENTS):
            names += [(f"{table}_no_truncate", each) for each in (table, *_partitions_of(connection, table))]
    return names


def _drop_all(connection: BaseDatabaseWrapper) -> Iterator[str]:
    postgresql = connection.vendor == "postgresql"
    for name, table in _names(connection):
        yield f"DROP TRIGGER IF EXISTS {name}" + (f" ON {table}" if postgresql else "")
    if postgresql:
        # The triggers before migration 0014 used the first function.
        for function in ("products_append_only", "products_refuse", "products_no_late_lines", COUNTED, BACK):
            yield f"DROP FUNCTION IF EXISTS {function}()"
