"""Count the bytes that an order leaves on the disk of PostgreSQL, table by table, with their indexes.

    python -m products.tests.postgres python -m benchmarks.disk_growth [--orders 2000]

Places orders of one line, gives their events positions in the feed, takes the orders through payment, shipment and
delivery, and places orders of six lines. Prints the bytes that each step added per order. Needs an empty
PostgreSQL database in DATABASE_URL; `make bench-disk` creates one.
"""

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import django

PRODUCTS = 100
FURTHER_LINES = 5
STEPS = ("placed, one line", "in the feed", "paid, shipped, delivered, in the feed", "each further line, in the feed")
SIZES = """
    SELECT relname, pg_total_relation_size(oid) FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname <> 'products_product'
"""
"""Of all tables but that of the products, whose rows are changed and not added."""

Growth = Mapping[str, float]
"""Bytes for each order, by table."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--orders", type=int, default=2_000)
    options = parser.parse_args(arguments)
    if not os.environ.get("DATABASE_URL", "").startswith("postgres"):
        sys.exit("DATABASE_URL has to name an empty PostgreSQL; `make bench-disk` brings one.")
    os.environ |= {"DJANGO_SETTINGS_MODULE": "shop.settings", "LOG_LEVEL": "ERROR"}
    django.setup()
    sys.stdout.write(report(measure(options.orders), options.orders))


def measure(number: int) -> list[Growth]:
    """Return what each of STEPS adds for an order."""
    from django.contrib.auth.models import User  # noqa: PLC0415 - the models need Django to be set up
    from django.core.management import call_command  # noqa: PLC0415

    from products.feed.sequencer import number_all_events  # noqa: PLC0415
    from products.models import Order, Product  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    alice = User.objects.create_user("alice")
    products = [
        Product.objects.create(sku=f"DISK-{place}", name=f"Product number {place}", price="4.50", stock=100_000_000)
        for place in range(PRODUCTS)
    ]
    number_all_events()
    orders: list[Order] = []
    create: Any = Order.objects.create  # `items` is no column

    def place(lines: int) -> None:
        for turn in range(number):
            items = [(products[(turn + line) % PRODUCTS], 1) for line in range(lines)]
            orders.append(create(customer=alice, items=items, idempotency_key=f"{lines}-{turn}"))

    def deliver() -> None:
        for order in orders:
            order.pay(reference="4711")
            order.ship(carrier="Parcel Post", tracking_number="PP00000042")
            order.deliver()
        number_all_events()

    def place_several() -> None:
        place(1 + FURTHER_LINES)
        number_all_events()

    one_line, in_the_feed = growth_by(lambda: place(1), number), growth_by(number_all_events, number)
    delivered, several = growth_by(deliver, number), growth_by(place_several, number)
    further = {
        table: (size - one_line.get(table, 0) - in_the_feed.get(table, 0)) / FURTHER_LINES
        for table, size in several.items()
    }
    return [one_line, in_the_feed, delivered, {table: size for table, size in further.items() if size > 1}]


def growth_by(work: Callable[[], object], number: int) -> Growth:
    before = sizes()
    work()
    return {table: (size - before[table]) / number for table, size in sizes().items() if size > before[table]}


def sizes() -> dict[str, int]:
    from django.db import connection  # noqa: PLC0415

    with connection.cursor() as cursor:
        cursor.execute(SIZES)
        return dict(cursor.fetchall())


def report(steps: Sequence[Growth], number: int) -> str:
    """Return the bytes for each order as a Markdown table."""
    tables = sorted({table for step in steps for table in step})
    lines = [
        f"Bytes for each order, of {number:,} orders",
        "",
        f"| table | {' | '.join(STEPS)} |",
        f"|---|{'---:|' * len(STEPS)}",
        *(f"| `{table}` | {' | '.join(f'{step.get(table, 0):,.0f}' for step in steps)} |" for table in tables),
        f"| all | {' | '.join(f'{sum(step.values()):,.0f}' for step in steps)} |",
    ]
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
