"""Orders: staff find and view them here, and change them through actions; nothing else can be edited."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import QuerySet, prefetch_related_objects
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html_join

from products import policies
from products.admin import bulk_jobs, documents
from products.admin.actions import ObjectActionAdmin, ReadOnlyMixin
from products.admin.fulfilment import Cancel, CorrectTracking, RefundMoney, ReturnGoods, Ship
from products.admin.money import money_column
from products.admin.order_actions import Deliver, Pay, PayLate
from products.admin.order_filters import CustomerFilter, ProductFilter, TodoFilter
from products.admin.order_history import history_of
from products.admin.order_inlines import INLINES
from products.admin.order_search import HELP, find_orders
from products.admin.phone_orders import PhoneOrder, customers_view
from products.admin.reports import ReportPages
from products.models import Event, Order
from products.models.bulk_jobs import Verb
from products.order_numbers import format_number

EVENTS_ON_PAGE = 50
"""Of an order's history."""


class OrderIdSearchMixin:
    """Lets a list be searched by the id of an order, through the index."""

    order_field = "pk"

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        try:
            return queryset.filter(**{self.order_field: UUID(search_term.strip())}), False
        except ValueError:
            return super().get_search_results(request, queryset, search_term)  # type: ignore[misc]


@admin.register(Order)
class OrderAdmin(ReadOnlyMixin, ReportPages, ObjectActionAdmin):
    object_actions = [Pay, PayLate, Ship, Deliver, Cancel, ReturnGoods, RefundMoney, CorrectTracking]
    actions = [
        "print_pick_list",
        "print_packing_slips",
        "pay_selected",
        "ship_selected",
        "deliver_selected",
        "cancel_selected",
    ]
    inlines = INLINES

    list_display = ["shown_number", "customer", "status", "amount", "placed_at", "pay_by"]
    list_filter = [TodoFilter, "status", "placed_at", CustomerFilter, ProductFilter]
    list_select_related = ["customer"]
    search_fields = ["number"]  # shows the field; find_orders() searches
    search_help_text = HELP
    # Newest first, carts included: the ids sort by time and are indexed.
    ordering = ["-id"]
    show_full_result_count = False

    fields = [
        ("shown_number", "status", "amount"),
        "customer",
        "reference",
        "note",
        ("email", "phone"),
        "address",
        ("shown_discount", "shown_shipping", "shown_tax", "prices_include_tax"),
        ("created_at", "updated_at"),
        ("placed_at", "pay_by"),
        ("shown_paid", "shown_refunded"),
        "payment_reference",
        ("carrier", "tracking_number"),
        ("idempotency_key", "imported_number"),
    ]

    shown_discount, shown_shipping = money_column("discount"), money_column("shipping")
    shown_tax = money_column("tax")
    shown_paid, shown_refunded = money_column("paid"), money_column("refunded")

    class Media:
        css: ClassVar[dict[str, list[str]]] = {"all": ["admin/orders.css"]}

    def get_urls(self) -> list[URLPattern]:
        pages: dict[str, tuple[str, Callable[..., HttpResponse]]] = {
            "packing_slips": ("packing-slips/", documents.slips_view),
            "pick_list": ("pick-list/", documents.pick_list_view),
            "packing_slip": ("<uuid:object_id>/packing-slip/", documents.order_slip_view),
            "shipment_slip": ("<uuid:object_id>/shipments/<int:number>/packing-slip/", documents.shipment_slip_view),
        }
        return [
            *(
                path(
                    route, self.admin_site.admin_view(partial(self._document_view, view)), name=f"products_order_{name}"
                )
                for name, (route, view) in pages.items()
            ),
            path("customers/", self.admin_site.admin_view(self.customers_view), name="products_order_customers"),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        return super().get_queryset(request).select_related("customer")

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Order | None:
        order: Order | None = super().get_object(request, object_id, from_field)
        if order is not None:
            prefetch_related_objects([order], "lines")  # which the buttons and the history read
        return order

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        user = request.user
        return policies.is_staff_with(user, policies.ADD_ORDERS) and policies.may_see_all_orders(user)

    def has_change_status_permission(self, request: HttpRequest) -> bool:
        return policies.is_staff_with(request.user, policies.CHANGE_ORDERS)

    def summary(self, obj: Order) -> str:
        return f"{obj.customer}, {obj.get_status_display()}, {self.amount(obj)}."

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        return find_orders(queryset, search_term), False

    def add_view(
        self, request: HttpRequest, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Take an order by phone."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        context = {**self.admin_site.each_context(request), "title": "Phone order", "opts": self.opts}
        return PhoneOrder(request).respond(context)

    def customers_view(self, request: HttpRequest) -> HttpResponse:
        """Return the customers that match the text typed on the page of a phone order."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        return customers_view(request)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        order = context["original"]
        newest = list(self._events(order).order_by("-id")[: EVENTS_ON_PAGE + 1])
        context["history"] = history_of(order, newest[:EVENTS_ON_PAGE])
        context["further_history"] = len(newest) > EVENTS_ON_PAGE
        return super().render_change_form(request, context, *args, **kwargs)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show everything that happened to the order, newest first, by its events."""
        order = self.get_object(request, object_id)
        if order is None:
            raise Http404
        if not self.has_view_permission(request, order):
            raise PermissionDenied
        page = Paginator(self._events(order).order_by("-id"), EVENTS_ON_PAGE).get_page(request.GET.get("page"))
        context = {
            **self.admin_site.each_context(request),
            "title": f"History of {order}",
            "opts": self.opts,
            "object": order,
            "page": page,
            "history": history_of(order, page),
        }
        return TemplateResponse(request, "admin/products/order/object_history.html", context)

    def _events(self, order: Order) -> QuerySet[Event]:
        return order.events.select_related("by")

    def _document_view(self, view: Callable[..., HttpResponse], request: HttpRequest, **parts: Any) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return view(request, self.get_queryset(request), **parts)

    @admin.display(description="number", ordering="number")
    def shown_number(self, order: Order) -> str:
        return format_number(order.number)

    @admin.display(description="ship to")
    def address(self, order: Order) -> str:
        parts = [(part,) for part in (order.ship_to or {}).values() if part]
        return format_html_join("\n", "{}<br>", parts) or self.get_empty_value_display()

    @admin.display(description="total", ordering="total")
    def amount(self, order: Order) -> str:
        return f"{order.total} {order.currency}"

    @admin.action(description="Print pick list", permissions=["view"])
    def print_pick_list(self, request: HttpRequest, orders: QuerySet[Order]) -> HttpResponse | None:
        return documents.address_of("products_order_pick_list", request, orders)

    @admin.action(description="Print packing slips", permissions=["view"])
    def print_packing_slips(self, request: HttpRequest, orders: QuerySet[Order]) -> HttpResponse | None:
        return documents.address_of("products_order_packing_slips", request, orders)

    @admin.action(description="Mark as paid …", permissions=["change_status"])
    def pay_selected(self, request: HttpRequest, orders: QuerySet[Order]) -> HttpResponse | None:
        return bulk_jobs.draw_up(request, orders, Verb.PAY)

    @admin.action(description="Ship …", permissions=["change_status"])
    def ship_selected(self, request: HttpRequest, orders: QuerySet[Order]) -> HttpResponse | None:
        return bulk_jobs.draw_up(request, orders, Verb.SHIP)

    @admin.action(description="Mark as delivered …", permissions=["change_status"])
    def deliver_selected(self, request: HttpRequest, orders: QuerySet[Order]) -> HttpResponse | None:
        return bulk_jobs.draw_up(request, orders, Verb.DELIVER)

    @admin.action(description="Cancel …", permissions=["change_status"])
    def cancel_selected(self, request: HttpRequest, orders: QuerySet[Order]) -> HttpResponse | None:
        return bulk_jobs.draw_up(request, orders, Verb.CANCEL)
