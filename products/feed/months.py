"""Events by month: which monthly partitions are created ahead, and which may be dropped.

A month may be dropped once `Event.objects.purge()` would be allowed to delete every event in it.
"""

from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from products.db import partitions
from products.db.partitions import EventsWithoutPosition, Partition
from products.models import Event, FeedEntry, FeedState, Mail
from products.models.events import BATCH, MIN_RETENTION, EventQuerySet
from products.models.webhooks import undelivered

AHEAD = timedelta(days=62)
"""How far ahead months are made, so that the command may be forgotten for a while."""


class MonthStays(Exception):
    """Why a month cannot be dropped yet."""


def make_months() -> list[str]:
    """Create the missing monthly partitions up to AHEAD; return their tables."""
    return partitions.make_months(connection, timezone.now() + AHEAD)


def past_months() -> list[Partition]:
    """Return the months whose events are all past their retention, oldest first."""
    return [month for month in partitions.partitions(connection) if _is_past(month)]


def drop_past_months() -> Iterator[tuple[Partition, int | MonthStays]]:
    """Drop the past months; yield each with its number of events, or with the reason why it cannot be dropped."""
    for month in past_months():
        try:
            yield month, drop_month(month)
        except MonthStays as reason:
            yield month, reason


def deleted_by_row(events: EventQuerySet) -> EventQuerySet:
    """Return the given events that are deleted row by row: all of them, or those from before the first month."""
    months = [month.start for month in partitions.partitions(connection) if month.start is not None]
    return events.filter(at__lt=min(months)) if months else events


def events_of(month: Partition) -> EventQuerySet:
    """Return the events of a month."""
    since = Q() if month.start is None else Q(at__gte=month.start)
    return Event.objects.filter(since, at__lt=month.end)


def drop_month(month: Partition) -> int:
    """Delete the rows that refer to a month's events, in batches, and drop the month; return its number of events.

    Raises MonthStays before anything is deleted if one of its events is younger than the retention, may have no
    position in the feed yet, still has to be delivered to a webhook, or has a mail waiting to be sent.
    """
    if not _is_past(month):
        raise MonthStays(f"has events younger than the retention of {_retention().days} days")
    complete_to = FeedState.objects.values_list("complete_to", flat=True).first() or 0
    events = events_of(month)
    if events.filter(pk__gt=complete_to).exists():
        raise MonthStays("has events that may have no position in the feed yet")
    for batch in _batches(events):
        _refuse_what_is_needed(batch)
    dropped = 0
    for batch in _batches(events):
        with transaction.atomic():
            _refuse_what_is_needed(batch)
            FeedEntry.objects.filter(event__in=batch).delete()
            Mail.objects.filter(event__in=batch).delete()
        dropped += len(batch)
    try:
        partitions.drop(connection, month, complete_to)
    except EventsWithoutPosition:
        raise MonthStays("got an event just now") from None
    return dropped


def _retention() -> timedelta:
    return max(settings.EVENT_RETENTION, MIN_RETENTION)


def _is_past(month: Partition) -> bool:
    return month.end is not None and month.end <= timezone.now() - _retention()


def _batches(events: EventQuerySet) -> Iterator[list[int]]:
    last = 0
    while batch := list(events.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:BATCH]):
        yield batch
        last = batch[-1]


def _refuse_what_is_needed(events: list[int]) -> None:
    if undelivered(FeedEntry.objects.filter(event__in=events)).exists():
        raise MonthStays("has events that a webhook has not got yet")
    if Mail.objects.waiting().filter(event__in=events).exists():
        raise MonthStays("has events whose mail is still to be sent")
