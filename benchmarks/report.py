"""Results as tables and charts, on the terminal and in docs/performance.md.

python -m benchmarks.report RESULTS.json…           prints the tables
python -m benchmarks.report RESULTS.json… --write   puts tables and charts into docs/ as well

The files are what `python -m benchmarks` and `python -m benchmarks.growth` have written.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from benchmarks.cases import BY_NAME
from benchmarks.charts import bar_chart, line_chart
from benchmarks.statistics import Sample, Spread, ratio, rounded, samples_of, spread

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = "performance.md"

Results = Mapping[str, Any]
"""What a benchmark writes: "machine", "settings", and those of Measurement; or "machine", "builds" and "cases"."""

SHOP = "shop"
VARIANTS = {"before": (SHOP, "before"), "pgbouncer": ("pgbouncer", SHOP)}
"""Competitors that are the shop itself: (numerator, denominator) of the ratios that are reported for them."""
COMPARED = {
    "throughput": "rate",
    "p50": "p50",
    "p99": "p99",
    "server CPU": "server_cpu",
    "database CPU": "database_cpu",
    "CPU": "cpu",
}
"""The columns of the table that compares a variant: {heading: attribute of a sample}."""

MAX_GROWTH = {"search": 2.0, "search-rare": 2.0, "order": 1.1, "hot-order": 1.1, "five-lines": 1.1}
"""The highest cost that a case may have in the grown shop, relative to the small one."""
MAX_READ_GROWTH = 1.2
"""The same for reads that are not listed there."""


def report(results: Results) -> str:
    """Return all tables, in Markdown."""
    tables = [builds, costs] if "builds" in results else [machine, comparison, variants, cases, flash_sales, memory]
    parts = [table(results) for table in tables]
    return "\n\n".join(part for part in parts if part)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """Return a Markdown table, aligned for terminals. Its first `left` columns are text, the others numbers."""
    widths = [max(3, *(len(row[column]) for row in [heads, *rows])) for column in range(len(heads))]

    def line(cells: Sequence[str]) -> str:
        padded = [
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ]
        return f"| {' | '.join(padded)} |"

    rule = ["-" * width if column < left else "-" * (width - 1) + ":" for column, width in enumerate(widths)]
    return "\n".join([line(heads), line(rule), *map(line, rows)])


def title(case: str) -> str:
    return BY_NAME[case].title if case in BY_NAME else case.replace("search-rare", "search for a rare word")


# python -m benchmarks


def machine(results: Results) -> str:
    facts = {**results["machine"], **results["settings"]}
    return table(["measured with", ""], [[name, str(value)] for name, value in facts.items()], left=2)


def comparison(results: Results) -> str:
    """Compare the shop with each baseline: the ratio of requests per second, and of requests per CPU time.

    Medians are divided by medians.
    """
    others = [name for name in results["bytes"] if name != SHOP and name not in VARIANTS]
    if not others:
        return ""
    rows = []
    for case, by_competitor in results["cases"].items():
        if SHOP in by_competitor:
            ours = samples_of(by_competitor[SHOP])
            compared = [_times(ours, samples_of(by_competitor.get(other, []))) for other in others]
            rows.append([title(case), rounded(spread(ours, "rate").median), *chain.from_iterable(compared)])
    heads = [(f"× {results['titles'][other]}", "for the same CPU") for other in others]
    return table(["case", "Shop, per second", *chain.from_iterable(heads)], rows) if rows else ""


def _times(ours: Sequence[Sample], theirs: Sequence[Sample]) -> list[str]:
    if not theirs or not spread(theirs, "rate").median:
        return ["", ""]
    rate = spread(ours, "rate").median / spread(theirs, "rate").median
    cpu = spread(theirs, "cpu").median / spread(ours, "cpu").median
    return [f"{rate:.2f}", f"{cpu:.2f}"]


def variants(results: Results) -> str:
    """One table for each variant of the shop: its ratios to the shop, with their median and range over the rounds."""
    titles, tables = results["titles"], []
    for numerator, denominator in VARIANTS.values():
        rows = [
            [title(case), *(_cell(ratio(*pair, name)) for name in COMPARED.values())]
            for case, by_competitor in results["cases"].items()
            if {numerator, denominator} <= by_competitor.keys()
            for pair in [(samples_of(by_competitor[numerator]), samples_of(by_competitor[denominator]))]
        ]
        if rows:
            tables.append(table([f"{titles[numerator]} / {titles[denominator]}", *COMPARED], rows))
    return "\n\n".join(tables)


def _cell(spread_of_ratios: Spread | None) -> str:
    if spread_of_ratios is None:
        return ""
    return f"{spread_of_ratios.median:.2f} ({spread_of_ratios.low:.2f}–{spread_of_ratios.high:.2f})"


def cases(results: Results) -> str:
    """Medians of all rounds. Latencies in milliseconds, CPU in milliseconds per request."""
    heads = ["case", "who", "per second", "lowest–highest", "p50", "p95", "p99", "CPU: server", "database", "errors"]
    rows = [
        _case_row(title(case), results["titles"][name], samples_of(rows))
        for case, by_competitor in results["cases"].items()
        for name, rows in by_competitor.items()
    ]
    return table(heads, rows, left=2) if rows else ""


def _case_row(case: str, who: str, samples: Sequence[Sample]) -> list[str]:
    rate = spread(samples, "rate")
    names = ["p50", "p95", "p99", "server_cpu", "database_cpu"]
    medians = [rounded(spread(samples, name).median) for name in names]
    errors = sum(sample.errors for sample in samples)
    return [case, who, rounded(rate.median), f"{rounded(rate.low)}–{rounded(rate.high)}", *medians, str(errors)]


def flash_sales(results: Results) -> str:
    rows = []
    for name, sales in results["flash_sales"].items():
        seconds = Spread.of([sale["seconds"] for sale in sales])
        exact = sum(sale["exact"] for sale in sales)
        sold = ", ".join(sorted({str(sale["sold"]) for sale in sales}))
        low_to_high = f"{seconds.low:.2f}–{seconds.high:.2f}"
        rows.append([results["titles"][name], f"{seconds.median:.2f}", low_to_high, sold, f"{exact} of {len(sales)}"])
    heads = ["flash sale of 200, 1,000 tries", "seconds", "lowest–highest", "sold", "exact"]
    return table(heads, rows) if rows else ""


def memory(results: Results) -> str:
    """Memory before and after the logins, and the size of the responses that were compared."""
    measured = [case for case in results["cases"] if any(case in sizes for sizes in results["bytes"].values())]
    rows = []
    for name, sizes in results["bytes"].items():
        used = results["memory"][name]
        megabytes = [rounded(used[when]) if when in used else "" for when in ("before logins", "after logins")]
        rows.append([results["titles"][name], *megabytes, *(f"{sizes.get(case, 0):,}" for case in measured)])
    heads = ["who", "memory, MB", "after logins", *(f"{case}, bytes" for case in measured)]
    return table(heads, rows) if rows else ""


# python -m benchmarks.growth


def builds(results: Results) -> str:
    """What it took to build each shop."""
    rows = [
        [f"{each['products']:,}", f"{each['orders']:,}"]
        + [rounded(each[name]) for name in ("seconds", "memory_mb", "database_mb")]
        for each in results["builds"]
    ]
    return table(["products", "orders", "seconds to build", "PostgreSQL's memory, MB", "database, MB"], rows, left=0)


def costs(results: Results) -> str:
    """CPU of server and database per request in milliseconds, and relative to the smallest shop."""
    sizes = [f"{each['products']:,} products, {each['orders']:,} orders" for each in results["builds"]]
    rows = []
    for case, by_size in results["cases"].items():
        cpu = [spread(samples_of(rows), "cpu").median for rows in by_size]
        limit = MAX_GROWTH.get(case, MAX_READ_GROWTH)
        highest = max(relative_costs(results, case)[1:])
        cells = [rounded(cpu[0]), *(f"{rounded(each)} ({each / cpu[0]:.2f} ×)" for each in cpu[1:])]
        rows.append([title(case), *cells, f"{limit} ×", "yes" if highest <= limit else "NO"])
    return table(["CPU for each, ms", *sizes, "at most", "kept"], rows)


def relative_costs(results: Results, case: str) -> list[float]:
    """Return the cost at each size, relative to the smallest."""
    cpu = [spread(samples_of(rows), "cpu").median for rows in results["cases"][case]]
    return [each / cpu[0] for each in cpu]


# docs/performance.md


def write(results: Results, docs: Path = DOCS) -> None:
    """Put tables and charts into the page. Raises ValueError if the page has no markers for them."""
    kind = "growth" if "builds" in results else "results"
    page = docs / PAGE
    charts = growth_charts(results) if kind == "growth" else throughput_charts(results)
    text = between_markers(
        page.read_text(),
        kind,
        "\n\n".join([*(f"![{Path(name).stem.replace('-', ' ')}]({name})" for name in charts), report(results)]),
    )
    for name, chart in charts.items():
        (docs / name).write_text(chart)
    page.write_text(text)


def throughput_charts(results: Results) -> dict[str, str]:
    """Return {file name: SVG} with the requests per second of each case."""
    groups = {
        title(case): {
            results["titles"][name]: spread(samples_of(rows), "rate").median
            for name, rows in by_competitor.items()
            if name in results["bytes"]
        }
        for case, by_competitor in results["cases"].items()
    }
    return {"performance-throughput.svg": bar_chart("Requests per second, medians; more is better", groups, "/s")}


def growth_charts(results: Results) -> dict[str, str]:
    """Return {file name: SVG} with the cost of each case as the shop grows."""
    sizes = [f"{each['products']:,} products, {each['orders']:,} orders" for each in results["builds"]]
    lines = {title(case): relative_costs(results, case) for case in results["cases"]}
    heading = "CPU per request, relative to the smallest shop; flat is good"
    return {"performance-growth.svg": line_chart(heading, sizes, lines, MAX_READ_GROWTH)}


def between_markers(text: str, name: str, new: str) -> str:
    """Return `text` with `new` between `<!-- name -->` and `<!-- end of name -->`.

    Raises ValueError unless there is one of each.
    """
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"The page has to contain {begin} and {end} once each.")
    before, _, rest = text.partition(begin)
    _, _, after = rest.partition(end)
    return f"{before}{begin}\n\n{new}\n\n{end}{after}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--write", action="store_true", help="put tables and charts into docs/ as well")
    arguments = parser.parse_args()
    for path in arguments.results:
        results = json.loads(path.read_text())
        sys.stdout.write(f"{report(results)}\n\n")
        if arguments.write:
            write(results)


if __name__ == "__main__":
    main()
