"""Clients in processes of their own, which know nothing of Django."""

import http.client
import itertools
import json
import multiprocessing
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

Address = tuple[str, int]
Job = tuple[str | None, dict[str, Any]]
"""An order to place: (idempotency key or None, body)."""

NO_ANSWER = 0


def ask(
    address: Address, method: str, path: str, body: Any = None, *, token: str | None = None, **headers: str
) -> tuple[int, http.client.HTTPMessage, str]:
    """Send one request on a connection of its own; return (status, headers, text). `X_Y` is the header X-Y."""
    connection = http.client.HTTPConnection(*address, timeout=30)
    sent = {name.replace("_", "-"): value for name, value in headers.items()} | {"Content-Type": "application/json"}
    if token:
        sent["Authorization"] = f"Bearer {token}"
    connection.request(method, path, body and json.dumps(body), sent)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, answer.headers, text


@dataclass(frozen=True)
class Answer:
    """What became of one job. `status` is NO_ANSWER where the connection broke; `body` is the parsed JSON."""

    key: str | None
    status: int
    body: dict[str, Any]
    replayed: bool = False


class Client:
    """One customer's kept connection, which the end of a `with` closes."""

    def __init__(self, address: Address, token: str, patience: float = 30) -> None:
        self.address, self.token, self.patience = address, token, patience
        self.connection: http.client.HTTPConnection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        if self.connection is not None:
            self.connection.close()

    def place(self, job: Job) -> Answer:
        """Place one order."""
        key, body = job
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {self.token}"}
        if key is not None:
            headers["Idempotency-Key"] = key
        try:
            self.connection = self.connection or http.client.HTTPConnection(*self.address, timeout=self.patience)
            self.connection.request("POST", "/api/orders", json.dumps(body), headers)
            response = self.connection.getresponse()
            replayed = response.getheader("Idempotency-Replayed") == "true"
            return Answer(key, response.status, json.loads(response.read()), replayed)
        except (OSError, http.client.HTTPException):
            if self.connection is not None:
                self.connection.close()
            self.connection = None
            return Answer(key, NO_ANSWER, {})


class Clients(ABC):
    """A context manager: so many clients, each of which runs in a thread until the end of the `with`."""

    def __init__(self, number: int) -> None:
        self.stopped = threading.Event()
        self.threads = [threading.Thread(target=self.run) for _ in range(number)]

    def __enter__(self) -> Self:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stopped.set()
        for thread in self.threads:
            thread.join()

    @abstractmethod
    def run(self) -> None:
        """Send requests until `stopped` is set."""


def place_all(address: Address, token: str, jobs: Sequence[Job]) -> list[Answer]:
    """Place every job, one after the other."""
    with Client(address, token) as client:
        return [client.place(job) for job in jobs]


def place_each_twice(address: Address, token: str, jobs: Sequence[Job]) -> list[Answer]:
    """Send every job twice at once, on two connections."""
    together, answers = threading.Barrier(2), []

    def one_of_two() -> None:
        client = Client(address, token)
        for job in jobs:
            together.wait(30)
            answers.append(client.place(job))

    threads = [threading.Thread(target=one_of_two) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def place_until_answered(address: Address, token: str, jobs: Sequence[Job], seconds: float = 30) -> list[Answer]:
    """Place every job, and again what had no answer: as a client does whose server may be killed."""
    client, answers = Client(address, token), []
    for job in jobs:
        deadline = time.monotonic() + seconds
        answer = client.place(job)
        while answer.status in (NO_ANSWER, 503) and time.monotonic() < deadline:
            answers.append(answer)
            time.sleep(0.05)
            answer = client.place(job)
        answers.append(answer)
    return answers


def place_for_a_while(address: Address, token: str, jobs: Sequence[Job], seconds: float = 12) -> list[Answer]:
    """Place the one order of `jobs` again and again, under keys that begin with the one given."""
    [(prefix, body)] = jobs
    answers: list[Answer] = []
    client, ends_at = Client(address, token), time.monotonic() + seconds
    while time.monotonic() < ends_at:
        answers.append(client.place((f"{prefix}-{len(answers)}", body)))
    return answers


def all_at_once(work: Any, address: Address, shares: Sequence[tuple[str, Sequence[Job]]]) -> list[Answer]:
    """Run `work(address, token, jobs)` for each share (token, jobs) in a process of its own; all their answers."""
    # Spawned, not forked: a child must not share the test's connection to the database.
    with multiprocessing.get_context("spawn").Pool(len(shares)) as pool:
        results = pool.starmap_async(work, [(address, token, jobs) for token, jobs in shares], chunksize=1)
        return list(itertools.chain.from_iterable(results.get(timeout=120)))
