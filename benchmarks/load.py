"""The load: the requests to a competitor, and wrk (https://github.com/wg/wrk), which sends them.

wrk keeps a number of connections open and sends the next request on each as soon as the last one is answered.
"""

import http.client
import json
import math
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

Address = tuple[str, int]

SCRIPT = Path(__file__).resolve().parent / "load.lua"
CONNECTIONS = 16
TIMEOUT = 30  # seconds for one answer


class WrkNotFound(Exception):
    """wrk is not installed."""


@dataclass(frozen=True)
class Request:
    """One request. `body` is sent as JSON, or as a form if `form` is set."""

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
    """Requests of one kind, picked at random, each with a random one of the `authorizations` if there are any.

    `headers` are sent with every request. With `keyed`, every request has its own Idempotency-Key.
    """

    requests: Sequence[Request]
    authorizations: Sequence[str] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    keyed: bool = False

    @property
    def all_headers(self) -> dict[str, str]:
        first = self.requests[0]
        return {**self.headers, **({} if first.body is None else {"Content-Type": first.content_type})}


@dataclass(frozen=True)
class Load:
    """What wrk reports. Latencies are in milliseconds, `cpu` is wrk's own CPU time in seconds.

    `rejected` counts answers with a status of 400 or more, `broken` requests without an answer.
    """

    requests: int
    seconds: float
    p50: float
    p95: float
    p99: float
    rejected: int
    broken: int
    cpu: float = 0.0


def send(address: Address, mix: RequestMix, times: int, keys: str) -> list[tuple[int, bytes]]:
    """Send the first `times` requests one after the other and return [(status, body), …]."""
    answers = []
    connection = http.client.HTTPConnection(*address, timeout=TIMEOUT)
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


def find_wrk() -> str:
    wrk = shutil.which("wrk")
    if wrk is None:
        raise WrkNotFound("wrk generates the load and is not installed: apt-get install wrk (or brew install wrk).")
    return wrk


def run_wrk(
    address: Address, mix: RequestMix, seconds: float, *, keys: str, seed: int, connections: int = CONNECTIONS
) -> Load:
    """Run wrk for `seconds`, rounded up. Idempotency keys start with `keys`."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(to_lua(mix, keys, seed))
        file.flush()
        command = [find_wrk(), "--threads=1", f"--connections={connections}", f"--duration={math.ceil(seconds)}s"]
        command += [f"--timeout={TIMEOUT}s", f"--script={SCRIPT}", "http://{}:{}".format(*address), file.name]
        before = _cpu_of_children()
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        cpu = _cpu_of_children() - before
    if done.returncode:
        raise RuntimeError(f"wrk failed:\n{done.stdout}{done.stderr}")
    return parse_wrk(done.stdout, cpu)


def parse_wrk(output: str, cpu: float = 0.0) -> Load:
    """Parse wrk's output, whose last line load.lua has printed. Raises ValueError if that line is missing."""
    last = output.rstrip().rpartition("\n")[2]
    if not last.startswith("{"):
        raise ValueError(f"wrk did not report:\n{output}")
    found = json.loads(last)
    return Load(
        requests=found["requests"],
        seconds=found["microseconds"] / 1e6,
        p50=found["p50"] / 1e3,
        p95=found["p95"] / 1e3,
        p99=found["p99"] / 1e3,
        rejected=found["status"],
        broken=found["broken"],
        cpu=cpu,
    )


def to_lua(mix: RequestMix, keys: str, seed: int) -> str:
    """Return the file that load.lua reads."""
    first = mix.requests[0]
    headers = ", ".join(f"[{_quoted(name)}] = {_quoted(value)}" for name, value in mix.all_headers.items())
    return "\n".join(
        [
            f"method = {_quoted(first.method)}",
            f"paths = {_listed(request.path for request in mix.requests)}",
            f"bodies = {_listed(request.text for request in mix.requests) if first.body is not None else '{}'}",
            f"tokens = {_listed(mix.authorizations)}",
            f"headers = {{{headers}}}",
            f"keys = {_quoted(keys) if mix.keyed else 'nil'}",
            f"seed = {seed}",
        ]
    )


def _listed(texts: Iterable[str]) -> str:
    return "{" + ", ".join(map(_quoted, texts)) + "}"


def _quoted(text: str) -> str:
    # JSON escapes quotes and backslashes as Lua does, and the texts sent here need no other escapes.
    return json.dumps(text)


def _cpu_of_children() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
