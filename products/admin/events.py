"""Events: the history of orders and products."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from products.admin.actions import ReadOnlyMixin
from products.admin.orders import OrderIdSearchMixin
from products.models import Event


class SubjectFilter(admin.SimpleListFilter):
    title = parameter_name = "about"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("order", "orders"), ("product", "products")]

    def queryset(self, request: HttpRequest, events: QuerySet[Event]) -> QuerySet[Event]:
        return events.filter(**{f"{self.value()}__isnull": False}) if self.value() else events


@admin.register(Event)
class EventAdmin(OrderIdSearchMixin, ReadOnlyMixin, admin.ModelAdmin):
    fields = list_display = ("at", "kind", "order", "product", "facts", "by")
    list_filter = [SubjectFilter]
    list_select_related = ["order", "product", "by"]
    search_fields = ["=kind", "=product__sku"]
    order_field = "order"
    ordering = ["-id"]
    show_full_result_count = False
