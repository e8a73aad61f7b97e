"""Order lines."""

from decimal import Decimal

from django.db import models
from django.db.models import Q
from uuid_utils.compat import uuid7

from products.models.products import Product

MAX_PER_LINE = 10_000


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
    unit_price = models.DecimalField(max_digits=10, decimal_places=2, null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(condition=Q(quantity__range=(1, MAX_PER_LINE)), name="quantity_is_1_to_10000"),
            models.CheckConstraint(condition=Q(unit_price__gte=0), name="unit_price_is_not_negative"),
            models.UniqueConstraint(fields=["order", "product"], name="one_line_per_product_and_order"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.sku or self.product_id}"

    @property
    def amount(self) -> Decimal:
        """Quantity times unit price, in the order's currency; 0 while there is no snapshot."""
        return (self.unit_price or Decimal("0.00")) * self.quantity
