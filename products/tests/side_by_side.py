"""Doing several things at once, in real threads with database connections of their own.

For tests with `@pytest.mark.django_db(transaction=True)`: what an open transaction has written, no other thread sees.
"""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier, Thread

import pytest
from django.db import connection

PATIENCE = 30  # seconds, before a test gives up on a thread

on_postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="SQLite lets one transaction write at a time, so there is nothing to race"
)


def side_by_side(*works: Callable):
    """Start all `works` at the same moment; what each of them returned or raised, in their order."""
    start = Barrier(len(works), timeout=PATIENCE)

    def run(work):
        try:
            connection.ensure_connection()  # before the start, as connecting takes longer than an order
            start.wait()
            return work()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(works)) as threads:
        return list(threads.map(run, works))


class meanwhile:  # noqa: N801 - it reads as a word of the test's sentence
    """Start `work` in a thread and go on. Who holds a lock can then ask whether it `waits`, and later for `outcome`."""

    def __init__(self, work: Callable) -> None:
        self.work = work
        self.pid: int | None = None
        self.thread = Thread(target=self._run)
        self.thread.start()

    def waits(self) -> bool:
        """Whether it is held up by somebody's lock, rather than done. Returns as soon as that is sure."""
        deadline = time.monotonic() + PATIENCE
        while self.thread.is_alive() and time.monotonic() < deadline:
            if self._is_blocked():
                return True
            time.sleep(0.01)
        return False

    def outcome(self):
        """What it returned or raised."""
        self.thread.join(PATIENCE)
        assert not self.thread.is_alive(), "it does not end"
        return self.result

    def _run(self) -> None:
        try:
            connection.ensure_connection()
            if connection.vendor == "postgresql":
                self.pid = connection.connection.info.backend_pid
            self.result = self.work()
        except Exception as error:
            self.result = error
        finally:
            connection.close()

    def _is_blocked(self) -> bool:
        if connection.vendor != "postgresql":
            # SQLite does not tell. Nothing that is not held up takes this long.
            self.thread.join(0.3)
            return self.thread.is_alive()
        if self.pid is None:
            return False
        with connection.cursor() as cursor:
            cursor.execute("SELECT cardinality(pg_blocking_pids(%s)) > 0", [self.pid])
            return cursor.fetchone()[0]


@contextmanager
def just_before(words: str, work: Callable[[], object]) -> Iterator[None]:
    """In this block, do `work` once, right before this thread sends its first statement that has `words` in it."""
    scene = [work]

    def look_for_it(execute, sql, params, many, context):
        if words in sql and scene:
            scene.pop()()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(look_for_it):
        yield
    assert not scene, f"no statement had {words} in it"
