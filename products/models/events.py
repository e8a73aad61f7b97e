"""What happened: the history of orders and products, written in the transaction in which it happened."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

if TYPE_CHECKING:
    from products.models.orders import Order

SHORTEST_RETENTION = timedelta(days=30)
"""The database refuses to delete an event younger than this, whoever asks (migration `append_only`)."""

BATCH = 1_000


class EventQuerySet(models.QuerySet["Event"]):
    def older_than(self, moment: datetime) -> "EventQuerySet":
        return self.filter(at__lt=moment)

    def of_move(self, order: "Order", before: str | None, by: Any) -> dict[str, Any]:
        """A row to write: that an order that was `before` (None: new) has become what it is now."""
        facts = {"from": before, "to": order.status, "total": str(order.total), "currency": order.currency}
        kind = f"order.{order.status.lower()}"
        return {"kind": kind, "order_id": order.pk, "by_id": None if by is None else by.pk, "facts": facts}

    def forget(self) -> int:
        """Delete these, the oldest first and a batch at a time, so that no transaction is long; how many there were."""
        forgotten = 0
        while batch := list(self.order_by("pk").values_list("pk", flat=True)[:BATCH]):
            forgotten += self.filter(pk__in=batch).delete()[0]
        return forgotten


class Event(models.Model):
    """One thing that happened to an order or a product, named in the past tense: `order.placed`.

    Never changed; deleted only by `manage.py tidy` past the retention. `facts` holds the shop's own words and
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
        indexes = [
            models.Index(fields=["order", "id"], condition=Q(order__isnull=False), name="events_of_an_order"),
            models.Index(fields=["product", "id"], condition=Q(product__isnull=False), name="events_of_a_product"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(order__isnull=False, product=None) | Q(order=None, product__isnull=False),
                name="an_event_is_about_an_order_or_a_product",
            ),
        ]

    def __str__(self) -> str:
        return self.kind
