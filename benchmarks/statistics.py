"""Samples, their spread, and ratios between two competitors."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Spread:
    """The median, the lowest and the highest of several values."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True)
class Sample:
    """One competitor in one case in one round.

    `rate` is requests per second, latencies are in milliseconds, and CPU is in milliseconds per request. `errors`
    counts the answers that were not successful.
    """

    rate: float
    p50: float
    p95: float
    p99: float
    server_cpu: float
    database_cpu: float
    wrk_cpu: float
    requests: int
    errors: int

    @property
    def cpu(self) -> float:
        """Server and database together."""
        return self.server_cpu + self.database_cpu


def spread(samples: Sequence[Sample], name: str) -> Spread:
    """Return the spread of one attribute."""
    return Spread.of([getattr(sample, name) for sample in samples])


def ratio(numerators: Sequence[Sample], denominators: Sequence[Sample], name: str) -> Spread | None:
    """Return the spread of the ratios of one attribute, round by round; None if there is nothing to divide by.

    Both competitors of a round ran within seconds of each other, so a ratio of one round varies less than the machine.
    """
    pairs = [(getattr(one, name), getattr(other, name)) for one, other in zip(numerators, denominators, strict=False)]
    ratios = [one / other for one, other in pairs if other]
    return Spread.of(ratios) if ratios else None


def samples_of(rows: Sequence[dict[str, Any]]) -> list[Sample]:
    return [Sample(**row) for row in rows]


def rounded(value: float) -> str:
    """Format a number with three significant digits and thousands separators."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
