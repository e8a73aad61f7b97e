"""The lines of orders."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from django.db import models
from django.db.models import Q
from uuid_utils.compat import uuid7

from products.models.basket import MOST_PER_LINE
from products.models.catalogue import Product

if TYPE_CHECKING:
    from products.models.orders import Order


class OrderLine(models.Model):
    """One product of an order, how many, and its SKU, name and unit price as they were when the order was placed.

    In a cart nothing is frozen yet: there the three are empty, and the product's own are what counts.
    """

    # Made in the order in which the customer named the products, and UUIDv7 sorts by time: the id is the order.
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
            models.CheckConstraint(condition=Q(quantity__range=(1, MOST_PER_LINE)), name="quantity_is_1_to_10000"),
            models.CheckConstraint(condition=Q(unit_price__gte=0), name="unit_price_is_not_negative"),
            models.UniqueConstraint(fields=["order", "product"], name="one_line_per_product_and_order"),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} x {self.sku or self.product_id}"

    @classmethod
    def freeze(cls, order: "Order", product: Product, quantity: int) -> "OrderLine":
        """A line, not written yet, with the product's SKU, name and price as they are now."""
        # In the order of the fields, with the two instances put where their descriptors would put them: by name, making
        # the lines took a tenth of the time of an order of five.
        values = (uuid7(), order.pk, product.pk, quantity, product.sku, product.name, product.price)
        line = cls(*cast("Any", values))
        line._state.fields_cache.update(order=order, product=product)
        return line

    @property
    def amount(self) -> Decimal:
        """Quantity times unit price, in the order's currency; 0 while nothing is frozen."""
        return (self.unit_price or Decimal("0.00")) * self.quantity
