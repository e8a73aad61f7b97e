"""The results of `python -m benchmarks` as tables."""

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

from benchmarks.cases import BY_NAME
from benchmarks.statistics import Sample, Spread, plain, samples_of, spread
from benchmarks.tables import table

Results = Mapping[str, Any]
"""What `python -m benchmarks` writes: "machine", "settings", and those of Contest."""

HEADS = ["case", "who", "per second", "lowest–highest", "p50", "p95", "p99", "CPU: server", "database", "errors"]


def contest_report(results: Results) -> str:
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
    for case, by_competitor in results["cases"].items():
        if "shop" in by_competitor and others:
            ours = samples_of(by_competitor["shop"])
            compared = [_times(ours, samples_of(by_competitor.get(other, []))) for other in others]
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
        for case, by_competitor in results["cases"].items()
        for name, rows in by_competitor.items()
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
    """PSS before the token exchanges and after them, and how long the answers are that were compared."""
    cases = [case for case in results["cases"] if any(case in sizes for sizes in results["bytes"].values())]
    rows = []
    for name, sizes in results["bytes"].items():
        memory = results["memory"][name]
        megabytes = [plain(memory[when]) if when in memory else "" for when in ("before logins", "after logins")]
        rows.append([results["titles"][name], *megabytes, *(f"{sizes.get(case, 0):,}" for case in cases)])
    heads = ["who", "memory, MB", "after logins", *(f"{case}, bytes" for case in cases)]
    return table(heads, rows) if rows else ""


def title(case: str) -> str:
    return BY_NAME[case].title if case in BY_NAME else case
