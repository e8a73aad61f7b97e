"""What a shop costs that has grown: the same requests at 10,000 products, at 1,000,000, and with 1,000,000 orders.

python -m benchmarks.growth --help
"""

import argparse
import hashlib
import json
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.cases import BY_NAME, Case, some_product
from benchmarks.competitors import READERS, Competitor
from benchmarks.goods import Size
from benchmarks.growth_report import growth_report
from benchmarks.machine import describe
from benchmarks.processes import memory_mb
from benchmarks.requests import Request
from benchmarks.rounds import measure, rotated, warm_up
from benchmarks.servers import RESULTS, SETTINGS, tell
from benchmarks.shop import Shop
from products.tests.postgres import PostgresServer

BAR = 40  # characters


def rare_word(competitor: Competitor, goods: random.Random) -> list[Request]:
    """The name of a series, which twenty products share however many there are."""
    return [competitor.search(series(some_product(competitor, goods))) for _ in range(2_000)]


def series(product: int) -> str:
    """As pg_temp.series in goods.sql."""
    digits = hashlib.md5(str((product - 1) // 20).encode(), usedforsecurity=False).hexdigest()[:8]
    return digits.translate(str.maketrans("0123456789abcdef", "bdfgklmnprstvzao"))


RARE = Case("search-rare", "search for a rare word", rare_word, READERS)
READS = ["page", "far-page", "history", "product"]
SEARCHES = ["search-rare", "search"]
ORDERS = ["order", "hot-order", "five-lines"]
CASES = [*(BY_NAME[name] for name in READS), RARE, BY_NAME["search"], *(BY_NAME[name] for name in ORDERS)]


@dataclass(frozen=True)
class Build:
    """What it took to make a shop of a size. Memory is PostgreSQL's at its highest, shared buffers included."""

    products: int
    orders: int
    seconds: float
    memory_mb: float
    database_mb: float


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=__doc__)
    parser.add_argument("--products", type=int, default=1_000_000, help="of the shop that has grown")
    parser.add_argument("--orders", type=int, default=1_000_000, help="of the shop that has grown")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4, help="of load for each case, size and round")
    parser.add_argument("--output", type=Path, help="the JSON file to write; benchmarks/results/growth.json otherwise")
    return parser.parse_args()


def main() -> None:
    given = options()
    sizes = [Size(10_000, 10_000), Size(given.products, 10_000), Size(given.products, given.orders)]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shop-benchmark-")))
        postgres = stack.enter_context(PostgresServer(durable=True, settings=SETTINGS))
        shops = [Shop(postgres, folder, database=f"grown_{number}") for number in range(len(sizes))]
        builds = [build(shop, size) for shop, size in zip(shops, sizes, strict=True)]
        for shop in shops:
            stack.enter_context(shop)
        results = {
            "machine": describe(postgres, ["shop"]),
            "builds": [asdict(each) for each in builds],
            "cases": measure_all(shops, given.rounds, given.seconds),
        }
    path = given.output or RESULTS / "growth.json"
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False))
    sys.stdout.write(f"\n{growth_report(results)}\n\nKept in {path}\n")


def build(shop: Shop, size: Size) -> Build:
    """Make a shop of a size, and have it checked that its ledger is in balance."""
    began, highest = time.monotonic(), 0.0
    postgres = shop.postgres
    title = f"{size.products:,} products, {size.orders:,} orders"

    def show(part: float) -> None:
        nonlocal highest
        highest = max(highest, memory_mb(postgres.pid or 0))
        bar = "█" * round(part * BAR)
        sys.stderr.write(f"\r{title} {bar:░<{BAR}} {part:4.0%} {time.monotonic() - began:5.0f} s")
        sys.stderr.flush()

    shop.prepare(size, show)
    seconds = time.monotonic() - began
    tell(f"\n{shop.run(sys.executable, 'manage.py', 'check_stock').strip()}")
    with closing(shop.connect()) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT pg_database_size(current_database()) / 1048576.0")
        [database] = cursor.fetchone()
    return Build(size.products, size.orders, seconds, highest, float(database))


def measure_all(shops: Sequence[Shop], rounds: int, seconds: float) -> dict[str, list[list[dict[str, Any]]]]:
    """{case: [its samples at the first size, at the second, …]}"""
    for case in CASES:
        for shop in shops:
            warm_up(shop, case)
    found: dict[str, list[list[dict[str, Any]]]] = {case.name: [[] for _ in shops] for case in CASES}
    for number in range(rounds):
        for case in CASES:
            for shop in rotated(shops, number):
                sample = measure(shop, case, seconds, seed=number + 1)
                found[case.name][list(shops).index(shop)].append(asdict(sample))
                size = f"{shop.size.products:,}/{shop.size.orders:,}"
                tell(f"Round {number + 1}: {case.name:11} {size:19} {sample.rate:8.1f}/s  {sample.cpu:6.2f} ms CPU")
    return found


if __name__ == "__main__":
    main()
