"""Numbers out of numbers."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Spread:
    """The median of several measurements, the lowest and the highest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True)
class Sample:
    """One competitor in one case in one round.

    `rate` is per second, the times to an answer are in milliseconds, CPU in milliseconds for each request. `errors`
    counts every answer that was not a success.
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
        return self.server_cpu + self.database_cpu


def spread(samples: Sequence[Sample], name: str) -> Spread:
    return Spread.of([getattr(sample, name) for sample in samples])


def samples_of(rows: Sequence[dict[str, Any]]) -> list[Sample]:
    return [Sample(**row) for row in rows]


def plain(value: float) -> str:
    """A number with as many digits as mean something: three, and thousands in groups."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
