"""The front page: what there is to do, how the shop goes, whether its figures agree; each part for who may see it."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.formats import date_format, localize
from django.utils.http import urlencode

from products import policies
from products.admin.charts import bar_chart
from products.models import StockCheck
from products.reports import overview
from products.reports.periods import today

ORDERS = "admin:products_order_changelist"
PRODUCTS = "admin:products_product_changelist"
CHECKS = "admin:products_stockcheck_changelist"

TASKS = (
    ("Count and receive by sheet", "admin:products_product_sheet", policies.ADJUST_STOCK),
    ("Import products", "admin:products_product_import", policies.CHANGE_PRODUCTS),
    ("Order for a customer", "admin:products_order_add", policies.ADD_ORDERS),
    ("Add a product", "admin:products_product_add", policies.ADD_PRODUCTS),
    ("Reports", "admin:products_order_reports", policies.VIEW_ORDERS),
    ("Export", "admin:products_order_exports", policies.VIEW_ORDERS),
)
"""The frequent tasks: (label, page, the permission that it needs). Those without a page are left out."""


@dataclass(frozen=True)
class Tile:
    """A figure, and the list that it counts."""

    label: str
    value: str
    url: str
    is_urgent: bool = False


def context_for(request: HttpRequest) -> dict[str, Any]:
    """Return what the front page shows this person; six statements at most."""
    user: Any = request.user
    sees_orders = policies.is_staff_with(user, policies.VIEW_ORDERS)
    sees_products = policies.is_staff_with(user, policies.VIEW_PRODUCTS)
    context: dict[str, Any] = {"tiles": [], "tasks": _tasks(user), "sees_products": sees_products}
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
    return [Tile("Sold out", localize(shelf.sold_out), _list(PRODUCTS, sale="on", stock__exact=0), shelf.sold_out > 0)]


def _tiles_of_today(sold: overview.Sales) -> list[Tile]:
    day = today()
    url = _list(ORDERS, placed_at__year=day.year, placed_at__month=day.month, placed_at__day=day.day)
    return [
        Tile("Orders today", localize(sold.orders), url),
        Tile("Revenue today", f"{localize(sold.gross)} {settings.CURRENCY}", url),
    ]


def _list(name: str, **conditions: Any) -> str:
    return f"{reverse(name)}?{urlencode(conditions)}"


def _tasks(user: Any) -> list[tuple[str, str]]:
    permitted = [(label, name) for label, name, needed in TASKS if policies.is_staff_with(user, needed)]
    return [(label, url) for label, name in permitted if (url := _url_of(name))]


def _url_of(name: str) -> str | None:
    try:
        return reverse(name)
    except NoReverseMatch:
        return None
