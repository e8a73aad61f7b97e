"""Load Northwind, Microsoft's sample database, through `manage.py import_orders`, and compare it with its source.

    DATABASE_URL=sqlite:////tmp/northwind.sqlite3 python manage.py migrate
    DATABASE_URL=sqlite:////tmp/northwind.sqlite3 python -m benchmarks.northwind instnwnd.sql

`instnwnd.sql` is Microsoft's script for SQL Server, in its repository sql-server-samples. The shop has to be empty.
Each product's sold and remaining pieces are received first; then the orders take their stock.
"""

import csv
import os
import re
import sys
import tempfile
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
django.setup()

from django.core.management import call_command  # noqa: E402

from products import reconciliation  # noqa: E402
from products.models import Order, OrderLine, Product  # noqa: E402
from products.models.customers import customers, make_customer  # noqa: E402

INSERT = re.compile(
    r"""INSERT\ (?:INTO\ )?"(Products|Customers|Orders|Order\ Details)"\s*(?:\([^)]*\))?\s*
    VALUES\s*\(((?:N?'(?:[^']|'')*'|[^')])*)\)""",
    re.VERBOSE,
)
VALUE = re.compile(r"N?'((?:[^']|'')*)'|([^',\s]+)")

COUNTRIES = {
    "Argentina": "AR",
    "Austria": "AT",
    "Belgium": "BE",
    "Brazil": "BR",
    "Canada": "CA",
    "Denmark": "DK",
    "Finland": "FI",
    "France": "FR",
    "Germany": "DE",
    "Ireland": "IE",
    "Italy": "IT",
    "Mexico": "MX",
    "Norway": "NO",
    "Poland": "PL",
    "Portugal": "PT",
    "Spain": "ES",
    "Sweden": "SE",
    "Switzerland": "CH",
    "UK": "GB",
    "USA": "US",
    "Venezuela": "VE",
}

HEADER = (
    "number",
    "customer",
    "placed_at",
    "status",
    "shipped_at",
    "shipping",
    "ship_to_name",
    "ship_to_line1",
    "ship_to_line2",
    "ship_to_city",
    "ship_to_region",
    "ship_to_postal_code",
    "ship_to_country",
    "sku",
    "quantity",
    "unit_price",
    "discount_percent",
)

Row = list[str | None]


@dataclass(frozen=True)
class Northwind:
    """The rows of its tables, in the order of their columns."""

    products: list[Row]
    customers: list[Row]
    orders: list[Row]
    details: list[Row]

    @property
    def gross(self) -> Decimal:
        """Quantity times unit price of all lines."""
        return sum((Decimal(str(price)) * int(str(quantity)) for _, _, price, quantity, _ in self.details), Decimal(0))

    @property
    def total(self) -> Decimal:
        """The total of all orders: each line minus its discount in whole cents, plus the freight."""
        cent, total = Decimal("0.01"), sum((Decimal(str(order[7])) for order in self.orders), Decimal(0))
        for _, _, price, quantity, discount in self.details:
            line = Decimal(str(price)) * int(str(quantity))
            total += line - (line * Decimal(str(discount))).quantize(cent, ROUND_HALF_UP)
        return total

    @property
    def sold(self) -> dict[str, int]:
        """The pieces of each product in all orders."""
        sold = {str(product[0]): 0 for product in self.products}
        for _, product, _, quantity, _ in self.details:
            sold[str(product)] += int(str(quantity))
        return sold


def read(script: Path) -> Northwind:
    """Read the tables from the script that creates them."""
    tables: dict[str, list[Row]] = {"Products": [], "Customers": [], "Orders": [], "Order Details": []}
    for table, values in INSERT.findall(script.read_text(encoding="utf-8-sig")):
        tables[table].append(list(_values(values)))
    return Northwind(tables["Products"], tables["Customers"], tables["Orders"], tables["Order Details"])


def write_orders(source: Northwind, path: Path) -> None:
    """Write the orders as a file for `manage.py import_orders`."""
    lines: dict[str | None, list[Row]] = {}
    for detail in source.details:
        lines.setdefault(detail[0], []).append(detail)
    with path.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(HEADER)
        for order in source.orders:
            for _, product, price, quantity, discount in lines[order[0]]:
                percent = f"{Decimal(str(discount)) * 100:f}"
                writer.writerow([*_order_cells(order), sku_of(str(product)), quantity, price, percent])


