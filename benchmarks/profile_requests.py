"""Where the time of a request goes: py-spy on the server, pg_stat_statements in the database.

python -m benchmarks.profile_requests [CASE…]   "order" and "page" unless named
"""

import subprocess
import sys
import tempfile
from contextlib import ExitStack, closing
from pathlib import Path

from benchmarks.cases import BY_NAME, Case
from benchmarks.environments import python_of
from benchmarks.goods import Size
from benchmarks.processes import family
from benchmarks.profiles import shares
from benchmarks.rounds import measure, warm_up
from benchmarks.servers import SETTINGS, tell
from benchmarks.shop import Shop
from benchmarks.statistics import Sample, plain
from benchmarks.tables import table
from products.tests.postgres import PostgresServer

SECONDS = 10
PER_SECOND = 200
"""Samples of each worker's stacks; more would disturb what they measure."""
EXTENSION = "pg_stat_statements"
STATEMENTS = """
    SELECT calls, total_plan_time / calls, total_exec_time / calls, rows::float / calls,
        regexp_replace(query, '\\s+', ' ', 'g')
    FROM pg_stat_statements
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND calls >= %s
    ORDER BY total_plan_time + total_exec_time DESC
"""


def main(names: list[str]) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shop-benchmark-")))
        watched = {"shared_preload_libraries": EXTENSION, f"{EXTENSION}.track_planning": "on"}
        postgres = stack.enter_context(PostgresServer(durable=True, settings=SETTINGS | watched))
        shop = Shop(postgres, folder)
        shop.prepare(Size())
        with closing(shop.connect()) as connection:
            connection.cursor().execute(f"CREATE EXTENSION {EXTENSION}")
        stack.enter_context(shop)
        for name in names:
            sys.stdout.write(f"{profile(shop, BY_NAME[name], folder)}\n\n")


def profile(shop: Shop, case: Case, folder: Path) -> str:
    """One case's tables. Its CPU is measured by itself first, as looking on costs something too."""
    warm_up(shop, case)
    tell(f"Measuring '{case.title}' alone, and then looking on")
    with closing(shop.connect()) as connection:
        cursor = connection.cursor()
        cursor.execute(f"SELECT {EXTENSION}_reset()")
        alone = measure(shop, case, SECONDS, seed=1)
        cursor.execute(STATEMENTS, [alone.requests // 2])
        statements = statement_table(cursor.fetchall(), alone)
    return "\n\n".join([f"### {case.title}", step_table(watch(shop, case, folder), alone), statements])


def watch(shop: Shop, case: Case, folder: Path) -> str:
    """py-spy's raw stacks of the workers under load: a line for each, and how often it was seen."""
    assert shop.leash is not None
    raw = folder / f"{case.name}.raw"
    gunicorn = family(shop.leash.pid)[1]
    spy = python_of("tools").with_name("py-spy")
    command = [spy, "record", "--subprocesses", "--full-filenames", "--gil", f"--rate={PER_SECOND}"]
    command += [f"--duration={SECONDS - 1}", "--format=raw", f"--output={raw}", f"--pid={gunicorn}"]
    spying = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    measure(shop, case, SECONDS, seed=2)
    said, _ = spying.communicate(timeout=60)
    if not raw.exists():
        raise RuntimeError(f"py-spy saw nothing (it needs root, or the right to ptrace):\n{said}")
    return raw.read_text()


def step_table(raw: str, alone: Sample) -> str:
    """The share of each step in the interpreter's time, and what that is of a request's CPU on the server.

    Only who holds the GIL was seen: nobody who waits, and neither the kernel's part in sending and receiving.
    """
    rows = [
        [step, f"{share:.1%}", plain(share * alone.server_cpu)]
        for step, share in sorted(shares(raw).items(), key=lambda pair: -pair[1])
    ]
    rows.append(["all of the server", "", plain(alone.server_cpu)])
    return table(["step", "share", "ms for each request"], rows)


def statement_table(found: list[tuple[int, float, float, float, str]], alone: Sample) -> str:
    """Every statement that at least every other request sends, and the database's CPU for a request."""
    rows = [
        [
            query[:90].replace("|", "¦"),
            f"{calls / max(1, alone.requests):.2f}",
            plain(plan),
            plain(execution),
            plain(rows),
        ]
        for calls, plan, execution, rows, query in found
    ]
    rows.append(["CPU of all of PostgreSQL", "", "", plain(alone.database_cpu), ""])
    return table(["statement", "a request", "planning, ms", "execution, ms", "rows"], rows)


if __name__ == "__main__":
    main(sys.argv[1:] or ["order", "page"])
