"""Webhooks under fire: a flaky receiver, workers that are killed, and a dead endpoint beside nine healthy ones.

    python -m chaos.webhooks --deliveries 2000 --kills 20 --seed 1

starts a PostgreSQL of its own, and a receiver that answers 500, too late, or breaks off, before or after it has taken
what was posted. Two workers deliver to it, and are killed (`kill -9`) one after the other. Every event has to arrive,
those of an order in order, each with a signature that `standardwebhooks` verifies; what arrives twice is counted. Then
nine endpoints that answer stand beside one that does not, and last one worker delivers as fast as it can. Exits with 0
if everything arrived right.
"""

import argparse
import io
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import django
from django.apps import apps
from django.core.management import call_command
from django.db import connections
from standardwebhooks import Webhook, WebhookVerificationError

from products.tests.postgres import PostgresServer

ROOT = Path(__file__).resolve().parent.parent
FLAKY = {"taken": 70, "500": 12, "too late": 3, "broken off before": 8, "broken off after": 7}
"""What the receiver does with a post, and in how many of 100."""

PATIENCE = 240
"""Seconds for everything to arrive."""

STEPS = ("pay", "ship", "deliver")
TYPES = ["order.placed", "order.paid", "order.shipped", "order.delivered"]
SETTINGS = {
    "WEBHOOK_ALLOWED_HOSTS": "127.0.0.1",
    "WEBHOOK_TIMEOUT_SECONDS": "1",
    "WEBHOOK_RETRY_SECONDS": ",".join(["0", "1"] + ["1"] * 18),
    "LOG_LEVEL": "WARNING",
    "DJANGO_SETTINGS_MODULE": "shop.settings",
}


@dataclass
class Received:
    """What a receiver was posted, in order."""

    positions: list[int] = field(default_factory=list)
    orders: dict[str, list[int]] = field(default_factory=dict)
    latencies: list[float] = field(default_factory=list)
    answers: Counter[str] = field(default_factory=Counter)
    posts: int = 0
    unverified: int = 0
    started: float = 0
    ended: float = 0

    @property
    def doubled(self) -> int:
        return len(self.positions) - len(set(self.positions))

    @property
    def out_of_order(self) -> int:
        """How many orders were told of in another order than things happened, at their first arrival."""
        firsts = (list(dict.fromkeys(sequences)) for sequences in self.orders.values())
        return sum(first != sorted(first) for first in firsts)


@dataclass
class Result:
    """What came of it all."""

    deliveries: int
    kills: int
    received: Received
    p99: float
    quiet: int
    """How many of the endpoints beside the dead one did not get everything."""
    per_second: float
    clean_exits: bool

    @property
    def missing(self) -> int:
        return self.deliveries - len(set(self.received.positions))

    @property
    def is_right(self) -> bool:
        wrong = self.missing or self.received.unverified or self.received.out_of_order or self.quiet
        return not wrong and self.clean_exits and self.p99 < 2


