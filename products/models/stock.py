"""The stock ledger: every change of every product's stock, append-only."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Never

from django.conf import settings
from django.db import models
from django.db.models import Q, Sum
from django.db.models.lookups import Exact
from django.utils import timezone

from products.models.querysets import AppendOnlyQuerySet
from products.validators import printable, visible

MAX_STOCK = 1_000_000_000
"""The largest stock of one product; sums stay well inside a 32-bit integer."""


class Reason(models.TextChoices):
    """Why stock moved. Staff cause the first three, orders the others."""

    RECEIVED = "RECEIVED", "received"
    CORRECTED = "CORRECTED", "corrected"
    COUNTED = "COUNTED", "counted"
    SOLD = "SOLD", "sold"
    CANCELLED = "CANCELLED", "cancelled"
    EXPIRED = "EXPIRED", "expired"
    RETURNED = "RETURNED", "returned"


LEDGER_IS_WRITTEN_BY_VERBS = (
    "The stock ledger is append-only and written by the verbs: receive(), correct() and count() of a product, and the "
    "orders. A movement that was wrong is balanced by another one."
)

BY_ORDERS = (Reason.SOLD, Reason.CANCELLED, Reason.EXPIRED, Reason.RETURNED)


class StockMovementQuerySet(AppendOnlyQuerySet["StockMovement"]):
    sentence = LEDGER_IS_WRITTEN_BY_VERBS

    def bulk_create(self, objs: Iterable["StockMovement"], *arguments: Any, **options: Any) -> Never:
        raise TypeError(LEDGER_IS_WRITTEN_BY_VERBS)

    def taken_for(self, order: Any) -> dict[Any, tuple[int, int]]:
        """Return what the order has taken and not given back: {line id: (product id, pieces)}."""
        sums = self.filter(line__order=order).order_by().values_list("line", "product").annotate(Sum("delta"))
        return {line: (product, -delta) for line, product, delta in sums}

    def stock_at(self, moment: datetime) -> int:
        """Return the sum of these movements up to `moment`: for one product, its stock at that time."""
        return self.filter(at__lte=moment).aggregate(total=Sum("delta"))["total"] or 0


class StockMovement(models.Model):
    """One line of the stock ledger. The sum of a product's deltas is its stock, at every commit.

    Never changed and never deleted: triggers in the database reject it (products.db.triggers).
    """

    product = models.ForeignKey("Product", models.PROTECT, related_name="movements", db_index=False)
    delta = models.IntegerField(help_text="Pieces; positive came in, negative went out.")
    reason = models.CharField(max_length=10, choices=Reason.choices)
    line = models.ForeignKey("OrderLine", models.PROTECT, null=True, related_name="movements", db_index=False)
    part = models.IntegerField(
        default=0,
        db_default=0,
        help_text="The number of the order's cancellation or return that moved it; 1 for the sale by a late payment.",
    )
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False)
    note = models.CharField(max_length=200, blank=True, default="", validators=[printable, visible])
    at = models.DateTimeField(default=timezone.now)
    idempotency_key = models.CharField(max_length=255, null=True)  # noqa: DJ001 - unique where there is one

    replayed = False
    """Whether an earlier request with the same idempotency key made this movement."""

    objects = StockMovementQuerySet.as_manager()

    class Meta:
        base_manager_name = "objects"
        indexes = [
            models.Index(fields=["product", "id"], name="movements_of_a_product"),
            models.Index(fields=["by"], condition=Q(by__isnull=False), name="movements_by_a_person"),
            models.Index(fields=["at"], name="movements_by_moment"),
        ]
        constraints = [
            models.CheckConstraint(condition=~Q(delta=0), name="a_movement_moves_something"),
            models.CheckConstraint(condition=Q(reason__in=Reason.values), name="a_movement_has_a_known_reason"),
            models.CheckConstraint(
                condition=Exact(Q(reason__in=BY_ORDERS), Q(line__isnull=False)),
                name="only_orders_move_stock_for_a_line",
            ),
            # A trigger limits the sum that comes back (products.db.triggers), as it compares with the line.
            models.UniqueConstraint(fields=["line", "reason", "part"], name="one_movement_per_line_reason_and_part"),
            models.UniqueConstraint(
                fields=["by", "idempotency_key"],
                condition=Q(idempotency_key__isnull=False),
                name="one_movement_per_person_and_key",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.delta:+d} {self.get_reason_display()}"

    def save(self, **options: Any) -> Never:
        raise TypeError(LEDGER_IS_WRITTEN_BY_VERBS)

    def delete(self, *arguments: Any, **options: Any) -> Never:
        raise TypeError(LEDGER_IS_WRITTEN_BY_VERBS)

    def write_row(self) -> None:
        """Write a new movement; only for the code that moves the stock with it."""
        super().save()

    def stock_after(self) -> int:
        """Return the product's stock right after this movement: the sum of its ledger up to here."""
        ledger = StockMovement.objects.filter(product=self.product_id, pk__lte=self.pk)
        return ledger.aggregate(total=Sum("delta"))["total"] or 0
