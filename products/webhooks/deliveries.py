"""Deliveries: create them from the feed, lease them to a worker, and record how each attempt ended.

This module uses the database only. The modules that use the network do not use the database.
"""

import random
from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import NamedTuple
from uuid import UUID

import orjson
from django.conf import settings
from django.db import transaction
from django.db.models import F, Max
from django.utils import timezone

from products.db.retry import atomic_with_retry
from products.feed.payloads import payloads
from products.models import FeedEntry, FeedState, WebhookAttempt, WebhookDelivery, WebhookEndpoint
from products.models.webhooks import DOUBTFUL
from products.webhooks.posting import Answer

BATCH = 500
"""How many entries of the feed are looked at in one transaction at most."""

MAX_RUN = 20
"""How many deliveries about one order or product are leased together."""

JITTER = 0.2
"""The part by which a pause is longer or shorter, so that what failed together is not tried again together."""

MAX_RETRY_AFTER = 86_400
"""Seconds. A receiver that asks for a longer pause gets this one."""

MAX_PAUSE = 300
"""Seconds until an endpoint that keeps failing is tried again."""

SWITCH_OFF_AFTER = timedelta(days=5)
"""After so long without a single success an endpoint is switched off."""

GONE = "The receiver answered 410 Gone."
DEAD = "Every attempt has failed for {days} days."

State = WebhookDelivery.State


class Leased(NamedTuple):
    """A delivery that this worker has leased, with the body to post."""

    delivery: int
    position: int
    attempts: int
    body: bytes


@dataclass(frozen=True)
class Outcome:
    """The result of a leased delivery: an answer, or None if it was not attempted and its lease is returned."""

    delivery: int
    endpoint: int
    attempts: int
    answer: Answer | None


# Made from the feed


def make_deliveries() -> int:
    """Create deliveries for new entries of the feed, at most BATCH per endpoint; return how many were created."""
    newest = newest_position()
    behind = WebhookEndpoint.objects.behind(newest).values_list("pk", flat=True)
    return sum(_make_for(endpoint, newest) for endpoint in list(behind))


def newest_position() -> int:
    """Return the newest position of the feed."""
    return FeedState.objects.aggregate(newest=Max("position"))["newest"] or 0


@transaction.atomic
def _make_for(pk: int, newest: int) -> int:
    # If another worker has locked the endpoint, this one skips it.
    locked = WebhookEndpoint.objects.behind(newest).select_for_update(skip_locked=True, no_key=True)
    endpoint = locked.filter(pk=pk).first()
    if endpoint is None:
        return 0
    entries = FeedEntry.objects.after(endpoint.position).filter(position__lte=newest)
    if endpoint.types:
        entries = entries.filter(type__in=endpoint.types)
    rows = list(entries.values_list("position", "order", "product")[:BATCH])
    WebhookDelivery.objects.bulk_create(
        [
            WebhookDelivery(
                endpoint_id=pk, entry_id=position, subject=f"order {order}" if order else f"product {product}"
            )
            for position, order, product in rows
        ],
        ignore_conflicts=True,  # a redelivery starts again at entries that already have deliveries
    )
    endpoint.position = newest if len(rows) < BATCH else rows[-1][0]
    endpoint.save(update_fields=["position"])
    return len(rows)


# Leased to a worker


def lease(endpoint: int, *, runs: int, worker: UUID, until: datetime, longest: int = MAX_RUN) -> list[list[Leased]]:
    """Lease the endpoint's due deliveries: a limited number of runs, each for one order or product and in feed order.

    A run has at most `longest` deliveries. The worker that leases the first delivery of an order or product also holds
    the later ones, so no other worker can post them out of order.
    """

    def take() -> list[list[WebhookDelivery]]:
        due = WebhookDelivery.objects.due(timezone.now()).filter(endpoint=endpoint)
        heads = list(due.select_for_update(skip_locked=True, no_key=True).order_by("entry")[:runs])
        found = _runs(heads, longest) if heads else []
        ids = [each.pk for run in found for each in run]
        WebhookDelivery.objects.filter(pk__in=ids).update(lease=worker, lease_until=until)
        return found

    leased = atomic_with_retry(take)
    bodies = _bodies([each.entry_id for run in leased for each in run])
    return [[Leased(each.pk, each.entry_id, each.attempts, bodies[each.entry_id]) for each in run] for run in leased]


def _runs(heads: Sequence[WebhookDelivery], longest: int) -> list[list[WebhookDelivery]]:
    """Return each of these deliveries together with the due deliveries that follow it."""
    now, endpoint = timezone.now(), heads[0].endpoint_id
    subjects = [head.subject for head in heads]
    pending = WebhookDelivery.objects.pending().filter(endpoint=endpoint, subject__in=subjects).order_by("entry")
    by_subject = defaultdict(list)
    for each in pending[: len(heads) * longest] if longest > 1 else ():
        by_subject[each.subject].append(each)
    runs = []
    for head in heads:
        after = [each for each in by_subject[head.subject] if each.entry_id > head.entry_id]
        due = takewhile(lambda each: each.next_attempt_at is not None and each.next_attempt_at <= now, after)
        runs.append([head, *due][:longest])
    return runs


def _bodies(positions: Collection[int]) -> dict[int, bytes]:
    """Return the request bodies for these entries of the feed: {position: JSON}."""
    bodies: dict[int, bytes] = {}
    while missing := set(positions) - set(bodies):
        entries = FeedEntry.objects.filter(position__in=missing).order_by("position")
        told = payloads(entries, len(missing))  # fewer if orders have very many lines
        bodies |= {payload["position"]: orjson.dumps(payload) for payload in told}
    return bodies


# Record results


