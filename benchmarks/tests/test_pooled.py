import re
import shutil
import subprocess
import sys

import pytest

from benchmarks import pooled
from benchmarks.competitors import ROOT
from benchmarks.load import Load
from benchmarks.shop import PgBouncerNotFound, find_pgbouncer


def load(requests, rejected=0):
    return Load(requests=requests, seconds=2, p50=10, p95=20, p99=30, rejected=rejected, broken=0)


def has_pgbouncer():
    try:
        return bool(find_pgbouncer())
    except PgBouncerNotFound:
        return False


def test_the_median_of_the_ratios_is_printed_and_errors_are_added_up():
    rounds = [[load(1_000), load(900)], [load(1_000), load(1_100, rejected=100)], [load(4_000), load(3_200)]]

    table = pooled.report(rounds, [60, 5]).splitlines()

    assert table[0] == "60 threads, 3 rounds of 2 s"
    assert table[4:6] == ["| direct | 60 | 500 | 10 | 30 | 0 |", "| through PgBouncer | 5 | 500 | 10 | 30 | 100 |"]
    assert table[-1] == "Through PgBouncer: 90% of direct"


@pytest.mark.skipif(not (shutil.which("wrk") and has_pgbouncer()), reason="wrk or PgBouncer is not installed")
def test_sixty_threads_on_five_connections_place_orders_without_an_error():
    command = [sys.executable, "-m", "benchmarks.pooled", "--seconds=1", "--rounds=1", "--products=200"]

    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)

    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"\| through PgBouncer \| [1-5] \| .* \| 0 \|\n", done.stdout)
    assert done.stdout.endswith("Differences: 0.\n")
