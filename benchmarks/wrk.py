"""Load, by wrk (https://github.com/wg/wrk): closed loops on kept connections, in one thread of C."""

import json
import math
import resource
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.requests import Address, RequestMix

SCRIPT = Path(__file__).resolve().parent / "load.lua"
CONNECTIONS = 16
PATIENCE = 30  # seconds for one answer


class NoWrk(Exception):
    """The load generator is missing."""


@dataclass(frozen=True)
class Load:
    """What wrk saw. Times to an answer are in milliseconds; `cpu` is wrk's own, in seconds.

    `refused` answers had a status of 400 or more; `broken` requests had none at all.
    """

    requests: int
    seconds: float
    p50: float
    p95: float
    p99: float
    refused: int
    broken: int
    cpu: float = 0.0


def find_wrk() -> str:
    wrk = shutil.which("wrk")
    if wrk is None:
        raise NoWrk("The load comes from wrk, which is missing here: apt-get install wrk (or brew install wrk).")
    return wrk


def load(address: Address, mix: RequestMix, seconds: float, *, keys: str, seed: int) -> Load:
    """Fire for so many seconds, rounded up, from CONNECTIONS connections. Keys start with `keys`."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(as_lua(mix, keys, seed))
        file.flush()
        command = [find_wrk(), "--threads=1", f"--connections={CONNECTIONS}", f"--duration={math.ceil(seconds)}s"]
        command += [f"--timeout={PATIENCE}s", f"--script={SCRIPT}", "http://{}:{}".format(*address), file.name]
        before = _childrens_cpu()
        said = subprocess.run(command, capture_output=True, text=True, check=False)
        cpu = _childrens_cpu() - before
    if said.returncode:
        raise RuntimeError(f"wrk failed:\n{said.stdout}{said.stderr}")
    return read(said.stdout, cpu)


def read(output: str, cpu: float = 0.0) -> Load:
    """What wrk has printed, whose last line is load.lua's. Raises ValueError where that is missing."""
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
        refused=found["status"],
        broken=found["broken"],
        cpu=cpu,
    )


def as_lua(mix: RequestMix, keys: str, seed: int) -> str:
    """The file that load.lua reads."""
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


def _listed(texts: "object") -> str:
    return "{" + ", ".join(map(_quoted, texts)) + "}"  # type: ignore[call-overload]


def _quoted(text: str) -> str:
    # JSON's escapes of quotes and backslashes are Lua's too; there are no others in what is sent here.
    return json.dumps(text)


def _childrens_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
