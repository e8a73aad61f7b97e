"""Append-only tables: triggers that reject UPDATE, DELETE and TRUNCATE on the ledger and the events.

They are not in one migration only, because SQLite drops a table's triggers whenever a migration rebuilds the table;
such a migration calls `install` again at its end.
"""

from collections.abc import Iterator

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

MOVEMENTS, EVENTS = "products_stockmovement", "products_event"

# (table, rejected operation, only for rows younger than 30 days): see products.models.events.MIN_RETENTION.
RULES = [
    (MOVEMENTS, "UPDATE", False),
    (MOVEMENTS, "DELETE", False),
    (EVENTS, "UPDATE", False),
    (EVENTS, "DELETE", True),
]


def install(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Create the triggers, replacing existing ones. The signature is RunPython's."""
    # params=None, or psycopg2 would take the % of the message for a placeholder.
    remove(apps, schema_editor)
    for statement in _create_statements(schema_editor.connection):
        schema_editor.execute(statement, params=None)


def remove(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    """Drop the triggers. The signature is RunPython's."""
    for statement in _drop_statements(schema_editor.connection):
        schema_editor.execute(statement, params=None)


def _create_statements(connection: BaseDatabaseWrapper) -> Iterator[str]:
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
    for table, action, only_young in RULES:
        name = f"{table}_no_{action.lower()}"
        if connection.vendor == "postgresql":
            when = "WHEN (OLD.at > now() - interval '30 days')" if only_young else ""
            yield (
                f"CREATE TRIGGER {name} BEFORE {action} ON {table} FOR EACH ROW {when} "
                "EXECUTE FUNCTION products_append_only()"
            )
        else:
            when = "WHEN OLD.at > datetime('now', '-30 days')" if only_young else ""
            yield (
                f"CREATE TRIGGER {name} BEFORE {action} ON {table} {when} "
                f"BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
            )


def _drop_statements(connection: BaseDatabaseWrapper) -> Iterator[str]:
    postgresql = connection.vendor == "postgresql"
    for table in (MOVEMENTS, EVENTS):
        for action in ("update", "delete", "truncate"):
            yield f"DROP TRIGGER IF EXISTS {table}_no_{action}" + (f" ON {table}" if postgresql else "")
    if postgresql:
        yield "DROP FUNCTION IF EXISTS products_append_only()"
