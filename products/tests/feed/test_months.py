"""The events by month: no event is lost on the way, the laws hold, and no month goes too early."""

import os
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from products.db import partitions, triggers
from products.db.partitions import CannotSplit
from products.feed import months
from products.feed.reading import read_page
from products.feed.sequencer import number_all_events
from products.models import Event, FeedEntry, Mail, Order, WebhookEndpoint
from products.tests.management.test_purge import (  # noqa: F401 - they hold for months as well
    old_and_current_rows,
    test_a_dry_run_prints_the_same_counts_and_changes_nothing,
    test_purging_expires_and_deletes_what_is_due_and_nothing_else,
)
from products.tests.models.test_ledger import (  # noqa: F401 - they hold for months as well
    order,
    test_events_can_be_forgotten_past_their_retention,
    test_no_event_is_forgotten_a_minute_too_early,
    test_not_even_an_old_event_can_be_changed,
    test_the_database_refuses_to_rewrite_history,
)

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no partitions"),
]

LAWS = """
    SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE conrelid = 'products_event'::regclass AND contype IN ('p', 'f', 'c')
"""
INDEXES = "SELECT indexname, replace(indexdef, ' ONLY ', ' ') FROM pg_indexes WHERE tablename = 'products_event'"
RIGHTS = "SELECT grantee, privilege_type FROM information_schema.table_privileges WHERE table_name = 'products_event'"


def query(statement, *parameters):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return cursor.fetchall()


def execute(statement, *parameters):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)


@pytest.fixture
def before(a_product):
    """What the table of events was before it became partitioned, with an event."""
    Event.objects.create(kind="test.before", product=a_product())
    auditor = f"auditor_{os.getpid()}"  # Roles are those of the whole server, which other processes test on as well.
    execute(f"CREATE ROLE {auditor}")
    execute(f"GRANT SELECT ON products_event TO {auditor}")
    return list(Event.objects.order_by("id").values()), *(dict(query(each)) for each in (LAWS, INDEXES)), query(RIGHTS)


@pytest.fixture(autouse=True)
def _by_month(request, db, settings):
    """Begin the months so long ago that one is past its retention, and what test_purge deletes is from before them.

    The end of the test takes the months away again: PostgreSQL rolls tables back, too.
    """
    settings.EVENT_RETENTION = timedelta(days=30)
    if "before" in request.fixturenames:
        request.getfixturevalue("before")
        partitions.split(connection, timezone.now())
    else:
        partitions.split(connection, timezone.now() - timedelta(days=100))
        months.make_months()


@pytest.fixture
def mug(a_product):
    return a_product(sku="MUG", stock=10)


@pytest.fixture
def month():
    """A month all of whose events are past their retention."""
    return next(month for month in months.past_months() if month.start)


@pytest.fixture
def old(mug, month):
    """An event of that month, with its position in the feed."""
    old = Event.objects.create(kind="test.old", product=mug, at=month.start)
    number_until_complete()
    return old


def number_until_complete():
    for _ in range(3):  # That all is told is sure once the writers have ended whom an earlier pass has seen.
        number_all_events()


def table_of(event):
    ((table,),) = query("SELECT tableoid::regclass::text FROM products_event WHERE id = %s", event.pk)
    return table


def tables():
    return [each.table for each in partitions.partitions(connection)]


# Splitting


def test_splitting_keeps_every_event_law_index_and_right_but_the_key_that_has_the_moment_in_it(before):
    events, laws, indexes, rights = before

    assert list(Event.objects.order_by("id").values()) == events
    assert {table_of(event) for event in Event.objects.all()} == {tables()[0]}
    assert dict(query(LAWS)) == laws | {"products_event_pkey": "PRIMARY KEY (id, at)"}
    assert dict(query(INDEXES)) == indexes | {
        "products_event_pkey": indexes["products_event_pkey"].replace("(id)", "(id, at)")
    }
    assert sorted(query(RIGHTS)) == sorted(rights)


def test_ids_go_on_after_those_from_before(before, a_product):
    newest = before[0][-1]["id"]

    event = Event.objects.create(kind="test.after", product=a_product())

    assert event.pk > newest


def test_events_are_split_once():
    with pytest.raises(CommandError, match="by month already"):
        call_command("event_months", "split")


