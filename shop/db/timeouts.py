"""Bound the time that a request waits for PostgreSQL, with psycopg2's wait callback.

libpq itself waits forever for a server that is frozen or cut off. `statement_timeout` does not help there, since it is
the server that enforces it.
"""

import select
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2
from psycopg2 import extensions

FAIL_FAST_SECONDS = 3.0
"""After a timeout, requests that were queued meanwhile fail fast for this long, unless the database answers again."""
FAIL_FAST_WAIT = 0.25
"""Seconds that a request waits for the database while requests fail fast."""

EVENTS = {extensions.POLL_READ: select.POLLIN, extensions.POLL_WRITE: select.POLLOUT}


class Budget(threading.local):
    """The seconds that the current thread may still wait for the database; None is no limit."""

    remaining: float | None = None


class CircuitBreaker:
    """Shared by all threads: fails fast after a timeout, so that a queue of requests does not wait one by one.

    Each database server has its own: a hanging replica says nothing about the primary.
    """

    fails_fast_until = 0.0


budget = Budget()
breakers: defaultdict[tuple[str | None, int | None], CircuitBreaker] = defaultdict(CircuitBreaker)


@contextmanager
def limit_wait(seconds: float | None) -> Iterator[None]:
    """Limit how long this thread waits for the database in total; None or 0 is no limit.

    Only waiting for the database counts, so a slow upload uses none of the limit.
    """
    outer, budget.remaining = budget.remaining, seconds or None
    try:
        yield
    finally:
        budget.remaining = outer


def wait(connection: extensions.connection) -> None:
    """Wait until the connection has finished its operation: psycopg2's wait callback.

    Raises OperationalError when the time is used up; psycopg2 then closes the connection.
    """
    began = time.monotonic()
    breaker = breakers[connection.info.host, connection.info.port]
    limit = _limit(connection, breaker, began)
    try:
        while (state := connection.poll()) != extensions.POLL_OK:
            if state not in EVENTS:
                raise psycopg2.OperationalError(f"Unexpected state of the connection: {state}.")
            poller = select.poll()
            poller.register(connection.fileno(), EVENTS[state])
            patience = None if limit is None else max(0.0, began + limit - time.monotonic()) * 1_000
            if not poller.poll(patience):
                _time_out(breaker, time.monotonic() - began)
    finally:
        if budget.remaining is not None:
            budget.remaining -= time.monotonic() - began
    breaker.fails_fast_until = 0.0


def _limit(connection: extensions.connection, breaker: CircuitBreaker, now: float) -> float | None:
    """Return the seconds that this wait may take."""
    limits = [] if budget.remaining is None else [budget.remaining]
    if connection.status == extensions.STATUS_SETUP:
        # libpq does not apply its own connect_timeout when it is polled.
        connect_timeout = float(connection.info.dsn_parameters.get("connect_timeout", 0))
        limits += [connect_timeout] if connect_timeout else []
    if limits and now < breaker.fails_fast_until:
        limits.append(FAIL_FAST_WAIT)
    return min(limits, default=None)


def _time_out(breaker: CircuitBreaker, waited: float) -> None:
    if waited > 1.0:  # A shorter wait says little, and must not keep requests failing fast.
        breaker.fails_fast_until = time.monotonic() + FAIL_FAST_SECONDS
    raise psycopg2.OperationalError("The database did not answer in time.")
