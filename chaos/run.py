"""One run: the stage is set, the clients work, faults come and go, and the auditor looks at what is left."""

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
from chaos.auditor.answers import SOON
from chaos.auditor.history import entries_of, read_history
from chaos.auditor.records import read_records
from chaos.crew import Crew
from chaos.databases import Postgres, Sqlite, may_mount
from chaos.faults import Scene
from chaos.faults.postgres import DiskFull
from chaos.meter import Meter, Readings
from chaos.plan import Plan, Planned, draw_plan
from chaos.sampler import Sampler
from chaos.shop import PRODUCTION, Shop
from tests_http.server import ROOT

CUSTOMERS = 6
WARM_UP = 30  # seconds, at the most
AFTERWARDS = 1.0  # seconds of load after it has come back
CONNECTIONS = 2 * (4 + 1)  # of a server with the shipped configuration: workers times threads, and those for probes


@dataclass
class Settings:
    """What a run is asked for. `faults` are names; None is as many as fit.

    `application` and `sabotage` (SQL) take guards away, for the runs that have to fail.
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
    """What came of a run."""

    settings: Settings
    plan: Plan
    evidence: Evidence
    readings: Readings
    breaches: list[Breach]


def run(settings: Settings) -> Result:
    """Do it. Whatever it started has ended when this returns or raises."""
    with ExitStack() as stack:
        folder = stack.enter_context(temporary_folder())
        database = database_of(settings, folder)
        stack.enter_context(database)
        plan = draw_plan(settings.seed, settings.seconds, settings.faults, database)
        stage = set_the_stage(database, settings.sabotage)
        shop = stack.enter_context(Shop(database.url, folder, application=settings.application))
        sampler = stack.enter_context(Sampler(database))
        meter = stack.enter_context(Meter(shop, database))
        histories = folder / "histories"
        histories.mkdir()
        with Crew(stage, histories, shop.directory, settings.seed) as crew:
            windows = play(settings, plan, Scene(database, shop, crew, stage), histories)
        leave_alone(shop, sampler)
        with closing(database.connect()) as connection:
            records = read_records(connection)
        evidence = Evidence(
            history=read_history(histories),
            records=records,
            opening={each["id"]: each["opening"] for each in stage["products"]},
            samples=sampler.samples,
            windows=windows,
        )
    return Result(settings, plan, evidence, meter.readings, audit(evidence))


def play(settings: Settings, plan: Plan, scene: Scene, histories: Path) -> list[Window]:
    """Let the clients work and the faults come and go, for as long as the run is to last."""
    people = [each["name"] for each in scene.stage["people"]]
    for customer in people[:CUSTOMERS]:
        scene.crew.hire("customer", customer)
    scene.crew.hire("stockkeeper", people[-1])
    began, watch = time.monotonic(), Watch(histories)
    assert watch.wait_for_success(after=began, seconds=WARM_UP), "no order was placed, although nothing was broken yet"
    windows: list[Window] = []
    for planned in plan.faults:
        time.sleep(planned.before)
        windows = [window._replace(until=min(window.until, time.monotonic())) for window in windows]
        windows.append(break_something(settings, planned, scene, watch))
        scene.crew.check()
    time.sleep(max(0, began + settings.seconds - time.monotonic()))
    scene.crew.check()
    return windows


def break_something(settings: Settings, planned: Planned, scene: Scene, watch: "Watch") -> Window:
    """Have one fault, and wait until orders are placed again."""
    settings.say(f"  {planned.fault.name} for {planned.seconds:.1f} s")
    fault = planned.fault(scene, random.Random(f"{planned.fault.name} {settings.seed}"))
    began = time.monotonic()
    try:
        fault.begin()
        try:
            until = time.monotonic() + planned.seconds
            while time.monotonic() < until:
                time.sleep(0.1)
                fault.go_on()
        finally:
            fault.end()
        gone = time.monotonic()
        watch.wait_for_success(after=gone, seconds=2 * SOON)
        time.sleep(AFTERWARDS)
    finally:
        fault.clean_up()
    return Window(fault.name, fault.promise, began, gone, float("inf"))


def leave_alone(shop: Shop, sampler: Sampler) -> None:
    """Nobody asks the shop for anything any more: what is open now has been left open."""
    deadline = time.monotonic() + 3
    while True:
        time.sleep(0.2)
        sampler.look_who_is_left(allowed=CONNECTIONS * len(shop.servers))
        samples = sampler.samples
        quiet = not samples.in_transaction and (samples.connections or 0) <= samples.allowed
        if quiet or time.monotonic() > deadline:
            return


def set_the_stage(database: Postgres | Sqlite, sabotage: Sequence[str]) -> dict[str, Any]:
    environment = {**os.environ, **PRODUCTION, "DATABASE_URL": database.url, "LOG_LEVEL": "ERROR"}
    command = [sys.executable, "-m", "chaos.stage"]
    said = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE)
    with closing(database.connect()) as connection:
        for statement in sabotage:
            connection.cursor().execute(statement)
    stage: dict[str, Any] = json.loads(said.stdout)
    return stage


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


class Watch:
    """Reads the histories while they are written, for orders that are placed."""

    def __init__(self, histories: Path) -> None:
        self.histories = histories
        self.read: dict[Path, int] = {}

    def wait_for_success(self, *, after: float, seconds: float) -> bool:
        """Whether within `seconds` an order is placed that was sent `after` that moment."""
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
                whole, _, _ = file.read().rpartition(b"\n")
                self.read[path] = self.read.get(path, 0) + len(whole) + (1 if whole else 0)
                yield from entries_of(whole.decode().splitlines())
