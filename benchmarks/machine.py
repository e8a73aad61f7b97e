"""Where it was measured: the machine and every version that matters."""

import os
import platform
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.environments import python_of, versions_in
from benchmarks.wrk import find_wrk
from products.tests.postgres import PostgresServer

TOLD = {
    "shop": ["Django", "djangorestframework", "gunicorn", "psycopg2-binary"],
    "drf": ["Django", "djangorestframework", "gunicorn", "psycopg2-binary"],
    "fastapi": ["fastapi", "pydantic", "SQLAlchemy", "asyncpg", "uvicorn", "uvloop"],
}


def describe(postgres: PostgresServer, competitors: Sequence[str]) -> dict[str, str]:
    """What a reader has to know: {what: value}."""
    facts = {
        "CPU": f"{_cpu_model()}, {os.cpu_count()} cores, shared by load, servers and database",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GB",
        "kernel": f"{platform.system()} {platform.release()}",
        "Python": platform.python_version(),
        "PostgreSQL": f"{postgres.binaries.version()} ({postgres.binaries.origin}), on {_file_system(postgres.home)}, "
        + ", ".join(f"{name}={value}" for name, value in postgres.settings.items()),
        "wrk": subprocess.run([find_wrk(), "-v"], capture_output=True, text=True, check=False).stdout.split(" [")[0],
        "revision": _revision(),
    }
    for name in competitors:
        if name in TOLD:
            versions = versions_in(Path(sys.executable) if name == "shop" else python_of(name))
            facts[name] = ", ".join(f"{each} {versions.get(each, 'missing')}" for each in TOLD[name])
    return facts


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), platform.machine())


def _file_system(path: Path) -> str:
    said = subprocess.run(["stat", "--file-system", "--format=%T", path], capture_output=True, text=True, check=False)
    return said.stdout.strip() or "an unknown file system"


def _revision() -> str:
    here = Path(__file__).parent
    said = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=here, capture_output=True, text=True, check=False
    )
    return said.stdout.strip() or "unknown"
