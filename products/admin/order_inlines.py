"""Inlines of an order's page: its lines, and their shipments, cancellations, returns and refunds."""

from decimal import Decimal
from typing import Any, cast

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html

from products.admin.actions import ReadOnlyMixin
from products.admin.money import money_column
from products.models import Cancellation, OrderLine, Refund, Return, Shipment
from products.models.fulfilment import Fulfilment, FulfilmentQuerySet
from products.models.order_lines import COUNTERS


class LineInline(ReadOnlyMixin, admin.TabularInline):
    model = OrderLine
    fields = readonly_fields = (
        "quantity",
        "sku",
        "name",
        "shown_price",
        "discounts",
        "amount",
        "shown_tax",
        "done",
        "product",
    )
    shown_price = money_column("unit_price")
    verbose_name_plural = "lines"

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderLine]:
        return super().get_queryset(request).select_related("product")

    @admin.display
    def discounts(self, line: OrderLine) -> Decimal:
        total: Decimal = line.discount + line.discount_share
        return total

    @admin.display
    def amount(self, line: OrderLine) -> Decimal:
        return line.amount

    @admin.display(description="tax")
    def shown_tax(self, line: OrderLine) -> str:
        if line.tax_rate is None:
            return self.get_empty_value_display()
        return f"{line.tax} ({line.tax_rate.normalize():f} %)"

    @admin.display
    def done(self, line: OrderLine) -> str:
        counts = [f"{getattr(line, name)} {name}" for name in COUNTERS if getattr(line, name)]
        return ", ".join(counts) or self.get_empty_value_display()


class FulfilmentInline(ReadOnlyMixin, admin.TabularInline):
    """Shipments, cancellations, returns or refunds of an order."""

    ordering = ["number"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = cast("FulfilmentQuerySet", super().get_queryset(request))
        return rows.with_lines().select_related("by")

    @admin.display(description="lines")
    def parts(self, row: Fulfilment) -> str:
        lines = row.lines.all()  # type: ignore[attr-defined] # of each of the models, to a model of its own
        return ", ".join(f"{part.quantity} x {part.line.sku}" for part in lines)


class ShipmentInline(FulfilmentInline):
    model = Shipment
    fields = readonly_fields = ("number", "parts", "carrier", "tracking_number", "by", "at", "slip")

    @admin.display(description="packing slip")
    def slip(self, shipment: Shipment) -> str:
        url = reverse("admin:products_order_shipment_slip", args=[shipment.order_id, shipment.number])
        return format_html('<a href="{}">Print</a>', url)


class CancellationInline(FulfilmentInline):
    model = Cancellation
    fields = readonly_fields = ("number", "parts", "reason", "by", "at")


class ReturnInline(FulfilmentInline):
    model = Return
    fields = readonly_fields = ("number", "parts", "by", "at")


class RefundInline(FulfilmentInline):
    model = Refund
    fields = readonly_fields = ("number", "shown_amount", "parts", "reference", "by", "at")
    shown_amount = money_column("amount")


INLINES: list[type[Any]] = [
    LineInline,
    ShipmentInline,
    CancellationInline,
    ReturnInline,
    RefundInline,
]
