"""The worker: lease deliveries, post them from threads, and record the outcomes.

The threads do not use the database, so one connection is enough and is never held during network waits; the loop
does not use the network. No endpoint gets all threads, a slow endpoint gets one, and one that keeps failing is
tried only occasionally, so a dead endpoint does not delay the others.
"""

import logging
import queue
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID, uuid4

from django.conf import settings
from django.db import Error, connections
from django.utils import timezone

from products.feed.sequencer import number_all_events
from products.models import WebhookEndpoint
from products.webhooks.deliveries import MAX_RUN, Leased, Outcome, lease, make_deliveries, record
from products.webhooks.endpoints import headers, secrets_of
from products.webhooks.posting import Answer, post
from products.webhooks.signing import SecretKeyGone

logger = logging.getLogger(__name__)

POLL = 0.2
"""Seconds between two looks for new events."""

PAUSE = 5.0
"""Seconds until the next try where the database does not answer."""

QUICK = 0.2
"""An endpoint whose last answer took no longer (seconds) is given several orders at once."""

SLOW = 1.0
"""An endpoint whose last answer took this long (seconds) gets one thread."""

ENOUGH = 2
"""After so many failures in a row a thread leaves the endpoint alone."""

RUNS = 10
"""How many orders or products a thread takes at once, of a quick endpoint."""

LEASE = 3
"""How long a delivery is leased, in times of the longest post."""


class Task(NamedTuple):
    """The work of one thread: runs of deliveries to one endpoint, each run for one order or product."""

    endpoint: int
    address: str
    secrets: list[bytes]
    runs: list[list[Leased]]
    deadline: float
    """By time.monotonic(): after that, no post may begin, because another worker may take over."""


@dataclass
class Lane:
    """This worker's state for one endpoint."""

    tasks: int = 0
    seconds: float = SLOW
    """How long the last answer took; unknown ones count as slow."""


