import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import order_cost
from benchmarks.competitors import ROOT
from benchmarks.order_cost import CASES, Cost, count_calls, report


def test_least_and_median_of_the_rounds_are_printed_with_the_ratio_to_the_other_checkout():
    own = [Cost(1.2, 0.8, 2_500), Cost(1.0, 0.6, 2_500), Cost(1.9, 0.7, 2_500)]
    other = [Cost(1.0, 0.5, 2_000)]
    rounds = {(root, case): costs for case in CASES for root, costs in ((Path("shop"), own), (Path("before"), other))}

    table = report(rounds).splitlines()

    assert table[2:5] == [
        "| order of one line | 1.000 | 1.200 | 0.600 | 0.700 | 2,500 |",
        "| order of one line, before | 1.000 | 1.000 | 0.500 | 0.500 | 2,000 |",
        "| ratio | 1.00 | 1.20 | 1.20 | 1.40 | 1.25 |",
    ]
    assert len(table) == 2 + 3 * len(CASES)


def test_the_functions_that_a_request_calls_are_counted_with_those_in_c():
    before = count_calls(lambda: None)

    assert count_calls(lambda: [len(""), abs(1)]) == before + 2


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_it_measures_two_checkouts_in_the_same_rounds():
    environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"}
    command = [sys.executable, "-m", "benchmarks.order_cost", "--beside", ROOT, "--rounds", "1", "--requests", "2"]

    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in done.stdout.splitlines()[2:]]
    assert [row[0] for row in rows if row[0] in CASES] == list(CASES)
    assert all(float(figure.replace(",", "")) > 0 for row in rows for figure in row[1:])


def test_what_keeps_a_checkout_from_being_measured_is_said(tmp_path):
    with pytest.raises(SystemExit, match="has not measured"), order_cost.worker(tmp_path, 1) as measure:
        measure(CASES[0])
