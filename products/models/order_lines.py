"""Order lines."""

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models import F, ProtectedError, Q
from django.db.models.functions import Coalesce, Least
from django.db.models.lookups import GreaterThanOrEqual, LessThanOrEqual
from uuid_utils.compat import uuid7

from products.db.bulk_sql import Statement, increment_columns_sql
from products.models.money import MoneyField
from products.models.products import Product
from products.ordering.pricing import ZERO, subtotal

MAX_PER_LINE = 10_000

COUNTERS = ("shipped", "cancelled", "returned", "restocked")
"""What has been done with the pieces of a placed line: the columns of it that still change, by the order's verbs."""

LINES_ARE_FROZEN = (
    "The lines of a placed order are frozen: cancel() or return_goods() it and place another order. In a cart, "
    "Cart(customer).put() and remove() change the lines, and placing the order sets SKU, name and unit price."
)


class OrderLineQuerySet(models.QuerySet["OrderLine"]):
    """Queries over lines. Those of a cart can be changed, those of a placed order cannot."""

    def raise_counters(self, counter: str, pieces: Mapping[Any, tuple[int, int]]) -> Statement:
        """Return the SQL that adds to a counter of each line and to `restocked`: {line id: (pieces, restocked)}."""
        return increment_columns_sql(self.model, (counter, "restocked"), pieces)

    def set_quantity(self, quantity: int) -> int:
        """Set the quantity of these lines, which must be a cart's, and return their number."""
        check_whole(quantity)
        return super().update(quantity=quantity)

    def update(self, **values: Any) -> int:
        self._check_writable(values)
        check_whole(values.get("quantity"))
        return super().update(**values)

    def bulk_update(self, objs: Iterable["OrderLine"], fields: Iterable[str], *arguments: Any, **options: Any) -> int:
        lines, names = list(objs), list(fields)
        self.filter(pk__in=[line.pk for line in lines])._check_writable(names)
        for line in lines:
            check_whole(line.quantity)
        return super().bulk_update(lines, names, *arguments, **options)

    def _check_writable(self, names: Iterable[str]) -> None:
        if set(names) - {"quantity"} or self.exclude(order__status="CART").exists():
            raise TypeError(LINES_ARE_FROZEN)

    def delete(self) -> tuple[int, dict[str, int]]:
        try:
            return super().delete()
        except ProtectedError:  # by the ledger, which has a movement for every line that was placed
            raise TypeError(LINES_ARE_FROZEN) from None

    def bulk_create(
        self,
        objs: Iterable["OrderLine"],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        update_fields: Collection[str] | None = None,
        unique_fields: Collection[str] | None = None,
    ) -> "list[OrderLine]":
        lines = list(objs)
        for line in lines:
            check_whole(line.quantity)
        with transaction.atomic(using=self.db):
            has_placed = any(status != "CART" for status in _locked_statuses({line.order_id for line in lines}))
            if has_placed or update_conflicts or any(line.has_snapshot for line in lines):
                raise TypeError(LINES_ARE_FROZEN)
            return super().bulk_create(
                lines, batch_size, ignore_conflicts, update_conflicts, update_fields, unique_fields
            )


