"""Gauges of pending work: events without a position, mails and webhooks, read from the database at each scrape.

Every server exports the same values, so alerts take the maximum. Counting stops at LIMIT, which keeps a scrape cheap.
"""

import logging
from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.db import Error
from django.db.models import Count, Min, OuterRef, QuerySet, Subquery
from django.utils import timezone
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from products.models import Event, FeedEntry, FeedState, Mail, MailCursor, WebhookDelivery, WebhookEndpoint
from products.models.feed import unnumbered

logger = logging.getLogger(__name__)

LIMIT = 10_000
"""How many rows are counted at most."""


class Backlog(Collector):
    """Collects the gauges. While the database does not answer there are none, but /metrics still has the counters."""

    def describe(self) -> Iterable[GaugeMetricFamily]:
        """Return the gauges without values, so that the registry knows their names."""
        return self._gauges({}, [])

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Return the gauges."""
        try:
            values, webhooks = self._values(), _webhooks()
        except Error as error:
            logger.warning("The backlog is unknown: %s.", type(error).__name__)
            return []
        return self._gauges(values, webhooks)

    def _gauges(self, values: dict[str, float], webhooks: list[tuple[str, int, int]]) -> list[GaugeMetricFamily]:
        mails = GaugeMetricFamily("shop_mails", f"Mails that wait or were given up, {LIMIT} at most.", labels=["state"])
        for state in ("waiting", "failed"):
            if state in values:
                mails.add_metric([state], values[state])
        lags = GaugeMetricFamily(
            "shop_webhook_lag", "Entries of the feed from the oldest that a webhook has not got on.", labels=["webhook"]
        )
        failures = GaugeMetricFamily(
            "shop_webhook_failures", "Failed attempts since the last success.", labels=["webhook"]
        )
        for webhook, lag, failed in webhooks:
            lags.add_metric([webhook], lag)
            failures.add_metric([webhook], failed)
        return [
            GaugeMetricFamily("shop_feed_position", "The newest position of the feed.", values.get("position")),
            GaugeMetricFamily(
                "shop_feed_unnumbered_events",
                f"Events that have no position in the feed yet, {LIMIT} at most.",
                values.get("unnumbered"),
            ),
            GaugeMetricFamily(
                "shop_feed_oldest_unnumbered_seconds", "The age of the oldest of them.", values.get("unnumbered_age")
            ),
            mails,
            lags,
            failures,
            GaugeMetricFamily(
                "shop_mail_oldest_waiting_seconds",
                "How long the oldest mail, or entry of the feed that was not read for mail, has waited.",
                values.get("waiting_age"),
            ),
        ]

    def _values(self) -> dict[str, float]:
        now = timezone.now()
        state = FeedState.objects.first() or FeedState()
        events, oldest_event = _count_and_oldest(unnumbered(Event.objects.all(), state.complete_to), "at")
        waiting, oldest_mail = _count_and_oldest(Mail.objects.waiting().order_by(), "queued_at")
        since = [moment for moment in (oldest_mail, _oldest_unread()) if moment is not None]
        return {
            "position": state.position,
            "unnumbered": events,
            "unnumbered_age": _age(oldest_event, now),
            "waiting": waiting,
            "failed": Mail.objects.failed().order_by()[:LIMIT].count(),
            "waiting_age": _age(min(since, default=None), now),
        }


def _count_and_oldest(rows: "QuerySet[Event] | QuerySet[Mail]", moment: str) -> tuple[int, datetime | None]:
    found = rows[:LIMIT].aggregate(number=Count("pk"), oldest=Min(moment))
    return found["number"], found["oldest"]


def _oldest_unread() -> datetime | None:
    """Return the time of the first feed entry that was not read for mail yet; None if mail is off."""
    cursor = MailCursor.objects.first() if settings.MAIL_NOTICES else None
    if cursor is None:
        return None
    return FeedEntry.objects.after(cursor.position).values_list("event__at", flat=True).first()


def _webhooks() -> list[tuple[str, int, int]]:
    """Return id, lag and failures of each active webhook."""
    newest = FeedState.objects.values_list("position", flat=True).first() or 0
    pending = WebhookDelivery.objects.pending().filter(endpoint=OuterRef("pk")).order_by("entry").values("entry")
    rows = WebhookEndpoint.objects.active().annotate(oldest=Subquery(pending[:1]))
    return [
        (str(pk), max(0, newest - (position if oldest is None else min(oldest - 1, position))), failures)
        for pk, position, failures, oldest in rows.values_list("pk", "position", "failures", "oldest")
    ]


def _age(moment: datetime | None, now: datetime) -> float:
    return 0.0 if moment is None else max((now - moment).total_seconds(), 0.0)


REGISTRY = CollectorRegistry()
REGISTRY.register(Backlog())
