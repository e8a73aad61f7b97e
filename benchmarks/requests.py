"""What is sent to a competitor."""

import http.client
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

Address = tuple[str, int]


@dataclass(frozen=True)
class Request:
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
class RequestMix:
    """Requests of one kind, taken at random, each with one of the `authorizations` (none at all where there are none).

    `headers` go with each of them; `keyed` gives each an Idempotency-Key of its own.
    """

    requests: Sequence[Request]
    authorizations: Sequence[str] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    keyed: bool = False

    @property
    def all_headers(self) -> dict[str, str]:
        first = self.requests[0]
        return {**self.headers, **({} if first.body is None else {"Content-Type": first.content_type})}


def send(address: Address, mix: RequestMix, times: int, keys: str) -> list[tuple[int, bytes]]:
    """Send the first `times` requests one after the other over plain connections: [(status, body), …]."""
    answers = []
    connection = http.client.HTTPConnection(*address, timeout=30)
    for number in range(times):
        request = mix.requests[number % len(mix.requests)]
        headers = mix.all_headers
        if mix.authorizations:
            headers["Authorization"] = mix.authorizations[number % len(mix.authorizations)]
        if mix.keyed:
            headers["Idempotency-Key"] = f"{keys}{number}"
        connection.request(request.method, request.path, request.text or None, headers)
        response = connection.getresponse()
        answers.append((response.status, response.read()))
    connection.close()
    return answers
