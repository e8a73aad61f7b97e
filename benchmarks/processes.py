"""What processes have used: of a server with its workers, of PostgreSQL with its backends."""

import os
from collections.abc import Iterable
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


def family(pid: int, proc: Path = PROC) -> list[int]:
    """A process and everything below it. Those that end meanwhile are left out."""
    members = [pid]
    for member in members:
        members += _children(member, proc)  # which are looked at in turn
    return members


def cpu_seconds(pid: int, proc: Path = PROC) -> float:
    """CPU time, of user and system, that a process and everything below it have used, the dead included.

    A child that has ended counts in its parent as soon as that has waited for it, so nothing is lost between two
    calls. The grain is a tick of the clock, mostly 10 ms.
    """
    return sum(ticks for member in family(pid, proc) for ticks in _ticks(member, proc)) / TICKS


def memory_mb(pid: int, proc: Path = PROC) -> float:
    """The proportional set size of a process and everything below it in MB: shared pages are counted once in all."""
    return sum(_proportional_kb(member, proc) for member in family(pid, proc)) / 1024


def _children(pid: int, proc: Path) -> Iterable[int]:
    try:
        threads = list((proc / str(pid) / "task").iterdir())
        return [int(child) for thread in threads for child in (thread / "children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def _ticks(pid: int, proc: Path) -> list[int]:
    """utime, stime, and those of children that were waited for."""
    try:
        text = (proc / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    # The name stands in parentheses, and may hold spaces and parentheses itself.
    return [int(field) for field in text.rpartition(")")[2].split()[11:15]]


def _proportional_kb(pid: int, proc: Path) -> int:
    try:
        lines = (proc / str(pid) / "smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)
