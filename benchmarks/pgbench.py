"""The limit: the same order by pgbench, which is PostgreSQL's own client in C and does nothing else."""

import os
import re
import subprocess
import tempfile
from pathlib import Path

from benchmarks.cases import FIRST_OF_THE_REST, HOT
from benchmarks.competitors import BUYERS
from benchmarks.processes import cpu_seconds
from benchmarks.shop import Shop
from benchmarks.statistics import Sample
from benchmarks.wrk import CONNECTIONS

HERE = Path(__file__).resolve().parent
SCRIPTS = [
    ("pgbench-transaction", "pgbench, a transaction", "order_transaction.sql"),
    ("pgbench-statement", "pgbench, one statement", "order_statement.sql"),
]
"""(name, title, script) of each limit."""
LIMITED = ("order", "hot-order")
"""The cases that there are scripts for."""


class Limit:
    """One script against a database that the shop has made and filled."""

    def __init__(self, shop: Shop, name: str, title: str, script: str) -> None:
        self.shop, self.name, self.title = shop, name, title
        self.script = HERE / "sql" / script

    def measure(self, case: str, seconds: float) -> Sample:
        """Place orders of one line for random products, or for one (case "hot-order"). Raises RuntimeError."""
        postgres = self.shop.postgres
        first, last = (HOT, HOT) if case == "hot-order" else (FIRST_OF_THE_REST, self.shop.size.products)
        before = cpu_seconds(postgres.pid or 0)
        with tempfile.TemporaryDirectory() as folder:
            said = self._run(seconds, first, last, Path(folder))
            times = sorted(int(line.split()[2]) / 1e3 for log in Path(folder).iterdir() for line in _lines(log))
        database = cpu_seconds(postgres.pid or 0) - before
        done, failed, rate = read(said)
        return Sample(
            rate=rate,
            p50=percentile(times, 50),
            p95=percentile(times, 95),
            p99=percentile(times, 99),
            server_cpu=0.0,
            database_cpu=database * 1_000 / max(1, done),
            wrk_cpu=0.0,
            requests=done,
            errors=failed,
        )

    def _run(self, seconds: float, first: int, last: int, folder: Path) -> str:
        postgres = self.shop.postgres
        variables = {"first": first, "last": last, "customers": len(BUYERS)}
        command: list[str | Path] = [postgres.binaries.folder / "pgbench", "--no-vacuum", "--protocol=prepared"]
        command += [f"--file={self.script}"]
        command += [f"--client={CONNECTIONS}", "--jobs=1", f"--time={max(1, round(seconds))}", "--log"]
        command += [f"--log-prefix={folder}/log", *(f"--define={name}={value}" for name, value in variables.items())]
        command += [f"--host={postgres.home}", f"--port={postgres.port}", "--username=shop", self.shop.database]
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env={"PATH": os.defpath, "LC_ALL": "C"}
        )
        if done.returncode:
            raise RuntimeError(f"pgbench failed:\n{done.stdout}{done.stderr}")
        return done.stdout


def read(said: str) -> tuple[int, int, float]:
    """(transactions, failed ones, per second) of what pgbench has printed."""
    done = re.search(r"transactions actually processed: (\d+)", said)
    failed = re.search(r"failed transactions: (\d+)", said)
    rate = re.search(r"^tps = ([\d.]+)", said, re.MULTILINE)
    if not done or not rate:
        raise ValueError(f"pgbench did not report:\n{said}")
    return int(done[1]), int(failed[1]) if failed else 0, float(rate[1])


def percentile(sorted_values: list[float], part: float) -> float:
    """The value below which `part` per cent of them are, by nearest rank."""
    if not sorted_values:
        return 0.0
    rank = -(-len(sorted_values) * part // 100)
    return sorted_values[max(0, int(rank) - 1)]


def _lines(log: Path) -> list[str]:
    return log.read_text().splitlines()
