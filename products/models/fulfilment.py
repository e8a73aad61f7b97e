"""Shipments, cancellations, returns and refunds: one row for each operation on the lines of an order.

Each is numbered within its order, and written once by a verb of Order, which counts its pieces on the order's lines in
the same transaction (products.ordering.fulfilment). An order that expires has no row here, because nobody cancelled it.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, Never

from django.conf import settings
from django.db import models
from django.db.models import F, Prefetch, Q
from django.db.models.functions import Upper
from django.utils import timezone
from uuid_utils.compat import uuid7

from products.models.money import MoneyField
from products.models.querysets import AppendOnlyQuerySet
from products.validators import printable_line, visible

FULFILMENT_IS_WRITTEN_BY_VERBS = (
    "Shipments, cancellations, returns and refunds are written by the verbs of an order: ship(), cancel(), "
    "return_goods() and refund(). None is changed, but for the tracking of a shipment: correct_tracking()."
)


class FulfilmentQuerySet(AppendOnlyQuerySet[Any]):
    """A queryset of rows that only the verbs of an order write."""

    sentence = FULFILMENT_IS_WRITTEN_BY_VERBS

    def bulk_create(self, objs: Iterable[Any], *arguments: Any, **options: Any) -> Never:
        raise TypeError(self.sentence)

    def with_lines(self) -> "FulfilmentQuerySet":
        """Return these rows with their lines, each joined with the order's: a list of all of them is too long for
        SQLite."""
        lines: Any = self.model._meta.get_field("lines").related_model
        return self.prefetch_related(Prefetch("lines", lines.objects.select_related("line")))


class FulfilmentRow(models.Model):
    """A row that only the verbs of an order write."""

    objects = FulfilmentQuerySet.as_manager()

    class Meta:
        abstract = True
        base_manager_name = "objects"

    def save(self, **options: Any) -> Never:
        raise TypeError(FULFILMENT_IS_WRITTEN_BY_VERBS)

    def delete(self, *arguments: Any, **options: Any) -> Never:
        raise TypeError(FULFILMENT_IS_WRITTEN_BY_VERBS)


class Fulfilment(FulfilmentRow):
    """One operation on some lines of an order. The `number` counts within the order, from 1."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    order = models.ForeignKey("products.Order", models.PROTECT, related_name="%(class)ss", db_index=False)
    number = models.IntegerField()
    # The client's name for its request, and a digest of what it requested, as an order has them.
    idempotency_key = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001 - unique
    request_digest = models.CharField(max_length=64, blank=True, default="")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False)
    at = models.DateTimeField(default=timezone.now)

    replayed = False
    """Whether an earlier request with the same idempotency key made this."""

    class Meta(FulfilmentRow.Meta):
        abstract = True
        ordering = ["order", "number"]
        constraints = [
            models.UniqueConstraint(fields=["order", "number"], name="a_%(class)s_has_its_own_number_in_its_order"),
            models.UniqueConstraint(
                fields=["order", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="one_%(class)s_per_order_and_key",
            ),
        ]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.number}"


class FulfilmentLine(FulfilmentRow):
    """The pieces of one order line in a shipment, a cancellation, a return or a refund."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    # The database protects the line, and in Python its movements do; PROTECT would add a query to emptying a cart.
    line = models.ForeignKey("products.OrderLine", models.DO_NOTHING, related_name="%(class)ss")
    quantity = models.IntegerField()

    class Meta(FulfilmentRow.Meta):
        abstract = True
        ordering = ["id"]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.line_id}"


def line_laws(of: str) -> list[models.BaseConstraint]:
    """Return the laws of the lines of a `of`, such as "shipment"."""
    return [
        models.UniqueConstraint(fields=[of, "line"], name=f"a_{of}_names_a_line_once"),
        models.CheckConstraint(condition=Q(quantity__gte=1), name=f"a_{of}_line_is_for_at_least_1_piece"),
    ]


class Shipment(Fulfilment):
    """Pieces that left the shop together."""

    carrier = models.CharField(max_length=100, blank=True, default="", validators=[printable_line, visible])
    tracking_number = models.CharField(max_length=100, blank=True, default="", validators=[printable_line, visible])

    class Meta(Fulfilment.Meta):
        indexes = [
            models.Index(Upper("tracking_number"), condition=Q(tracking_number__gt=""), name="shipments_by_tracking"),
        ]

    def write_tracking(self) -> None:
        """Write carrier and tracking number. For the verb of the order, not for callers."""
        models.Model.save(self, update_fields=["carrier", "tracking_number"])


class Cancellation(Fulfilment):
    """Pieces that will not be shipped and are back in stock."""

    reason = models.CharField(max_length=200, blank=True, default="", validators=[printable_line, visible])


class Return(Fulfilment):
    """Shipped pieces that came back."""


class Refund(Fulfilment):
    """Money that was paid back: for some lines, or an amount without lines."""

    amount = MoneyField()
    reference = models.CharField(max_length=200, blank=True, default="", validators=[printable_line, visible])

    class Meta(Fulfilment.Meta):
        constraints = [
            *Fulfilment.Meta.constraints,
            models.CheckConstraint(condition=Q(amount__gt=0), name="a_refund_pays_something_back"),
        ]


class ShipmentLine(FulfilmentLine):
    shipment = models.ForeignKey(Shipment, models.PROTECT, related_name="lines", db_index=False)

    class Meta(FulfilmentLine.Meta):
        constraints = line_laws("shipment")


class CancellationLine(FulfilmentLine):
    cancellation = models.ForeignKey(Cancellation, models.PROTECT, related_name="lines", db_index=False)

    class Meta(FulfilmentLine.Meta):
        constraints = line_laws("cancellation")


class ReturnLine(FulfilmentLine):
    """Pieces of one line that came back; `restocked` of them can be sold again."""

    return_of = models.ForeignKey(Return, models.PROTECT, related_name="lines", db_index=False, db_column="return_id")
    restocked = models.IntegerField()

    class Meta(FulfilmentLine.Meta):
        constraints = [
            models.UniqueConstraint(fields=["return_of", "line"], name="a_return_names_a_line_once"),
            models.CheckConstraint(condition=Q(quantity__gte=1), name="a_return_line_is_for_at_least_1_piece"),
            models.CheckConstraint(
                condition=Q(restocked__gte=0, restocked__lte=F("quantity")),
                name="a_return_restocks_at_most_what_came_back",
            ),
        ]


class RefundLine(FulfilmentLine):
    """Pieces of one line whose `amount` was paid back."""

    refund = models.ForeignKey(Refund, models.PROTECT, related_name="lines", db_index=False)
    amount = MoneyField(default=Decimal("0.00"))

    class Meta(FulfilmentLine.Meta):
        constraints = line_laws("refund")
