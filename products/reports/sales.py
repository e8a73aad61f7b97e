"""Sales: what was ordered in a period and kept, by day, by product and by category.

An amount belongs to the day on which its order was placed, paid or not, in the shop's time zone. What is cancelled,
expired or returned later is subtracted from that day. docs/backoffice.md defines the terms.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import Case, Count, F, QuerySet, Sum, When
from django.db.models.functions import Coalesce, TruncDate
from django.utils import timezone

from products.models import Category, Order, OrderLine, Refund, Status
from products.models.money import MoneyField
from products.reports.amounts import KEPT, as_amount, kept_gross, kept_tax
from products.reports.periods import Period

GIVEN_UP = (Status.CANCELLED, Status.EXPIRED)
"""The statuses of an order of which nothing was delivered."""


class DayOfSales(NamedTuple):
    """The sales of a day. `gross` is `net` plus `tax`; it does not include shipping and refunds.

    `orders` counts all orders placed, whatever their status is now; `pieces` and the amounts cover the kept pieces.
    """

    day: date
    orders: int = 0
    pieces: int = 0
    net: Decimal = Decimal("0.00")
    tax: Decimal = Decimal("0.00")
    gross: Decimal = Decimal("0.00")
    shipping: Decimal = Decimal("0.00")
    refunded: Decimal = Decimal("0.00")


class SoldProduct(NamedTuple):
    """The sales of a product, with its current SKU and name."""

    product: int
    sku: str
    name: str
    pieces: int
    net: Decimal
    tax: Decimal
    gross: Decimal


class BestSeller(NamedTuple):
    """A product with its current SKU and name, and the number of pieces sold."""

    product: int
    sku: str
    name: str
    pieces: int


class SoldCategory(NamedTuple):
    """The sales of a category itself, and of its branch with all categories below it. `path` starts at the top."""

    path: str
    pieces: int
    gross: Decimal
    branch_pieces: int
    branch_gross: Decimal


class Sales(NamedTuple):
    """The orders of a day, and the revenue with tax."""

    orders: int = 0
    gross: Decimal = Decimal("0.00")


NO_CATEGORY = "(no category)"
NOTHING = (0, Decimal("0.00"))


def revenue_by_day(period: Period) -> dict[date, Sales]:
    """Return the orders and the revenue of each day of the period; one statement."""
    found = {row["day"]: Sales(row["orders"], as_amount(row["gross"])) for row in _by_day(period)}
    return {day: found.get(day, Sales()) for day in period.days()}


def sales_by_day(period: Period) -> list[DayOfSales]:
    """Return the figures of each day of the period; three statements."""
    days = {day: DayOfSales(day) for day in period.days()}
    for row in _by_day(period, tax=Sum(kept_tax()), pieces=Sum(KEPT)):
        gross, tax = as_amount(row["gross"]), as_amount(row["tax"])
        days[row["day"]] = days[row["day"]]._replace(
            orders=row["orders"], pieces=int(row["pieces"]), net=gross - tax, tax=tax, gross=gross
        )
    for day, amount in _shipping_by_day(period):
        days[day] = days[day]._replace(shipping=amount)
    for day, amount in _refunds_by_day(period):
        days[day] = days[day]._replace(refunded=amount)
    return [*days.values()]


def sales_by_product(period: Period) -> list[SoldProduct]:
    """Return the sales of each product with kept pieces, highest revenue first; one statement."""
    return [_sold(row) for row in _by_product(period).order_by("-gross", "product")]


def best_sellers(period: Period, *, number: int = 10) -> list[BestSeller]:
    """Return the products with the most pieces sold; one statement."""
    rows = (
        _lines_of(period)
        .values_list("product", "product__sku", "product__name")
        .annotate(pieces=Sum(F("quantity") - F("cancelled") - F("returned")))
        .filter(pieces__gt=0)
        .order_by("-pieces", "product")
    )
    return [BestSeller(*row) for row in rows[:number]]


def sales_by_category(period: Period) -> list[SoldCategory]:
    """Return the sales of each category and its branch in the current tree; two statements.

    A product counts for its current category. Categories without sales in their branch are left out.
    """
    rows = _lines_of(period).values("product__category").annotate(pieces=Sum(KEPT), gross=Sum(kept_gross()))
    own: dict[int | None, tuple[int, Decimal]] = {
        row["product__category"]: (int(row["pieces"]), as_amount(row["gross"])) for row in rows.order_by()
    }
    categories = {pk: (name, parent) for pk, name, parent in Category.objects.values_list("pk", "name", "parent")}
    branches: dict[int, tuple[int, Decimal]] = defaultdict(lambda: NOTHING)
    for pk, (pieces, gross) in own.items():
        for above in _up_from(pk, categories):
            branches[above] = (branches[above][0] + pieces, branches[above][1] + gross)
    paths = {pk: " > ".join(reversed([categories[each][0] for each in _up_from(pk, categories)])) for pk in branches}
    sold = [
        SoldCategory(path, *own.get(pk, NOTHING), *branches[pk])
        for pk, path in sorted(paths.items(), key=lambda pair: (pair[1], pair[0]))
        if branches[pk][0]
    ]
    if own.get(None, NOTHING)[0]:
        sold.append(SoldCategory(NO_CATEGORY, *own[None], *own[None]))
    return sold


def pieces_sold(period: Period, products: Any) -> dict[int, int]:
    """Return how many pieces of each of these products, ids or a subquery, were sold in the period; one statement."""
    rows = _lines_of(period).filter(product__in=products).values("product").annotate(pieces=Sum(KEPT)).order_by()
    return {row["product"]: int(row["pieces"]) for row in rows}


def _lines_of(period: Period) -> QuerySet[OrderLine]:
    return OrderLine.objects.filter(order__placed_at__gte=period.start, order__placed_at__lt=period.end)


def _by_day(period: Period, **figures: Any) -> Any:
    """Return the orders, the revenue, and other `figures` of each day of the period that has any."""
    return (
        _lines_of(period)
        .values(day=_day_of("order__placed_at"))
        .annotate(
            orders=Count("order", distinct=True),
            gross=Sum(kept_gross()),
            **figures,
        )
        .order_by()
    )


def _by_product(period: Period) -> Any:
    """Return the sales of each product with kept pieces."""
    lines = _lines_of(period).values("product", "product__sku", "product__name")
    return lines.annotate(pieces=Sum(KEPT), gross=Sum(kept_gross()), tax=Sum(kept_tax())).filter(pieces__gt=0)


def _shipping_by_day(period: Period) -> Iterator[tuple[date, Decimal]]:
    """Yield each day's shipping charges with tax, without those of cancelled and expired orders."""
    shipping = Coalesce(F("shipping"), Decimal(0), output_field=MoneyField())
    with_tax = Case(
        When(prices_include_tax=True, then=shipping), default=shipping + F("shipping_tax"), output_field=MoneyField()
    )
    orders = Order.objects.filter(placed_at__gte=period.start, placed_at__lt=period.end)
    rows = orders.exclude(status__in=GIVEN_UP).values(day=_day_of("placed_at")).annotate(amount=Sum(with_tax))
    yield from rows.order_by().values_list("day", "amount")


def _refunds_by_day(period: Period) -> Iterator[tuple[date, Decimal]]:
    refunds = Refund.objects.filter(at__gte=period.start, at__lt=period.end)
    yield from refunds.values(day=_day_of("at")).annotate(sum=Sum("amount")).order_by().values_list("day", "sum")


def _day_of(moment: str) -> TruncDate:
    return TruncDate(moment, tzinfo=timezone.get_default_timezone())


def _sold(row: Mapping[str, Any]) -> SoldProduct:
    gross, tax = as_amount(row["gross"]), as_amount(row["tax"])
    sku, name = row["product__sku"], row["product__name"]
    return SoldProduct(row["product"], sku, name, int(row["pieces"]), gross - tax, tax, gross)


def _up_from(pk: int | None, categories: dict[int, tuple[str, int | None]]) -> list[int]:
    """Return the ids of a category and its ancestors; an empty list for a category that was created meanwhile."""
    path: list[int] = []
    while pk is not None and pk in categories and pk not in path:
        path.append(pk)
        pk = categories[pk][1]
    return path
