from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.utils import timezone

from products.feed.sequencer import number_all_events
from products.management.commands.purge import DUE
from products.models import (
    ApiToken,
    BulkJob,
    Event,
    FeedEntry,
    LoginCounter,
    Mail,
    Order,
    ProductImport,
    ProductImportRow,
    StockCheck,
    WebhookAttempt,
    WebhookEndpoint,
    events,
    stock_checks,
)


def ago(**time):
    return timezone.now() - timedelta(**time)


@pytest.fixture
def old_and_current_rows(alice, a_product, settings, monkeypatch):
    """Create, for each kind of row that is purged, some that are due and some that are not."""
    settings.EVENT_RETENTION = timedelta(days=100)
    mug = a_product(stock=5, sku="MUG")
    for pay_by in (ago(minutes=1), timezone.now() + timedelta(hours=1), None):
        Order.objects.create(customer=alice, items=[(mug, 1)], pay_by=pay_by)
    for age in (101, 99):
        Event.objects.create(kind=f"test.{age}_days_old", product=mug, at=ago(days=age))
    for name, values in {
        "expired long ago": {"expires_at": ago(days=31)},
        "revoked long ago": {"revoked_at": ago(days=31)},
        "expired": {"expires_at": ago(days=29)},
        "revoked": {"revoked_at": ago(days=29)},
        "active": {},
    }.items():
        token, _ = ApiToken.objects.issue(alice, name=name)
        ApiToken.objects.filter(pk=token.pk).update(**values)
    settings.IMPORT_RETENTION = timedelta(days=90)
    for age in (91, 89):
        batch = ProductImport.objects.create(name=f"{age} days old", created_at=ago(days=age))
        ProductImportRow.objects.create(batch=batch, line=2, kind="BAD")
    settings.BULK_JOB_RETENTION = timedelta(days=90)
    for age in (91, 89):
        BulkJob.objects.create(verb="pay", by=alice, created_at=ago(days=age))
    for name, end in (("old", ago(minutes=1)), ("new", timezone.now() + timedelta(minutes=1))):
        Session.objects.create(session_key=name, session_data="", expire_date=end)
    for name, minutes in (("old", 16), ("just ended", 14)):
        LoginCounter.objects.create(scope=name, tries=3, ends_at=ago(minutes=minutes).timestamp() // 1)
    monkeypatch.setattr(stock_checks, "MAX_KEPT", 2)
    for differences in (7, 1, 0):
        StockCheck.objects.create(seconds=0.1, products=1, orders=3, differences=differences)
    return mug


def report(*, expired=0, **deleted):
    """What purge prints if it has deleted so many of each kind, and of the others none."""
    counts = {name: deleted.get(name.replace(" ", "_"), 0) for name in DUE}
    return f"Orders expired: {expired}. Deleted: {', '.join(f'{number} {name}' for name, number in counts.items())}.\n"


EVERYTHING_DUE = report(
    expired=1, events=1, imports=1, bulk_jobs=1, tokens=2, sessions=1, login_counters=1, stock_checks=1
)


def remaining(mug):
    return {
        "stock": mug.refreshed().stock,
        "orders": sorted(Order.objects.values_list("status", flat=True)),
        "old events": list(Event.objects.filter(kind__startswith="test").values_list("kind", flat=True)),
        "imports": list(ProductImportRow.objects.values_list("batch__name", flat=True)),
        "bulk jobs": BulkJob.objects.count(),
        "tokens": sorted(ApiToken.objects.values_list("name", flat=True)),
        "sessions": sorted(Session.objects.values_list("session_key", flat=True)),
        "login counters": sorted(LoginCounter.objects.values_list("scope", flat=True)),
        "stock checks": [check.differences for check in StockCheck.objects.all()],
    }


def test_purging_expires_and_deletes_what_is_due_and_nothing_else(old_and_current_rows, capsys):
    call_command("purge")

    assert capsys.readouterr().out == EVERYTHING_DUE
    assert remaining(old_and_current_rows) == {
        "stock": 3,
        "orders": ["EXPIRED", "PLACED", "PLACED"],
        "old events": ["test.99_days_old"],
        "imports": ["89 days old"],
        "bulk jobs": 1,
        "tokens": ["active", "expired", "revoked"],
        "sessions": ["new"],
        "login counters": ["just ended"],
        "stock checks": [0, 1],
    }


def test_a_dry_run_prints_the_same_counts_and_changes_nothing(old_and_current_rows, capsys):
    before = remaining(old_and_current_rows)

    call_command("purge", dry_run=True)

    assert capsys.readouterr().out == f"Dry run, nothing was changed. {EVERYTHING_DUE}"
    assert remaining(old_and_current_rows) == before


def test_purging_a_second_time_finds_nothing(old_and_current_rows, capsys):
    call_command("purge")
    capsys.readouterr()

    call_command("purge")

    assert capsys.readouterr().out == report()


def test_all_old_events_are_deleted_in_batches(a_product, capsys, monkeypatch):
    monkeypatch.setattr(events, "BATCH", 2)
    mug = a_product()
    Event.objects.bulk_create(Event(kind="test.old", product=mug, at=ago(days=1_000)) for _ in range(5))

    call_command("purge")

    assert capsys.readouterr().out == report(events=5)
    assert [event.kind for event in Event.objects.all()] == ["product.created"]


def test_the_former_name_still_works(old_and_current_rows, capsys):
    call_command("tidy")

    assert capsys.readouterr().out == EVERYTHING_DUE


def test_what_is_still_to_be_sent_by_mail_stays_and_the_other_mails_go_with_their_events(alice, a_product, settings):
    settings.EVENT_RETENTION = timedelta(days=100)
    order = Order.objects.create(customer=alice, items=[(a_product(stock=1), 1)])
    waiting, sent = (Event.objects.create(kind="order.refunded", order=order, at=ago(days=101)) for _ in range(2))
    values = {"kind": "refund", "recipient": "alice@example.com"}
    Mail.objects.create(event=waiting, next_attempt_at=timezone.now(), **values)
    Mail.objects.create(event=sent, state="sent", sent_at=ago(days=101), **values)

    call_command("purge")

    assert list(Event.objects.filter(kind="order.refunded")) == [waiting]
    assert list(Mail.objects.values_list("event", "state")) == [(waiting.pk, "waiting")]


@pytest.fixture
def an_old_event(a_product, settings):
    """An event past its retention, and its entry of the feed."""
    settings.EVENT_RETENTION = timedelta(days=100)
    facts = {"fields": [], "old": {}, "new": {}}
    old = Event.objects.create(kind="product.changed", product=a_product(), at=ago(days=101), facts=facts)
    number_all_events()
    return FeedEntry.objects.get(event=old)


@pytest.mark.parametrize("is_pending", [True, False])
def test_an_event_that_a_webhook_has_not_got_yet_stays(an_old_event, is_pending):
    webhook = WebhookEndpoint.objects.create(address="https://erp.example.com/", seed="s", position=0)
    if is_pending:
        webhook.deliveries.create(entry=an_old_event, subject="product 1")
        WebhookEndpoint.objects.update(position=an_old_event.position)
    call_command("purge")
    before = Event.objects.filter(pk=an_old_event.event_id).exists()
    WebhookEndpoint.objects.update(is_active=False, off_reason="Switched off.")
    call_command("purge")

    assert before
    assert not Event.objects.filter(pk=an_old_event.event_id).exists()


def test_deliveries_that_are_over_for_long_are_deleted_with_their_log(an_old_event, settings):
    settings.WEBHOOK_LOG_RETENTION, settings.EVENT_RETENTION = timedelta(days=10), timedelta(days=500)
    for age, values in {11: OVER, 9: OVER, 12: {}}.items():
        webhook = WebhookEndpoint.objects.create(address=f"https://erp.example.com/{age}", seed="s", position=99)
        ended = {"finished_at": ago(days=age)} if values else {}
        delivery = webhook.deliveries.create(entry=an_old_event, subject="product 1", **values, **ended)
        delivery.log.create(code=200, seconds=0.1, at=ago(days=age))

    call_command("purge")

    assert sorted(WebhookAttempt.objects.values_list("delivery__endpoint__address", flat=True)) == [
        "https://erp.example.com/12",
        "https://erp.example.com/9",
    ]


OVER = {"state": "DELIVERED", "next_attempt_at": None}
