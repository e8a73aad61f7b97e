"""One run: create the data, start the shop and the clients, inject the faults, and audit the result."""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chaos.auditor import Breach, Evidence, Window, audit
from chaos.auditor.answers import MAX_RECOVERY
from chaos.auditor.history import entries_of, read_history
from chaos.auditor.records import read_records
from chaos.clients.pool import ClientPool
from chaos.databases import Postgres, Sqlite, may_mount
from chaos.faults import Context
from chaos.faults.postgres import DiskFull
from chaos.monitors import DatabaseMonitor, ResourceMonitor, Resources
from chaos.plan import Plan, Planned, draw_plan
from chaos.shop import PRODUCTION, Shop
from tests_http.server import ROOT

CUSTOMERS = 6
WARM_UP = 30  # seconds at most, until the first order is placed
AFTERWARDS = 1.0  # seconds of load after the recovery
CONNECTIONS = 2 * (4 + 1)  # of a server with the shipped configuration: workers × (threads + one for health checks)


@dataclass
class Settings:
    """The settings of a run. `faults` are names; None stands for as many as fit.

    `application` and `sabotage` (SQL statements) remove guards, for the control runs.
    """

    seed: int = 1
    seconds: float = 60
    faults: Sequence[str] | None = None
    sqlite: bool = False
    application: str = "shop.wsgi"
    sabotage: Sequence[str] = ()
    say: Callable[[str], object] = print


@dataclass
class Result:
    """The result of a run."""

    settings: Settings
    plan: Plan
    evidence: Evidence
    resources: Resources
    breaches: list[Breach]


def run(settings: Settings) -> Result:
    """Run it. Every process that it starts has ended when this returns or raises."""
    with ExitStack() as stack:
        folder = stack.enter_context(temporary_folder())
        database = database_of(settings, folder)
        stack.enter_context(database)
        plan = draw_plan(settings.seed, settings.seconds, settings.faults, database)
        data = create_sample_data(database, settings.sabotage)
        shop = stack.enter_context(Shop(database.url, folder, application=settings.application))
        monitor = stack.enter_context(DatabaseMonitor(database))
        resource_monitor = stack.enter_context(ResourceMonitor(shop, database))
        histories = folder / "histories"
        histories.mkdir()
        with ClientPool(data, histories, shop.directory, settings.seed) as clients:
            windows = play(settings, plan, Context(database, shop, clients, data), histories)
        wait_until_quiet(shop, monitor)
        with closing(database.connect()) as connection:
            records = read_records(connection)
        evidence = Evidence(
            history=read_history(histories),
            records=records,
            opening={each["id"]: each["opening"] for each in data["products"]},
            samples=monitor.samples,
            windows=windows,
        )
    return Result(settings, plan, evidence, resource_monitor.resources, audit(evidence))


def play(settings: Settings, plan: Plan, context: Context, histories: Path) -> list[Window]:
    """Start the clients and inject the planned faults, and return when each of them took place."""
    people = [each["name"] for each in context.data["people"]]
    for customer in people[:CUSTOMERS]:
        context.clients.start("customer", customer)
    context.clients.start("stockkeeper", people[-1])
    began, follower = time.monotonic(), HistoryFollower(histories)
    assert follower.wait_for_success(after=began, seconds=WARM_UP), "No order was placed before the first fault."
    windows: list[Window] = []
    for planned in plan.faults:
        time.sleep(planned.before)
        windows = [window._replace(until=min(window.until, time.monotonic())) for window in windows]
        windows.append(run_fault(settings, planned, context, follower))
        context.clients.check()
    time.sleep(max(0, began + settings.seconds - time.monotonic()))
    context.clients.check()
    return windows


def run_fault(settings: Settings, planned: Planned, context: Context, follower: "HistoryFollower") -> Window:
    """Inject one fault, end it, and wait until orders are placed again."""
    settings.say(f"  {planned.fault.name} for {planned.seconds:.1f} s")
    fault = planned.fault(context, random.Random(f"{planned.fault.name} {settings.seed}"))
    began = time.monotonic()
    try:
        fault.begin()
        try:
            until = time.monotonic() + planned.seconds
            while time.monotonic() < until:
                time.sleep(0.1)
                fault.tick()
        finally:
            fault.end()
        gone = time.monotonic()
        follower.wait_for_success(after=gone, seconds=2 * MAX_RECOVERY)
        time.sleep(AFTERWARDS)
    finally:
        fault.clean_up()
    return Window(fault.name, fault.promise, began, gone, float("inf"))


def wait_until_quiet(shop: Shop, monitor: DatabaseMonitor) -> None:
    """Wait until the idle shop has closed its connections, and record those that stay open."""
    deadline = time.monotonic() + 3
    while True:
        time.sleep(0.2)
        monitor.count_connections(allowed=CONNECTIONS * len(shop.servers))
        samples = monitor.samples
        quiet = not samples.in_transaction and (samples.connections or 0) <= samples.allowed
        if quiet or time.monotonic() > deadline:
            return


def create_sample_data(database: Postgres | Sqlite, sabotage: Sequence[str]) -> dict[str, Any]:
    environment = {**os.environ, **PRODUCTION, "DATABASE_URL": database.url, "LOG_LEVEL": "ERROR"}
    command = [sys.executable, "-m", "chaos.sample_data"]
    done = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE)
    with closing(database.connect()) as connection:
        for statement in sabotage:
            connection.cursor().execute(statement)
    data: dict[str, Any] = json.loads(done.stdout)
    return data


def database_of(settings: Settings, folder: Path) -> Postgres | Sqlite:
    if settings.sqlite:
        return Sqlite(folder)
    wants_small_disk = settings.faults is None or DiskFull.name in settings.faults
    return Postgres(small_disk=wants_small_disk and may_mount())


@contextmanager
def temporary_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="shop-chaos-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class HistoryFollower:
    """Reads the clients' histories while they are written, and finds the orders that are placed."""

    def __init__(self, histories: Path) -> None:
        self.histories = histories
        self.read: dict[Path, int] = {}

    def wait_for_success(self, *, after: float, seconds: float) -> bool:
        """Return whether an order sent later than `after` is placed within `seconds`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if any(self._is_placed(entry, after) for entry in self._new_entries()):
                return True
            time.sleep(0.05)
        return False

    def _is_placed(self, entry: dict[str, Any], after: float) -> bool:
        if entry["what"] != "answered" or entry["kind"] != "place" or entry["status"] != 201:
            return False
        return bool(entry["sent"] >= after)

    def _new_entries(self) -> Iterator[dict[str, Any]]:
        for path in self.histories.glob("*.jsonl"):
            with suppress(FileNotFoundError), path.open("rb") as file:
                file.seek(self.read.get(path, 0))
                complete, _, _ = file.read().rpartition(b"\n")
                self.read[path] = self.read.get(path, 0) + len(complete) + (1 if complete else 0)
                yield from entries_of(complete.decode().splitlines())
