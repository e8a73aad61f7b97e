"""Results as tables: on the terminal, and in docs/performance.md.

python -m benchmarks.report RESULTS.json           prints them
python -m benchmarks.report RESULTS.json --write   puts tables and pictures into docs/ as well
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from benchmarks.cases import BY_NAME
from benchmarks.figures import Sample, Spread, plain, samples_of, spread
from benchmarks.tables import table

Results = Mapping[str, Any]
"""What `python -m benchmarks` writes: "titles", "machine", "settings", "cases", "flash_sales", "memory", "bytes"."""

PAGE = Path(__file__).resolve().parent.parent / "docs/performance.md"
HEADS = ["case", "who", "per second", "lowest–highest", "p50", "p95", "p99", "CPU: server", "database", "errors"]


def report(results: Results) -> str:
    """Everything, in Markdown."""
    parts = [
        machine_table(results),
        comparison(results),
        case_table(results),
        flash_table(results),
        memory_table(results),
    ]
    return "\n\n".join(part for part in parts if part)


def machine_table(results: Results) -> str:
    facts = {**results["machine"], **results["settings"]}
    return table(["measured with", ""], [[name, str(value)] for name, value in facts.items()], left=2)


def comparison(results: Results) -> str:
    """How many times as many requests the shop answers, and how many for the same CPU time; median against median."""
    others = [name for name in results["bytes"] if name != "shop"]
    rows = []
    for case, by_contestant in results["cases"].items():
        if "shop" in by_contestant and others:
            ours = samples_of(by_contestant["shop"])
            compared = [_times(ours, samples_of(by_contestant.get(other, []))) for other in others]
            rows.append([title(case), plain(spread(ours, "rate").median), *chain.from_iterable(compared)])
    heads = [(f"× {results['titles'][other]}", "for the same CPU") for other in others]
    return table(["case", "Shop, per second", *chain.from_iterable(heads)], rows) if rows else ""


def _times(ours: Sequence[Sample], theirs: Sequence[Sample]) -> list[str]:
    if not theirs or not spread(theirs, "rate").median:
        return ["", ""]
    rate = spread(ours, "rate").median / spread(theirs, "rate").median
    cpu = spread(theirs, "cpu").median / spread(ours, "cpu").median
    return [f"{rate:.2f}", f"{cpu:.2f}"]


def case_table(results: Results) -> str:
    """Medians of all rounds. Times in milliseconds, CPU in milliseconds for each request."""
    rows = [
        _case_row(title(case), results["titles"][name], samples_of(rows))
        for case, by_contestant in results["cases"].items()
        for name, rows in by_contestant.items()
    ]
    return table(HEADS, rows, left=2) if rows else ""


def _case_row(case: str, who: str, samples: Sequence[Sample]) -> list[str]:
    rate = spread(samples, "rate")
    names = ["p50", "p95", "p99", "server_cpu", "database_cpu"]
    medians = [plain(spread(samples, name).median) for name in names]
    errors = sum(sample.errors for sample in samples)
    return [case, who, plain(rate.median), f"{plain(rate.low)}–{plain(rate.high)}", *medians, str(errors)]


def flash_table(results: Results) -> str:
    rows = []
    for name, sales in results["flash_sales"].items():
        seconds = Spread.of([sale["seconds"] for sale in sales])
        exact = sum(sale["exact"] for sale in sales)
        sold = ", ".join(sorted({str(sale["sold"]) for sale in sales}))
        spread_of_it = f"{seconds.low:.2f}–{seconds.high:.2f}"
        rows.append([results["titles"][name], f"{seconds.median:.2f}", spread_of_it, sold, f"{exact} of {len(sales)}"])
    heads = ["flash sale of 200, 1,000 tries", "seconds", "lowest–highest", "sold", "exact"]
    return table(heads, rows) if rows else ""


def memory_table(results: Results) -> str:
    """PSS after all of it, and how long the answers are that were compared."""
    cases = [case for case in results["cases"] if any(case in sizes for sizes in results["bytes"].values())]
    rows = []
    for name, sizes in results["bytes"].items():
        memory = Spread.of(results["memory"][name])
        lengths = [str(sizes.get(case, "")) for case in cases]
        rows.append([results["titles"][name], plain(memory.median), *lengths])
    return table(["who", "memory, MB", *(f"{case}, bytes" for case in cases)], rows) if rows else ""


def title(case: str) -> str:
    return BY_NAME[case].title if case in BY_NAME else case


def between_markers(text: str, name: str, new: str) -> str:
    """`text` with `new` between `<!-- name -->` and `<!-- end of name -->`. Raises ValueError where one is missing."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"There has to be one {begin} and one {end}.")
    before, _, rest = text.partition(begin)
    _, _, behind = rest.partition(end)
    return f"{before}{begin}\n\n{new}\n\n{end}{behind}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument("results", type=Path)
    parser.add_argument("--write", action="store_true", help="put the tables into docs/performance.md as well")
    given = parser.parse_args()
    text = report(json.loads(given.results.read_text()))
    sys.stdout.write(f"{text}\n")
    if given.write:
        PAGE.write_text(between_markers(PAGE.read_text(), "results", text))


if __name__ == "__main__":
    main()
