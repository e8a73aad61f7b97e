"""Orders in parts under load: many processes ship, cancel, return and refund at random, and are killed meanwhile.

    python -m chaos.parts --seconds 30 --processes 16 --seed 1

starts a PostgreSQL of its own and the processes, kills one of them with SIGKILL several times a second and starts
another in its place. In the end stock, ledger, counters, rows, statuses and money have to agree: for the auditor, which
reads them by plain SQL, and for `manage.py check_stock`. Exits with 0 if they do.
"""

import argparse
import io
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import django
import psycopg2
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connections
from django.utils import timezone

from chaos.auditor import INVARIANTS, Evidence
from chaos.auditor.history import read_history
from chaos.auditor.records import read_records
from products.tests.postgres import PostgresServer

CHECKED = (
    "counters_agree",
    "the_ledger_sums_to_the_stock",
    "stock_plus_sold_is_what_was_received",
    "stock_was_never_negative",
)
"""The invariants that need no history of clients."""

SKUS = tuple(f"PART-{number}" for number in range(6))
PAUSE = 0.25
"""Seconds between two kills."""

OPEN_ORDERS = 40
"""The newest orders, which the processes choose from, so that they meet."""


@dataclass(frozen=True)
class Outcome:
    """What a run came to: how often each event happened, how many processes were killed, and what does not agree."""

    events: Counter[str]
    kills: int
    violations: list[str]


# One of the processes


def work(seed: int) -> None:
    """Do at random what can be done with the newest orders, until the process is killed."""
    models: Any = apps.get_app_config("products").models_module
    alice, chance = apps.get_model("auth", "User").objects.get(username="alice"), random.Random(seed)
    while True:
        with suppress(models.DomainError):
            do_something(chance, models.Order, alice)


def do_something(chance: random.Random, orders: Any, alice: Any) -> None:
    newest = list(orders.objects.order_by("-pk")[:OPEN_ORDERS])
    if len(newest) < OPEN_ORDERS or chance.random() < 0.1:
        place(chance, orders, alice)
        return
    order = chance.choice(newest)
    key = chance.choice([None, f"key-{chance.randrange(3)}"])
    lines = [(line.sku, chance.randint(1, 4)) for line in order.lines.all() if chance.random() < 0.7]
    verbs: list[Callable[[], Any]] = [
        order.pay,
        lambda: order.pay(late=True),
        order.expire,
        order.deliver,
        lambda: order.ship(lines=lines, key=key, carrier="DHL", tracking_number=str(chance.random())),
        lambda: order.cancel(lines=lines, key=key),
        lambda: order.return_goods(lines=[(sku, n, chance.randint(0, n)) for sku, n in lines], key=key),
        lambda: order.refund(lines=lines, key=key),
        lambda: order.refund(amount=chance.randint(1, 20), key=key),
        chance.choice([order.ship, order.cancel, order.return_goods, order.deliver]),
    ]
    chance.choice(verbs)()


def place(chance: random.Random, orders: Any, alice: Any) -> None:
    items = [(sku, chance.randint(1, 20)) for sku in chance.sample(SKUS, chance.randint(1, 3))]
    overdue = timezone.now() - timedelta(seconds=1) if chance.random() < 0.3 else None
    orders.objects.create(customer=alice, items=items, pay_by=overdue)


# The run


def run(*, seconds: float, processes: int, seed: int) -> Outcome:
    """Let the processes work and be killed for so many seconds, and return what that came to."""
    chance, kills = random.Random(seed), 0
    with PostgresServer(max_connections=processes + 20) as server:
        os.environ |= {"DATABASE_URL": server.url, "DJANGO_SETTINGS_MODULE": "shop.settings"}
        django.setup()
        prepare()
        workers: list[Any] = []
        try:
            workers += [start(chance) for _ in range(processes)]
            ends = time.monotonic() + seconds
            while time.monotonic() < ends:
                time.sleep(PAUSE)
                position = chance.randrange(processes)
                stop(workers[position])
                kills += 1
                workers[position] = start(chance)
        finally:
            for worker in workers:
                stop(worker)
        return checked(server.url, kills)


def prepare() -> None:
    """Create the tables, a customer and goods, and close the connection, which no other process may share."""
    call_command("migrate", verbosity=0)
    apps.get_model("auth", "User").objects.create_user("alice")
    for sku in SKUS:
        apps.get_model("products", "Product").objects.create(sku=sku, name=sku, price="4.50").receive(2_000)
    connections.close_all()


def start(chance: random.Random) -> Any:
    # Forked, because to start Python and Django takes longer than many of them live.
    worker = get_context("fork").Process(target=work, args=[chance.randrange(10**9)], daemon=True)
    worker.start()
    return worker


def stop(worker: Any) -> None:
    """Kill the process. Raises RuntimeError if it had ended by itself, with an error that no rule explains."""
    worker.kill()
    worker.join()
    if worker.exitcode != -signal.SIGKILL:
        raise RuntimeError(f"A process ended by itself, with {worker.exitcode}.")


def checked(url: str, kills: int) -> Outcome:
    """Return the outcome, by what the auditor and check_stock find."""
    with closing(psycopg2.connect(url)) as connection, tempfile.TemporaryDirectory() as nothing:
        wait_for_the_killed(connection)
        records = read_records(connection)
        evidence = Evidence(history=read_history(Path(nothing)), records=records, opening={})
        violations = [breach.what for name in CHECKED for breach in INVARIANTS[name](evidence)]
    report = io.StringIO()
    try:
        call_command("check_stock", stdout=report)
    except CommandError:
        violations += report.getvalue().splitlines()
    connections.close_all()
    return Outcome(Counter(event.kind for event in records.events), kills, violations)


def wait_for_the_killed(connection: Any) -> None:
    """Wait until the server has noticed that the processes are gone, and rolled back what they had begun."""
    ends = time.monotonic() + 30
    with connection.cursor() as cursor:
        while time.monotonic() < ends:
            cursor.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
            if cursor.fetchone() == (0,):
                return
            time.sleep(0.1)


def main() -> int:
    parser = argparse.ArgumentParser(prog="chaos.parts", description=__doc__)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--processes", type=int, default=16)
    parser.add_argument("--seed", type=int, default=None, help="random by default")
    arguments = parser.parse_args()
    seed = random.randrange(1, 1_000_000) if arguments.seed is None else arguments.seed
    outcome = run(seconds=arguments.seconds, processes=arguments.processes, seed=seed)
    for kind, number in sorted(outcome.events.items()):
        sys.stdout.write(f"{number:7,} {kind}\n")
    sys.stdout.write(f"Seed {seed}: {outcome.kills} processes killed, {len(outcome.violations)} violations.\n")
    sys.stdout.writelines(f"{violation}\n" for violation in outcome.violations)
    return 1 if outcome.violations else 0


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    sys.exit(main())
