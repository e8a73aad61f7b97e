"""Events: the history of orders and products, each written in the transaction that it records."""

from datetime import datetime, timedelta
from typing import Any, Never

from django.conf import settings
from django.db import models, transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.lookups import Exact
from django.utils import timezone

from products.models.feed import FeedEntry
from products.models.mail import Mail
from products.models.querysets import AppendOnlyQuerySet
from products.models.webhooks import undelivered

MIN_RETENTION = timedelta(days=30)
"""The database rejects the deletion of an event younger than this (products.db.triggers)."""

EVENTS_ARE_FROZEN = "Events are append-only: none is changed, and purge() deletes those past their retention."

BATCH = 1_000


class EventQuerySet(AppendOnlyQuerySet["Event"]):
    sentence = EVENTS_ARE_FROZEN

    def older_than(self, moment: datetime) -> "EventQuerySet":
        return self.filter(at__lt=moment)

    def purge(self) -> int:
        """Delete these events, oldest first and in batches, so that every transaction is short; return their number.

        Keeps events without a position in the feed, those not delivered to a webhook yet, and those whose mail is not
        sent yet; deletes the other mails.
        """
        purged = 0
        entries = FeedEntry.objects.filter(event=OuterRef("pk"))
        told = self.filter(Exists(entries), ~Exists(undelivered(entries)))
        told = told.exclude(Exists(Mail.objects.waiting().filter(event=OuterRef("pk"))))
        while batch := list(told.order_by("pk").values_list("pk", flat=True)[:BATCH]):
            with transaction.atomic():
                FeedEntry.objects.filter(event__in=batch).delete()
                Mail.objects.filter(event__in=batch).delete()
                models.QuerySet.delete(self.filter(pk__in=batch))
            purged += len(batch)
        return purged


class Event(models.Model):
    """One event in the life of an order or a product, named in the past tense: `order.placed`.

    Never changed, and deleted only by `manage.py purge` past the retention. `facts` holds the shop's own words and
    numbers, never a client's text: a NUL or a lone surrogate in JSON would break every later list.
    """

    kind = models.CharField(max_length=40)
    order = models.ForeignKey("Order", models.PROTECT, null=True, related_name="events", db_index=False)
    product = models.ForeignKey("Product", models.PROTECT, null=True, related_name="events", db_index=False)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False)
    facts = models.JSONField(default=dict)
    at = models.DateTimeField(default=timezone.now)

    objects = EventQuerySet.as_manager()

    class Meta:
        base_manager_name = "objects"
        indexes = [
            models.Index(fields=["order", "id"], condition=Q(order__isnull=False), name="events_of_an_order"),
            models.Index(fields=["product", "id"], condition=Q(product__isnull=False), name="events_of_a_product"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Exact(Q(order=None), Q(product__isnull=False)), name="an_event_is_about_an_order_or_a_product"
            ),
        ]

    def __str__(self) -> str:
        return self.kind

    def save(self, **options: Any) -> None:
        """Write a new event. Raises TypeError for an existing one."""
        if not self._state.adding:
            raise TypeError(EVENTS_ARE_FROZEN)
        super().save(**options)

    def delete(self, *arguments: Any, **options: Any) -> Never:
        raise TypeError(EVENTS_ARE_FROZEN)

    @staticmethod
    def transition_row(order: Any, before: str | None, by: Any) -> dict[str, Any]:
        """Return the event row for the order's transition from `before` (None if it is new) to its present status."""
        return Event.order_row(order, f"order.{order.status.lower()}", before, by)

    @staticmethod
    def order_row(order: Any, kind: str, before: str | None, by: Any, **facts: Any) -> dict[str, Any]:
        """Return the row of an event of an order whose status was `before`, and may still be, with further `facts`."""
        facts = {"from": before, "to": order.status, "total": str(order.total), "currency": order.currency, **facts}
        return {"kind": kind, "order_id": order.pk, "by_id": None if by is None else by.pk, "facts": facts}
