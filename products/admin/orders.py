"""Orders: looked at here, and moved through the verbs; nothing in them is written by hand."""

from decimal import Decimal

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from products.admin.order_verbs import MOVE_ORDERS, Cancel, Deliver, Pay, Ship, TakeBack
from products.admin.search import FindsOrders
from products.admin.verbs import AdminWithVerbs, ReadOnly
from products.models import Event, Order, OrderLine


class LineInline(ReadOnly, admin.TabularInline):
    model = OrderLine
    fields = readonly_fields = ("product", "sku", "name", "quantity", "unit_price", "amount")
    verbose_name_plural = "lines"

    def get_queryset(self, request: HttpRequest) -> QuerySet[OrderLine]:
        return super().get_queryset(request).select_related("product")

    @admin.display
    def amount(self, line: OrderLine) -> Decimal:
        return line.amount


class EventInline(ReadOnly, admin.TabularInline):
    model = Event
    fields = readonly_fields = ("at", "kind", "facts", "by")
    ordering = ["id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        return super().get_queryset(request).select_related("by")


@admin.register(Order)
class OrderAdmin(FindsOrders, ReadOnly, AdminWithVerbs):
    verbs = [Pay, Ship, Deliver, Cancel, TakeBack]
    # What cannot be undone is done one order at a time, on its page.
    actions = ["pay_selected", "ship_selected", "deliver_selected"]
    inlines = [LineInline, EventInline]

    list_display = ["id", "customer", "status", "amount", "placed_at", "pay_by"]
    list_filter = ["status", "currency"]
    list_select_related = ["customer"]
    search_fields = ["customer__username", "=payment_reference", "=tracking_number", "=idempotency_key"]
    date_hierarchy = "placed_at"
    # The newest first, carts too: the ids sort by time, and have an index.
    ordering = ["-id"]
    show_full_result_count = False

    fields = [
        ("status", "amount"),
        "customer",
        ("created_at", "placed_at", "pay_by"),
        "payment_reference",
        ("carrier", "tracking_number"),
        "idempotency_key",
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        return super().get_queryset(request).select_related("customer")

    def has_move_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm(MOVE_ORDERS)

    def situation(self, thing: Order) -> str:
        return f"{thing.customer}, {thing.get_status_display()}, {self.amount(thing)}."

    @admin.display(description="total", ordering="total")
    def amount(self, order: Order) -> str:
        return f"{order.total} {order.currency}"

    @admin.action(description="Mark the selected orders as paid", permissions=["move"])
    def pay_selected(self, request: HttpRequest, orders: QuerySet[Order]) -> None:
        self.call_for_each(request, orders, Pay)

    @admin.action(description="Mark the selected orders as shipped", permissions=["move"])
    def ship_selected(self, request: HttpRequest, orders: QuerySet[Order]) -> None:
        self.call_for_each(request, orders, Ship)

    @admin.action(description="Mark the selected orders as delivered", permissions=["move"])
    def deliver_selected(self, request: HttpRequest, orders: QuerySet[Order]) -> None:
        self.call_for_each(request, orders, Deliver)
