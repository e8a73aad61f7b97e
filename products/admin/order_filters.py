"""Filters of the list of orders: open tasks, to which the front page links, and a single customer or product."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin
from django.db.models import F, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from products.models import Order, OrderLine, Status

Orders = QuerySet[Order]


def to_be_paid(orders: Orders) -> Orders:
    """Return the unpaid orders whose deadline, if they have one, has not passed."""
    return orders.filter(Q(pay_by=None) | Q(pay_by__gte=timezone.now()), status=Status.PLACED)


def overdue(orders: Orders) -> Orders:
    return orders.filter(status=Status.PLACED, pay_by__lt=timezone.now())


def to_be_shipped(orders: Orders) -> Orders:
    """Return the paid orders with pieces that remain to be shipped."""
    return orders.filter(status=Status.PAID)


def partly_shipped(orders: Orders) -> Orders:
    return orders.filter(status=Status.PAID, pk__in=OrderLine.objects.filter(shipped__gt=0).values("order"))


def to_be_refunded(orders: Orders) -> Orders:
    """Return the cancelled and returned orders with a payment that was not fully refunded."""
    return orders.filter(status__in=[Status.CANCELLED, Status.RETURNED], refunded__lt=F("paid"))


WORK_TO_DO: dict[str, tuple[str, Callable[[Orders], Orders]]] = {
    "to_be_paid": ("To be paid", to_be_paid),
    "overdue": ("Overdue", overdue),
    "to_be_shipped": ("To be shipped", to_be_shipped),
    "partly_shipped": ("Partly shipped", partly_shipped),
    "to_be_refunded": ("Cancelled or returned, not refunded", to_be_refunded),
}
"""What staff look for: {value of the parameter "todo": (title, filter)}."""


class TodoFilter(admin.SimpleListFilter):
    title, parameter_name = "to do", "todo"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [(name, title) for name, (title, _) in WORK_TO_DO.items()]

    def queryset(self, request: HttpRequest, orders: Any) -> Any:
        found = WORK_TO_DO.get(self.value() or "")
        return found[1](orders) if found else orders


class OfFilter(admin.SimpleListFilter):
    """Limits the list to the orders of one object, whose page links here; its only choice is to remove the filter.

    Without an id it has no choices, and Django does not apply a filter without choices.
    """

    noun = ""

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [(self.value() or "", f"{self.noun} {self.value()}")] if self._id() is not None else []

    def _id(self) -> int | None:
        value = self.value() or ""
        return int(value) if value.isascii() and value.isdigit() and len(value) < 19 else None


class CustomerFilter(OfFilter):
    title = parameter_name = "customer"
    noun = "of customer"

    def queryset(self, request: HttpRequest, orders: Any) -> Any:
        return orders.filter(customer=self._id())


class ProductFilter(OfFilter):
    title = parameter_name = "product"
    noun = "with product"

    def queryset(self, request: HttpRequest, orders: Any) -> Any:
        return orders.filter(pk__in=OrderLine.objects.filter(product=self._id()).values("order"))
