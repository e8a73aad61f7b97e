"""What came of one run or of several, as a table in Markdown."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from chaos.auditor import INVARIANTS
from chaos.auditor.answers import first_success, window_at
from chaos.run import Result

WITHOUT = "(none)"
MOST_SHOWN = 5
HEAD = [
    "fault",
    "times",
    "requests",
    "acknowledged",
    "lost",
    "doubled",
    "wrong",
    "longest answer",
    "first order after it",
]
WRITES = {"place", "cancel", "receive", "correct", "count"}


@dataclass
class Row:
    """One fault, and what happened from its beginning to that of the next one. Seconds."""

    fault: str
    times: int = 0
    requests: int = 0
    acknowledged: int = 0
    harm: Counter[str] = field(default_factory=Counter)
    longest: float = 0
    afterwards: list[float | None] = field(default_factory=list)

    def cells(self) -> list[str]:
        numbers = [
            self.times or "",
            self.requests,
            self.acknowledged,
            *(self.harm[h] for h in ("lost", "doubled", "wrong")),
        ]
        known = [seconds for seconds in self.afterwards if seconds is not None]
        after = "never" if len(known) < len(self.afterwards) else f"{max(known):.2f} s" if known else ""
        return [self.fault, *map(str, numbers), f"{self.longest:.2f} s", after]


def rows_of(results: Iterable[Result]) -> list[Row]:
    """A row for each fault, summed over all runs; the longest and the latest of them."""
    rows = {WITHOUT: Row(WITHOUT)}
    for result in results:
        windows, attempts = result.evidence.windows, result.evidence.history.attempts
        for window in windows:
            row = rows.setdefault(window.fault, Row(window.fault))
            row.times += 1
            row.afterwards.append(first_success(attempts, window))
        for attempt in attempts:
            at = window_at(windows, attempt.sent)
            row = rows[at.fault if at else WITHOUT]
            row.requests += 1
            row.acknowledged += attempt.kind in WRITES and attempt.status in (200, 201)
            row.longest = max(row.longest, attempt.seconds)
        for breach in result.breaches:
            at = window_at(windows, breach.at)
            rows[at.fault if at else WITHOUT].harm[breach.harm] += 1
    return list(rows.values())


def table(rows: Sequence[Row]) -> str:
    """The rows and their sum."""
    lines = [HEAD, *(row.cells() for row in rows), total(rows).cells()]
    widths = [max(len(line[column]) for line in lines) for column in range(len(HEAD))]
    rule = ["-" * width for width in widths]
    padded = [
        [cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in [lines[0], rule, *lines[1:]]
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in padded)


def total(rows: Sequence[Row]) -> Row:
    whole = Row("all")
    for row in rows:
        whole.times += row.times
        whole.requests += row.requests
        whole.acknowledged += row.acknowledged
        whole.harm += row.harm
        whole.longest = max(whole.longest, row.longest)
        whole.afterwards += row.afterwards
    return whole


def verdict(result: Result) -> str:
    """Which invariants held and which were broken, with the first few breaches of each."""
    count = Counter(breach.invariant for breach in result.breaches)
    lines = []
    for name in INVARIANTS:
        if not count[name]:
            lines.append(f"  held    {words(name)}")
            continue
        lines.append(f"  BROKEN  {words(name)}: {count[name]} times")
        shown = [breach.what for breach in result.breaches if breach.invariant == name][:MOST_SHOWN]
        lines += [f"            {what}" for what in shown]
    lines += [f"  not run {name}: {reason}" for name, reason in result.plan.left_out.items()]
    samples = result.evidence.samples
    lines.append(f"  {samples.taken} samples of the stock, {samples.connections} connections left open at the end")
    return "\n".join(lines)


def words(name: str) -> str:
    return name.replace("_", " ")
