"""The rounds: each case with each contestant in turn, whoever was first in one round comes second in the next."""

import time
from collections.abc import Sequence
from contextlib import closing
from typing import TypeVar

from benchmarks.cases import Case
from benchmarks.contestants import Contestant
from benchmarks.figures import Sample
from benchmarks.processes import cpu_seconds
from benchmarks.shots import fire
from benchmarks.wrk import load
from products.tests.postgres import PostgresServer

REST = 0.2  # seconds

SomeContestant = TypeVar("SomeContestant", bound=Contestant)


class WrongAnswer(Exception):
    """A contestant does not do what it is measured at."""


def rotated(contestants: Sequence[SomeContestant], number: int) -> list[SomeContestant]:
    """The contestants, beginning with another one in each round."""
    first = number % len(contestants)
    return [*contestants[first:], *contestants[:first]]


def warm_up(contestant: Contestant, case: Case) -> int:
    """Send some requests, so that plans and caches are made, and look at each answer. Raises WrongAnswer.

    Returns the length of a body in bytes.
    """
    answers = fire(contestant.address, case.magazine(contestant, seed=0), case.warm_up, f"warm-{case.name}-")
    for status, body in answers:
        if status != case.success:
            raise WrongAnswer(f"{contestant.title} answered '{case.title}' with {status}: {body[:1000]!r}")
    return len(answers[0][1])


def measure(contestant: Contestant, case: Case, seconds: float, seed: int) -> Sample:
    """Load one contestant with one case for so many seconds."""
    postgres = contestant.postgres
    magazine = case.magazine(contestant, seed)
    checkpoint(contestant)
    server, database = contestant.cpu(), cpu_of(postgres)
    seen = load(contestant.address, magazine, max(seconds, case.at_least), keys=f"{case.name}-{seed}-", seed=seed)
    server, database = contestant.cpu() - server, cpu_of(postgres) - database
    settle(contestant)
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


def settle(contestant: Contestant, patience: float = 30) -> None:
    """Wait until a server is done with what nobody waits for any more, so that the next one has the machine alone."""
    deadline, before = time.monotonic() + patience, contestant.cpu()
    while time.monotonic() < deadline:
        time.sleep(REST)
        now = contestant.cpu()
        if now - before < REST / 10:
            return
        before = now


def checkpoint(contestant: Contestant) -> None:
    """Write out what earlier cases have left behind, so that nobody pays for somebody else."""
    with closing(contestant.connect()) as connection:
        connection.cursor().execute("CHECKPOINT")


def cpu_of(postgres: PostgresServer) -> float:
    """Seconds of CPU that PostgreSQL and everything below it have used until now."""
    return cpu_seconds(postgres.pid) if postgres.pid else 0.0
