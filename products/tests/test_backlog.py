"""The gauges of what waits."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from products import backlog
from products.feed.sequencer import number_all_events
from products.models import Event, FeedEntry, FeedState, Mail, MailCursor, Order, WebhookEndpoint

pytestmark = pytest.mark.django_db


def gauges():
    families = text_string_to_metric_families(generate_latest(backlog.REGISTRY).decode())
    return {
        " ".join([sample.name, *sample.labels.values()]): sample.value
        for family in families
        for sample in family.samples
    }


@pytest.fixture
def order(alice, a_product, settings):
    settings.MAIL_NOTICES = True
    return Order.objects.create(customer=alice, items=[(a_product(stock=5), 1)])


def test_before_anything_happened_they_are_all_zero():
    assert gauges() == {
        "shop_feed_position": 0,
        "shop_feed_unnumbered_events": 0,
        "shop_feed_oldest_unnumbered_seconds": 0,
        "shop_mails waiting": 0,
        "shop_mails failed": 0,
        "shop_mail_oldest_waiting_seconds": 0,
    }


def test_events_without_a_position_are_counted_until_they_have_one(order):
    Event.objects.create(kind="order.delivered", order=order, at=timezone.now() - timedelta(minutes=5))
    before = gauges()
    number_all_events()
    after = gauges()

    assert before["shop_feed_unnumbered_events"] == Event.objects.count()
    assert 300 <= before["shop_feed_oldest_unnumbered_seconds"] < 330
    assert (after["shop_feed_unnumbered_events"], after["shop_feed_oldest_unnumbered_seconds"]) == (0, 0)
    assert after["shop_feed_position"] == FeedState.objects.get().position > 0


def test_each_active_webhook_tells_how_far_behind_it_is_and_how_often_it_has_failed(order):
    number_all_events()
    newest = FeedState.objects.get().position
    values = {"address": "https://erp.example.com/", "seed": "s"}
    ready = WebhookEndpoint.objects.create(position=newest, **values)
    behind = WebhookEndpoint.objects.create(position=1, **values)
    failing = WebhookEndpoint.objects.create(position=newest, failures=3, failing_since=timezone.now(), **values)
    failing.deliveries.create(entry=FeedEntry.objects.get(position=2), subject="product 1")
    WebhookEndpoint.objects.create(is_active=False, off_reason="Switched off.", **values)

    told = {name: value for name, value in gauges().items() if name.startswith("shop_webhook")}

    assert told == {
        f"shop_webhook_lag {ready.pk}": 0,
        f"shop_webhook_lag {behind.pk}": newest - 1,
        f"shop_webhook_lag {failing.pk}": newest - 1,
        f"shop_webhook_failures {ready.pk}": 0,
        f"shop_webhook_failures {behind.pk}": 0,
        f"shop_webhook_failures {failing.pk}": 3,
    }


def test_mails_that_wait_and_that_failed_are_counted(order):
    event = order.events.get()
    ago = timezone.now() - timedelta(minutes=10)
    values = {"event": event, "recipient": "a@example.com", "queued_at": ago}
    Mail.objects.create(kind="order_confirmation", next_attempt_at=timezone.now(), **values)
    Mail.objects.create(kind="refund", state="failed", **values)
    Mail.objects.create(kind="cancellation", state="skipped", **values)

    told = gauges()

    assert (told["shop_mails waiting"], told["shop_mails failed"]) == (1, 1)
    assert 600 <= told["shop_mail_oldest_waiting_seconds"] < 630


def test_a_feed_that_nobody_reads_for_mail_is_told_of_only_while_mail_is_on(order, settings):
    Event.objects.create(kind="order.delivered", order=order, at=timezone.now() - timedelta(hours=1))
    MailCursor.objects.create(position=0)
    number_all_events()
    MailCursor.objects.update(position=FeedState.objects.get().position - 1)
    on = gauges()["shop_mail_oldest_waiting_seconds"]
    settings.MAIL_NOTICES = False

    assert 3_600 <= on < 3_630
    assert gauges()["shop_mail_oldest_waiting_seconds"] == 0


def test_a_count_ends_at_its_limit_and_a_scrape_costs_few_statements(order, monkeypatch, django_assert_num_queries):
    monkeypatch.setattr(backlog, "LIMIT", 2)
    MailCursor.objects.create(position=0)
    for _ in range(3):
        Event.objects.create(kind="order.delivered", order=order)

    with django_assert_num_queries(8):
        told = gauges()

    assert told["shop_feed_unnumbered_events"] == 2


def test_while_the_database_is_away_there_are_none_and_the_other_metrics_are_there(client, settings, caplog):
    settings.METRICS_TOKEN = "for-prometheus-and-for-nobody-else"

    def is_away(execute, sql, params, many, context):
        raise OperationalError("the password of alice")

    with connection.execute_wrapper(is_away):
        answer = client.get("/metrics", HTTP_AUTHORIZATION=f"Bearer {settings.METRICS_TOKEN}")

    names = {family.name for family in text_string_to_metric_families(answer.content.decode())}
    assert answer.status_code == 200
    assert "shop_orders_placed" in names
    assert "shop_mails" not in names
    assert "The backlog is unknown: OperationalError." in caplog.messages
