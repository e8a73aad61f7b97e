"""What growth costs: the same cases in a small shop, in one of a million products, and in one of a million orders too.

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

from benchmarks.cases import BY_NAME, Case, random_product
from benchmarks.competitors import READERS, Competitor
from benchmarks.load import Request
from benchmarks.machine import describe, memory_mb
from benchmarks.measurement import POSTGRES_SETTINGS, RESULTS, measure, rotated, say, warm_up
from benchmarks.report import report
from benchmarks.sample_data import Size
from benchmarks.shop import Shop
from products.tests.postgres import PostgresServer

BAR = 40  # characters


def rare_word(competitor: Competitor, chance: random.Random) -> list[Request]:
    """Search for the name of a series, which twenty products share however many there are."""
    return [competitor.search(series(random_product(competitor, chance))) for _ in range(2_000)]


def series(product: int) -> str:
    """Return the same name as pg_temp.series in sql/sample_data.sql, in lower case."""
    digits = hashlib.md5(str((product - 1) // 20).encode(), usedforsecurity=False).hexdigest()[:8]
    return digits.translate(str.maketrans("0123456789abcdef", "bdfgklmnprstvzao"))


RARE = Case("search-rare", "search for a rare word", rare_word, READERS)
READS = ["page", "far-page", "history", "product"]
ORDERS = ["order", "hot-order", "five-lines"]
CASES = [*(BY_NAME[name] for name in READS), RARE, BY_NAME["search"], *(BY_NAME[name] for name in ORDERS)]


@dataclass(frozen=True)
class Build:
    """The cost of building a shop of this size. Memory is PostgreSQL's peak, including shared buffers."""

    products: int
    orders: int
    seconds: float
    memory_mb: float
    database_mb: float


def read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--products", type=int, default=1_000_000, help="in the grown shop")
    parser.add_argument("--orders", type=int, default=1_000_000, help="in the grown shop")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4, help="of load per case, size and round")
    parser.add_argument("--output", type=Path, help="the JSON file to write; by default benchmarks/results/growth.json")
    return parser.parse_args()


def main() -> None:
    arguments = read_arguments()
    products, orders = arguments.products, arguments.orders
    sizes = [Size(10_000, 10_000), Size(products, 10_000), Size(products, orders)]
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shop-benchmark-")))
        postgres = stack.enter_context(PostgresServer(durable=True, settings=POSTGRES_SETTINGS))
        shops = [Shop(postgres, folder, database=f"grown_{number}") for number in range(len(sizes))]
        builds = [build(shop, size) for shop, size in zip(shops, sizes, strict=True)]
        for shop in shops:
            stack.enter_context(shop)
        results = {
            "machine": describe(postgres, ["shop"]),
            "builds": [asdict(each) for each in builds],
            "cases": measure_all(shops, arguments.rounds, arguments.seconds),
        }
    path = arguments.output or RESULTS / "growth.json"
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False))
    sys.stdout.write(f"\n{report(results)}\n\nWritten to {path}\n")


def build(shop: Shop, size: Size) -> Build:
    """Build a shop of this size, and have it check that its ledger is in balance."""
    began, highest = time.monotonic(), 0.0
    postgres = shop.postgres
    title = f"{size.products:,} products, {size.orders:,} orders"

    def show_progress(part: float) -> None:
        nonlocal highest
        highest = max(highest, memory_mb(postgres.pid or 0))
        bar = "█" * round(part * BAR)
        sys.stderr.write(f"\r{title} {bar:░<{BAR}} {part:4.0%} {time.monotonic() - began:5.0f} s")
        sys.stderr.flush()

    shop.prepare(size, show_progress)
    seconds = time.monotonic() - began
    say(f"\n{shop.run(sys.executable, 'manage.py', 'check_stock').strip()}")
    with closing(shop.connect()) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT pg_database_size(current_database()) / 1048576.0")
        [database] = cursor.fetchone()
    return Build(size.products, size.orders, seconds, highest, float(database))


def measure_all(shops: Sequence[Shop], rounds: int, seconds: float) -> dict[str, list[list[dict[str, Any]]]]:
    """Return {case: [the samples of the first shop, of the second, …]}."""
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
                say(f"Round {number + 1}: {case.name:11} {size:19} {sample.rate:8.1f}/s  {sample.cpu:6.2f} ms CPU")
    return found


if __name__ == "__main__":
    main()
