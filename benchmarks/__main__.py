"""Measure the shop side by side with the textbooks, and with pgbench as the limit: `python -m benchmarks --help`."""

import argparse
import json
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.cases import BY_NAME, CASES, FLASH_SALE
from benchmarks.contest import Contest
from benchmarks.contestants import WORKERS, Contestant
from benchmarks.goods import Size
from benchmarks.machine import describe
from benchmarks.pgbench import SCRIPTS, Limit
from benchmarks.report import report
from benchmarks.rounds import WrongAnswer
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
        contest = Contest(contestants, limits, seconds=given.seconds)
        names = given.cases.split(",")
        sales = min(given.rounds, given.flash_sales) if FLASH_SALE in names else 0
        contest.run([case for case in CASES if case.name in names], rounds=given.rounds, flash_sales=sales)
        machine = describe(postgres, [one.name for one in contestants])
    keep(contest.results | {"machine": machine, "settings": settings_of(given)}, given.output)


def prepare_limits(postgres: PostgresServer, folder: Path) -> list[Limit]:
    """pgbench's scripts, in a database of the shop's own tables."""
    tell("Preparing pgbench")
    shop = Shop(postgres, folder, database="bench_pgbench")
    shop.prepare(Size())
    return [Limit(shop, *script) for script in SCRIPTS]


def settings_of(given: argparse.Namespace) -> dict[str, str]:
    """How it was measured, for a reader."""
    return {
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
