"""Triggers: what the database refuses to change, whichever way the SQL arrives.

The ledger and the events are append-only, and what was agreed when an order was placed is frozen. They are not in one
migration only, because SQLite drops a table's triggers whenever a migration rebuilds the table; such a migration calls
`install` again at its end. Where it rebuilds `products_stockmovement`, which a trigger of another table reads, it
also calls `remove` at its beginning: SQLite renames no table while a trigger reads one that is missing.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

MOVEMENTS, EVENTS = "products_stockmovement", "products_event"
ORDERS, LINES = "products_order", "products_orderline"

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
)
"""The changes of an order's status that the database allows. A test holds them against products.models.TRANSITIONS; a
change needs a migration that calls `install`."""

APPEND_ONLY = (
    " is append-only: the ledger and the history are never rewritten. In tests, products.testing empties them."
)
LINES_ARE_FROZEN = (
    "The lines of a placed order are frozen: product, quantity, SKU, name, unit price and order. "
    "Cancel or return the order and place another one."
)
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
        """Whether rows older than 30 days are exempt: see products.models.events.MIN_RETENTION."""
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
]

# A line has a unit price from the moment its order is placed, and a cart's line has none: so no other table is read.
ORDER_RULES = [
    Rule(
        f"{LINES}_frozen",
        LINES,
        "UPDATE",
        LINES_ARE_FROZEN,
        f"OLD.unit_price IS NOT NULL OR NEW.unit_price IS NOT NULL OR {_differs(['id', 'order_id'])}",
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

RULES = [*HISTORY_RULES, *ORDER_RULES]

LATE = f"{LINES}_no_late"

# A trigger for each row: one for the whole statement, with its transition table, was measured to cost more for one line
# (14 µs instead of 8) and for five (60 instead of 45).
LATE_LINES_POSTGRESQL = f"""
    CREATE OR REPLACE FUNCTION products_no_late_lines() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM FROM {LINES} AS line
            WHERE line.order_id = NEW.order_id
            AND EXISTS (SELECT FROM {MOVEMENTS} AS movement WHERE movement.line_id = line.id);
        IF FOUND THEN
            RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
        END IF;
        RETURN NEW;
    END $$;
    CREATE TRIGGER {LATE} BEFORE INSERT ON {LINES}
        FOR EACH ROW EXECUTE FUNCTION products_no_late_lines('{NO_LATE_LINES}')
"""
LATE_LINES_SQLITE = f"""
    CREATE TRIGGER {LATE} BEFORE INSERT ON {LINES}
    WHEN EXISTS (
        SELECT 1 FROM {LINES} AS line JOIN {MOVEMENTS} AS movement ON movement.line_id = line.id
        WHERE line.order_id = NEW.order_id
    )
    BEGIN SELECT RAISE(ABORT, '{NO_LATE_LINES}'); END
"""  # noqa: S608 - our own names


def install(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Create all triggers, replacing existing ones. The signature is RunPython's."""
    _execute(schema_editor.connection, [*_drop_all(schema_editor.connection), *_create_all(schema_editor.connection)])


def remove(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Drop all triggers. The signature is RunPython's."""
    _execute(schema_editor.connection, _drop_all(schema_editor.connection))


def install_history(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Create the triggers of the ledger and the events only, as the migrations before 0014 did."""
    connection = schema_editor.connection
    _execute(connection, [*_drop_all(connection), *_create_rules(connection, HISTORY_RULES)])


@contextmanager
def lifted(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Drop the triggers for this block and create them again after it; for tests, never for a running shop."""
    _execute(connection, _drop_all(connection))
    try:
        yield
    finally:
        if not connection.needs_rollback:  # Otherwise the rollback brings them back.
            _execute(connection, _create_all(connection))


def _execute(connection: BaseDatabaseWrapper, statements: Iterable[str]) -> None:
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql" and connection.in_atomic_block:
            # PostgreSQL changes no table for which a deferred check is still to be made.
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")
        for statement in statements:
            cursor.execute(statement)


def _create_all(connection: BaseDatabaseWrapper) -> Iterator[str]:
    yield from _create_rules(connection, RULES)
    yield LATE_LINES_POSTGRESQL if connection.vendor == "postgresql" else LATE_LINES_SQLITE


def _create_rules(connection: BaseDatabaseWrapper, rules: list[Rule]) -> Iterator[str]:
    if connection.vendor == "postgresql":
        yield """
            CREATE OR REPLACE FUNCTION products_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
            END $$
        """
        for table in (MOVEMENTS, EVENTS):
            yield (
                f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} "
                f"EXECUTE FUNCTION products_refuse('{table}{APPEND_ONLY}')"
            )
    frozen_differ = _differs(_existing_columns(connection, ORDERS, FROZEN_COLUMNS))
    numbered = _existing_columns(connection, ORDERS, ["number"])
    conditions = {
        "thirty_days_ago": _AGO[connection.vendor],
        "frozen_differ": frozen_differ,
        "number_differs": _differs(numbered) if numbered else "FALSE",
    }
    for rule in rules:
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
    """Return the columns that the table has; a migration before a column is added installs triggers too."""
    with connection.cursor() as cursor:
        existing = {column.name for column in connection.introspection.get_table_description(cursor, table)}
    return [name for name in columns if name in existing]


def _drop_all(connection: BaseDatabaseWrapper) -> Iterator[str]:
    postgresql = connection.vendor == "postgresql"
    names = [(rule.name, rule.table) for rule in RULES] + [(LATE, LINES)]
    if postgresql:
        names += [(f"{table}_no_truncate", table) for table in (MOVEMENTS, EVENTS)]
    for name, table in names:
        yield f"DROP TRIGGER IF EXISTS {name}" + (f" ON {table}" if postgresql else "")
    if postgresql:
        # The first was the function of the triggers before migration 0014.
        for function in ("products_append_only", "products_refuse", "products_no_late_lines"):
            yield f"DROP FUNCTION IF EXISTS {function}()"
