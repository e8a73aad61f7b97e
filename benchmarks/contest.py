"""The contest: warm-ups, rounds, flash sales and what is noted of each."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from benchmarks import flash_sale
from benchmarks.cases import FLASH, Case
from benchmarks.competitors import Competitor
from benchmarks.pgbench import LIMITED, Limit
from benchmarks.rounds import measure, rotated, warm_up
from benchmarks.servers import tell
from benchmarks.statistics import Sample

LOGIN = "login"
"""It comes behind everything else, as a hash takes memory by intention, and some servers keep it."""


class Contest:
    """Who meets, and what came of it.

    `results` is what report.py reads: "titles", "bytes" of a body in each case, "cases" with the samples of each
    competitor, "flash_sales", and "memory" in MB before and after the logins.
    """

    def __init__(self, competitors: Sequence[Competitor], limits: Sequence[Limit], *, seconds: float) -> None:
        self.competitors, self.limits, self.seconds = competitors, limits, seconds
        named: list[tuple[str, str]] = [(one.name, one.title) for one in competitors]
        named += [(limit.name, limit.title) for limit in limits]
        self.results: dict[str, Any] = {
            "titles": dict(named),
            "bytes": {one.name: {} for one in competitors},
            "cases": {},
            "flash_sales": {},
            "memory": {one.name: {} for one in competitors},
        }

    def run(self, cases: Sequence[Case], *, rounds: int, flash_sales: int) -> None:
        """Every case in every round. Raises WrongAnswer where somebody does not do what is measured."""
        self._run([case for case in cases if case.name != LOGIN], rounds, flash_sales)
        self._note_memory("before logins")
        logins = [case for case in cases if case.name == LOGIN]
        if logins:
            self._run(logins, rounds, 0)
            self._note_memory("after logins")

    def _run(self, cases: Sequence[Case], rounds: int, flash_sales: int) -> None:
        for case in cases:
            for one in self.competitors:
                self.results["bytes"][one.name][case.name] = warm_up(one, case)
        for number in range(rounds):
            for case in cases:
                self._measure(case, number)
            if number < flash_sales:
                self._sell_out(number)

    def _measure(self, case: Case, number: int) -> None:
        # The limits come last in each, as they are no competitors and leave nothing behind for those.
        found = {one.name: measure(one, case, self.seconds, number + 1) for one in rotated(self.competitors, number)}
        if case.name in LIMITED:
            found |= {limit.name: limit.measure(case.name, self.seconds) for limit in self.limits}
        samples = self.results["cases"].setdefault(case.name, {})
        for name, title in self.results["titles"].items():
            if name in found:
                samples.setdefault(name, []).append(asdict(found[name]))
                tell(f"Round {number + 1}: {case.name:11} {title:23} {_in_short(found[name])}")

    def _sell_out(self, number: int) -> None:
        for one in rotated(self.competitors, number):
            sale = flash_sale.hold(one, FLASH[number % len(FLASH)])
            self.results["flash_sales"].setdefault(one.name, []).append({**asdict(sale), "exact": sale.is_exact})
            exact = "" if sale.is_exact else " NOT EXACT"
            tell(f"Round {number + 1}: flash sale  {one.title:23} {sale.seconds:8.2f} s {sale.statuses}{exact}")

    def _note_memory(self, when: str) -> None:
        for one in self.competitors:
            self.results["memory"][one.name][when] = one.memory()


def _in_short(sample: Sample) -> str:
    trouble = f", {sample.errors} ERRORS" if sample.errors else ""
    return f"{sample.rate:8.1f}/s  {sample.cpu:6.2f} ms CPU{trouble}"
