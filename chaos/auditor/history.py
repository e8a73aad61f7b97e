"""What the clients have written down, read back."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NO_ANSWER = 0


@dataclass
class Attempt:
    """One request that was sent once. Moments are seconds of the monotonic clock.

    `status` is NO_ANSWER where there was none; `was_sent` is False where there was not even a connection.
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
    error: str = "the history ends before its answer"

    @property
    def seconds(self) -> float:
        """How long it took, to its answer or to the moment at which it was given up."""
        return (self.ended or self.sent) - self.sent

    @property
    def code(self) -> str:
        """The `code` of a problem."""
        return str(self.answer.get("code", "")) if isinstance(self.answer, dict) else ""

    @property
    def is_open(self) -> bool:
        """Whether it may have been done although nobody said so."""
        return self.was_sent and self.status in (NO_ANSWER, 503)


@dataclass
class Request:
    """What a client wanted, with every attempt at it in order; it was `given_up`, or its last attempt decided it."""

    attempts: list[Attempt]

    @property
    def last(self) -> Attempt:
        return self.attempts[-1]

    @property
    def was_granted(self) -> bool:
        return self.last.status in (200, 201)

    @property
    def was_refused(self) -> bool:
        """Refused, and by no attempt possibly granted: one that had no answer may still have been at it."""
        return 400 <= self.last.status < 500 and self.last.status != 429 and not any(a.is_open for a in self.attempts)


@dataclass
class History:
    """All that was sent and answered, in order of sending; `hung_up` are keys whose first try was cut off."""

    attempts: list[Attempt] = field(default_factory=list)
    hung_up: set[tuple[int, str]] = field(default_factory=set)

    def requests(self, *kinds: str) -> list[Request]:
        """Every request of these kinds, or of all."""
        found: dict[tuple[int, str], Request] = {}
        for attempt in self.attempts:
            if not kinds or attempt.kind in kinds:
                found.setdefault((attempt.user, attempt.request), Request([])).attempts.append(attempt)
        return list(found.values())


def read_history(folder: Path) -> History:
    """The histories of all clients. A last line that is cut off is that of a client who was killed."""
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
    if entry["what"] == "hung_up":
        history.hung_up.add((entry["user"], entry["key"]))
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
