"""Stock reports: its value, products that are sold out or running low, and returns."""

from decimal import Decimal
from typing import NamedTuple

from django.conf import settings
from django.db.models import Count, Sum

from products.currencies import scaled
from products.models import Product, ReturnLine
from products.reports.periods import Period
from products.reports.sales import pieces_sold

COLUMNS = ("pk", "sku", "name", "stock", "price")


class ProductValue(NamedTuple):
    """The value of a product's stock at its current price, which includes tax if the shop's prices do."""

    product: int
    sku: str
    name: str
    stock: int
    price: Decimal
    value: Decimal


class Shortage(NamedTuple):
    """A product on sale with little or no stock, and the pieces that were sold in the period."""

    product: int
    sku: str
    name: str
    stock: int
    sold: int


class Returned(NamedTuple):
    """The returned pieces of a product in a period; `restocked` of them can be sold again."""

    product: int
    sku: str
    name: str
    returns: int
    pieces: int
    restocked: int


def stock_value() -> list[ProductValue]:
    """Return the value of each product's stock, if it has any, most valuable first; one statement.

    Retired products are included, because their pieces are still on the shelf.
    """
    # Multiplied here, because SQLite would do it with binary fractions.
    values = [
        ProductValue(pk, sku, name, stock, price, scaled(stock * price, settings.CURRENCY))
        for pk, sku, name, stock, price in Product.objects.in_stock().order_by().values_list(*COLUMNS)
    ]
    return sorted(values, key=lambda each: (-each.value, each.product))


def shortages(period: Period) -> list[Shortage]:
    """Return the products on sale that are sold out or running low, best sellers first; two statements."""
    products = Product.objects.on_sale().sold_out() | Product.objects.on_sale().running_low()
    rows = list(products.order_by().values_list("pk", "sku", "name", "stock"))
    sold = pieces_sold(period, products.order_by().values("pk"))
    return sorted((Shortage(*row, sold.get(row[0], 0)) for row in rows), key=lambda each: (-each.sold, each.product))


def returns(period: Period) -> list[Returned]:
    """Return the returns of each product in the period, most pieces first; one statement."""
    rows = (
        ReturnLine.objects.filter(return_of__at__gte=period.start, return_of__at__lt=period.end)
        .values_list("line__product", "line__product__sku", "line__product__name")
        .annotate(returns=Count("return_of", distinct=True), pieces=Sum("quantity"), put_back=Sum("restocked"))
        .order_by("-pieces", "line__product")
    )
    return [Returned(*row) for row in rows]
