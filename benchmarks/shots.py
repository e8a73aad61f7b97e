"""What is sent to a contestant."""

import http.client
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

Address = tuple[str, int]


@dataclass(frozen=True)
class Shot:
    """One request. `body` is sent as JSON, or as a form where `form` says so."""

    path: str
    method: str = "GET"
    body: Mapping[str, object] | None = None
    form: bool = False

    @property
    def text(self) -> str:
        if self.body is None:
            return ""
        return urlencode(self.body) if self.form else json.dumps(self.body)

    @property
    def content_type(self) -> str:
        return "application/x-www-form-urlencoded" if self.form else "application/json"


@dataclass(frozen=True)
class Magazine:
    """Shots of one kind, taken at random, each with one of the `authorizations` (none at all where there are none).

    `headers` go with each of them; `keyed` gives each an Idempotency-Key of its own.
    """

    shots: Sequence[Shot]
    authorizations: Sequence[str] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    keyed: bool = False

    @property
    def all_headers(self) -> dict[str, str]:
        first = self.shots[0]
        return {**self.headers, **({} if first.body is None else {"Content-Type": first.content_type})}


def fire(address: Address, magazine: Magazine, times: int, keys: str) -> list[tuple[int, bytes]]:
    """Send the first `times` shots one after the other over plain connections: [(status, body), …]."""
    answers = []
    connection = http.client.HTTPConnection(*address, timeout=30)
    for number in range(times):
        shot = magazine.shots[number % len(magazine.shots)]
        headers = magazine.all_headers
        if magazine.authorizations:
            headers["Authorization"] = magazine.authorizations[number % len(magazine.authorizations)]
        if magazine.keyed:
            headers["Idempotency-Key"] = f"{keys}{number}"
        connection.request(shot.method, shot.path, shot.text or None, headers)
        response = connection.getresponse()
        answers.append((response.status, response.read()))
    connection.close()
    return answers
