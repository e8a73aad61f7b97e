"""The ledger and the events: what happened, for reading only."""

from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from products.admin.search import FindsOrders
from products.admin.verbs import ReadOnly
from products.models import Event, StockMovement


@admin.register(StockMovement)
class StockMovementAdmin(ReadOnly, admin.ModelAdmin):
    fields = ("at", "product", "delta", "reason", "order", "by", "note")
    list_display = ("at", "sku", "delta", "reason", "by", "note", "order")
    list_filter = ["reason"]
    list_select_related = ["product", "line", "by"]
    search_fields = ["product__sku", "product__name"]
    # By moment as well, and with an index: a ledger is long.
    ordering = ["-id"]
    show_full_result_count = False

    @admin.display(description="SKU")
    def sku(self, movement: StockMovement) -> str:
        return movement.product.sku

    @admin.display(empty_value="-")
    def order(self, movement: StockMovement) -> UUID | None:
        return movement.line.order_id if movement.line else None


class About(admin.SimpleListFilter):
    title = parameter_name = "about"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("order", "orders"), ("product", "products")]

    def queryset(self, request: HttpRequest, events: QuerySet[Event]) -> QuerySet[Event]:
        return events.filter(**{f"{self.value()}__isnull": False}) if self.value() else events


@admin.register(Event)
class EventAdmin(FindsOrders, ReadOnly, admin.ModelAdmin):
    fields = list_display = ("at", "kind", "order", "product", "facts", "by")
    list_filter = [About]
    list_select_related = ["order", "product", "by"]
    search_fields = ["=kind", "=product__sku"]
    order_field = "order"
    ordering = ["-id"]
    show_full_result_count = False
