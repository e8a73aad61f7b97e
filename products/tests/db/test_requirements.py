"""What is refused before it fails: the wrong encoding, a role without privileges. Each on a real PostgreSQL."""

import json
import os
import re
import subprocess
import sys
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import psycopg2
import pytest
from django.core.checks import run_checks
from django.db import connection

from products.db.requirements import LIMITS, has_all_migrations, unmet_by_migrations, unmet_by_requests
from products.tests.postgres import PostgresServer
from products.tests.side_by_side import on_postgresql

ROOT = Path(__file__).resolve().parents[3]

ASK = """
from django.conf import settings
from django.test import Client
settings.ALLOWED_HOSTS = ["testserver"]
print(Client().get("/health/ready").content.decode())
"""


def sentences(unmet):
    return [f"{each.sentence} {each.hint}" for each in unmet]


def run(*statements):
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture
def role(db):
    """Go on as a role that may do nothing but what is granted to it; the end of the transaction undoes it."""

    def go_on(*grants):
        run("CREATE ROLE clerk", *grants, "SET LOCAL ROLE clerk")

    return go_on


@on_postgresql
def test_the_owner_of_everything_lacks_nothing(db):
    assert (unmet_by_requests(connection), unmet_by_migrations(connection)) == ([], [])


@on_postgresql
def test_a_role_that_may_only_read_is_told_what_it_lacks(role):
    role("GRANT SELECT ON ALL TABLES IN SCHEMA public TO clerk")

    [sentence] = sentences(unmet_by_requests(connection))
    errors = run_checks(databases=["default"])

    assert sentence.startswith("The role clerk lacks INSERT, UPDATE, DELETE on ")
    assert sentence.endswith(
        " tables, such as auth_group. As their owner: GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES"
        " IN SCHEMA public TO clerk;"
    )
    assert [error.id for error in errors] == ["products.E004"]


@on_postgresql
def test_a_role_that_may_not_even_read_is_told_so_and_no_check_fails_otherwise(role):
    role()

    errors = run_checks(databases=["default"])

    assert [error.id for error in errors] == ["products.E004"]
    assert "lacks SELECT, INSERT, UPDATE, DELETE" in errors[0].msg


@on_postgresql
def test_a_role_with_the_documented_privileges_lacks_nothing(role):
    role(
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO clerk",
        "REVOKE UPDATE, DELETE ON products_stockmovement, products_event FROM clerk",
    )

    assert run_checks(databases=["default"]) == []


@on_postgresql
def test_migrations_are_refused_to_a_role_that_does_not_own_the_tables(role):
    run("DELETE FROM django_migrations WHERE app = 'products' AND name > '0014'")
    role(
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO clerk",
        "REVOKE CREATE ON SCHEMA public FROM PUBLIC",  # as it is since PostgreSQL 15
    )

    errors = [f"{error.msg} {error.hint}" for error in run_checks(databases=["default"])]

    owner = connection.settings_dict["USER"]
    assert errors == [
        "Migrations are not applied, and the role clerk may not create tables in the schema public. Run migrate as the"
        " owner of the database, or: GRANT USAGE, CREATE ON SCHEMA public TO clerk;",
        f"Migrations are not applied, and the tables belong to {owner} and not to clerk. Run migrate as {owner}.",
    ]


@on_postgresql
def test_the_owner_of_everything_may_migrate(db):
    run("DELETE FROM django_migrations WHERE app = 'products' AND name > '0014'")

    assert (has_all_migrations(connection), unmet_by_migrations(connection)) == (False, [])


@on_postgresql
def test_an_extension_that_is_lacking_has_to_be_allowed(role):
    run(
        "DELETE FROM django_migrations WHERE app = 'products' AND name > '0002'",
        "DROP EXTENSION pg_trgm CASCADE",
    )
    role("GRANT USAGE, CREATE ON SCHEMA public TO clerk", "GRANT SELECT ON django_migrations TO clerk")

    unmet = unmet_by_migrations(connection)

    assert [each.id for each in unmet] == ["products.E006", "products.E007"]
    assert unmet[1].sentence == ("Migrations are not applied, and the role clerk may not create the extension pg_trgm.")


@on_postgresql
@pytest.mark.parametrize(
    "before",
    [
        "ALTER TABLE products_product RENAME TO none_yet",
        "ALTER TABLE products_product RENAME COLUMN tax_class TO none_yet",
    ],
)
def test_what_a_migration_is_going_to_add_is_not_looked_at(db, settings, before):
    settings.TAX_RATES = {"standard": Decimal(19)}
    run(before)

    assert run_checks(databases=["default"]) == []


@pytest.mark.skipif(connection.vendor != "sqlite", reason="asks SQLite")
def test_sqlite_has_no_requirements(db, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert (unmet_by_requests(connection), unmet_by_migrations(connection)) == ([], [])
    assert has_all_migrations(connection)


class Server(PostgresServer):
    """A PostgreSQL with empty databases and roles to be tried."""

    def execute(self, sql, dbname="postgres"):
        with closing(psycopg2.connect(self.url, dbname=dbname)) as administrator:
            administrator.autocommit = True
            administrator.cursor().execute(sql)

    def manage(self, *words, database="shop", role="shop"):
        """Run a command of manage.py as a role on a database; return its exit code and all that it says."""
        url = self.url.replace("//shop@", f"//{role}@").removesuffix("/shop") + f"/{database}"
        process = subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env={"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1", "DATABASE_URL": url},
            capture_output=True,
            text=True,
        )
        assert "Traceback" not in process.stderr, process.stderr
        return process.returncode, process.stdout + process.stderr


