"""The measurement: in each round, run each case with each competitor in turn, and record the results."""

import sys
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeVar

from benchmarks import flash_sale
from benchmarks.cases import FLASH, Case
from benchmarks.competitors import Competitor
from benchmarks.load import run_wrk, send
from benchmarks.machine import cpu_seconds
from benchmarks.pgbench import LIMITED, Limit
from benchmarks.statistics import Sample
from products.tests.postgres import PostgresServer

RESULTS = Path(__file__).resolve().parent / "results"
POSTGRES_SETTINGS = {
    "fsync": "on",
    "synchronous_commit": "on",
    "shared_buffers": "512MB",
    # There is a checkpoint before each measurement, and none during one.
    "max_wal_size": "8GB",
    "checkpoint_timeout": "1h",
}
LOGIN = "login"
"""It is measured last: its hashes use much memory on purpose, and some servers do not release it."""
IDLE_CHECK = 0.2  # seconds

SomeCompetitor = TypeVar("SomeCompetitor", bound=Competitor)


class WrongAnswer(Exception):
    """A competitor did not answer a request as the case expects."""


class Measurement:
    """All rounds of a benchmark.

    `results` is what report.py reads: "titles" by name, "bytes" of one response body per case, "cases" with the samples
    of each competitor, "flash_sales", and "memory" in MB before and after the logins.
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
        """Measure every case in every round. Raises WrongAnswer if a competitor fails during its warm-up."""
        self._run([case for case in cases if case.name != LOGIN], rounds, flash_sales)
        self._record_memory("before logins")
        logins = [case for case in cases if case.name == LOGIN]
        if logins:
            self._run(logins, rounds, 0)
            self._record_memory("after logins")

    def _run(self, cases: Sequence[Case], rounds: int, flash_sales: int) -> None:
        for case in cases:
            for one in self.competitors:
                self.results["bytes"][one.name][case.name] = warm_up(one, case)
        for number in range(rounds):
            for case in cases:
                self._measure(case, number)
            if number < flash_sales:
                self._hold_flash_sales(number)

    def _measure(self, case: Case, number: int) -> None:
        found = {one.name: measure(one, case, self.seconds, number + 1) for one in rotated(self.competitors, number)}
        if case.name in LIMITED:
            found |= {limit.name: limit.measure(case.name, self.seconds) for limit in self.limits}
        samples = self.results["cases"].setdefault(case.name, {})
        for name, title in self.results["titles"].items():
            if name in found:
                samples.setdefault(name, []).append(asdict(found[name]))
                say(f"Round {number + 1}: {case.name:11} {title:23} {_summary(found[name])}")

    def _hold_flash_sales(self, number: int) -> None:
        for one in rotated(self.competitors, number):
            sale = flash_sale.hold(one, FLASH[number % len(FLASH)])
            self.results["flash_sales"].setdefault(one.name, []).append({**asdict(sale), "exact": sale.is_exact})
            exact = "" if sale.is_exact else " NOT EXACT"
            say(f"Round {number + 1}: flash sale  {one.title:23} {sale.seconds:8.2f} s {sale.statuses}{exact}")

    def _record_memory(self, when: str) -> None:
        for one in self.competitors:
            self.results["memory"][one.name][when] = one.memory()


def rotated(competitors: Sequence[SomeCompetitor], number: int) -> list[SomeCompetitor]:
    """Return the competitors in their order, starting with a different one in each round."""
    first = number % len(competitors)
    return [*competitors[first:], *competitors[:first]]


def warm_up(competitor: Competitor, case: Case) -> int:
    """Send some requests, which fills caches, and check each answer. Raises WrongAnswer.

    Returns the size of the first response body in bytes.
    """
    answers = send(competitor.address, case.mix(competitor, seed=0), case.warm_up, f"warm-{case.name}-")
    for status, body in answers:
        if status != case.success:
            raise WrongAnswer(f"{competitor.title} answered '{case.title}' with {status}: {body[:1000]!r}")
    return len(answers[0][1])


def measure(competitor: Competitor, case: Case, seconds: float, seed: int) -> Sample:
    """Load one competitor with one case for `seconds`."""
    postgres = competitor.postgres
    mix = case.mix(competitor, seed)
    checkpoint(competitor)
    server, database = competitor.cpu(), cpu_of(postgres)
    seen = run_wrk(competitor.address, mix, max(seconds, case.min_seconds), keys=f"{case.name}-{seed}-", seed=seed)
    server, database = competitor.cpu() - server, cpu_of(postgres) - database
    wait_until_idle(competitor)
    per_request = 1_000 / max(1, seen.requests)
    return Sample(
        rate=seen.requests / seen.seconds,
        p50=seen.p50,
        p95=seen.p95,
        p99=seen.p99,
        server_cpu=server * per_request,
        database_cpu=database * per_request,
        wrk_cpu=seen.cpu * per_request,
        requests=seen.requests,
        errors=seen.rejected + seen.broken,
    )


def wait_until_idle(competitor: Competitor, timeout: float = 30) -> None:
    """Wait until a server has finished the requests that wrk has abandoned, so that the next one runs alone."""
    deadline, before = time.monotonic() + timeout, competitor.cpu()
    while time.monotonic() < deadline:
        time.sleep(IDLE_CHECK)
        now = competitor.cpu()
        if now - before < IDLE_CHECK / 10:
            return
        before = now


def checkpoint(competitor: Competitor) -> None:
    """Write out what earlier cases have changed, so that it does not slow down the next one."""
    with closing(competitor.connect()) as connection:
        connection.cursor().execute("CHECKPOINT")


def cpu_of(postgres: PostgresServer) -> float:
    """Return the seconds of CPU time that PostgreSQL's processes have used so far."""
    return cpu_seconds(postgres.pid) if postgres.pid else 0.0


def say(line: str) -> None:
    """Report progress on standard error; results go to standard output."""
    sys.stderr.write(f"{line}\n")


def _summary(sample: Sample) -> str:
    errors = f", {sample.errors} ERRORS" if sample.errors else ""
    return f"{sample.rate:8.1f}/s  {sample.cpu:6.2f} ms CPU{errors}"