def test_a_table_that_names_events_and_is_not_known_is_in_the_way(db):
    with transaction.atomic():
        execute("DROP TABLE products_event CASCADE")
        execute("CREATE TABLE products_event (id bigint PRIMARY KEY, at timestamptz)")
        execute("CREATE TABLE notes (event bigint REFERENCES products_event)")

        with pytest.raises(CannotSplit, match="notes"):
            partitions.split(connection, timezone.now())


@pytest.mark.parametrize("statement", ["UPDATE {} SET kind = 'x'", "DELETE FROM {}", "TRUNCATE {}"])
def test_the_table_from_before_can_be_rewritten_as_little_as_ever(before, statement):
    for table in ("products_event", tables()[0]):
        with pytest.raises(IntegrityError, match=r"^products_event is append-only"):
            execute(statement.format(table))

    assert list(Event.objects.order_by("id").values()) == before[0]


# Writing


def test_an_event_goes_to_its_month_and_without_a_month_to_the_default_partition(mug):
    now = timezone.now()

    event, far = (Event.objects.create(kind="test", product=mug, at=at) for at in (now, now + timedelta(days=365)))

    assert table_of(event) == f"products_event_{now:%Y_%m}"
    assert table_of(far) == "products_event_default"


def test_what_came_before_its_month_was_made_is_in_a_month_afterwards(mug):
    at = timezone.now() + timedelta(days=120)
    event = Event.objects.create(kind="test.early", product=mug, at=at)

    partitions.make_months(connection, at + timedelta(days=40))

    assert table_of(event) != "products_event_default"
    assert [each.end for each in partitions.partitions(connection)][:-1] == [
        each.start for each in partitions.partitions(connection)
    ][1:]
    with pytest.raises(IntegrityError, match=r"^products_event is append-only"):
        execute(f"TRUNCATE {table_of(event)}")


def test_the_command_makes_the_months_that_are_missing(capsys):
    newest = partitions.partitions(connection)[-1]
    execute(f"DROP TABLE {newest.table}")

    call_command("event_months", "make")
    call_command("event_months", "make")

    assert capsys.readouterr().out == f"Made {newest.table}.\n"


@pytest.mark.parametrize("statement", ["UPDATE {} SET kind = 'x'", "DELETE FROM {}", "TRUNCATE {}"])
@pytest.mark.parametrize("days", [0, 365], ids=["a month", "the default partition"])
def test_no_partition_can_be_rewritten_past_its_parent(mug, statement, days):
    event = Event.objects.create(kind="test", product=mug, at=timezone.now() + timedelta(days=days))
    triggers.settle(connection)  # As a table with deferred checks cannot be truncated anyway.
    table = table_of(event)

    with pytest.raises(IntegrityError, match=r"^products_event is append-only"):
        execute(statement.format(table))

    assert Event.objects.get(pk=event.pk).kind == "test"


def test_the_triggers_are_back_on_every_partition_after_they_were_lifted(mug):
    event = Event.objects.create(kind="test", product=mug)
    with triggers.lifted(connection):
        pass

    for statement in ("UPDATE products_event SET kind = 'x'", f"TRUNCATE {table_of(event)}"):
        with pytest.raises(IntegrityError, match=r"^products_event is append-only"):
            execute(statement)


def test_neither_an_entry_nor_a_mail_names_an_event_that_is_not_there(mug):
    for statement in (
        "INSERT INTO products_feedentry (position, type, event_id, is_derived, product_id, sequence) "
        "SELECT 900, 'x', 4711, false, id, 900 FROM products_product",
        "INSERT INTO products_mail (id, event_id, kind, recipient, state, attempts, queued_at, error, copies) "
        "VALUES (gen_random_uuid(), 4711, 'refund', '', 'skipped', 0, now(), '', 0)",
    ):
        with pytest.raises(IntegrityError, match="There is no event 4711"):
            execute(statement)


def test_an_event_that_an_entry_names_is_not_deleted(old):
    with pytest.raises(IntegrityError, match="names the event"):
        execute("DELETE FROM products_event WHERE id = %s", old.pk)


# Dropping


