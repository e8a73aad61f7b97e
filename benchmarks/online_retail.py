"""Import the products of UCI's data set Online Retail through `manage.py import_products`, and name every refusal.

    DATABASE_URL=sqlite:////tmp/retail.sqlite3 python manage.py migrate
    DATABASE_URL=sqlite:////tmp/retail.sqlite3 python -m benchmarks.online_retail online_retail.csv [MORE.csv …]

Online Retail (D. Chen, 2015, https://doi.org/10.24432/C5BW33, CC BY 4.0) are half a million lines of invoices of a shop
for gifts, with some 4,000 manually entered stock codes. Each code becomes a row: its latest description and
price, and the sum of its movements as its stock. The data is not cleaned, so that the import has to handle its errors.
"""

import csv
import os
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
django.setup()

from django.core.management import CommandError, call_command  # noqa: E402

from products.models import Product  # noqa: E402


@dataclass
class Article:
    """The data of one stock code from the lines of the invoices."""

    name: str = ""
    price: str = ""
    pieces: int = 0


def articles(files: Iterable[Path]) -> dict[str, Article]:
    """Return every stock code as it is written, with its latest description and price."""
    found: dict[str, Article] = {}
    for file in files:
        with file.open(encoding="utf-8-sig", newline="") as text:
            for line in csv.DictReader(text):
                article = found.setdefault(line["StockCode"], Article())
                article.name = line["Description"] or article.name
                article.price = line["UnitPrice"] or article.price
                article.pieces += int(line["Quantity"])
    return found


def write(path: Path, found: dict[str, Article]) -> None:
    """Write a file in the shop's own format."""
    with path.open("w", encoding="utf-8", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(["sku", "name", "price", "stock"])
        writer.writerows([code, each.name, each.price, each.pieces] for code, each in found.items())


def main() -> None:
    parser = ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="lines of invoices, as CSV")
    parser.add_argument("--bad", type=Path, metavar="FILE", help="where to write the rows that are refused")
    arguments = parser.parse_args()
    found = articles(arguments.files)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "articles.csv")
        write(path, found)
        try:
            call_command("import_products", path, bad=arguments.bad)
        except CommandError as some_refused:
            sys.stdout.write(f"{some_refused}\n")
    differences = len(list(Product.objects.out_of_balance()))
    sys.stdout.write(f"Stock codes: {len(found)}. Products: {Product.objects.count()}. Differences: {differences}.\n")


if __name__ == "__main__":
    main()