@pytest.fixture(scope="module")
def server():
    with Server() as server:
        server.execute("CREATE ROLE clerk LOGIN")
        yield server


def test_a_database_of_another_encoding_is_refused(server):
    server.execute("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LOCALE 'C'")

    migrated = server.manage("migrate", database="latin")
    checked = server.manage("check", "--database", "default", database="latin")
    _, ready = server.manage("shell", "--verbosity", "0", "--command", ASK, database="latin")

    sentence = "The database latin has the encoding LATIN1, which cannot store every text."
    hint = "CREATE DATABASE latin ENCODING 'UTF8' TEMPLATE template0;"
    assert (migrated[0], checked[0]) == (1, 1)
    for said in (migrated[1], checked[1], ready):
        assert sentence in said
        assert hint in said
    assert json.loads(ready.splitlines()[0])["checks"] == {"database": "not usable", "migrations": "unknown"}


def test_a_role_that_may_not_create_the_extension_is_refused_before_the_first_migration(server):
    server.execute("CREATE DATABASE fresh")
    server.execute("GRANT USAGE, CREATE ON SCHEMA public TO clerk", "fresh")
    sentence = (
        "(products.E007) Migrations are not applied, and the role clerk may not create the extension pg_trgm.\n"
        "\tHINT: GRANT CREATE ON DATABASE fresh TO clerk; or, as a superuser in that database:"
        " CREATE EXTENSION pg_trgm;"
    )

    code, said = server.manage("migrate", database="fresh", role="clerk")
    server.execute("CREATE EXTENSION pg_trgm", "fresh")
    checked = server.manage("check", "--database", "default", database="fresh", role="clerk")

    assert code == 1
    assert sentence in said
    assert "Applying" not in said
    assert checked[0] == 0


def test_a_server_that_is_too_old_is_named_and_not_out_of_reach(server):
    old = (
        "from django.db.backends.postgresql.features import DatabaseFeatures as It; It.minimum_database_version = (99,)"
    )
    code, ready = server.manage("shell", "--verbosity", "0", "--command", f"{old}\n{ASK}")
    asked = "from django.db import connection; connection.ensure_connection()"
    refused, said = server.manage("shell", "--verbosity", "0", "--command", f"{old}\n{asked}")

    assert json.loads(ready.splitlines()[0])["checks"] == {"database": "not usable", "migrations": "unknown"}
    assert "Not ready: the database is not usable: PostgreSQL 99 or later is required" in ready
    assert (code, refused) == (0, 1)
    assert said.startswith("The database is not usable: PostgreSQL 99 or later is required (found ")


# Behind PgBouncer


@pytest.fixture
def behind_pgbouncer(monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "DISABLE_SERVER_SIDE_CURSORS", True)


@on_postgresql
def test_behind_pgbouncer_a_role_without_limits_of_time_is_refused_and_told_how_to_get_them(db, behind_pgbouncer):
    run(
        "SET LOCAL lock_timeout = 0",
        "SET LOCAL idle_in_transaction_session_timeout = 0",
        "SET LOCAL statement_timeout = 9",
    )

    [sentence] = sentences(unmet_by_requests(connection))
    errors = run_checks(databases=["default"])

    assert sentence == (
        "Behind PgBouncer, connections of the role shop have no lock_timeout, no idle_in_transaction_session_timeout:"
        " one request could hold up all others. ALTER ROLE shop SET lock_timeout = '1s';"
        " ALTER ROLE shop SET idle_in_transaction_session_timeout = '30s'; Then, in PgBouncer's console: RECONNECT;"
    )
    assert [error.id for error in errors] == ["products.E008"]


@on_postgresql
def test_behind_pgbouncer_a_role_with_limits_of_time_lacks_nothing(db, behind_pgbouncer):
    run(*(f"SET LOCAL {name} = '{value}'" for name, value in LIMITS.items()))

    assert unmet_by_requests(connection) == []


@on_postgresql
def test_behind_pgbouncer_a_server_without_limits_of_time_is_not_ready(db, behind_pgbouncer, client):
    run("SET LOCAL lock_timeout = 0")

    answer = client.get("/health/ready")

    assert (answer.status_code, answer.json()["checks"]["database"]) == (503, "not usable")


@on_postgresql
def test_without_pgbouncer_limits_are_the_operators_choice(db):
    run("SET LOCAL lock_timeout = 0", "SET LOCAL statement_timeout = 0")

    assert unmet_by_requests(connection) == []


def test_the_documented_and_shipped_statements_set_each_limit_for_the_next_connection():
    page = (ROOT / "docs" / "operations" / "pgbouncer.md").read_text(encoding="utf-8")
    shipped = (ROOT / "deploy" / "pgbouncer" / "limits.sql").read_text(encoding="utf-8")
    statements = re.findall(r"^ *(ALTER ROLE .*;)$", page, flags=re.MULTILINE)
    assert re.findall(r"^(ALTER ROLE .*;)$", shipped, flags=re.MULTILINE) == statements

    with PostgresServer() as server:
        with closing(psycopg2.connect(server.url)) as owner:
            owner.autocommit = True
            for statement in statements:
                owner.cursor().execute(statement)

        with closing(psycopg2.connect(server.url)) as pooled, pooled.cursor() as cursor:
            cursor.execute("SELECT name, current_setting(name) FROM unnest(%s) AS name", [[*LIMITS]])

            assert dict(cursor.fetchall()) == LIMITS
