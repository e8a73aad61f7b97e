"""What every client does: it keeps one connection, retries under the same key, and respects Retry-After."""

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

TIMEOUT = 10  # seconds for one answer
GIVE_UP_AFTER = 60  # seconds of retries
GIVE_UP_AT_END = 20  # seconds of retries once the client has been told to stop
RETRIED = (0, 429, 503)
NOT_SENT, NO_ANSWER = "not_sent", "no_answer"


class HistoryWriter:
    """Appends to a client's history: one JSON object per line, with the time by two clocks.

    `mono` is CLOCK_MONOTONIC in seconds, the same for all processes of a machine; `wall` is seconds since 1970. `facts`
    are added to every line.
    """

    def __init__(self, path: Path, **facts: Any) -> None:
        self.file = path.open("a", encoding="utf-8", buffering=1)
        self.facts = facts

    def write(self, what: str, **facts: Any) -> float:
        """Record that `what` happens now, and return the time by the monotonic clock."""
        now = time.monotonic()
        entry = {"what": what, "mono": round(now, 4), "wall": round(time.time(), 4), **self.facts, **facts}
        self.file.write(json.dumps(entry, separators=(",", ":")) + "\n")
        return now


@dataclass
class Answer:
    """`status` is 0 if there was no answer."""

    status: int
    body: Any = field(default_factory=dict)
    retry_after: float | None = None


@dataclass(frozen=True)
class Request:
    """A request. `kind` selects the answers that are allowed for it (auditor/answers.py)."""

    kind: str
    method: str
    path: str
    body: Any = None
    key: str | None = None


class Client:
    """The base of all roles, which define `do_something`."""

    pause = 0.08  # seconds between two requests, on average

    def __init__(self, settings: dict[str, Any], over: threading.Event) -> None:
        self.name, self.token, self.products = settings["name"], settings["token"], settings["products"]
        self.directory = Path(settings["directory"])
        self.history = HistoryWriter(Path(settings["history"]), client=self.name, user=settings["user"])
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

    def send(self, request: Request) -> Answer:
        """Send a request, and retry it after a 429, a 503 or no answer at all."""
        name, began = f"{self.name}/{next(self.numbers)}", time.monotonic()
        for number in itertools.count(1):
            answer = self.send_once(request, name, number)
            if answer.status not in RETRIED:
                return answer
            if self._gives_up(began):
                self.history.write("given_up", request=name, kind=request.kind, key=request.key)
                return answer
            # Without Retry-After, exponential backoff with jitter.
            pause = self.random.uniform(0.05, min(1, 0.1 * 2**number))
            time.sleep(pause if answer.retry_after is None else answer.retry_after)
        raise AssertionError("unreachable: the loop has no end")

    def send_once(self, request: Request, name: str, number: int) -> Answer:
        """Make one attempt. The request and its outcome both go into the history."""
        known = {"request": name, "kind": request.kind, "key": request.key, "try": number}
        sent = self.history.write("sent", **known, path=request.path, body=request.body)
        outcome: dict[str, Any] = {"why": NOT_SENT}
        try:
            connection = self._connected()
            outcome = {"why": NO_ANSWER}
            answer, outcome["headers"] = self._exchange(connection, request)
            self.history.write(
                "answered", **known, sent=round(sent, 4), status=answer.status, answer=answer.body, **outcome
            )
            return answer
        except (OSError, http.client.HTTPException, ValueError) as error:
            self._disconnect()
            self.addresses = self.addresses[1:] + self.addresses[:1]
            self.history.write("unanswered", **known, sent=round(sent, 4), error=repr(error), **outcome)
            return Answer(0)

    def headers_of(self, request: Request) -> dict[str, str]:
        """Return the client's headers, and the one that a TLS-terminating proxy would add."""
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
        headers = {
            name: response.headers[name] for name in ("Retry-After", "Idempotency-Replayed") if name in response.headers
        }
        after = headers.get("Retry-After", "")
        if response.will_close:
            self._disconnect()
        return Answer(response.status, parsed(text), float(after) if after.isdigit() else None), headers

    def _connected(self) -> http.client.HTTPConnection:
        """Return the open connection, or a new one if it was closed or its server has left the directory."""
        self._read_directory()
        kept = self.connection
        if kept is not None and (not is_open(kept) or (kept.host, kept.port) not in self.addresses):
            self._disconnect()
        if self.connection is None:
            self.connection = http.client.HTTPConnection(*self.addresses[0], timeout=TIMEOUT)
            self.connection.connect()
        return self.connection

    def _read_directory(self) -> None:
        changed_at = self.directory.stat().st_mtime_ns
        if changed_at != self.read_at:
            self.addresses = [(host, port) for host, port in json.loads(self.directory.read_text())]
            self.random.shuffle(self.addresses)
            self.read_at = changed_at

    def _disconnect(self) -> None:
        if self.connection is not None:
            self.connection.close()
        self.connection = None

    def _gives_up(self, began: float) -> bool:
        now = time.monotonic()
        if self.over.is_set() and not self.over_at:
            self.over_at = now
        return now - began > GIVE_UP_AFTER or bool(self.over_at and now - self.over_at > GIVE_UP_AT_END)


def is_open(connection: http.client.HTTPConnection) -> bool:
    """Whether the server has not closed the connection. An idle connection is readable only if it was closed."""
    return connection.sock is not None and not select.select([connection.sock], [], [], 0)[0]


def parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {"not_json": text[:200].decode(errors="replace")}
