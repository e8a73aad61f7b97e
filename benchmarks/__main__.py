"""Measure the shop side by side with the baselines and with itself: `python -m benchmarks --help`."""

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchmarks.baselines import DrfBaseline, FastApiBaseline
from benchmarks.cases import BY_NAME, CASES, FLASH_SALE
from benchmarks.competitors import WORKERS, Competitor
from benchmarks.load import CONNECTIONS, WrkNotFound, find_wrk
from benchmarks.machine import describe, revision
from benchmarks.measurement import POSTGRES_SETTINGS, RESULTS, Measurement, WrongAnswer, say
from benchmarks.pgbench import SCRIPTS, Limit
from benchmarks.report import report
from benchmarks.sample_data import Size
from benchmarks.shop import LatencyProxy, PgBouncer, Shop
from products.tests.postgres import PostgresServer
from products.tests.postgres_binaries import NoPostgres

COMPETITORS = ("shop", "drf", "fastapi", "pgbench")


def read_arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Parse the command line. Ends the program with a message if it makes no sense."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    cases = (*BY_NAME, FLASH_SALE)
    parser.add_argument("--cases", type=some_of(cases), default=cases, help=f"comma-separated: {', '.join(cases)}")
    parser.add_argument(
        "--competitors",
        type=some_of(COMPETITORS),
        default=COMPETITORS,
        help=f"comma-separated: {', '.join(COMPETITORS)}",
    )
    parser.add_argument("--rounds", type=positive_int, default=5)
    parser.add_argument("--seconds", type=float, default=6, help="of load per case, competitor and round")
    parser.add_argument("--flash-sales", type=int, default=5, help="per competitor, at most one per round")
    parser.add_argument("--quick", action="store_true", help="one round of one second; overrides the three above")
    parser.add_argument("--output", type=Path, help="the JSON file to write; by default in benchmarks/results/")
    parser.add_argument("--before", type=checkout, help="another checkout of the shop, as a further competitor")
    parser.add_argument(
        "--before-python",
        type=Path,
        help="the interpreter for that checkout; by default its own .venv's if there is one, otherwise this one",
    )
    parser.add_argument(
        "--latency", type=float, default=0, metavar="MS", help="added to each round trip to the database"
    )
    parser.add_argument("--pgbouncer", action="store_true", help="the shop through PgBouncer, as a further competitor")
    arguments = parser.parse_args(words)
    if arguments.quick:
        arguments.rounds, arguments.seconds, arguments.flash_sales = 1, 1, 1
    if arguments.before and not arguments.before_python:
        own = arguments.before / ".venv/bin/python"
        arguments.before_python = own if own.exists() else Path(sys.executable)
    if (arguments.before or arguments.pgbouncer) and "shop" not in arguments.competitors:
        parser.error("--before and --pgbouncer are compared with the shop, which --competitors leaves out")
    return arguments


def some_of(names: Sequence[str]) -> Callable[[str], tuple[str, ...]]:
    """Return an argument type: some of these names, separated by commas."""

    def parse(text: str) -> tuple[str, ...]:
        chosen = tuple(text.split(","))
        if unknown := [name for name in chosen if name not in names]:
            raise argparse.ArgumentTypeError(f"there is no {', '.join(unknown)}; choose from {', '.join(names)}")
        return chosen

    return parse


def positive_int(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return int(text)


def checkout(text: str) -> Path:
    """An argument type: the folder of another checkout."""
    path = Path(text).resolve()
    if not (path / "gunicorn.conf.py").is_file():
        raise argparse.ArgumentTypeError(f"{path} is not a checkout of the shop: it has no gunicorn.conf.py")
    return path


def main() -> None:
    arguments = read_arguments()
    find_wrk()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shop-benchmark-")))
        postgres = stack.enter_context(PostgresServer(durable=True, settings=POSTGRES_SETTINGS))
        latency = stack.enter_context(LatencyProxy(postgres, arguments.latency)) if arguments.latency else None
        address = latency.address if latency else None
        pgbouncer = (
            stack.enter_context(PgBouncer(address or (str(postgres.home), postgres.port)))
            if arguments.pgbouncer
            else None
        )
        competitors = create_competitors(arguments, postgres, folder, latency, pgbouncer)
        for one in competitors:
            say(f"Preparing {one.title}")
            one.prepare(Size())
            stack.enter_context(one)
        limits = prepare_limits(postgres, folder) if "pgbench" in arguments.competitors else []
        settings = describe_settings(arguments, latency)
        measurement = Measurement(competitors, limits, seconds=arguments.seconds)
        sales = min(arguments.rounds, arguments.flash_sales) if FLASH_SALE in arguments.cases else 0
        chosen = [case for case in CASES if case.name in arguments.cases]
        measurement.run(chosen, rounds=arguments.rounds, flash_sales=sales)
        machine = describe(postgres, [one.name for one in competitors])
    save(measurement.results | {"machine": machine, "settings": settings}, arguments.output)


def create_competitors(
    arguments: argparse.Namespace,
    postgres: PostgresServer,
    folder: Path,
    latency: LatencyProxy | None,
    pgbouncer: PgBouncer | None,
) -> list[Competitor]:
    """Return the competitors that the arguments name. The shop's variants follow it directly."""
    names = arguments.competitors
    address = latency.address if latency else None
    found: list[Competitor] = []
    if "shop" in names:
        found.append(Shop(postgres, folder, database_address=address))
    if arguments.before:
        before = {"checkout": arguments.before, "python": arguments.before_python}
        found.append(Shop(postgres, folder, name="before", title="Shop before", database_address=address, **before))
    if pgbouncer:
        found.append(Shop(postgres, folder, name="pgbouncer", title="Shop through PgBouncer", pgbouncer=pgbouncer))
    baselines: dict[str, type[Competitor]] = {"drf": DrfBaseline, "fastapi": FastApiBaseline}
    return [*found, *(kind(postgres, folder) for name, kind in baselines.items() if name in names)]


def prepare_limits(postgres: PostgresServer, folder: Path) -> list[Limit]:
    """Create a database of the shop's tables for pgbench's scripts."""
    say("Preparing pgbench")
    shop = Shop(postgres, folder, database="bench_pgbench")
    shop.prepare(Size())
    return [Limit(shop, *script) for script in SCRIPTS]


def describe_settings(arguments: argparse.Namespace, latency: LatencyProxy | None) -> dict[str, str]:
    """Return the settings of the measurement for the report."""
    settings = {
        "load": f"{arguments.rounds} rounds of {arguments.seconds:g} s for each case, {CONNECTIONS} connections",
        "servers": f"{WORKERS} worker processes each; all run, one at a time has work",
    }
    if arguments.before:
        settings["before"] = f"revision {revision(arguments.before)}"
    if latency:
        settings["latency"] = (
            f"{arguments.latency:g} ms per round trip between each shop and PostgreSQL, by a proxy on loopback; "
            f"measured: {latency.added_milliseconds():.2f} ms"
        )
    return settings


def save(results: dict[str, Any], output: Path | None) -> None:
    """Write the results as JSON and print them as tables."""
    path = output or RESULTS / f"{time.strftime('%Y-%m-%d-%H%M%S')}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=1, ensure_ascii=False))
    sys.stdout.write(f"\n{report(results)}\n\nWritten to {path}\n")


if __name__ == "__main__":
    try:
        main()
    except (WrkNotFound, NoPostgres, WrongAnswer) as error:
        sys.exit(str(error))