def record(outcomes: Sequence[Outcome], worker: UUID) -> None:
    """Record the outcomes of leased deliveries; if this worker has lost the lease, record only the attempt."""
    tried = [each for each in outcomes if each.answer is not None]

    def write() -> None:
        _rate({each.endpoint for each in tried}, tried)
        ids = [each.delivery for each in outcomes]
        # Lock in the same order everywhere, so that two workers cannot deadlock.
        rows = WebhookDelivery.objects.select_for_update(no_key=True).filter(pk__in=ids).order_by("pk")
        held = {pk: lease == worker for pk, lease in rows.values_list("pk", "lease")}
        WebhookAttempt.objects.bulk_create(_log(each) for each in tried if each.delivery in held)
        _write([each for each in outcomes if held.get(each.delivery)])

    atomic_with_retry(write)


def _write(outcomes: Sequence[Outcome]) -> None:
    now, free = timezone.now(), {"lease": None, "lease_until": None}
    deliveries = WebhookDelivery.objects.all()
    taken = [each.delivery for each in outcomes if each.answer is not None and each.answer.is_success]
    back = [each.delivery for each in outcomes if each.answer is None]
    if taken:
        deliveries.filter(pk__in=taken).update(
            state=State.DELIVERED, attempts=F("attempts") + 1, next_attempt_at=None, finished_at=now, **free
        )
    if back:
        deliveries.filter(pk__in=back).update(**free)
    for each in outcomes:
        if each.answer is None or each.answer.is_success:
            continue
        pause = pause_after(each.attempts + 1, each.answer)
        if pause is None:
            end = {"state": State.GIVEN_UP, "next_attempt_at": None, "finished_at": now}
        else:
            end = {"next_attempt_at": now + pause}
        deliveries.filter(pk=each.delivery).update(attempts=F("attempts") + 1, **end, **free)


def pause_after(attempts: int, answer: Answer) -> timedelta | None:
    """Return how long to wait after this number of failed attempts and this last answer; None means give up."""
    if answer.is_gone:
        # The endpoint is switched off now. If it is switched on again, this delivery is still due.
        return timedelta(0)
    if attempts > len(settings.WEBHOOK_RETRIES):
        return None
    seconds = settings.WEBHOOK_RETRIES[attempts - 1] * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - no secret
    return timedelta(seconds=max(seconds, _asked_for(answer)))


def _asked_for(answer: Answer) -> float:
    return min(answer.retry_after, MAX_RETRY_AFTER) if answer.code in (429, 503) else 0


def _rate(pks: Collection[int], tried: Sequence[Outcome]) -> None:
    """Count each endpoint's failures since its last success; pause endpoints that keep failing or ask for a pause."""
    now = timezone.now()
    endpoints = WebhookEndpoint.objects.select_for_update(no_key=True).filter(pk__in=pks).order_by("pk")
    for endpoint in endpoints:
        before = (endpoint.failures, endpoint.failing_since, endpoint.paused_until, endpoint.is_active)
        for each in tried:
            if each.endpoint == endpoint.pk and each.answer is not None:
                _count(endpoint, each.answer, now)
        after = (endpoint.failures, endpoint.failing_since, endpoint.paused_until, endpoint.is_active)
        if after != before:
            endpoint.save(update_fields=["failures", "failing_since", "paused_until", "is_active", "off_reason"])


def _count(endpoint: WebhookEndpoint, answer: Answer, now: datetime) -> None:
    if answer.is_success:
        endpoint.failures, endpoint.failing_since, endpoint.paused_until = 0, None, None
        return
    endpoint.failures += 1
    endpoint.failing_since = endpoint.failing_since or now
    pause = _asked_for(answer)
    if endpoint.failures >= DOUBTFUL:
        retries = settings.WEBHOOK_RETRIES
        pause = max(pause, min(retries[min(endpoint.failures - DOUBTFUL, len(retries) - 1)], MAX_PAUSE))
    if pause:
        endpoint.paused_until = now + timedelta(seconds=pause)
    if answer.is_gone and endpoint.is_active:
        endpoint.is_active, endpoint.off_reason = False, GONE
    elif now - endpoint.failing_since >= SWITCH_OFF_AFTER and endpoint.is_active:
        endpoint.is_active, endpoint.off_reason = False, DEAD.format(days=SWITCH_OFF_AFTER.days)


def _log(outcome: Outcome) -> WebhookAttempt:
    answer = outcome.answer
    assert answer is not None  # noqa: S101 - for mypy: only what was tried is logged
    return WebhookAttempt(
        delivery_id=outcome.delivery,
        code=answer.code,
        seconds=answer.seconds,
        answer=answer.text,
        error=answer.error[:200],
    )


# Redeliver


AGAIN = {
    "state": State.PENDING,
    "attempts": 0,
    "lease": None,
    "lease_until": None,
    "finished_at": None,
}


def redeliver(delivery: WebhookDelivery) -> None:
    """Make this delivery due again immediately."""
    WebhookDelivery.objects.filter(pk=delivery.pk).update(next_attempt_at=timezone.now(), **AGAIN)


@transaction.atomic
def redeliver_after(endpoint: WebhookEndpoint, position: int) -> None:
    """Redeliver to the endpoint every entry after this position that the feed still has."""
    locked = WebhookEndpoint.objects.select_for_update(no_key=True).get(pk=endpoint.pk)
    over = locked.deliveries.filter(entry__gt=position, next_attempt_at=None)
    over.update(next_attempt_at=timezone.now(), **AGAIN)
    if position < locked.position:
        # Entries whose delivery was purged get a new one; the others keep theirs.
        locked.position = position
        locked.save(update_fields=["position"])
