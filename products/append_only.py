"""The triggers with which the database refuses to change or delete the ledger and the events.

Here and not in one migration only, because SQLite drops a table's triggers whenever a migration rebuilds the
table: such a migration ends with `install` again.
"""

from collections.abc import Iterator

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

MOVEMENTS, EVENTS = "products_stockmovement", "products_event"

# (table, what is refused, whether only for rows younger than 30 days): products.models.events.SHORTEST_RETENTION.
RULES = [
    (MOVEMENTS, "UPDATE", False),
    (MOVEMENTS, "DELETE", False),
    (EVENTS, "UPDATE", False),
    (EVENTS, "DELETE", True),
]


def install(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Make the triggers, anew where they are there already. The signature is RunPython's."""
    # No parameters at all, or psycopg2 takes the % of the message for the place of one.
    remove(apps, schema_editor)
    for statement in _making(schema_editor.connection):
        schema_editor.execute(statement, params=None)


def remove(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Take the triggers away. The signature is RunPython's."""
    for statement in _unmaking(schema_editor.connection):
        schema_editor.execute(statement, params=None)


def _making(connection: BaseDatabaseWrapper) -> Iterator[str]:
    if connection.vendor == "postgresql":
        yield """
            CREATE OR REPLACE FUNCTION products_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
            END $$
        """
        for table in (MOVEMENTS, EVENTS):
            yield (
                f"CREATE TRIGGER {table}_no_truncate BEFORE TRUNCATE ON {table} EXECUTE FUNCTION products_append_only()"
            )
    for table, action, while_young in RULES:
        name = f"{table}_no_{action.lower()}"
        if connection.vendor == "postgresql":
            when = "WHEN (OLD.at > now() - interval '30 days')" if while_young else ""
            yield (
                f"CREATE TRIGGER {name} BEFORE {action} ON {table} FOR EACH ROW {when} "
                "EXECUTE FUNCTION products_append_only()"
            )
        else:
            when = "WHEN OLD.at > datetime('now', '-30 days')" if while_young else ""
            yield (
                f"CREATE TRIGGER {name} BEFORE {action} ON {table} {when} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def _unmaking(connection: BaseDatabaseWrapper) -> Iterator[str]:
    postgresql = connection.vendor == "postgresql"
    for table in (MOVEMENTS, EVENTS):
        for action in ("update", "delete", "truncate"):
            yield f"DROP TRIGGER IF EXISTS {table}_no_{action}" + (f" ON {table}" if postgresql else "")
    if postgresql:
        yield "DROP FUNCTION IF EXISTS products_append_only()"
