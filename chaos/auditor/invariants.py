"""The registry of invariants, and the evidence that they are checked against."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from chaos.auditor.history import History
from chaos.auditor.records import Records
from chaos.faults import Promise
from chaos.monitors import Samples


class Window(NamedTuple):
    """When a fault began, when it ended (`gone`), and when the next one began; seconds of the monotonic clock."""

    fault: str
    promise: Promise
    began: float
    gone: float
    until: float


@dataclass
class Evidence:
    """Everything the auditor knows: the clients' history, the database, and what was observed during the run.

    `opening` is {product: stock} before the first request.
    """

    history: History
    records: Records
    opening: dict[int, int]
    samples: Samples = field(default_factory=Samples)
    windows: list[Window] = field(default_factory=list)


class Breach(NamedTuple):
    """A violation: something is `lost`, `doubled` or `wrong`. `at` is when the request in question was sent."""

    harm: str
    what: str
    at: float | None = None
    invariant: str = ""


Check = Callable[[Evidence], Iterator[Breach]]
INVARIANTS: dict[str, Check] = {}


def invariant(check: Check) -> Check:
    """Register a check. The function's name is the invariant's, and its docstring states the invariant."""
    INVARIANTS[check.__name__] = check
    return check
