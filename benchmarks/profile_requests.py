"""Profile requests: py-spy samples the server, and pg_stat_statements records the database's statements.

python -m benchmarks.profile_requests [CASE…]   "order" and "page" by default
"""

import re
import subprocess
import sys
import tempfile
from collections import Counter
from contextlib import ExitStack, closing
from pathlib import Path

from benchmarks.cases import BY_NAME, Case
from benchmarks.environments import python_of
from benchmarks.machine import process_tree
from benchmarks.measurement import POSTGRES_SETTINGS, measure, say, warm_up
from benchmarks.report import table
from benchmarks.sample_data import Size
from benchmarks.shop import Shop
from benchmarks.statistics import Sample, rounded
from products.tests.postgres import PostgresServer

SECONDS = 10
SAMPLES_PER_SECOND = 200
"""Of each worker's stacks; more would distort the result."""
EXTENSION = "pg_stat_statements"
STATEMENTS = """
    SELECT calls, total_plan_time / calls, total_exec_time / calls, rows::float / calls,
        regexp_replace(query, '\\s+', ' ', 'g')
    FROM pg_stat_statements
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND calls >= %s
    ORDER BY total_plan_time + total_exec_time DESC
"""

STEPS = [
    (
        "psycopg2 and the wire",
        r"/psycopg2/|_execute\w* .*/db/backends/utils|(_commit|_rollback|is_usable) .*/db/backends/",
    ),
    ("psycopg2 and the wire", r"(fetch\w+|cursor_iter|create_cursor) .*/django/db/|/shop/db/"),
    ("ORM: building SQL and models", r"/django/db/"),
    ("JSON: reading and writing", r"/json/|/rest_framework/(renderers|parsers|utils/encoders|utils/json)"),
    ("log and metrics", r"/logging/|/pythonjsonlogger/|/prometheus_client/|/shop/observability/"),
    ("DRF: the rest", r"/rest_framework/|/drf_spectacular/"),
    ("Django: middleware, URLs, requests", r"/django/|/whitenoise/"),
    ("gunicorn", r"/gunicorn/"),
    ("ours: models, ordering, SQL", r"/products/(models|ordering|db)/"),
    ("ours: API", r"/products/api/"),
    ("ours: middleware and the rest", r"/products/|/shop/"),
]
"""(step, regular expression for "function /path/to/file"); the first that matches counts."""
OTHER = "Python itself"
FRAME = re.compile(r"(?P<function>.+) \((?P<file>.+?)(:\d+)?\)$")
IDLE = re.compile(r"(^|\.)(wait|select|poll|accept|_worker|get) \(.*/(threading|selectors|queue|thread)\.py")
"""A thread that waits for work, in case py-spy has not recognized it as idle."""


def main(names: list[str]) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="shop-benchmark-")))
        settings = {"shared_preload_libraries": EXTENSION, f"{EXTENSION}.track_planning": "on"}
        postgres = stack.enter_context(PostgresServer(durable=True, settings=POSTGRES_SETTINGS | settings))
        shop = Shop(postgres, folder)
        shop.prepare(Size())
        with closing(shop.connect()) as connection:
            connection.cursor().execute(f"CREATE EXTENSION {EXTENSION}")
        stack.enter_context(shop)
        for name in names:
            sys.stdout.write(f"{profile(shop, BY_NAME[name], folder)}\n\n")


def profile(shop: Shop, case: Case, folder: Path) -> str:
    """Return the tables of one case. Its CPU is measured first, without the profiler, which costs CPU itself."""
    warm_up(shop, case)
    say(f"Measuring '{case.title}', first without the profiler and then with it")
    with closing(shop.connect()) as connection:
        cursor = connection.cursor()
        cursor.execute(f"SELECT {EXTENSION}_reset()")
        unprofiled = measure(shop, case, SECONDS, seed=1)
        cursor.execute(STATEMENTS, [unprofiled.requests // 2])
        statements = statement_table(cursor.fetchall(), unprofiled)
    return "\n\n".join([f"### {case.title}", step_table(sample_stacks(shop, case, folder), unprofiled), statements])


def sample_stacks(shop: Shop, case: Case, folder: Path) -> str:
    """Return py-spy's raw output for the workers under load: one line per stack, with its count."""
    assert shop.server is not None
    raw = folder / f"{case.name}.raw"
    gunicorn = process_tree(shop.server.pid)[1]
    py_spy = python_of("tools").with_name("py-spy")
    command = [py_spy, "record", "--subprocesses", "--full-filenames", "--gil", f"--rate={SAMPLES_PER_SECOND}"]
    command += [f"--duration={SECONDS - 1}", "--format=raw", f"--output={raw}", f"--pid={gunicorn}"]
    sampling = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    measure(shop, case, SECONDS, seed=2)
    output, _ = sampling.communicate(timeout=60)
    if not raw.exists():
        raise RuntimeError(f"py-spy recorded nothing (it needs root, or the permission to ptrace):\n{output}")
    return raw.read_text()


def step_table(raw: str, unprofiled: Sample) -> str:
    """Return each step's share of the interpreter's time, and that share of the server's CPU per request.

    Only the thread that holds the GIL is sampled: no waiting, and nothing of the kernel's work.
    """
    rows = [
        [step, f"{share:.1%}", rounded(share * unprofiled.server_cpu)]
        for step, share in sorted(shares(raw).items(), key=lambda pair: -pair[1])
    ]
    rows.append(["all of the server", "", rounded(unprofiled.server_cpu)])
    return table(["step", "share", "ms per request"], rows)


def shares(raw: str) -> dict[str, float]:
    """Return {step: its share}, which add up to 1. `raw` has one line per stack: "frame;frame;frame count"."""
    seen: Counter[str] = Counter()
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        frames = stack.split(";")
        if stack and not IDLE.match(frames[-1]):
            seen[step_of(frames)] += int(count)
    total = sum(seen.values())
    return {step: count / total for step, count in seen.items()}


def step_of(frames: list[str]) -> str:
    """Return the step of the innermost frame that belongs to one; the standard library counts toward its caller."""
    for frame in reversed(frames):
        parts = FRAME.match(frame)
        if parts:
            described = f"{parts['function']} {parts['file']}"
            for step, pattern in STEPS:
                if re.search(pattern, described):
                    return step
    return OTHER


def statement_table(found: list[tuple[int, float, float, float, str]], unprofiled: Sample) -> str:
    """Return the statements that at least every second request sends, and the database's CPU per request."""
    rows = [
        [
            query[:90].replace("|", "¦"),
            f"{calls / max(1, unprofiled.requests):.2f}",
            rounded(planning),
            rounded(execution),
            rounded(rows),
        ]
        for calls, planning, execution, rows, query in found
    ]
    rows.append(["CPU of all of PostgreSQL", "", "", rounded(unprofiled.database_cpu), ""])
    return table(["statement", "per request", "planning, ms", "execution, ms", "rows"], rows)


if __name__ == "__main__":
    main(sys.argv[1:] or ["order", "page"])
