"""Overview for the staff's front page: open tasks, today's sales, and the last thirty days."""

from datetime import date, datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.core.cache import cache
from django.db.models import Count, Q
from django.utils import timezone

from products.models import Order, Product, Status
from products.reports import sales
from products.reports.periods import Period, last_days
from products.reports.sales import BestSeller, Sales

DAYS = 30

KEPT_FOR = timedelta(minutes=5)
"""How long the figures of the past days are kept: they read every line of a month, and hardly change."""


class Waiting(NamedTuple):
    """The numbers of orders that wait for an action."""

    to_be_paid: int
    to_be_shipped: int


class Shelf(NamedTuple):
    """The numbers of products on sale that are sold out and running low."""

    sold_out: int
    running_low: int


class PastDays(NamedTuple):
    """The sales of each of the days before today, and the best sellers up to the time `at`."""

    days: dict[date, Sales]
    best_sellers: list[BestSeller]
    at: datetime


def waiting() -> Waiting:
    """Return how many orders are to be paid and to be shipped; one statement."""
    orders = Order.objects.filter(status__in=[Status.PLACED, Status.PAID]).order_by()
    number = dict(orders.values_list("status").annotate(Count("pk")))
    return Waiting(number.get(Status.PLACED, 0), number.get(Status.PAID, 0))


def shelf() -> Shelf:
    """Return how many products are sold out and running low; one statement."""
    low = Product.objects.on_sale().running_low().order_by().values("pk")
    counts = (
        Product.objects.on_sale()
        .order_by()
        .aggregate(sold_out=Count("pk", filter=Q(stock=0)), running_low=Count("pk", filter=Q(pk__in=low)))
    )
    return Shelf(**counts)


def today() -> Sales:
    """Return the sales of today until now; one statement, by the index of the orders' moments."""
    [sold] = sales.revenue_by_day(last_days(1)).values()
    return sold


def past_days() -> PastDays:
    """Return the sales of the days before today; two statements at most every five minutes, and otherwise none."""
    period = last_days(DAYS)
    key = f"products.reports.past_days.{period.last}.{settings.TIME_ZONE}"
    found: PastDays | None = cache.get(key)
    if found is None:
        before = Period(period.first, period.last - timedelta(days=1))
        found = PastDays(sales.revenue_by_day(before), sales.best_sellers(period), timezone.now())
        cache.set(key, found, KEPT_FOR.total_seconds())
    return found
