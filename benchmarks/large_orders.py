"""Place orders of 1 to 2,000 lines, and print the statements and the milliseconds of each.

python -m benchmarks.large_orders [--rounds 5] [--sizes 1,1110]

Sends `POST /api/orders` in process, with Django's test client, so the web server's own time is not included. Uses the
database that DATABASE_URL names, which must be empty, otherwise a new SQLite file; `make bench-large` does both.
"""

import argparse
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence

from benchmarks.machine import cpu_model

SIZES = (1, 10, 100, 1_110, 2_000)
STOCK = 1_000_000

Place = Callable[[int], float]
"""Places an order of so many lines, and returns its seconds."""
Count = Callable[[int], int]
"""Places an order of so many lines, and returns the number of statements, which takes longer."""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5, help="of which the median is printed")
    parser.add_argument(
        "--sizes", type=_sizes, default=SIZES, help="the numbers of lines, 1,10,100,1110,2000 by default"
    )
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("DATABASE_URL", f"sqlite:///{folder}/large.sqlite3")
        os.environ |= {"DJANGO_SETTINGS_MODULE": "shop.settings", "LOG_LEVEL": "ERROR", "ALLOWED_HOSTS": "testserver"}
        database, place, count = prepare(max(options.sizes))
        sys.stdout.write(report(database, place, count, options.rounds, options.sizes))


def _sizes(text: str) -> tuple[int, ...]:
    return tuple(int(size) for size in text.split(","))


def prepare(products: int) -> tuple[str, Place, Count]:
    """Set up Django, so many products and a customer.

    Returns the database's name, a function that places an order, and one that counts its statements.
    """
    import django  # noqa: PLC0415 - everything below needs the environment to be set

    django.setup()
    from django.contrib.auth.models import User  # noqa: PLC0415
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415
    from django.test import Client  # noqa: PLC0415
    from django.test.utils import CaptureQueriesContext  # noqa: PLC0415

    from products.db.bulk_sql import execute_batch, increment_sql, insert_many_sql  # noqa: PLC0415
    from products.models import ApiToken, Product, StockMovement  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    Product.objects.bulk_create(
        Product(sku=f"LARGE-{number}", name=f"Product {number}", price="4.50") for number in range(products)
    )
    ids = list(Product.objects.order_by("pk").values_list("pk", flat=True))
    ledger = [{"product_id": pk, "delta": STOCK, "reason": "RECEIVED"} for pk in ids]
    execute_batch(increment_sql(Product, "stock", dict.fromkeys(ids, STOCK)), *insert_many_sql(StockMovement, ledger))
    token, secret = ApiToken.objects.issue(User.objects.create_user("large"))
    token.touch()  # so that no order is the first request of its day
    client = Client(headers={"authorization": f"Token {secret}"})

    def place(lines: int) -> float:
        body = {"lines": [{"product": pk, "quantity": 1} for pk in ids[:lines]]}
        start = time.perf_counter()
        response = client.post("/api/orders", body, content_type="application/json")
        seconds = time.perf_counter() - start
        if response.status_code != 201:
            sys.exit(f"An order of {lines} lines was answered with {response.status_code}: {response.content[:500]!r}")
        return seconds

    def count(lines: int) -> int:
        with CaptureQueriesContext(connection) as captured:
            place(lines)
        return len(captured)

    return connection.vendor, place, count


def report(database: str, place: Place, count: Count, rounds: int, sizes: Sequence[int] = SIZES) -> str:
    """Place the orders, and return a table: the median of the rounds, after one that counts the statements."""
    machine = f"{cpu_model()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    lines = [f"{database}, {machine}", "", "| lines | statements | ms | ms per line |", "|---:|---:|---:|---:|"]
    for size in sizes:
        statements = count(size)
        milliseconds = 1_000 * statistics.median(place(size) for _ in range(rounds))
        lines.append(f"| {size:,} | {statements} | {milliseconds:.1f} | {milliseconds / size:.2f} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
