"""The results of check_stock: the differences between ledger, orders and stock, if any."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html_join

from products import policies
from products.admin.actions import ReadOnlyMixin
from products.models import StockCheck


@admin.register(StockCheck)
class StockCheckAdmin(ReadOnlyMixin, admin.ModelAdmin):
    """Users who may view the ledger may view the results of its checks."""

    list_display = ["at", "agreed", "differences", "products", "orders", "seconds"]
    fields = ["at", "agreed", "differences", "shown_sentences", "products", "orders", "seconds"]
    show_full_result_count = False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return policies.is_staff_with(request.user, policies.VIEW_LEDGER)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    @admin.display(description="agrees", boolean=True, ordering="differences")
    def agreed(self, check: StockCheck) -> bool:
        return check.agrees

    @admin.display(description="the first differences")
    def shown_sentences(self, check: StockCheck) -> str:
        return format_html_join("\n", "{}<br>", ([each] for each in check.sentences)) or self.get_empty_value_display()
