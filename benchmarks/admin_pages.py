"""Measure the pages of the back office: the milliseconds and the queries of each, in a shop of 100,000 orders.

python -m benchmarks.admin_pages [--products 10000] [--orders 100000] [--rounds 9]

Uses Django's test client as a superuser, so the web server's own time is not included. Uses the PostgreSQL database
that DATABASE_URL names, which must be empty; `make bench-admin` makes one.
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from benchmarks.machine import cpu_model
from benchmarks.sample_data import SHOP, Size, fill

ADMIN = "/admin/"

PAGES = [
    ("front page", ""),
    ("product list", "products/product/"),
    ("product list, a search", "products/product/?q=shelf"),
    ("product page", "products/product/{product}/change/"),
    ("order list", "products/order/"),
    ("order list, to be shipped", "products/order/?status__exact=PAID"),
    ("order list, a number", "products/order/?q={number}"),
    ("order list, a customer", "products/order/?q=buyer-7"),
    ("order list, a tracking number", "products/order/?q={tracking}"),
    ("order page", "products/order/{order}/change/"),
    ("ledger", "products/stockmovement/"),
    ("ledger, a SKU", "products/stockmovement/?q={sku}"),
    ("report, sales by day", "products/order/reports/sales-by-day/"),
    ("report, sales by product", "products/order/reports/sales-by-product/"),
    ("report, sales by category", "products/order/reports/sales-by-category/"),
    ("report, stock value", "products/order/reports/stock-value/"),
]
"""(name, path below the admin). The fields in braces are those of one order, and of one of its products."""

# The sample orders are all delivered. Some become orders to be paid and shipped; some pieces come back.
VARIETY = """
    UPDATE products_order SET status = CASE WHEN n % 2 = 0 THEN 'PAID' ELSE 'PLACED' END
        FROM (SELECT id, row_number() OVER (ORDER BY placed_at DESC) n FROM products_order) newest
        WHERE newest.id = products_order.id AND n <= 4000;
    UPDATE products_orderline SET shipped = quantity FROM products_order
        WHERE products_order.id = order_id AND status = 'DELIVERED';
    UPDATE products_orderline SET returned = 1 WHERE shipped > 1 AND ascii(right(id::text, 1)) % 16 = 0;
    UPDATE products_product SET stock = 0 WHERE id % 100 = 0;
"""


class Figures(NamedTuple):
    """What a page took: the first time, the median and the longest in milliseconds; then the queries of the first time,
    and the size of the answer in KB. The front page keeps some figures for minutes, so its first time is longer."""

    first: float
    median: float
    longest: float
    queries: int
    kilobytes: float


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--products", type=int, default=10_000)
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=9, help="of which the median is printed")
    options = parser.parse_args(arguments)
    os.environ |= {"DJANGO_SETTINGS_MODULE": "shop.settings", "LOG_LEVEL": "ERROR", "ALLOWED_HOSTS": "testserver"}
    fields, measure = prepare(Size(options.products, options.orders))
    say(f"{cpu_model()}; {options.products:,} products, {options.orders:,} orders; median of {options.rounds}\n\n")
    say("| page | first | ms | longest | queries | KB |\n|---|---|---|---|---|---|\n")
    for name, path in PAGES:
        figures = measure(ADMIN + path.format(**fields), options.rounds)
        if figures is None:
            say(f"| {name} | not there | | | | |\n")
        else:
            say("| {} | {:.0f} | {:.0f} | {:.0f} | {} | {:.0f} |\n".format(name, *figures))


def prepare(size: Size) -> tuple[dict[str, Any], Callable[[str, int], Figures | None]]:
    """Fill the database; return the fields of the paths, and a function that measures a page (None if missing)."""
    import django  # noqa: PLC0415 - everything below needs the environment to be set

    django.setup()
    from django.contrib.auth.models import User  # noqa: PLC0415
    from django.core.cache import cache  # noqa: PLC0415
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import connection, reset_queries  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415
    from django.test.utils import CaptureQueriesContext  # noqa: PLC0415

    from products.models import Order  # noqa: PLC0415

    if connection.vendor != "postgresql":
        sys.exit("The sample data needs PostgreSQL: make bench-admin.")
    call_command("migrate", verbosity=0)
    buyers = User.objects.bulk_create(User(username=f"buyer-{number}") for number in range(1_000))
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
        for _ in fill(cursor, SHOP, size, [buyer.pk for buyer in buyers]):
            pass
        cursor.execute("SET session_replication_role = replica")
        cursor.execute(VARIETY)
        cursor.execute("RESET session_replication_role")
        cursor.execute("VACUUM ANALYZE")
    connection.close()  # The next one has the shop's own deadlines again.
    order = Order.objects.order_by("pk")[size.orders // 2]
    line = order.lines.select_related("product")[0]
    fields = {
        "order": order.pk,
        "number": order.number,
        "tracking": order.tracking_number,
        "product": line.product_id,
        "sku": line.product.sku,
    }
    client = Client()
    client.force_login(User.objects.create_superuser("boss"))
    client.get(ADMIN)  # so that no page is the first of the process
    cache.clear()

    def measure(path: str, rounds: int) -> Figures | None:
        reset_queries()  # Django keeps 9,000 of them, and no more.
        start = time.perf_counter()
        with CaptureQueriesContext(connection) as captured:
            answer = client.get(path)
        first, queries = (time.perf_counter() - start) * 1_000, len(captured)
        if answer.status_code in (302, 404):
            return None
        if answer.status_code != 200:
            sys.exit(f"{path} was answered with {answer.status_code}.")
        taken = []
        for _ in range(rounds):
            start = time.perf_counter()
            answer = client.get(path)
            size = len(b"".join(answer) if answer.streaming else answer.content)
            taken.append((time.perf_counter() - start) * 1_000)
        return Figures(first, statistics.median(taken), max(taken), queries, size / 1_000)

    return fields, measure


def say(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()


if __name__ == "__main__":
    main()
