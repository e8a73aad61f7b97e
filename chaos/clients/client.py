"""How a good client talks: one kept connection, the same key again where there was no answer, and patience."""

import http.client
import itertools
import json
import random
import select
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chaos.clients.diary import Diary

PATIENCE = 10  # seconds for one answer
PERSISTENCE = 60  # seconds, before a request is given up
GRACE = 20  # the same once the end has been called
TRY_AGAIN = (0, 429, 503)
NOT_SENT, NO_ANSWER = "not_sent", "no_answer"


@dataclass
class Answer:
    """`status` is 0 where there was none."""

    status: int
    body: Any = field(default_factory=dict)
    retry_after: float | None = None


@dataclass(frozen=True)
class Request:
    """What is asked for. `kind` says which promises hold for the answer."""

    kind: str
    method: str
    path: str
    body: Any = None
    key: str | None = None


class Client:
    """What all roles have in common. `do_something` is theirs."""

    pause = 0.08  # seconds between two requests, on average

    def __init__(self, settings: dict[str, Any], over: threading.Event) -> None:
        self.name, self.token, self.products = settings["name"], settings["token"], settings["products"]
        self.directory = Path(settings["directory"])
        self.diary = Diary(Path(settings["history"]), client=self.name, user=settings["user"])
        self.random = random.Random(settings["seed"])
        self.over, self.over_at = over, 0.0
        self.numbers = itertools.count(1)
        self.connection: http.client.HTTPConnection | None = None
        self.addresses: list[tuple[str, int]] = []
        self.read_at = 0

    def work(self) -> None:
        while not self.over.wait(self.random.uniform(0, 2 * self.pause)):
            self.do_something()

    def do_something(self) -> None:
        raise NotImplementedError

    def new_key(self) -> str:
        return f"{self.name}-{next(self.numbers)}-{self.random.getrandbits(32):08x}"

    def insist(self, request: Request) -> Answer:
        """Ask, and ask again where there was no answer or a request to come back later."""
        name, began = f"{self.name}/{next(self.numbers)}", time.monotonic()
        for number in itertools.count(1):
            answer = self.ask(request, name, number)
            if answer.status not in TRY_AGAIN:
                return answer
            if self._is_too_late(began):
                self.diary.write("given_up", request=name, kind=request.kind, key=request.key)
                return answer
            # Without a word of when to come back, each time a little later, and not in step with the others.
            pause = self.random.uniform(0.05, min(1, 0.1 * 2**number))
            time.sleep(pause if answer.retry_after is None else answer.retry_after)
        raise AssertionError("unreachable: the loop has no end")

    def ask(self, request: Request, name: str, number: int) -> Answer:
        """Ask once. Both the question and what came of it go into the history."""
        known = {"request": name, "kind": request.kind, "key": request.key, "try": number}
        sent = self.diary.write("sent", **known, path=request.path, body=request.body)
        outcome: dict[str, Any] = {"why": NOT_SENT}
        try:
            connection = self._connected()
            outcome = {"why": NO_ANSWER}
            answer, outcome["headers"] = self._exchange(connection, request)
            self.diary.write(
                "answered", **known, sent=round(sent, 4), status=answer.status, answer=answer.body, **outcome
            )
            return answer
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._hang_up()
            self.addresses = self.addresses[1:] + self.addresses[:1]
            self.diary.write("unanswered", **known, sent=round(sent, 4), error=repr(error), **outcome)
            return Answer(0)

    def headers_of(self, request: Request) -> dict[str, str]:
        """Those of the client, and what a proxy in front that speaks HTTPS would add."""
        headers = {"Authorization": f"Bearer {self.token}", "X-Forwarded-Proto": "https"}
        if request.body is not None:
            headers["Content-Type"] = "application/json"
        if request.key is not None:
            headers["Idempotency-Key"] = request.key
        return headers

    def _exchange(self, connection: http.client.HTTPConnection, request: Request) -> tuple[Answer, dict[str, str]]:
        body = None if request.body is None else json.dumps(request.body)
        connection.request(request.method, request.path, body, self.headers_of(request))
        response = connection.getresponse()
        text = response.read()
        told = {
            name: response.headers[name] for name in ("Retry-After", "Idempotency-Replayed") if name in response.headers
        }
        after = told.get("Retry-After", "")
        if response.will_close:
            self._hang_up()
        return Answer(response.status, parsed(text), float(after) if after.isdigit() else None), told

    def _connected(self) -> http.client.HTTPConnection:
        """The kept connection, or a new one where it has been closed or its server is not in the directory any more."""
        self._look_into_the_directory()
        kept = self.connection
        if kept is not None and (not is_open(kept) or (kept.host, kept.port) not in self.addresses):
            self._hang_up()
        if self.connection is None:
            self.connection = http.client.HTTPConnection(*self.addresses[0], timeout=PATIENCE)
            self.connection.connect()
        return self.connection

    def _look_into_the_directory(self) -> None:
        changed_at = self.directory.stat().st_mtime_ns
        if changed_at != self.read_at:
            self.addresses = [(host, port) for host, port in json.loads(self.directory.read_text())]
            self.random.shuffle(self.addresses)
            self.read_at = changed_at

    def _hang_up(self) -> None:
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def _is_too_late(self, began: float) -> bool:
        now = time.monotonic()
        if self.over.is_set() and not self.over_at:
            self.over_at = now
        return now - began > PERSISTENCE or bool(self.over_at and now - self.over_at > GRACE)


def is_open(connection: http.client.HTTPConnection) -> bool:
    """Whether the other side has not closed it: where nothing was asked, there is nothing to be read but an end."""
    return connection.sock is not None and not select.select([connection.sock], [], [], 0)[0]


def parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {"not_json": text[:200].decode(errors="replace")}
