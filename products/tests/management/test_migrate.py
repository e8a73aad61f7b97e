"""`manage.py migrate` while somebody reads the orders for long, and others place some."""

import io
import time
from datetime import UTC, datetime

import psycopg2
import pytest
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection, transaction

from products.db.lock_waits import Blocker
from products.models import Order
from products.tests.side_by_side import just_before, meanwhile, on_postgresql

commits = pytest.mark.django_db(transaction=True)

APP = "staticfiles"
"""An app without migrations: for these tests it has one, which adds a column to products_order."""


@pytest.fixture
def a_migration(settings):
    settings.MIGRATION_MODULES = {APP: "products.tests.management.made_up.migrations"}
    yield
    call_command("migrate", APP, "zero", verbosity=0)


@pytest.fixture
def reader(a_migration):
    """A report that has read the orders, in a transaction that it leaves open."""
    reader = psycopg2.connect(**connection.get_connection_params() | {"application_name": "report"})
    reader.cursor().execute("SELECT count(*) FROM products_order WHERE payment_reference = 'secret'")
    yield reader
    reader.close()


@pytest.fixture
def place_order(alice, a_product):
    """Place an order, and return the seconds that it took."""
    mug = a_product(stock=1_000_000)

    def place():
        began = time.monotonic()
        Order.objects.create(customer=alice, items=[(mug, 1)])
        return time.monotonic() - began

    place()
    return place


def migrated():
    """Which parts of the migration are in the database: its table, its column, and that it is known as applied."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT to_regclass('made_up') IS NOT NULL, EXISTS (SELECT FROM pg_attribute WHERE attname = 'made_up' AND"
            " attrelid = 'products_order'::regclass), EXISTS (SELECT FROM django_migrations WHERE app = %s)",
            [APP],
        )
        return cursor.fetchone()


@on_postgresql
@commits
def test_a_reader_in_the_way_of_a_migration_delays_it_and_hardly_any_order(reader, place_order):
    said = io.StringIO()
    migration = meanwhile(lambda: call_command("migrate", APP, verbosity=0, stderr=said))
    leaves_at, seconds = time.monotonic() + 3, []

    while time.monotonic() < leaves_at:
        seconds.append(place_order())
    still_migrating = migration.thread.is_alive()
    reader.rollback()
    while migration.thread.is_alive():
        seconds.append(place_order())

    assert still_migrating
    assert migration.outcome() is None
    assert migrated() == (True, True, True)
    tries = said.getvalue().splitlines()
    assert len(tries) >= 2
    assert all(
        f"{APP}.0001_a_column_of_orders got no lock in 0.3 s. In the way: pid {reader.info.backend_pid}"
        " (report), in a transaction for " in line
        for line in tries
    )
    # Who came right after a try waited for it, and nobody longer.
    assert 0.1 < max(seconds) < 0.8


@on_postgresql
@commits
def test_a_reader_who_stays_makes_the_migration_fail_with_nothing_half_done(reader):
    with pytest.raises(CommandError) as failure:
        call_command(
            "migrate", APP, "--lock-timeout=0.2", "--retry-for=0.5", stdout=(said := io.StringIO()), stderr=said
        )

    sentence = str(failure.value)
    assert failure.value.returncode == 1
    assert migrated() == (False, False, False)
    assert sentence.startswith(
        f"{APP}.0001_a_column_of_orders got no lock in 0.2 s, although it was tried again for 0.5 s."
        f" Nothing of it is left in the database. In the way: pid {reader.info.backend_pid} (report), in a transaction"
    )
    assert "secret" not in sentence
    # Django leaves the line open in which it names a migration; what is said of it begins a new one.
    assert f"\n{APP}.0001_a_column_of_orders got no lock in 0.2 s. In the way: " in said.getvalue()
    reader.rollback()


@on_postgresql
@commits
def test_a_migration_that_meets_a_deadlock_is_tried_again(a_migration):
    def read_orders_and_make_the_same_table():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = 0")
            cursor.execute("SET LOCAL deadlock_timeout = '1min'")  # so that PostgreSQL ends the migration instead
            cursor.execute("SELECT count(*) FROM products_order")
            cursor.execute("CREATE TABLE made_up ()")
            transaction.set_rollback(True)

    others, said = [], io.StringIO()

    def get_in_the_way():
        others.append(meanwhile(read_orders_and_make_the_same_table))
        assert others[0].waits()

    with just_before("ALTER TABLE products_order ADD", get_in_the_way):
        call_command("migrate", APP, verbosity=0, lock_timeout=10, retry_for=0.5, stderr=said)

    assert f"{APP}.0001_a_column_of_orders met a deadlock. In the way: " in said.getvalue()
    assert others[0].outcome() is None
    assert migrated() == (True, True, True)


@on_postgresql
@commits
def test_the_session_has_its_usual_lock_timeout_after_a_migration(a_migration):
    call_command("migrate", APP, verbosity=0)

    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("1s",)


@on_postgresql
@commits
def test_an_error_that_is_no_lock_is_passed_on_at_once(a_migration):
    def fail():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = 1")
            cursor.execute("SELECT pg_sleep(1)")

    said = io.StringIO()

    with (
        just_before("ALTER TABLE products_order ADD", fail),
        pytest.raises(OperationalError, match="statement timeout"),
    ):
        call_command("migrate", APP, verbosity=0, stderr=said)

    assert (migrated(), said.getvalue()) == ((False, False, False), "")


@on_postgresql
def test_in_a_transaction_of_the_callers_it_is_djangos_own(db, a_migration):
    call_command("migrate", APP, verbosity=0)

    assert migrated() == (True, True, True)
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("1s",)  # and not that of a migration, which the caller would go on with


@pytest.mark.parametrize("option", ["--lock-timeout=0", "--lock-timeout=soon", "--retry-for=-1", "--retry-for=nan"])
def test_a_limit_that_is_none_is_refused(option):
    with pytest.raises(CommandError, match=r"argument --(lock-timeout|retry-for)"):
        call_command("migrate", option)


@pytest.mark.parametrize(
    ("blocker", "words"),
    [
        (Blocker(0, "", None, None), "a prepared transaction (see pg_prepared_xacts)"),
        (Blocker(7, "", None, None), "pid 7 (without a name)"),  # as another role sees it
        (Blocker(7, "report", 3, None), "pid 7 (report), in a transaction for 3 s"),
        (
            Blocker(7, "report", None, datetime(2026, 1, 31, 9, 5, tzinfo=UTC)),
            "pid 7 (report), last statement begun at 2026-01-31 09:05:00 UTC",
        ),
    ],
)
def test_who_is_in_the_way_is_told_as_far_as_it_can_be_seen(blocker, words):
    assert str(blocker) == words
