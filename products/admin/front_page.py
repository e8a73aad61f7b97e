"""The front page: open tasks, sales, and the last stock check. Users see the parts that they have permission for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.auth.models import User
from django.db.models import Model
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.formats import date_format, localize
from django.utils.http import urlencode

from products import policies
from products.admin.charts import bar_chart
from products.models import Order, Product, ProductImport, StockCheck
from products.reports import overview
from products.reports.definitions import visible_to
from products.reports.exports import permitted_to
from products.reports.periods import today

ORDERS = "admin:products_order_changelist"
PRODUCTS = "admin:products_product_changelist"
CHECKS = "admin:products_stockcheck_changelist"

May = Callable[[AdminSite, HttpRequest], bool]
"""Whether this person may use a page."""


def _with(permission: str) -> May:
    return lambda site, request: policies.is_staff_with(cast("User", request.user), permission)


def _who_adds(model: type[Model]) -> May:
    return lambda site, request: site.get_model_admin(model).has_add_permission(request)


TASKS: tuple[tuple[str, str, May], ...] = (
    ("Count and receive by sheet", "admin:products_product_sheet", _with(policies.ADJUST_STOCK)),
    ("Import products", "admin:products_productimport_add", _who_adds(ProductImport)),
    ("Order for a customer", "admin:products_order_add", _who_adds(Order)),
    ("Add a product", "admin:products_product_add", _who_adds(Product)),
    ("Reports", "admin:products_order_reports", lambda site, request: bool(visible_to(request.user))),
    ("Export", "admin:products_order_exports", lambda site, request: bool(permitted_to(request.user))),
)
"""The frequent tasks: (label, page, who may do it). Those without a page are left out."""


@dataclass(frozen=True)
class Tile:
    """A number, and the list whose entries it counts."""

    label: str
    value: str
    url: str
    is_urgent: bool = False


def context_for(site: AdminSite, request: HttpRequest) -> dict[str, Any]:
    """Return the template context for this user's front page; at most six statements."""
    user: Any = request.user
    sees_orders = policies.is_staff_with(user, policies.VIEW_ORDERS)
    sees_products = policies.is_staff_with(user, policies.VIEW_PRODUCTS)
    context: dict[str, Any] = {"tiles": [], "tasks": _tasks(site, request), "sees_products": sees_products}
    if sees_orders:
        context["tiles"] += _tiles_of_orders()
    if sees_products:
        context["tiles"] += _tiles_of_products()
    if sees_orders:
        sold_today, past = overview.today(), overview.past_days()
        context["tiles"] += _tiles_of_today(sold_today)
        days = [*past.days.items(), (today(), sold_today)]
        context["charts"] = [
            bar_chart(
                [(date_format(day, "M j"), sold.gross) for day, sold in days],
                title=f"Revenue of {len(days)} days",
                unit=settings.CURRENCY,
            ),
            bar_chart(
                [(date_format(day, "M j"), sold.orders) for day, sold in days],
                title=f"Orders of {len(days)} days",
                unit="orders",
            ),
        ]
        context["best_sellers"], context["past"] = past.best_sellers, past
    if policies.is_staff_with(user, policies.VIEW_LEDGER):
        context["sees_checks"], context["check"] = True, StockCheck.objects.newest()
    return context


def _tiles_of_orders() -> list[Tile]:
    waiting = overview.waiting()
    return [
        Tile("To be paid", localize(waiting.to_be_paid), _list(ORDERS, status__exact="PLACED")),
        Tile("To be shipped", localize(waiting.to_be_shipped), _list(ORDERS, status__exact="PAID")),
    ]


def _tiles_of_products() -> list[Tile]:
    shelf = overview.shelf()
    return [
        Tile("Sold out", localize(shelf.sold_out), _list(PRODUCTS, state="sold_out"), shelf.sold_out > 0),
        Tile("Running low", localize(shelf.running_low), _list(PRODUCTS, state="running_low")),
    ]


def _tiles_of_today(sold: overview.Sales) -> list[Tile]:
    day = today()
    url = _list(ORDERS, placed_at__year=day.year, placed_at__month=day.month, placed_at__day=day.day)
    return [
        Tile("Orders today", localize(sold.orders), url),
        Tile("Revenue today", f"{localize(sold.gross)} {settings.CURRENCY}", url),
    ]


def _list(name: str, **conditions: Any) -> str:
    return f"{reverse(name)}?{urlencode(conditions)}"


def _tasks(site: AdminSite, request: HttpRequest) -> list[tuple[str, str]]:
    permitted = [(label, name) for label, name, may in TASKS if may(site, request)]
    return [(label, url) for label, name in permitted if (url := _url_of(name))]


def _url_of(name: str) -> str | None:
    try:
        return reverse(name)
    except NoReverseMatch:
        return None
