"""What growing costs, as tables."""

from collections.abc import Mapping
from typing import Any

from benchmarks.cases import BY_NAME
from benchmarks.statistics import plain, samples_of, spread
from benchmarks.tables import table

LIMITS = {"search": 2.0, "search-rare": 2.0, "order": 1.1, "hot-order": 1.1, "five-lines": 1.1}
"""How many times the cost of the small shop a case may have in the grown one; reads that are not named here, 1.2."""
READ = 1.2


def growth_report(results: Mapping[str, Any]) -> str:
    return f"{builds(results)}\n\n{costs(results)}"


def builds(results: Mapping[str, Any]) -> str:
    """What making each shop took."""
    rows = [
        [
            f"{each['products']:,}",
            f"{each['orders']:,}",
            plain(each["seconds"]),
            plain(each["memory_mb"]),
            plain(each["database_mb"]),
        ]
        for each in results["builds"]
    ]
    return table(["products", "orders", "seconds to build", "PostgreSQL's memory, MB", "database, MB"], rows, left=0)


def costs(results: Mapping[str, Any]) -> str:
    """CPU of server and database for each request, in milliseconds, and how many times that of the smallest shop."""
    sizes = [f"{each['products']:,} products, {each['orders']:,} orders" for each in results["builds"]]
    rows = []
    for case, by_size in results["cases"].items():
        cpu = [spread(samples_of(rows), "cpu").median for rows in by_size]
        limit = LIMITS.get(case, READ)
        most = max(relative(results, case)[1:])
        cells = [plain(cpu[0]), *(f"{plain(each)} ({each / cpu[0]:.2f} ×)" for each in cpu[1:])]
        rows.append([title(case), *cells, f"{limit} ×", "yes" if most <= limit else "NO"])
    return table(["CPU for each, ms", *sizes, "at most", "kept"], rows)


def relative(results: Mapping[str, Any], case: str) -> list[float]:
    """The cost at each size, in costs of the smallest."""
    cpu = [spread(samples_of(rows), "cpu").median for rows in results["cases"][case]]
    return [each / cpu[0] for each in cpu]


def title(case: str) -> str:
    return BY_NAME[case].title if case in BY_NAME else "search for a rare word"
