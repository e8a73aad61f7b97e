"""Measure the shop side by side with the textbooks, and with pgbench as the limit: `python -m benchmarks --help`."""

import argparse
import json
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks import flash_sale
from benchmarks.cases import BY_NAME, CASES, FLASH, FLASH_SALE, Case
from benchmarks.contestants import WORKERS, Contestant
from benchmarks.figures import Sample
from benchmarks.goods import Size
from benchmarks.machine import describe
from benchmarks.pgbench import LIMITED, SCRIPTS, Limit
from benchmarks.report import report
from benchmarks.rounds import WrongAnswer, measure, rotated, warm_up
from benchmarks.servers import RESULTS, SETTINGS, tell
from benchmarks.shop import Shop
from benchmarks.textbooks import DrfTextbook, FastApiTextbook
from benchmarks.wrk import CONNECTIONS, NoWrk, find_wrk
from products.tests.postgres import PostgresServer
from products.tests.postgres_binaries import NoPostgres

CONTESTANTS: dict[str, type[Contestant]] = {each.name: each for each in (Shop, DrfTextbook, FastApiTextbook)}


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = [*BY_NAME, FLASH_SALE]
    parser.add_argument("--cases", default=",".join(names), help=f"of {', '.join(names)}; separated by commas")
    parser.add_argument("--contestants", default="shop,drf,fastapi,pgbench", help="separated by commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6, help="of load for each case, contestant and round")
    parser.add_argument("--flash-sales", type=int, default=5, help="of each contestant, one in a round")
    parser.add_argument("--output", type=Path, help="the JSON file to write; benchmarks/results/… unless given")
    return parser.parse_args()


def main() -> None:
    given = options()
    find_wrk()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shop-benchmark-")))
        postgres = stack.enter_context(PostgresServer(durable=True, settings=SETTINGS))
        wanted = [CONTESTANTS[name] for name in given.contestants.split(",") if name in CONTESTANTS]
        contestants = [one(postgres, folder) for one in wanted]
        for one in contestants:
            tell(f"Preparing {one.title}")
            one.prepare(Size())
            stack.enter_context(one)
        limits = prepare_limits(postgres, folder) if "pgbench" in given.contestants.split(",") else []
        results = measure_all(contestants, limits, given)
        results["machine"] = describe(postgres, [one.name for one in contestants])
    keep(results, given.output)


def prepare_limits(postgres: PostgresServer, folder: Path) -> list[Limit]:
    """pgbench's scripts, in a database of the shop's own tables."""
    tell("Preparing pgbench")
    shop = Shop(postgres, folder, database="bench_pgbench")
    shop.prepare(Size())
    return [Limit(shop, *script) for script in SCRIPTS]


def measure_all(contestants: list[Contestant], limits: list[Limit], given: argparse.Namespace) -> dict[str, Any]:
    """All rounds of all cases, with the limits behind the contestants in each."""
    names = given.cases.split(",")
    cases = [case for case in CASES if case.name in names]
    results: dict[str, Any] = {
        "titles": {one.name: one.title for one in contestants} | {limit.name: limit.title for limit in limits},
        "settings": {
            "rounds": given.rounds,
            "seconds": given.seconds,
            "connections": CONNECTIONS,
            "workers": WORKERS,
        },
        "cases": {case.name: {} for case in cases},
        "flash_sales": {one.name: [] for one in contestants} if FLASH_SALE in names else {},
        "memory": {one.name: [] for one in contestants},
        "bytes": {one.name: {case.name: warm_up(one, case) for case in cases} for one in contestants},
    }
    for number in range(given.rounds):
        for case in cases:
            found = {one.name: one_sample(one, case, given.seconds, number) for one in rotated(contestants, number)}
            if case.name in LIMITED:
                found |= {limit.name: limit.measure(case.name, given.seconds) for limit in limits}
            for name in results["titles"]:
                if name in found:
                    results["cases"][case.name].setdefault(name, []).append(asdict(found[name]))
        if FLASH_SALE in names and number < given.flash_sales:
            for one in rotated(contestants, number):
                results["flash_sales"][one.name].append(sell_out(one, FLASH[number % len(FLASH)]))
        for one in contestants:
            results["memory"][one.name].append(one.memory())
    return results


def one_sample(one: Contestant, case: Case, seconds: float, number: int) -> Sample:
    sample = measure(one, case, seconds, seed=number + 1)
    trouble = f", {sample.errors} ERRORS" if sample.errors else ""
    tell(f"Round {number + 1}: {case.name:11} {one.title:17} {sample.rate:8.1f}/s  {sample.cpu:6.2f} ms CPU{trouble}")
    return sample


def sell_out(one: Contestant, product: int) -> dict[str, Any]:
    sale = flash_sale.hold(one, product)
    tell(f"Flash sale: {one.title:17} {sale.seconds:.2f} s, {sale.statuses}{'' if sale.is_exact else ' NOT EXACT'}")
    return {**asdict(sale), "exact": sale.is_exact}


def keep(results: dict[str, Any], output: Path | None) -> None:
    path = output or RESULTS / f"{time.strftime('%Y-%m-%d-%H%M%S')}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False))
    sys.stdout.write(f"\n{report(results)}\n\nKept in {path}\n")


if __name__ == "__main__":
    try:
        main()
    except (NoWrk, NoPostgres, WrongAnswer) as problem:
        sys.exit(str(problem))
