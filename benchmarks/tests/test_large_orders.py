import os
import subprocess
import sys

from benchmarks import large_orders
from benchmarks.competitors import ROOT


def test_the_median_of_the_rounds_is_printed():
    seconds = iter([0.002, 0.010, 0.003] * len(large_orders.SIZES))

    table = large_orders.report("sqlite", lambda lines: next(seconds), lambda lines: 9, 3).splitlines()

    assert table[0].startswith("sqlite, ")
    assert table[2:5] == [
        "| lines | statements | ms | ms per line |",
        "|---:|---:|---:|---:|",
        "| 1 | 9 | 3.0 | 3.00 |",
    ]
    assert [row.split(" | ")[0] for row in table[4:]] == ["| 1", "| 10", "| 100", "| 1,110", "| 2,000"]


def test_it_runs_and_takes_as_many_statements_for_a_large_order_as_for_one_line():
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    command = [sys.executable, "-m", "benchmarks.large_orders", "--rounds", "1", "--sizes", "1,300"]

    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines()[4:]]
    assert [row[0] for row in rows] == ["1", "300"]
    assert {row[1] for row in rows} == {"9"}