@dataclass
class Sender:
    """A worker. A signal handler or another thread may set `stop`; posts in progress are then finished."""

    threads: int = 8
    stop: threading.Event = field(default_factory=threading.Event)
    worker: UUID = field(default_factory=uuid4)
    lanes: dict[int, Lane] = field(default_factory=dict)
    delivered: int = 0
    failed: int = 0

    def __post_init__(self) -> None:
        self._outcomes: queue.SimpleQueue[Outcome | int] = queue.SimpleQueue()
        self._unwritten: list[Outcome] = []
        self._next_look = 0.0

    def run(self, *, once: bool = False) -> None:
        """Deliver until `stop` is set; with `once`, until no delivery is due."""
        with ThreadPoolExecutor(self.threads, "webhooks") as pool:
            while True:
                try:
                    is_idle = self._pass(pool, once=once)
                except Error as error:
                    logger.warning("The database does not answer: %s", str(error).strip())
                    connections.close_all()
                    self._collect(POLL)
                    is_idle = False
                    if self.stop.wait(PAUSE) and not self._busy():
                        return  # A delivery whose outcome could not be recorded is posted again.
                if not self._busy() and not self._unwritten and (self.stop.is_set() or (once and is_idle)):
                    return

    def _pass(self, pool: ThreadPoolExecutor, *, once: bool) -> bool:
        """Run one pass, and return whether there was nothing to do."""
        self._write()
        made = leased = 0
        if not self.stop.is_set():
            made = self._look()
            leased = self._lease(pool)
        if made or leased:
            return False
        if self._busy():
            self._collect(POLL)
            return False
        if not once:
            self.stop.wait(POLL)
        return True

    def _busy(self) -> int:
        return sum(lane.tasks for lane in self.lanes.values())

    def _look(self) -> int:
        """Create deliveries for new entries of the feed; return how many were created."""
        if self._busy() and time.monotonic() < self._next_look:
            return 0
        number_all_events()
        made = make_deliveries()
        if not made:
            self._next_look = time.monotonic() + POLL
        return made

    # Leasing

    def _lease(self, pool: ThreadPoolExecutor) -> int:
        """Give work to the free threads; return how many got some."""
        free, given = self.threads - self._busy(), 0
        if not free:
            return 0
        due = {endpoint.pk: endpoint for endpoint in WebhookEndpoint.objects.due(timezone.now())}
        while due and given < free:
            # The endpoint with the fewest threads is next, so that every endpoint gets a turn.
            endpoint = min(due.values(), key=lambda each: (self._lane(each).tasks, each.pk))
            if self._lane(endpoint).tasks >= self._share(endpoint) or not self._start(pool, endpoint):
                del due[endpoint.pk]
            else:
                given += 1
        return given

    def _lane(self, endpoint: WebhookEndpoint) -> Lane:
        return self.lanes.setdefault(endpoint.pk, Lane())

    def _share(self, endpoint: WebhookEndpoint) -> int:
        """Return how many threads may post to the endpoint at once."""
        is_slow = endpoint.is_doubtful or self._lane(endpoint).seconds >= SLOW
        return 1 if is_slow else max(1, self.threads // 2)

    def _start(self, pool: ThreadPoolExecutor, endpoint: WebhookEndpoint) -> bool:
        lane, seconds = self._lane(endpoint), LEASE * settings.WEBHOOK_TIMEOUT
        deadline = time.monotonic() + seconds - settings.WEBHOOK_TIMEOUT
        is_quick = lane.seconds <= QUICK and not endpoint.is_doubtful
        leased = lease(
            endpoint.pk,
            runs=RUNS if is_quick else 1,
            worker=self.worker,
            until=timezone.now() + timedelta(seconds=seconds),
            longest=1 if endpoint.is_doubtful else MAX_RUN,
        )
        if not leased:
            return False
        lane.tasks += 1
        try:
            task = Task(endpoint.pk, endpoint.address, secrets_of(endpoint), leased, deadline)
        except SecretKeyGone as error:
            self._fail(endpoint.pk, leased, Answer(0, error=str(error)))
        else:
            pool.submit(self._post_all, task)
        return True

    def _fail(self, endpoint: int, runs: list[list[Leased]], answer: Answer) -> None:
        for run in runs:
            for number, each in enumerate(run):
                self._outcomes.put(Outcome(each.delivery, endpoint, each.attempts, None if number else answer))
        self._outcomes.put(endpoint)

    # Posting, in the threads

    def _post_all(self, task: Task) -> None:
        """Post the task's deliveries as far as possible; report the outcome of each one, then the end of the task."""
        is_open, failures = True, 0
        try:
            for run in task.runs:
                is_whole = True
                for each in run:
                    answer = None
                    if is_open and is_whole and not self.stop.is_set() and time.monotonic() < task.deadline:
                        answer = self._post(task, each)
                        is_whole = answer.is_success
                        failures = 0 if answer.is_success else failures + 1
                        is_open = failures < ENOUGH and not _is_last(answer)
                    self._outcomes.put(Outcome(each.delivery, task.endpoint, each.attempts, answer))
        finally:
            self._outcomes.put(task.endpoint)

    def _post(self, task: Task, each: Leased) -> Answer:
        message = f"evt_{each.position}"
        signed = headers(message, each.body, task.secrets)
        return post(task.address, each.body, signed, timeout=settings.WEBHOOK_TIMEOUT)

    # Recording outcomes

    def _collect(self, wait: float) -> None:
        """Collect the threads' reports; wait at most this many seconds for the first one."""
        try:
            self._take(self._outcomes.get(timeout=wait))
            while True:
                self._take(self._outcomes.get_nowait())
        except queue.Empty:
            return

    def _take(self, report: Outcome | int) -> None:
        if isinstance(report, Outcome):
            self._unwritten.append(report)
            if report.answer is not None:
                self.lanes[report.endpoint].seconds = report.answer.seconds
        else:
            self.lanes[report].tasks -= 1

    def _write(self) -> None:
        self._collect(0)
        if not self._unwritten:
            return
        record(self._unwritten, self.worker)
        tried = Counter(each.answer.is_success for each in self._unwritten if each.answer is not None)
        self.delivered, self.failed = self.delivered + tried[True], self.failed + tried[False]
        for each in self._unwritten:
            if each.answer is not None and not each.answer.is_success:
                logger.info(
                    "Webhook %s: attempt %s failed, %s",
                    each.endpoint,
                    each.attempts + 1,
                    each.answer.code or "no answer",
                )
        self._unwritten = []


def _is_last(answer: Answer) -> bool:
    """Return whether the task's remaining deliveries wait: the endpoint is slow, unreachable, or asks for a pause."""
    return answer.code in (None, 410, 429) or answer.retry_after > 0 or answer.seconds > QUICK
