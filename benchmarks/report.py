"""Results as tables and pictures, on the terminal and in docs/performance.md.

python -m benchmarks.report RESULTS.json…           prints the tables
python -m benchmarks.report RESULTS.json… --write   puts tables and pictures into docs/ as well

Results are what `python -m benchmarks` and `python -m benchmarks.growth` have written.
"""

import argparse
import json
import sys
from pathlib import Path

from benchmarks.charts import bars, curves
from benchmarks.contest_report import Results, contest_report, title
from benchmarks.growth_report import READ, growth_report, relative
from benchmarks.growth_report import title as growth_title
from benchmarks.statistics import samples_of, spread

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = "performance.md"


def report(results: Results) -> str:
    """Everything that was measured, in Markdown."""
    return growth_report(results) if "builds" in results else contest_report(results)


def write(results: Results, docs: Path = DOCS) -> None:
    """Put tables and pictures into the page. Raises ValueError where it has no place for them."""
    kind = "growth" if "builds" in results else "results"
    page = docs / PAGE
    pictures = growth_pictures(results) if kind == "growth" else contest_pictures(results)
    for name, picture in pictures.items():
        (docs / name).write_text(picture)
    shown = [f"![{name.removesuffix('.svg').replace('-', ' ')}]({name})" for name in pictures]
    page.write_text(between_markers(page.read_text(), kind, "\n\n".join([*shown, report(results)])))


def contest_pictures(results: Results) -> dict[str, str]:
    """{file name: SVG}: requests for each second, by case."""
    groups = {
        title(case): {
            results["titles"][name]: spread(samples_of(rows), "rate").median
            for name, rows in by_competitor.items()
            if name in results["bytes"]
        }
        for case, by_competitor in results["cases"].items()
    }
    return {"performance-throughput.svg": bars("Requests for each second, medians; more is better", groups, "/s")}


def growth_pictures(results: Results) -> dict[str, str]:
    """{file name: SVG}: the cost of each case as the shop grows."""
    places = [f"{each['products']:,} products, {each['orders']:,} orders" for each in results["builds"]]
    lines = {growth_title(case): relative(results, case) for case in results["cases"]}
    heading = "CPU for each request, in that of the smallest shop; flat is good"
    return {"performance-growth.svg": curves(heading, places, lines, READ)}


def between_markers(text: str, name: str, new: str) -> str:
    """`text` with `new` between `<!-- name -->` and `<!-- end of name -->`. Raises ValueError where one is missing."""
    begin, end = f"<!-- {name} -->", f"<!-- end of {name} -->"
    if text.count(begin) != 1 or text.count(end) != 1:
        raise ValueError(f"There has to be one {begin} and one {end}.")
    before, _, rest = text.partition(begin)
    _, _, behind = rest.partition(end)
    return f"{before}{begin}\n\n{new}\n\n{end}{behind}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--write", action="store_true", help="put tables and pictures into docs/ as well")
    given = parser.parse_args()
    for path in given.results:
        results = json.loads(path.read_text())
        sys.stdout.write(f"{report(results)}\n\n")
        if given.write:
            write(results)


if __name__ == "__main__":
    main()
