"""The rounds: each case with each competitor in turn, whoever was first in one round comes second in the next."""

import time
from collections.abc import Sequence
from contextlib import closing
from typing import TypeVar

from benchmarks.cases import Case
from benchmarks.competitors import Competitor
from benchmarks.processes import cpu_seconds
from benchmarks.requests import send
from benchmarks.statistics import Sample
from benchmarks.wrk import load
from products.tests.postgres import PostgresServer

REST = 0.2  # seconds

SomeCompetitor = TypeVar("SomeCompetitor", bound=Competitor)


class WrongAnswer(Exception):
    """A competitor does not do what it is measured at."""


def rotated(competitors: Sequence[SomeCompetitor], number: int) -> list[SomeCompetitor]:
    """The competitors, beginning with another one in each round."""
    first = number % len(competitors)
    return [*competitors[first:], *competitors[:first]]


def warm_up(competitor: Competitor, case: Case) -> int:
    """Send some requests, so that plans and caches are made, and look at each answer. Raises WrongAnswer.

    Returns the length of a body in bytes.
    """
    answers = send(competitor.address, case.mix(competitor, seed=0), case.warm_up, f"warm-{case.name}-")
    for status, body in answers:
        if status != case.success:
            raise WrongAnswer(f"{competitor.title} answered '{case.title}' with {status}: {body[:1000]!r}")
    return len(answers[0][1])


def measure(competitor: Competitor, case: Case, seconds: float, seed: int) -> Sample:
    """Load one competitor with one case for so many seconds."""
    postgres = competitor.postgres
    mix = case.mix(competitor, seed)
    checkpoint(competitor)
    server, database = competitor.cpu(), cpu_of(postgres)
    seen = load(competitor.address, mix, max(seconds, case.at_least), keys=f"{case.name}-{seed}-", seed=seed)
    server, database = competitor.cpu() - server, cpu_of(postgres) - database
    settle(competitor)
    each = 1_000 / max(1, seen.requests)
    return Sample(
        rate=seen.requests / seen.seconds,
        p50=seen.p50,
        p95=seen.p95,
        p99=seen.p99,
        server_cpu=server * each,
        database_cpu=database * each,
        wrk_cpu=seen.cpu * each,
        requests=seen.requests,
        errors=seen.refused + seen.broken,
    )


def settle(competitor: Competitor, patience: float = 30) -> None:
    """Wait until a server is done with what nobody waits for any more, so that the next one has the machine alone."""
    deadline, before = time.monotonic() + patience, competitor.cpu()
    while time.monotonic() < deadline:
        time.sleep(REST)
        now = competitor.cpu()
        if now - before < REST / 10:
            return
        before = now


def checkpoint(competitor: Competitor) -> None:
    """Write out what earlier cases have left behind, so that nobody pays for somebody else."""
    with closing(competitor.connect()) as connection:
        connection.cursor().execute("CHECKPOINT")


def cpu_of(postgres: PostgresServer) -> float:
    """Seconds of CPU that PostgreSQL and everything below it have used until now."""
    return cpu_seconds(postgres.pid) if postgres.pid else 0.0
