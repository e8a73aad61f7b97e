"""A split of the events that does not come to its end; products.tests.feed.test_months has those that do."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection
from django.utils import timezone

from products.db import partitions
from products.models import Event
from products.tests.side_by_side import on_postgresql

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


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL has them")
def test_on_sqlite_there_are_no_months(db, capsys):
    call_command("event_months")

    assert capsys.readouterr().out == "The events are in one table.\n"
    for action in ("split", "make"):
        with pytest.raises(CommandError):
            call_command("event_months", action)