def test_a_month_is_dropped_with_what_refers_to_it_and_readers_of_the_feed_go_on(old, month, alice, mug, capsys):
    Mail.objects.create(event=old, kind="refund", recipient="a@example.com", state="sent", sent_at=old.at)
    reader = read_page(0, 100).position
    Order.objects.create(customer=alice, items=[(mug, 1)])

    call_command("event_months", "drop")

    assert f"Dropped {month.table} with 1 events." in capsys.readouterr().out
    assert month.table not in tables()
    assert not Event.objects.filter(kind="test.old").exists()
    assert not FeedEntry.objects.filter(event=old.pk).exists()
    assert not Mail.objects.exists()
    page = read_page(reader, 100)
    assert [entry["position"] for entry in page.payloads] == [reader + 1, reader + 2]
    assert [entry["type"] for entry in page.payloads] == ["order.placed", "stock.sold"]


def test_purge_drops_the_months_that_are_past_and_makes_those_to_come(old, month, capsys):
    newest = tables()[-1]
    execute(f"DROP TABLE {newest}")

    call_command("purge")

    assert "1 events" in capsys.readouterr().out
    assert month.table not in tables()
    assert newest in tables()


def an_event_of_yesterday(month, settings, **others):
    settings.EVENT_RETENTION = timezone.now() - month.end + timedelta(days=1)
    return "younger than the retention"


def an_event_without_a_position(month, mug, **others):
    Event.objects.create(kind="test.late", product=mug, at=month.start)
    return "no position"


def an_event_that_a_webhook_has_not_got(**others):
    WebhookEndpoint.objects.create(address="https://erp.example.com/", seed="seed")
    return "webhook"


def an_event_whose_mail_waits(old, **others):
    Mail.objects.create(event=old, kind="refund", recipient="a@example.com", next_attempt_at=timezone.now())
    return "mail"


@pytest.mark.parametrize(
    "unsafe",
    [
        an_event_of_yesterday,
        an_event_without_a_position,
        an_event_that_a_webhook_has_not_got,
        an_event_whose_mail_waits,
    ],
)
def test_a_month_that_is_still_needed_stays_with_all_that_refers_to_it(old, month, mug, settings, unsafe):
    reason = unsafe(old=old, month=month, mug=mug, settings=settings)
    entries = FeedEntry.objects.count()

    with pytest.raises(months.MonthStays, match=reason):
        months.drop_month(month)

    assert month.table in tables()
    assert FeedEntry.objects.count() == entries


def test_the_command_names_each_month_that_stays_and_fails(old, month, mug, settings, capsys):
    an_event_whose_mail_waits(old=old, month=month, mug=mug, settings=settings)

    with pytest.raises(CommandError, match="Not every month past its retention could be dropped"):
        call_command("event_months", "drop")

    assert capsys.readouterr().err.startswith(f"{month.table} stays, as it ")


def test_a_purge_names_each_month_that_stays_and_goes_on(old, month, mug, settings, capsys):
    an_event_whose_mail_waits(old=old, month=month, mug=mug, settings=settings)

    call_command("purge")

    said = capsys.readouterr()
    assert said.err.startswith(f"{month.table} stays, as it ")
    assert "Deleted: " in said.out


def test_an_event_that_is_written_after_all_was_looked_at_keeps_its_month(old, month, mug):
    late = Event.objects.create(kind="test.late", product=mug, at=month.start)

    with pytest.raises(partitions.EventsWithoutPosition):
        partitions.drop(connection, month, complete_to=old.pk)

    assert table_of(late) == month.table


def test_the_retention_that_the_database_guards_holds_whatever_is_set(old, settings):
    settings.EVENT_RETENTION = timedelta(0)

    assert all(month.end <= timezone.now() - timedelta(days=30) for month in months.past_months())


def test_the_months_are_listed(capsys):
    call_command("event_months")

    assert capsys.readouterr().out.splitlines()[0].startswith(f"{tables()[0]} from the beginning to before 20")


def test_old_events_that_are_imported_later_do_not_keep_months_from_being_made(mug, capsys):
    settled = Event.objects.create(kind="test.imported", product=mug, at=timezone.now() - timedelta(days=500))
    execute("ALTER TABLE products_event DETACH PARTITION " + table_of(settled))
    imported, far = (
        Event.objects.create(kind="test", product=mug, at=timezone.now() + timedelta(days=days)) for days in (-500, 120)
    )

    with pytest.raises(CannotSplit, match="append-only"):
        partitions.make_months(connection, far.at)
    call_command("purge")
    partitions.make_months(connection, far.at)

    assert not Event.objects.filter(pk=imported.pk).exists()
    assert table_of(far) != "products_event_default"
