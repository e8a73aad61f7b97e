"""What an invariant is, and what it is checked against."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from chaos.auditor.history import History
from chaos.auditor.records import Records
from chaos.faults import Promise
from chaos.sampler import Samples


class Window(NamedTuple):
    """When a fault began, when it was gone, and when the next one began; seconds of the monotonic clock."""

    fault: str
    promise: Promise
    began: float
    gone: float
    until: float


@dataclass
class Evidence:
    """All that the auditor knows: the clients' history, the database, and what was seen while it ran.

    `opening` is {product: pieces} before the first client came.
    """

    history: History
    records: Records
    opening: dict[int, int]
    samples: Samples = field(default_factory=Samples)
    windows: list[Window] = field(default_factory=list)


class Breach(NamedTuple):
    """A promise that was broken: by what was `lost`, `doubled` or `wrong`, and by a request sent `at` that moment."""

    harm: str
    what: str
    at: float | None = None
    invariant: str = ""


Check = Callable[[Evidence], Iterator[Breach]]
INVARIANTS: dict[str, Check] = {}


def invariant(check: Check) -> Check:
    """Have the auditor make this check. Its name is the invariant's, its docstring says it in a sentence."""
    INVARIANTS[check.__name__] = check
    return check
