"""The machine: its description for the report, and the CPU time and the memory of process trees."""

import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from benchmarks.environments import python_of, versions_in
from benchmarks.load import find_wrk
from products.tests.postgres import PostgresServer

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")
REPORTED_PACKAGES = {
    "shop": ["Django", "djangorestframework", "gunicorn", "psycopg2-binary"],
    "drf": ["Django", "djangorestframework", "gunicorn", "psycopg2-binary"],
    "fastapi": ["fastapi", "pydantic", "SQLAlchemy", "asyncpg", "uvicorn", "uvloop"],
}


def process_tree(pid: int, proc: Path = PROC) -> list[int]:
    """Return a process and all its descendants. Those that exit meanwhile are skipped."""
    pids = [pid]
    for each in pids:
        pids += _children(each, proc)  # visited later in this same loop
    return pids


def cpu_seconds(pid: int, proc: Path = PROC) -> float:
    """Return the CPU time, user and system, of a process and all its descendants, including exited ones.

    A child that has exited counts toward its parent once the parent has waited for it, so no time is lost between two
    calls. The resolution is one clock tick, usually 10 ms.
    """
    return sum(ticks for each in process_tree(pid, proc) for ticks in _ticks(each, proc)) / CLOCK_TICKS


def memory_mb(pid: int, proc: Path = PROC) -> float:
    """Return the proportional set size of a process and all its descendants in MB; shared pages count once."""
    return sum(_proportional_kb(each, proc) for each in process_tree(pid, proc)) / 1024


def describe(postgres: PostgresServer, competitors: Sequence[str]) -> dict[str, str]:
    """Return {what: value} for the report: the hardware, and every version that matters."""
    facts = {
        "CPU": f"{cpu_model()}, {os.cpu_count()} cores, shared by load, servers and database",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GB",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "PostgreSQL": f"{postgres.binaries.version()} ({postgres.binaries.origin}), on {_file_system(postgres.home)}, "
        + ", ".join(f"{name}={value}" for name, value in postgres.settings.items()),
        "wrk": _output(find_wrk(), "-v").split(" [")[0],
        "revision": revision(Path(__file__).parent),
    }
    for name in competitors:
        if name in REPORTED_PACKAGES:
            versions = versions_in(Path(sys.executable) if name == "shop" else python_of(name))
            facts[name] = ", ".join(f"{each} {versions.get(each, 'missing')}" for each in REPORTED_PACKAGES[name])
    return facts


def revision(checkout: Path) -> str:
    return _output("git", "-C", str(checkout), "describe", "--always", "--dirty") or "unknown"


def _children(pid: int, proc: Path) -> Iterable[int]:
    try:
        threads = list((proc / str(pid) / "task").iterdir())
        return [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _ticks(pid: int, proc: Path) -> list[int]:
    """Return utime, stime, and both of the children that were waited for."""
    try:
        text = (proc / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    # The process name is in parentheses and may itself contain spaces and parentheses.
    return [int(field) for field in text.rpartition(")")[2].split()[11:15]]


def _proportional_kb(pid: int, proc: Path) -> int:
    try:
        lines = (proc / str(pid) / "smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


def cpu_model() -> str:
    """Return the name of the processor."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def _file_system(path: Path) -> str:
    return _output("stat", "--file-system", "--format=%T", str(path)) or "an unknown file system"


def _output(*command: str) -> str:
    """Return what a command prints to standard output; nothing if it fails before that."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
