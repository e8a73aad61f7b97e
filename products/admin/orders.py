"""Orders: staff view them here and change their status through object actions; nothing else can be edited."""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, ClassVar, cast
from uuid import UUID

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html_join

from products import policies
from products.admin.actions import ObjectAction, ObjectActionAdmin, ReadOnlyMixin
from products.admin.money import money_column
from products.admin.reports import ReportPages
from products.models import (
    TRANSITIONS,
    Cancellation,
    Event,
    Order,
    OrderLine,
    Refund,
    Return,
    Shipment,
    Status,
)
from products.models.fulfilment import Fulfilment, FulfilmentQuerySet
from products.models.order_lines import COUNTERS
from products.order_numbers import format_number, is_number, parse_number


class OptionalTextField(forms.CharField):
    def __init__(self, **options: Any) -> None:
        super().__init__(required=False, widget=forms.TextInput(attrs={"class": "vTextField"}), **options)


class OrderAction(ObjectAction[Order]):
    """An action that brings an order to `status` through `verb`, a method of Order."""

    permission = policies.CHANGE_ORDERS
    status: ClassVar[Status]
    verb: ClassVar[Callable[..., Any]]

    @classmethod
    def is_available(cls, obj: Order) -> bool:
        return cls.status in TRANSITIONS.get(obj.status, ())

    def execute(self, by: Any) -> str:
        self.verb(self.obj, by=by, **self.cleaned_data)
        return f"Order {format_number(self.obj.number)} is {self.obj.get_status_display()}."


class Pay(OrderAction):
    name, label, status = "pay", "Mark as paid", Status.PAID
    verb = staticmethod(Order.pay)

    reference = OptionalTextField(max_length=200, help_text="The reference of the payment.")

    @classmethod
    def is_available(cls, obj: Order) -> bool:
        return obj.status != Status.EXPIRED and super().is_available(obj)


class PayLate(OrderAction):
    name, label, status = "pay-late", "Accept late payment", Status.PAID
    explanation = "The stock is taken again, if it is still there."

    reference = OptionalTextField(max_length=200, help_text="The reference of the payment.")

    @staticmethod
    def verb(order: Order, *, reference: str, by: Any) -> None:
        order.pay(reference=reference, late=True, by=by)

    @classmethod
    def is_available(cls, obj: Order) -> bool:
        return obj.status == Status.EXPIRED


class Ship(OrderAction):
    name, label, status = "ship", "Mark as shipped", Status.SHIPPED
    verb = staticmethod(Order.ship)

    carrier = OptionalTextField(max_length=100)
    tracking_number = OptionalTextField(max_length=100)


class Deliver(OrderAction):
    name, label, status = "deliver", "Mark as delivered", Status.DELIVERED
    verb = staticmethod(Order.deliver)


class Cancel(OrderAction):
    name, label, status = "cancel", "Cancel order", Status.CANCELLED
    verb = staticmethod(Order.cancel)
    explanation = "The stock is put back. This cannot be undone."


class ReturnGoods(OrderAction):
    name, label, status = "return", "Return goods", Status.RETURNED
    verb = staticmethod(Order.return_goods)
    explanation = "The customer has returned the goods, and they can be sold again. This cannot be undone."


class OrderIdSearchMixin:
    """Lets a list be searched by the id of an order, through the index."""

    order_field = "pk"

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        try:
            return queryset.filter(**{self.order_field: UUID(search_term.strip())}), False
        except ValueError:
            return super().get_search_results(request, queryset, search_term)  # type: ignore[misc]


class LineInline(ReadOnlyMixin, admin.TabularInline):
    model = OrderLine
    fields = readonly_fields = (
        "product",
        "sku",
        "name",
        "quantity",
        "shown_price",
        "discounts",
        "amount",
        "shown_tax",
        "done",
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
    """What was done with some lines of an order."""

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
    fields = readonly_fields = ("number", "parts", "carrier", "tracking_number", "by", "at")


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


class EventInline(ReadOnlyMixin, admin.TabularInline):
    model = Event
    fields = readonly_fields = ("at", "kind", "facts", "by")
    ordering = ["id"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Event]:
        return super().get_queryset(request).select_related("by")


class CurrencyFilter(admin.AllValuesFieldListFilter):
    """Django's, with a name for the choice of orders without a currency, which is a link without a text otherwise."""

    def choices(self, changelist: Any) -> Iterator[Any]:
        for choice in super().choices(changelist):
            yield {**choice, "display": choice["display"] or self.empty_value_display}


@admin.register(Order)
class OrderAdmin(OrderIdSearchMixin, ReadOnlyMixin, ReportPages, ObjectActionAdmin):
    object_actions = [Pay, PayLate, Ship, Deliver, Cancel, ReturnGoods]
    # What cannot be undone is done for one order at a time, on its page.
    actions = ["pay_selected", "ship_selected", "deliver_selected"]
    inlines = [LineInline, ShipmentInline, CancellationInline, ReturnInline, RefundInline, EventInline]

    list_display = ["shown_number", "customer", "status", "amount", "placed_at", "pay_by"]
    list_filter = ["status", ("currency", CurrencyFilter)]
    list_select_related = ["customer"]
    search_fields = [
        "customer__username",
        "=email",
        "=reference",
        "=payment_reference",
        "=tracking_number",
        "=idempotency_key",
        "=imported_number",
        "ship_to_name",
        "ship_to_company",
    ]
    search_help_text = (
        "By number, also that of another system, user name, e-mail, reference, tracking number, key, or the name on "
        "the address."
    )
    date_hierarchy = "placed_at"
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
        ("created_at", "placed_at", "updated_at", "pay_by"),
        ("shown_paid", "shown_refunded"),
        "payment_reference",
        ("carrier", "tracking_number"),
        ("idempotency_key", "imported_number"),
    ]

    shown_discount, shown_shipping = money_column("discount"), money_column("shipping")
    shown_tax = money_column("tax")
    shown_paid, shown_refunded = money_column("paid"), money_column("refunded")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Order]:
        return super().get_queryset(request).select_related("customer")

    def has_change_status_permission(self, request: HttpRequest) -> bool:
        return policies.is_staff_with(request.user, policies.CHANGE_ORDERS)

    def summary(self, obj: Order) -> str:
        return f"{obj.customer}, {obj.get_status_display()}, {self.amount(obj)}."

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        term = search_term.strip()
        number = parse_number(term)
        # Through the indexes, and with the spaces that a reference may have.
        if is_number(number):
            exactly = Q(number=number)
        elif "@" in term:
            exactly = Q(email__iexact=term, email__gt="")  # The second is the condition of the index.
        else:
            exactly = Q(reference=term) | Q(imported_number=term)
        if term and (found := queryset.filter(exactly)).exists():
            return found, False
        return super().get_search_results(request, queryset, search_term)

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

    @admin.action(description="Mark selected orders as paid", permissions=["change_status"])
    def pay_selected(self, request: HttpRequest, orders: QuerySet[Order]) -> None:
        self.execute_for_each(request, orders, Pay)

    @admin.action(description="Mark selected orders as shipped", permissions=["change_status"])
    def ship_selected(self, request: HttpRequest, orders: QuerySet[Order]) -> None:
        self.execute_for_each(request, orders, Ship)

    @admin.action(description="Mark selected orders as delivered", permissions=["change_status"])
    def deliver_selected(self, request: HttpRequest, orders: QuerySet[Order]) -> None:
        self.execute_for_each(request, orders, Deliver)
