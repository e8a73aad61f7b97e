"""The clients' histories."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NO_ANSWER = 0


@dataclass
class Attempt:
    """One attempt at a request. Times are seconds of the monotonic clock.

    `status` is NO_ANSWER if there was none; `was_sent` is False if there was no connection to send it on.
    """

    user: int
    request: str
    kind: str
    key: str | None
    number: int
    path: str
    body: Any
    sent: float
    ended: float | None = None
    status: int = NO_ANSWER
    answer: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    was_sent: bool = True
    error: str = "the history ends before the answer"

    @property
    def seconds(self) -> float:
        """The time until the answer, or until the client stopped waiting."""
        return (self.ended or self.sent) - self.sent

    @property
    def code(self) -> str:
        """The `code` of a problem."""
        return str(self.answer.get("code", "")) if isinstance(self.answer, dict) else ""

    @property
    def is_open(self) -> bool:
        """Whether it may have taken effect although no answer confirms it."""
        return self.was_sent and self.status in (NO_ANSWER, 503)


@dataclass
class Request:
    """A request with all its attempts in order. The last attempt is its outcome."""

    attempts: list[Attempt]

    @property
    def last(self) -> Attempt:
        return self.attempts[-1]

    @property
    def succeeded(self) -> bool:
        return self.last.status in (200, 201)

    @property
    def was_rejected(self) -> bool:
        """Rejected, and certainly without effect: an attempt without an answer may still have succeeded."""
        return 400 <= self.last.status < 500 and self.last.status != 429 and not any(a.is_open for a in self.attempts)


@dataclass
class History:
    """All attempts in the order of sending. `disconnected` has (user, key) if the client broke off an attempt."""

    attempts: list[Attempt] = field(default_factory=list)
    disconnected: set[tuple[int, str]] = field(default_factory=set)

    def requests(self, *kinds: str) -> list[Request]:
        """Return the requests of these kinds; of all kinds if none is given."""
        found: dict[tuple[int, str], Request] = {}
        for attempt in self.attempts:
            if not kinds or attempt.kind in kinds:
                found.setdefault((attempt.user, attempt.request), Request([])).attempts.append(attempt)
        return list(found.values())


def read_history(folder: Path) -> History:
    """Read the histories of all clients. If a client was killed, its last line may be incomplete."""
    history, open_attempts = History(), dict[tuple[str, int], Attempt]()
    for path in sorted(folder.glob("*.jsonl")):
        for entry in entries_of(path.read_text().splitlines()):
            take_in(history, open_attempts, entry)
    history.attempts.sort(key=lambda attempt: attempt.sent)
    return history


def entries_of(lines: Iterable[str]) -> Iterable[dict[str, Any]]:
    for line in lines:
        try:
            yield json.loads(line)
        except ValueError:
            return


def take_in(history: History, begun: dict[tuple[str, int], Attempt], entry: dict[str, Any]) -> None:
    if entry["what"] == "disconnected":
        history.disconnected.add((entry["user"], entry["key"]))
    elif entry["what"] == "sent":
        attempt = Attempt(
            user=entry["user"],
            request=entry["request"],
            kind=entry["kind"],
            key=entry["key"],
            number=entry["try"],
            path=entry["path"],
            body=entry["body"],
            sent=entry["mono"],
        )
        begun[entry["request"], entry["try"]] = attempt
        history.attempts.append(attempt)
    elif entry["what"] in ("answered", "unanswered"):
        attempt = begun.pop((entry["request"], entry["try"]))
        attempt.ended = entry["mono"]
        attempt.status, attempt.answer = entry.get("status", NO_ANSWER), entry.get("answer")
        attempt.headers = entry.get("headers", {})
        attempt.was_sent, attempt.error = entry["why"] != "not_sent", entry.get("error", "")
