"""Exports: products, orders, lines, ledger and customers as rows of cells, read in parts of bounded size.

Each part is a separate query that begins after the last row, so a slow reader keeps no transaction and no cursor open.
The file has each row as it was when its part was read.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from products import policies
from products.models import Order, OrderLine, Product, StockMovement
from products.models.customers import customers
from products.models.orders import SHIP_TO
from products.order_numbers import format_number
from products.ordering.pricing import ZERO, subtotal
from products.reports.periods import Period

PART = 1_000
"""Rows of one query."""

ORDERS_AT_ONCE = 200
"""The orders whose lines are read together: a line has little text, but an order may have two thousand of them."""

Cells = Sequence[Any]


@dataclass(frozen=True)
class Export:
    """A kind of export. `has_period` means that it is limited to a period; `is_personal`, that it has personal data."""

    name: str
    columns: tuple[str, ...]
    rows: Callable[[Period], Iterator[Cells]]
    permission: str
    has_period: bool = True
    is_personal: bool = False


def _products(period: Period) -> Iterator[Cells]:
    """Yield every product, in the columns that an import of products reads.

    `expected` repeats the stock, so that an import of this file does not overwrite stock that has changed meanwhile.
    """
    columns = ("pk", "retired_at", *PRODUCT_TEXTS, "category__slug", "weight", "tags", "images", *PRODUCT_PRICES)
    for row in _in_parts(Product.objects.all(), "pk", columns=(*columns, "low_stock", "stock")):
        yield (
            *(row[name] for name in PRODUCT_TEXTS),
            row["category__slug"],
            row["weight"],
            ", ".join(row["tags"]),
            " ".join(row["images"]),
            *(row[name] for name in PRODUCT_PRICES),
            row["low_stock"],
            row["retired_at"] is not None,
            row["stock"],
            row["stock"],
        )


def _orders(period: Period) -> Iterator[Cells]:
    """Yield the orders that were placed in the period, oldest first."""
    columns = ("pk", "number", "customer__username", *ORDER_COLUMNS)
    for row in _in_parts(_placed_in(period), "placed_at", "pk", columns=columns):
        yield (format_number(row["number"]), row["customer__username"], *(row[name] for name in ORDER_COLUMNS))


def _lines(period: Period) -> Iterator[Cells]:
    """Yield the lines of the orders that were placed in the period, order by order."""
    columns = ("pk", "number", "placed_at", "status")
    for orders in _parts(_placed_in(period), "placed_at", "pk", columns=columns, size=ORDERS_AT_ONCE):
        by_pk = {order["pk"]: order for order in orders}
        lines = OrderLine.objects.filter(order__in=by_pk).order_by("order__placed_at", "order", "pk")
        for line in lines.values("order", *LINE_COLUMNS).iterator(chunk_size=PART):
            order = by_pk[line["order"]]
            yield (
                format_number(order["number"]),
                order["placed_at"],
                order["status"],
                *(line[name] for name in LINE_COLUMNS),
                _amount(line),
            )


def _ledger(period: Period) -> Iterator[Cells]:
    """Yield the stock movements of the period, oldest first."""
    movements = StockMovement.objects.filter(at__gte=period.start, at__lt=period.end)
    columns = ("pk", "at", "product__sku", "delta", "reason", "line__order__number", "by__username", "note")
    for row in _in_parts(movements, "at", "pk", columns=columns):
        number = row["line__order__number"]
        yield (
            row["at"],
            row["product__sku"],
            row["delta"],
            row["reason"],
            number and format_number(number),
            row["by__username"],
            row["note"],
        )


def _customers(period: Period) -> Iterator[Cells]:
    """Yield the customers who joined in the period, with the number of all their orders."""
    placed = Order.objects.placed().filter(customer=OuterRef("pk")).order_by().values("customer")
    joined = customers().filter(date_joined__gte=period.start, date_joined__lt=period.end)
    people: QuerySet[User] = joined.annotate(
        placed_orders=Coalesce(Subquery(placed.annotate(number=Count("pk")).values("number")), 0)
    )
    for row in _in_parts(people, "pk", columns=("pk", *CUSTOMER_COLUMNS, "placed_orders")):
        yield (*(row[name] for name in CUSTOMER_COLUMNS), row["placed_orders"])


PRODUCT_TEXTS = ("sku", "name", "description", "vendor", "barcode")
PRODUCT_PRICES = ("price", "list_price", "tax_class")
ORDER_COLUMNS = (
    "status",
    "placed_at",
    "updated_at",
    "pay_by",
    "currency",
    "total",
    "shipping",
    "discount",
    "tax",
    "prices_include_tax",
    "paid",
    "refunded",
    "payment_reference",
    "carrier",
    "tracking_number",
    "imported_number",
    "reference",
    "note",
    "email",
    "phone",
    *SHIP_TO,
)
LINE_COLUMNS = (
    "sku",
    "name",
    "quantity",
    "unit_price",
    "discount",
    "discount_share",
    "tax_rate",
    "tax",
    "shipped",
    "cancelled",
    "returned",
    "restocked",
)
CUSTOMER_COLUMNS = ("username", "email", "first_name", "last_name", "is_active", "date_joined")

EXPORTS = {
    export.name: export
    for export in (
        Export(
            "products",
            (
                *PRODUCT_TEXTS,
                "category",
                "weight",
                "tags",
                "images",
                *PRODUCT_PRICES,
                "low_stock",
                "retired",
                "stock",
                "expected",
            ),
            _products,
            policies.VIEW_PRODUCTS,
            has_period=False,
        ),
        Export("orders", ("number", "customer", *ORDER_COLUMNS), _orders, policies.VIEW_ORDERS, is_personal=True),
        Export("lines", ("order", "placed_at", "status", *LINE_COLUMNS, "amount"), _lines, policies.VIEW_ORDERS),
        Export(
            "ledger",
            ("at", "sku", "delta", "reason", "order", "by", "note"),
            _ledger,
            policies.VIEW_LEDGER,
        ),
        Export("customers", (*CUSTOMER_COLUMNS, "orders"), _customers, policies.VIEW_CUSTOMERS, is_personal=True),
    )
}
"""{name: export}"""


def permitted_to(user: Any) -> list[Export]:
    """Return the exports that the user may make."""
    return [export for export in EXPORTS.values() if policies.is_staff_with(user, export.permission)]


def _placed_in(period: Period) -> QuerySet[Order]:
    return Order.objects.filter(placed_at__gte=period.start, placed_at__lt=period.end)


def _amount(line: dict[str, Any]) -> Decimal:
    """Return what OrderLine.amount does."""
    whole = subtotal(line["unit_price"] or ZERO, line["quantity"], settings.CURRENCY)
    amount: Decimal = whole - line["discount"] - line["discount_share"]
    return amount


def _in_parts(rows: QuerySet[Any], *keys: str, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
    for part in _parts(rows, *keys, columns=columns, size=PART):
        yield from part


def _parts(rows: QuerySet[Any], *keys: str, columns: Sequence[str], size: int = PART) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows part by part in the order of `keys`, which are among `columns` and together identify a row."""
    ordered = rows.order_by(*keys).values(*columns)
    part = list(ordered[:size])
    while part:
        yield part
        if len(part) < size:
            return
        part = list(ordered.filter(_after(keys, part[-1]))[:size])


def _after(keys: Sequence[str], row: dict[str, Any]) -> Q:
    """Return the condition for the rows after this one."""
    if len(keys) == 1:
        return Q(**{f"{keys[0]}__gt": row[keys[0]]})
    first, second = keys
    later, same = Q(**{f"{first}__gt": row[first]}), Q(**{first: row[first], f"{second}__gt": row[second]})
    # The first condition is redundant, but only with it does the database start at the right place in the index.
    return Q(**{f"{first}__gte": row[first]}) & (later | same)
