"""Read, apply and undo a file of 10,000 products, 500 of them bad, while orders are placed; print the seconds.

python -m benchmarks.product_import [--rows 10000] [--bad 500]

Uses the database that DATABASE_URL names, which must be empty; `make bench-import` makes one on PostgreSQL. Orders come
from a process of its own, one after the other, for products that the file changes too.
"""

import argparse
import csv
import io
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.machine import cpu_model

HOT = 500
"""Products that are ordered meanwhile. The file leaves their stock alone, as it moves all the time."""
NEW = 500


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--bad", type=int, default=500)
    parser.add_argument("--orders", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    os.environ |= {"DJANGO_SETTINGS_MODULE": "shop.settings", "LOG_LEVEL": "ERROR"}
    import django  # noqa: PLC0415 - everything below needs the environment to be set

    django.setup()
    if options.orders:
        place_orders()
    else:
        sys.stdout.write(measure(options.rows, options.bad))


def place_orders() -> None:
    """Place orders until standard input ends; print the moment and the seconds of each."""
    import threading  # noqa: PLC0415

    from django.contrib.auth.models import User  # noqa: PLC0415

    from products.models import Order, Product  # noqa: PLC0415

    customer, ended, chance = User.objects.get(username="customer"), threading.Event(), random.Random(1)
    hot = list(Product.objects.order_by("pk")[:HOT])

    def wait_for_the_end() -> None:
        sys.stdin.read()
        ended.set()

    threading.Thread(target=wait_for_the_end, daemon=True).start()
    placed = []
    while not ended.is_set():
        began = time.time()
        Order.objects.place_once(customer=customer, items=[(each, 1) for each in chance.sample(hot, 3)])
        placed.append((began, time.time() - began))
    sys.stdout.write(json.dumps(placed))


def measure(rows: int, bad: int) -> str:
    """Return the report: seconds and statements of each step, and the time of an order before and during the import."""
    from django.contrib.auth.models import User  # noqa: PLC0415
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import connection  # noqa: PLC0415

    from products.db.bulk_sql import execute_batch, increment_sql, insert_many_sql  # noqa: PLC0415
    from products.imports import product_files  # noqa: PLC0415
    from products.imports.product_changes import apply_set, undo_set  # noqa: PLC0415
    from products.imports.products import store  # noqa: PLC0415
    from products.models import Product, RowState, StockMovement  # noqa: PLC0415

    call_command("migrate", verbosity=0)
    User.objects.create_user("customer")
    number = rows - bad - NEW
    Product.objects.bulk_create(
        Product(sku=f"P-{each}", name=f"Product {each}", price="4.50") for each in range(number)
    )
    ids = list(Product.objects.order_by("pk").values_list("pk", flat=True))
    ledger = [{"product_id": pk, "delta": 100_000, "reason": "RECEIVED"} for pk in ids]
    execute_batch(increment_sql(Product, "stock", dict.fromkeys(ids, 100_000)), *insert_many_sql(StockMovement, ledger))
    data = a_file(number, bad)

    statements = 0

    def count(execute: Any, sql: Any, values: Any, many: Any, context: Any) -> Any:
        nonlocal statements
        statements += 1
        return execute(sql, values, many, context)

    lines, marks = [], []

    def timed(name: str, step: Callable[[], Any]) -> Any:
        nonlocal statements
        statements, began, cpu = 0, time.time(), time.process_time()
        with connection.execute_wrapper(count):
            result = step()
        marks.append((began, time.time()))
        cpu = time.process_time() - cpu  # without the database's; on a busy machine it says more than the clock
        lines.append(f"{name:<28}{marks[-1][1] - began:6.1f} s {cpu:6.1f} s of Python {statements:6} statements")
        return result

    def all_sets(step: Callable[..., int]) -> float:
        longest = 0.0
        while True:
            began = time.time()
            if not step(batch, trusted=True):
                return longest
            longest = max(longest, time.time() - began)

    orders = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.product_import", "--orders"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    time.sleep(5)
    batch = timed("read and compare", lambda: store(product_files.read(data), data, "bench.csv", trusted=True))
    longest = timed("apply", lambda: all_sets(apply_set))
    applied = batch.tally()
    timed("undo", lambda: all_sets(undo_set))
    placed = json.loads(orders.communicate(b"")[0])
    lines.append(f"longest set when applied    {longest:6.1f} s")
    lines.append(f"new {batch.new}, changed {batch.changed}, bad {batch.bad}, refused {applied[RowState.REFUSED]}")
    for name, (start, end) in {"before": (0.0, marks[0][0]), "while applied": marks[1]}.items():
        took = sorted(seconds * 1000 for began, seconds in placed if start <= began < end)
        median, worst = statistics.median(took), took[-1]
        lines.append(f"orders {name:<14}{len(took):6} placed, median {median:.1f} ms, worst {worst:.0f} ms")
    lines.append(f"products out of balance: {len(list(Product.objects.out_of_balance()))}")
    head = f"{connection.vendor}, Python {platform.python_version()}, {os.cpu_count()} cores of {cpu_model()}\n"
    return head + "\n".join(lines) + "\n"


def a_file(number: int, bad: int) -> bytes:
    """Return a file that changes name, price and stock of the products, adds some, and has bad rows."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["sku", "name", "price", "stock", "vendor"])
    for each in range(number):
        writer.writerow([f"p-{each}", f"Better {each}", f"{each % 90 + 5}.25", "" if each < HOT else each, "Potters"])
    writer.writerows([f"NEW-{each}", f"New {each}", "3.00", 7, ""] for each in range(NEW))
    writer.writerows([f"BAD-{each}", "", "x", -1, ""] for each in range(bad))
    return text.getvalue().encode()


if __name__ == "__main__":
    main()