class OrderLine(models.Model):
    """One product of an order: its quantity, and its SKU, name and unit price as they were when the order was placed.

    The line of a cart has no snapshot yet: its SKU and name are empty, its price is null, and the product's own apply.
    """

    # UUIDv7 sorts by time, and lines are created in the requested order: so the id keeps that order.
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    order = models.ForeignKey("Order", models.CASCADE, related_name="lines", db_index=False)
    product = models.ForeignKey(Product, models.PROTECT, related_name="order_lines")
    quantity = models.IntegerField()
    sku = models.CharField("SKU", max_length=64, blank=True, default="")
    name = models.CharField(max_length=200, blank=True, default="")
    unit_price = MoneyField(max_digits=12, null=True, blank=True)
    # The line's own discount, and its share of the order's discount.
    discount = MoneyField(default=ZERO, db_default=ZERO)
    discount_share = MoneyField(default=ZERO, db_default=ZERO)
    tax_rate = models.DecimalField(max_digits=6, decimal_places=3, null=True, blank=True, help_text="In percent.")
    tax = MoneyField(default=ZERO, db_default=ZERO)
    shipped = models.IntegerField(default=0, db_default=0, editable=False)
    # Includes the pieces of an expired order.
    cancelled = models.IntegerField(default=0, db_default=0, editable=False)
    returned = models.IntegerField(default=0, db_default=0, editable=False)
    # Cancelled or returned, and put back into stock.
    restocked = models.IntegerField(default=0, db_default=0, editable=False)

    objects = OrderLineQuerySet.as_manager()

    class Meta:
        base_manager_name = "objects"
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(quantity__range=(1, MAX_PER_LINE)), name="quantity_is_1_to_10000"),
            models.CheckConstraint(condition=Q(unit_price__gte=0), name="unit_price_is_not_negative"),
            models.CheckConstraint(condition=Q(unit_price__lt=10**8), name="unit_price_has_at_most_8_digits"),
            models.CheckConstraint(
                # Half a unit more where the subtotal was rounded up.
                condition=Q(
                    LessThanOrEqual(
                        F("discount") + F("discount_share"),
                        # 0 without a price, as a comparison with NULL would be no violation.
                        Coalesce(F("quantity") * F("unit_price") + Decimal("0.5"), ZERO),
                    ),
                    discount__gte=0,
                    discount_share__gte=0,
                ),
                name="discounts_are_at_most_the_price",
            ),
            models.CheckConstraint(
                condition=Q(tax=0) | Q(tax__gt=0, tax_rate__isnull=False, tax_rate__gt=ZERO),
                name="tax_needs_a_rate_and_is_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(tax_rate__range=(ZERO, Decimal("100.00"))), name="tax_rate_is_a_percentage"
            ),
            models.UniqueConstraint(fields=["order", "product"], name="one_line_per_product_and_order"),
            models.CheckConstraint(
                condition=Q(quantity__gte=F("shipped") + F("cancelled")),
                name="shipped_and_cancelled_are_at_most_the_quantity",
            ),
            models.CheckConstraint(
                condition=Q(returned__lte=F("shipped")), name="returned_is_at_most_what_was_shipped"
            ),
            models.CheckConstraint(
                condition=Q(restocked__lte=F("returned") + F("cancelled")), name="restocked_is_at_most_what_came_back"
            ),
            models.CheckConstraint(
                condition=GreaterThanOrEqual(Least(*COUNTERS), 0), name="counters_of_a_line_are_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.sku or self.product_id}"

    def save(self, **options: Any) -> None:
        """Write the line of a cart. Raises TypeError for one of a placed order, ValidationError for half a piece."""
        check_whole(self.quantity)
        with transaction.atomic():
            if self.has_snapshot or any(status != "CART" for status in _locked_statuses({self.order_id})):
                raise TypeError(LINES_ARE_FROZEN)
            super().save(**options)

    def delete(self, *arguments: Any, **options: Any) -> tuple[int, dict[str, int]]:
        try:
            return super().delete(*arguments, **options)
        except ProtectedError:
            raise TypeError(LINES_ARE_FROZEN) from None

    @property
    def has_snapshot(self) -> bool:
        """Whether SKU, name and price are set, as they are from the moment the order is placed."""
        return bool(self.sku or self.name or self.unit_price is not None)

    @property
    def subtotal(self) -> Decimal:
        """Quantity times unit price, in whole minor units of the shop's currency; 0 while there is no snapshot.

        Orders have the same currency: a check refuses another CURRENCY while there are any.
        """
        return ZERO if self.unit_price is None else subtotal(self.unit_price, self.quantity, settings.CURRENCY)

    @property
    def amount(self) -> Decimal:
        """The subtotal less both discounts; 0 while there is no snapshot."""
        amount: Decimal = self.subtotal - self.discount - self.discount_share
        return amount

    @property
    def remaining(self) -> int:
        """The pieces that are neither shipped nor cancelled."""
        return self.quantity - self.shipped - self.cancelled


def _locked_statuses(order_ids: Iterable[Any]) -> list[str]:
    """Lock these orders, and return their statuses.

    The trigger does not see what another transaction has not committed: without the lock, a line could be added to a
    cart that is just being placed.
    """
    orders = OrderLine._meta.get_field("order").related_model._base_manager
    return list(
        orders.filter(pk__in=order_ids).order_by("pk").select_for_update(no_key=True).values_list("status", flat=True)
    )


def check_whole(quantity: Any) -> None:
    """Raise ValidationError for a fraction, which the column would cut off."""
    if isinstance(quantity, float | Decimal) and quantity % 1:
        raise ValidationError({"quantity": ["Pieces are counted in whole numbers."]})