class Receiver:
    """A server on this machine that does with each post what chance says, and notes what it took by path."""

    def __init__(self, chance: random.Random, weights: dict[str, int]) -> None:
        self.received: dict[str, Received] = {}
        self.secrets: dict[str, str] = {}
        self.chance, self.weights, self.lock = chance, weights, threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                receiver.take(self)

            def log_message(self, *arguments: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            request_queue_size = 200
            daemon_threads = True

            def handle_error(self, *arguments: Any) -> None:
                pass  # A worker that is killed breaks off.

        self.server = Server(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=[0.05], daemon=True).start()

    def address(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server.server_port}/{path}"

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        path = handler.path.strip("/")
        with self.lock:
            [answer] = self.chance.choices(list(self.weights), list(self.weights.values()))
            noted = self.received.setdefault(path, Received())
            noted.posts += 1
            noted.answers[answer] += 1
            if answer in ("taken", "too late", "broken off after"):
                self._note(noted, path, body, dict(handler.headers))
        if answer == "too late":
            time.sleep(1.5)
        if answer.startswith("broken off"):
            handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            return
        handler.send_response(500 if answer == "500" else 204)
        handler.end_headers()

    def _note(self, noted: Received, path: str, body: bytes, headers: dict[str, str]) -> None:
        try:
            payload = Webhook(self.secrets[path]).verify(body, headers)
        except WebhookVerificationError:
            noted.unverified += 1
            return
        noted.positions.append(payload["position"])
        noted.orders.setdefault(payload["data"]["order"], []).append(payload["sequence"])
        noted.latencies.append((datetime.now(UTC) - datetime.fromisoformat(payload["at"])).total_seconds())
        noted.ended = time.monotonic()
        noted.started = noted.started or noted.ended


# The run


def run(*, deliveries: int, kills: int, seconds: float, seed: int) -> Result:
    """Deliver while workers are killed; then for so many seconds beside a dead endpoint; then as fast as it can be."""
    chance = random.Random(seed)
    with PostgresServer(max_connections=60) as server:
        os.environ |= {"DATABASE_URL": server.url, **SETTINGS}
        django.setup()
        prepare()
        try:
            received, killed, clean = under_fire(chance, deliveries, kills)
            p99, quiet = beside_a_dead_one(chance, seconds)
            per_second = quickly(chance, deliveries)
        finally:
            connections.close_all()
    return Result(deliveries, killed, received, p99, quiet, per_second, clean)


def prepare() -> None:
    call_command("migrate", verbosity=0)
    apps.get_model("auth", "User").objects.create_user("alice")
    apps.get_model("products", "Product").objects.create(sku="MUG", name="Mug", price="4.50").receive(1_000_000)


def under_fire(chance: random.Random, deliveries: int, kills: int) -> tuple[Received, int, bool]:
    receiver = Receiver(chance, FLAKY)
    endpoint = make(receiver, "flaky")
    workers = [start_worker() for _ in range(2)]
    writer = threading.Thread(target=write, args=[deliveries // len(TYPES)], daemon=True)
    writer.start()
    noted, killed, end = receiver.received.setdefault("flaky", Received()), 0, time.monotonic() + PATIENCE
    try:
        while time.monotonic() < end and (killed < kills or not is_done(endpoint, noted, deliveries)):
            time.sleep(chance.uniform(0.3, 1.5))
            if killed < kills:
                victim = killed % len(workers)
                wait_until_it_works(workers[victim], noted)
                workers[victim].kill()
                workers[victim].wait()
                workers[victim] = start_worker()
                killed += 1
        writer.join(PATIENCE)
        return noted, killed, all(stop(worker) == 0 for worker in workers)
    finally:
        finish(workers, endpoint)


def beside_a_dead_one(chance: random.Random, seconds: float) -> tuple[float, int]:
    """Return the 99th percentile of the time from an event to its arrival at nine endpoints beside a dead one."""
    receiver = Receiver(chance, {"taken": 1})
    with socket.create_server(("127.0.0.1", 0), backlog=1_000) as dead:  # which never answers
        make_endpoint(f"http://127.0.0.1:{dead.getsockname()[1]}/dead")
        names = [f"healthy-{number}" for number in range(9)]
        for name in names:
            make(receiver, name)
        workers = [start_worker(WEBHOOK_TIMEOUT_SECONDS="10", WEBHOOK_RETRY_SECONDS="5,300,1800")]
        try:
            write(1)
            wait_for(lambda: all(len(receiver.received[name].positions) == len(TYPES) for name in names), PATIENCE)
            for name in names:
                receiver.received[name].latencies.clear()  # of the worker's start
            orders, end = 1, time.monotonic() + seconds
            while time.monotonic() < end:
                write(1)
                orders += 1
                time.sleep(0.2)
            wait_for(lambda: all(len(receiver.received[name].positions) >= orders * len(TYPES) for name in names), 20)
        finally:
            finish(workers)
    latencies = sorted(latency for name in names for latency in receiver.received[name].latencies)
    quiet = sum(len(set(receiver.received[name].positions)) != orders * len(TYPES) for name in names)
    return latencies[int(len(latencies) * 0.99)], quiet


def quickly(chance: random.Random, deliveries: int) -> float:
    """Return how many events a second one worker delivers of what has piled up."""
    receiver = Receiver(chance, {"taken": 1})
    make(receiver, "quick")
    write(deliveries // len(TYPES))
    call_command("number_events", "--once", stdout=io.StringIO())
    noted = receiver.received.setdefault("quick", Received())
    workers = [start_worker()]
    try:
        wait_for(lambda: len(noted.positions) >= deliveries, PATIENCE)
    finally:
        finish(workers)
    return len(noted.positions) / max(0.001, noted.ended - noted.started)


def write(orders: int) -> None:
    """Place orders, and bring each to its end: four events an order."""
    models: Any = apps.get_app_config("products").models_module
    alice = apps.get_model("auth", "User").objects.get(username="alice")
    for _ in range(orders):
        order = models.Order.objects.create(customer=alice, items=[("MUG", 1)])
        for step in STEPS:
            getattr(order, step)()
    if threading.current_thread() is not threading.main_thread():
        connections.close_all()


def make(receiver: Receiver, name: str) -> Any:
    endpoint, receiver.secrets[name] = make_endpoint(receiver.address(name))
    receiver.received[name] = Received()
    return endpoint


def make_endpoint(address: str) -> Any:
    from products.feed.sequencer import number_all_events  # noqa: PLC0415 - needs Django to be set up
    from products.webhooks import endpoints  # noqa: PLC0415

    number_all_events()
    alice = apps.get_model("auth", "User").objects.get(username="alice")
    return endpoints.make_endpoint(address=address, types=TYPES, by=alice)


def is_done(endpoint: Any, noted: Received, deliveries: int) -> bool:
    return len(set(noted.positions)) >= deliveries and not endpoint.deliveries.pending().exists()


def start_worker(**settings: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "manage.py", "send_webhooks"]
    return subprocess.Popen(command, cwd=ROOT, env={**os.environ, **settings}, stdout=subprocess.DEVNULL)


def wait_until_it_works(worker: subprocess.Popen[bytes], noted: Received) -> None:
    """Wait until something arrives, but not for long: the worker may be waiting, too."""
    before = noted.posts
    wait_for(lambda: noted.posts > before or worker.poll() is not None, 3)


def wait_for(condition: Any, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and not condition():
        time.sleep(0.02)


def stop(worker: subprocess.Popen[bytes]) -> int:
    worker.send_signal(signal.SIGTERM)
    return worker.wait(30)


def finish(workers: list[subprocess.Popen[bytes]], *endpoints: Any) -> None:
    for worker in workers:
        if worker.poll() is None:
            with suppress(subprocess.TimeoutExpired):
                stop(worker)
            worker.kill()
    # The next part begins without any endpoints.
    apps.get_model("products", "WebhookEndpoint").objects.all().delete()


def main() -> int:
    parser = argparse.ArgumentParser(prog="chaos.webhooks", description=__doc__)
    parser.add_argument("--deliveries", type=int, default=2_000)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20, help="how long to deliver beside a dead endpoint")
    parser.add_argument("--seed", type=int, default=None, help="random by default")
    arguments = parser.parse_args()
    seed = random.randrange(1, 1_000_000) if arguments.seed is None else arguments.seed
    result = run(deliveries=arguments.deliveries, kills=arguments.kills, seconds=arguments.seconds, seed=seed)
    sys.stdout.write("\n".join([*report(result), f"Seed {seed}: {'right' if result.is_right else 'WRONG'}.", ""]))
    return 0 if result.is_right else 1


def report(result: Result) -> list[str]:
    noted = result.received
    answers = ", ".join(f"{number:,} {what}" for what, number in noted.answers.most_common())
    return [
        f"Posts: {noted.posts:,} ({answers}); workers killed: {result.kills}",
        f"Of {result.deliveries:,} events {result.missing} missing, {noted.doubled:,} arrived again,"
        f" {noted.out_of_order} orders out of order, {noted.unverified} not verified",
        f"Nine endpoints beside a dead one: p99 {result.p99:.2f} s from the event to its arrival,"
        f" {result.quiet} of them incomplete",
        f"One worker: {result.per_second:,.0f} events/s",
    ]


if __name__ == "__main__":
    sys.exit(main())
