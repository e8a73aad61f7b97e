"""Many threads on few connections: the shop through PgBouncer beside the same shop without it.

    python -m benchmarks.pooled --seconds 6 --rounds 5

Sixty threads of four worker processes place orders for random products, in turn on connections of their own and on five
connections of PgBouncer in transaction mode. Prints orders per second and errors, and exits with 1 if there were errors
or if the stock does not agree with its ledger. Needs wrk and PgBouncer.
"""

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path

import psycopg2

from benchmarks.cases import BY_NAME
from benchmarks.load import Load, WrkNotFound, find_wrk, run_wrk
from benchmarks.measurement import POSTGRES_SETTINGS, say
from benchmarks.sample_data import Size
from benchmarks.shop import LIMITS, PgBouncer, PgBouncerNotFound, Shop, find_pgbouncer
from products.tests.postgres import PostgresServer
from products.tests.postgres_binaries import NoPostgres

WORKERS, THREADS, POOL_SIZE = 4, 15, 5
CASE = BY_NAME["order"]


class ManyThreads(Shop):
    """The shop with more threads than PgBouncer has connections."""

    def environment(self) -> dict[str, str]:
        return super().environment() | {"WEB_CONCURRENCY": str(WORKERS), "WEB_THREADS": str(THREADS)}

    def connections(self) -> int:
        """Return the number of connections to its database, without the connection that runs this query."""
        with closing(self.connect()) as connection:
            cursor = connection.cursor()
            cursor.execute(
                "SELECT count(*) - 1 FROM pg_stat_activity WHERE datname = %s AND backend_type = 'client backend'",
                [self.database],
            )
            [number] = cursor.fetchone()
        return int(number)


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pooled", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=6, help="of load per round, for each of the two")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--products", type=int, default=10_000)
    arguments = parser.parse_args(words)
    find_wrk()
    find_pgbouncer()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shop-benchmark-")))
        postgres = stack.enter_context(PostgresServer(durable=True, settings=POSTGRES_SETTINGS))
        limit_time(postgres)
        direct = ManyThreads(postgres, folder, name="direct", title="Direct", database="bench_pooled")
        say("Preparing the shop")
        direct.prepare(Size(arguments.products, 0))
        pgbouncer = stack.enter_context(PgBouncer((str(postgres.home), postgres.port), pool_size=POOL_SIZE))
        pooled = ManyThreads(
            postgres, folder, name="pooled", title="PgBouncer", database="bench_pooled", pgbouncer=pgbouncer
        )
        pooled.size, pooled.tokens = direct.size, direct.tokens
        rounds, connections = measure([direct, pooled], arguments.rounds, arguments.seconds)
        stock = direct.run(direct.python, "manage.py", "check_stock").strip()
    sys.stdout.write(report(rounds, connections) + f"\nStock: {stock}\n")
    return int(any(failed(load) for each in rounds for load in each))


def limit_time(postgres: PostgresServer) -> None:
    """Set the timeouts on the role that the shop requires behind PgBouncer."""
    with closing(psycopg2.connect(postgres.url)) as connection:
        connection.autocommit = True
        connection.cursor().execute(LIMITS)


def measure(shops: Sequence[ManyThreads], number: int, seconds: float) -> tuple[list[list[Load]], list[int]]:
    """Return the loads of each round in the order of `shops`, and how many connections each shop had."""
    connections: list[int] = []
    with ExitStack() as stack:
        for shop in shops:
            stack.enter_context(shop)
        for shop in shops:  # so that every thread has its connection
            run(shop, 2, "warm-up", 0)
            connections.append(shop.connections() - sum(connections))
        rounds = []
        for turn in range(number):
            say(f"Round {turn + 1} of {number}")
            rounds.append([run(shop, seconds, f"{shop.name}-{turn}-", turn) for shop in shops])
    return rounds, connections


def run(shop: ManyThreads, seconds: float, keys: str, seed: int) -> Load:
    keys = f"{shop.name}-{keys}"
    mix = CASE.mix(shop, seed)
    return run_wrk(shop.address, mix, seconds, keys=keys, seed=seed, connections=WORKERS * THREADS)


def failed(load: Load) -> int:
    return load.rejected + load.broken


def report(rounds: Sequence[Sequence[Load]], connections: Sequence[int]) -> str:
    """Return the result as a Markdown table: medians of the rounds, and the median of their ratios."""

    def row(title: str, loads: Sequence[Load], number: int) -> str:
        figures = zip(*((speed_of(load), load.p50, load.p99) for load in loads), strict=True)
        speed, p50, p99 = map(statistics.median, figures)
        return f"| {title} | {number} | {speed:,.0f} | {p50:.0f} | {p99:.0f} | {sum(map(failed, loads))} |"

    direct, pooled = ([each[place] for each in rounds] for place in range(2))
    ratio = statistics.median(speed_of(two) / speed_of(one) for one, two in zip(direct, pooled, strict=True))
    return "\n".join(
        [
            f"{WORKERS * THREADS} threads, {len(rounds)} rounds of {direct[0].seconds:.0f} s",
            "",
            "| | connections | orders/s | p50, ms | p99, ms | errors |",
            "|---|---:|---:|---:|---:|---:|",
            row("direct", direct, connections[0]),
            row("through PgBouncer", pooled, connections[1]),
            "",
            f"Through PgBouncer: {ratio:.0%} of direct",
        ]
    )


def speed_of(load: Load) -> float:
    return (load.requests - load.rejected) / load.seconds


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (WrkNotFound, NoPostgres, PgBouncerNotFound) as error:
        sys.exit(str(error))
