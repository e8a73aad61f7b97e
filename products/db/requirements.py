"""Requirements of the shop on its PostgreSQL database and on the role that it connects as."""

import functools
from collections.abc import Iterator
from typing import NamedTuple

from django.apps import apps
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from products.db.triggers import EVENTS, MOVEMENTS

ALL = ("SELECT", "INSERT", "UPDATE", "DELETE")
PRIVILEGES = {
    MOVEMENTS: ("SELECT", "INSERT"),
    EVENTS: ("SELECT", "INSERT"),
    # Only migrations write it, and another role may run them.
    "django_content_type": ("SELECT",),
    "auth_permission": ("SELECT",),
    "django_migrations": ("SELECT",),
}
"""The privileges that serving requests needs on a table, where it does not need ALL."""

LIMITS = {"lock_timeout": "1s", "statement_timeout": "4s", "idle_in_transaction_session_timeout": "30s"}
"""PostgreSQL's limits of time, each with the value that connections without a pool start with."""

LACKING = """
    SELECT needed.name, needed.privilege FROM unnest(%s::text[], %s::text[]) AS needed (name, privilege)
    WHERE NOT has_table_privilege(to_regclass(quote_ident(needed.name)), needed.privilege)
    ORDER BY needed.name
"""
FACTS = """
    SELECT current_user, current_database(), current_setting('server_encoding'), coalesce(current_schema(), ''),
        coalesce(has_schema_privilege(current_schema(), 'CREATE'), false),
        has_database_privilege(current_database(), 'CREATE'),
        EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm')
"""
FOREIGN_OWNERS = """
    SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class
    WHERE oid IN (SELECT to_regclass(quote_ident(name)) FROM unnest(%s::text[]) AS name)
        AND NOT pg_has_role(current_user, relowner, 'USAGE')
"""


class Unmet(NamedTuple):
    """An unmet requirement: what is wrong, and what to do."""

    id: str
    sentence: str
    hint: str


class Facts(NamedTuple):
    """The result of the FACTS query."""

    role: str
    database: str
    encoding: str
    schema: str
    may_create_tables: bool
    may_create_extensions: bool
    has_trigrams: bool


def unmet_by_requests(connection: BaseDatabaseWrapper) -> list[Unmet]:
    """Return the unmet requirements for serving requests. SQLite has none."""
    if connection.vendor != "postgresql":
        return []
    return [*_encoding(_facts(connection)), *_privileges(connection), *_limits(connection)]


def unmet_by_migrations(connection: BaseDatabaseWrapper) -> list[Unmet]:
    """Return the unmet requirements of the migrations that are not applied yet."""
    if connection.vendor != "postgresql" or has_all_migrations(connection):
        return []
    facts = _facts(connection)
    return [*_schema(facts), *_owner(connection, facts), *_trigrams(facts)]


def has_all_migrations(connection: BaseDatabaseWrapper) -> bool:
    """Return whether every migration of this code is applied. Database errors are passed on."""
    return newest_migrations() <= MigrationRecorder(connection).applied_migrations().keys()


@functools.cache
def newest_migrations() -> set[tuple[str, str]]:
    """Return (app, name) of each app's last migration."""
    return set(MigrationLoader(None).graph.leaf_nodes())


def _facts(connection: BaseDatabaseWrapper) -> Facts:
    with connection.cursor() as cursor:
        cursor.execute(FACTS)
        return Facts(*cursor.fetchone())


def _tables() -> list[str]:
    models = apps.get_models(include_auto_created=True)
    return ["django_migrations", *(model._meta.db_table for model in models if model._meta.managed)]


def _encoding(facts: Facts) -> Iterator[Unmet]:
    if facts.encoding != "UTF8":
        yield Unmet(
            "products.E003",
            f"The database {facts.database} has the encoding {facts.encoding}, which cannot store every text.",
            f"Create another one: CREATE DATABASE {facts.database} ENCODING 'UTF8' TEMPLATE template0;",
        )


def _privileges(connection: BaseDatabaseWrapper) -> Iterator[Unmet]:
    needed = [(table, privilege) for table in _tables() for privilege in PRIVILEGES.get(table, ALL)]
    with connection.cursor() as cursor:
        cursor.execute(LACKING, [list(column) for column in zip(*needed, strict=True)])
        lacking = cursor.fetchall()
    if lacking:
        facts = _facts(connection)
        privileges = ", ".join(each for each in ALL if each in {privilege for _, privilege in lacking})
        yield Unmet(
            "products.E004",
            f"The role {facts.role} lacks {privileges} on {len({table for table, _ in lacking})} tables, "
            f"such as {lacking[0][0]}.",
            f"As their owner: GRANT {', '.join(ALL)} ON ALL TABLES IN SCHEMA {facts.schema} TO {facts.role};",
        )


def _limits(connection: BaseDatabaseWrapper) -> Iterator[Unmet]:
    # Without a pool they are startup options, which a pool in transaction mode rejects.
    if not connection.settings_dict["DISABLE_SERVER_SIDE_CURSORS"]:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT current_user, name FROM unnest(%s) AS name WHERE current_setting(name) = '0'", [[*LIMITS]]
        )
        unlimited = cursor.fetchall()
    if unlimited:
        role = unlimited[0][0]
        yield Unmet(
            "products.E008",
            f"Behind PgBouncer, connections of the role {role} have no {', no '.join(name for _, name in unlimited)}: "
            "one request could hold up all others.",
            " ".join(f"ALTER ROLE {role} SET {name} = '{LIMITS[name]}';" for _, name in unlimited)
            + " Then, in PgBouncer's console: RECONNECT;",
        )


def _schema(facts: Facts) -> Iterator[Unmet]:
    if not facts.may_create_tables:
        schema = facts.schema or "public"
        yield Unmet(
            "products.E005",
            f"Migrations are not applied, and the role {facts.role} may not create tables in the schema {schema}.",
            f"Run migrate as the owner of the database, or: GRANT USAGE, CREATE ON SCHEMA {schema} TO {facts.role};",
        )


def _owner(connection: BaseDatabaseWrapper, facts: Facts) -> Iterator[Unmet]:
    with connection.cursor() as cursor:
        cursor.execute(FOREIGN_OWNERS, [_tables()])
        owners = [owner for (owner,) in cursor.fetchall()]
    if owners:
        yield Unmet(
            "products.E006",
            f"Migrations are not applied, and the tables belong to {', '.join(owners)} and not to {facts.role}.",
            f"Run migrate as {owners[0]}.",
        )


def _trigrams(facts: Facts) -> Iterator[Unmet]:
    if not (facts.has_trigrams or facts.may_create_extensions):
        yield Unmet(
            "products.E007",
            f"Migrations are not applied, and the role {facts.role} may not create the extension pg_trgm.",
            f"GRANT CREATE ON DATABASE {facts.database} TO {facts.role}; or, as a superuser in that database: "
            "CREATE EXTENSION pg_trgm;",
        )
