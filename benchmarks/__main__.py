"""Measure the shop side by side with the baselines, and with pgbench as the limit: `python -m benchmarks --help`."""

import argparse
import json
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.baselines import DrfBaseline, FastApiBaseline
from benchmarks.cases import BY_NAME, CASES, FLASH_SALE
from benchmarks.competitors import WORKERS, Competitor
from benchmarks.contest import Contest
from benchmarks.goods import Size
from benchmarks.machine import describe
from benchmarks.pgbench import SCRIPTS, Limit
from benchmarks.report import report
from benchmarks.rounds import WrongAnswer
from benchmarks.servers import RESULTS, SETTINGS, tell
from benchmarks.shop import Shop
from benchmarks.shop_variants import DistantShop, DistantShopBefore, Latency, ShopBefore, ShopThroughPgBouncer
from benchmarks.wrk import CONNECTIONS, NoWrk, find_wrk
from products.tests.postgres import PostgresServer
from products.tests.postgres_binaries import NoPostgres


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    names = [*BY_NAME, FLASH_SALE]
    parser.add_argument("--cases", default=",".join(names), help=f"of {', '.join(names)}; separated by commas")
    parser.add_argument("--competitors", default="shop,drf,fastapi,pgbench", help="separated by commas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=6, help="of load for each case, competitor and round")
    parser.add_argument("--flash-sales", type=int, default=5, help="of each competitor, one in a round")
    parser.add_argument("--output", type=Path, help="the JSON file to write; benchmarks/results/… unless given")
    parser.add_argument("--before", type=Path, help="another checkout of the shop, measured beside this one")
    parser.add_argument("--latency", type=float, default=0, help="milliseconds to the database and back, for the shops")
    parser.add_argument("--pgbouncer", action="store_true", help="measure the shop through PgBouncer as well")
    given = parser.parse_args()
    if given.before is not None and not (given.before / "gunicorn.conf.py").is_file():
        parser.error(f"{given.before} is no checkout of the shop")
    return given


def kinds(given: argparse.Namespace) -> list[type[Competitor]]:
    """Return who is measured, in order."""
    if given.before is not None:
        ShopBefore.checkout = given.before.resolve()
    shop, before = (DistantShop, DistantShopBefore) if given.latency else (Shop, ShopBefore)
    known: dict[str, type[Competitor]] = {"shop": shop, "drf": DrfBaseline, "fastapi": FastApiBaseline}
    names = given.competitors.split(",")
    found = [known[name] for name in names if name in known]
    extra: list[type[Competitor]] = [before] if given.before is not None else []
    return [*found, *extra, *([ShopThroughPgBouncer] if given.pgbouncer else [])]


def main() -> None:
    given = options()
    find_wrk()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shop-benchmark-")))
        postgres = stack.enter_context(PostgresServer(durable=True, settings=SETTINGS))
        if given.latency:
            DistantShop.latency = stack.enter_context(Latency(postgres, given.latency))
        competitors = [kind(postgres, folder) for kind in kinds(given)]
        for one in competitors:
            tell(f"Preparing {one.title}")
            one.prepare(Size())
            stack.enter_context(one)
        limits = prepare_limits(postgres, folder) if "pgbench" in given.competitors.split(",") else []
        contest = Contest(competitors, limits, seconds=given.seconds)
        names = given.cases.split(",")
        sales = min(given.rounds, given.flash_sales) if FLASH_SALE in names else 0
        contest.run([case for case in CASES if case.name in names], rounds=given.rounds, flash_sales=sales)
        machine = describe(postgres, [one.name for one in competitors])
    keep(contest.results | {"machine": machine, "settings": settings_of(given)}, given.output)


def prepare_limits(postgres: PostgresServer, folder: Path) -> list[Limit]:
    """pgbench's scripts, in a database of the shop's own tables."""
    tell("Preparing pgbench")
    shop = Shop(postgres, folder, database="bench_pgbench")
    shop.prepare(Size())
    return [Limit(shop, *script) for script in SCRIPTS]


def settings_of(given: argparse.Namespace) -> dict[str, str]:
    """How it was measured, for a reader."""
    distance = {"distance": f"the database is {given.latency:g} ms away (a proxy on loopback)"} if given.latency else {}
    return distance | {
        "load": f"{given.rounds} rounds of {given.seconds:g} s for each case, {CONNECTIONS} connections",
        "servers": f"{WORKERS} worker processes each; all run, one at a time has work",
    }


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