def sku_of(product: str) -> str:
    """Return the SKU of the product with this id."""
    return f"NW-{product}"


def differences(source: Northwind) -> Iterator[str]:
    """Yield a sentence for every difference between the shop and the source."""
    lines = OrderLine.objects.filter(order__imported_number__isnull=False)
    orders = Order.objects.filter(imported_number__isnull=False)
    gross = sum((line.unit_price * line.quantity for line in lines), Decimal(0))
    total = sum(orders.values_list("total", flat=True), Decimal(0))
    counts = (
        ("products", Product.objects.count(), len(source.products)),
        ("customers", customers().count(), len(source.customers)),
        ("orders", orders.count(), len(source.orders)),
        ("lines", lines.count(), len(source.details)),
        ("gross total", gross, source.gross),
        ("total with discounts and freight", total, source.total),
    )
    for name, found, expected in counts:
        if found != expected:
            yield f"{name}: {found} instead of {expected}"
    stock = dict(Product.objects.values_list("sku", "stock"))
    for product in source.products:
        sku, left = sku_of(str(product[0])), int(str(product[6]))
        if stock.get(sku) != left:
            yield f"{sku}: the stock is {stock.get(sku)} instead of {left}"
    yield from reconciliation.differences()


def load(source: Northwind, orders: Path) -> None:
    """Load products and customers, receive the pieces to be sold and to remain, and import the orders."""
    sold = source.sold
    for row in source.products:
        product = Product.objects.create(sku=sku_of(str(row[0])), name=str(row[1]), price=Decimal(str(row[5])))
        if pieces := sold[str(row[0])] + int(str(row[6])):
            product.receive(pieces)
        if row[9] == "1":
            product.retire()
    for row in source.customers:
        make_customer(username=str(row[0]))
    call_command("import_orders", orders, stock="take")


def main() -> None:
    parser = ArgumentParser(prog="python -m benchmarks.northwind", description=str(__doc__).partition("\n")[0])
    parser.add_argument("script", type=Path, help="instnwnd.sql")
    arguments = parser.parse_args()
    if Product.objects.exists():
        sys.exit("This shop has products; take an empty one.")
    source = read(arguments.script)
    with tempfile.TemporaryDirectory() as folder:
        orders, begun = Path(folder, "orders.csv"), time.perf_counter()
        write_orders(source, orders)
        load(source, orders)
    sys.stdout.write(
        f"{len(source.products)} products, {len(source.customers)} customers, {len(source.orders)} orders and "
        f"{len(source.details)} lines in {time.perf_counter() - begun:.1f} s. Gross {source.gross:,.2f}, total with "
        f"discounts and freight {source.total:,.2f}.\n"
    )
    if found := list(differences(source)):
        sys.exit("\n".join(found))
    sys.stdout.write("Figures, stock and ledger agree with the source.\n")


def _values(text: str) -> Iterator[str | None]:
    for quoted, plain in VALUE.findall(text):
        yield None if plain == "NULL" else plain or quoted.replace("''", "'")


def _date(text: str | None) -> str:
    """Return a date as ISO 8601 writes it, of month/day/year."""
    if text is None:
        return ""
    month, day, year = map(int, text.split("/"))
    return date(year, month, day).isoformat()


def _order_cells(order: Row) -> Row:
    """Return the cells of an order's own columns. What was not shipped yet is placed; payments are not in the data."""
    number, customer, _, placed, _, shipped, _, freight, name, address, city, region, postal_code, country = order
    first, _, second = re.sub(r"[\r\n]+", "\n", str(address)).partition("\n")
    placed_at, shipped_at = (_date(day) for day in (placed, shipped))
    status = "SHIPPED" if shipped else "PLACED"
    place = [city, region, postal_code, COUNTRIES[str(country)]]
    return [number, customer, placed_at, status, shipped_at, freight, name, first, second, *place]


if __name__ == "__main__":
    main()
