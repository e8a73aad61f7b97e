"""A split of the events that does not come to its end, and races; products.tests.feed.test_months has the others."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from products.db import partitions
from products.models import Event
from products.tests.side_by_side import meanwhile, on_postgresql

BELONGINGS = """
    SELECT conname FROM pg_constraint WHERE conrelid = 'products_event'::regclass
    UNION ALL SELECT indexname FROM pg_indexes WHERE tablename LIKE 'products_event%' ORDER BY 1
"""


def belongings():
    with connection.cursor() as cursor:
        cursor.execute(BELONGINGS)
        return cursor.fetchall()


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_split_that_fails_leaves_the_table_as_it_was(a_product):
    mug = a_product()
    before = belongings()

    with pytest.raises(IntegrityError):  # as the event is younger than the first month is to be
        partitions.split(connection, timezone.now() - timedelta(days=90))

    assert not partitions.is_partitioned(connection)
    assert belongings() == before
    assert Event.objects.create(kind="test.next_year", product=mug, at=timezone.now() + timedelta(days=365)).pk


def execute(statement):
    """Execute a statement in the schema by_month; return its number of rows."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL search_path TO by_month")
        cursor.execute(statement)
        return cursor.rowcount


@pytest.fixture
def _an_event_by_month(transactional_db):
    """In a schema of their own, as what is committed is not split back: an event, and the tables that may name it."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA by_month")
    execute(
        "CREATE TABLE products_event (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);"
        "CREATE TABLE products_event_default PARTITION OF products_event DEFAULT;"
        "CREATE TABLE products_feedentry (event_id int); CREATE TABLE products_mail (event_id int);"
        f"{partitions.REFERENCES}; INSERT INTO products_event VALUES (1, '2026-01-01')"
    )
    yield
    with connection.cursor() as cursor:
        cursor.execute("DROP SCHEMA by_month CASCADE")


@on_postgresql
@pytest.mark.parametrize("table", partitions.REFERRING)
@pytest.mark.usefixtures("_an_event_by_month")
def test_an_event_is_not_deleted_while_one_is_about_to_name_it(table):
    with transaction.atomic():
        execute(f"INSERT INTO {table} VALUES (1)")
        deletion = meanwhile(lambda: execute("DELETE FROM products_event"))
        waited = deletion.waits()

    assert waited
    assert "names the event 1" in str(deletion.outcome())
    assert execute("SELECT FROM products_event") == 1


@on_postgresql
@pytest.mark.parametrize("table", partitions.REFERRING)
@pytest.mark.usefixtures("_an_event_by_month")
def test_an_event_is_not_named_while_one_is_about_to_delete_it(table):
    with transaction.atomic():
        execute("DELETE FROM products_event")
        entry = meanwhile(lambda: execute(f"INSERT INTO {table} VALUES (1)"))
        waited = entry.waits()

    assert waited
    assert "There is no event 1" in str(entry.outcome())
    assert execute(f"SELECT FROM {table}") == 0


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL has them")
def test_on_sqlite_there_are_no_months(db, capsys):
    call_command("event_months")

    assert capsys.readouterr().out == "The events are in one table.\n"
    for action in ("split", "make"):
        with pytest.raises(CommandError):
            call_command("event_months", action)
