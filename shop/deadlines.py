"""How long a request may wait for its database.

libpq waits for ever for a server that is frozen or cut off. Here one thread of each process looks after all requests,
and cuts the connections of one that is past its deadline: libpq then returns with an error at once. To a request that
is in time this costs two turns of a lock, and nothing to its statements.
"""

import contextlib
import os
import socket
import threading
import time
from types import TracebackType

SHORTEST = 1.0
"""Seconds; no deadline is shorter. For so long the watching thread can sleep without being told of a new one."""


class State(threading.local):
    """What each thread knows of its own request."""

    deadline: "Deadline | None" = None
    whole_since: float | None = None


own = State()
# Reentrant, since the garbage collector may close a line wherever it likes.
lock = threading.RLock()
running: dict[int, "Deadline"] = {}
lines: dict[int, set["Line"]] = {}
watchman: threading.Thread | None = None


class Deadline:
    """A context manager: past `seconds`, whatever this thread waits for from a database fails. None waits for ever."""

    def __init__(self, seconds: float | None) -> None:
        if seconds is not None and seconds < SHORTEST:
            raise ValueError(f"A deadline is {SHORTEST} s away at the least.")
        self.seconds = seconds
        self.is_over = False

    def __enter__(self) -> "Deadline":
        if self.seconds is None:
            return self
        began, own.whole_since = own.whole_since or time.monotonic(), None
        self.ends_at = began + self.seconds
        own.deadline = self
        with lock:
            running[threading.get_ident()] = self
            if watchman is None:
                _start_watching()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        own.deadline = None
        with lock:
            running.pop(threading.get_ident(), None)

    def remaining(self) -> float:
        """Seconds, negative when it has passed."""
        return self.ends_at - time.monotonic()


class Line:
    """A connection's socket, by a descriptor of its own: libpq closes its own one when it likes, and another file may
    have the number by the time that somebody wants to cut this."""

    def __init__(self, descriptor: int) -> None:
        self.socket: socket.socket | None = socket.socket(fileno=os.dup(descriptor))
        self.thread = threading.get_ident()
        with lock:
            lines.setdefault(self.thread, set()).add(self)

    def cut(self) -> None:
        """End the conversation, whoever is in the middle of it."""
        with lock:
            if self.socket is not None:
                with contextlib.suppress(OSError):  # The other side was faster.
                    self.socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the descriptor; to be called when the connection is closed."""
        with lock:
            if self.socket is not None:
                self.socket.close()
                self.socket = None
                others = lines.get(self.thread, set())
                others.discard(self)
                if not others:
                    lines.pop(self.thread, None)


def current() -> Deadline | None:
    """The deadline of what this thread does now."""
    return own.deadline


def count_from(moment: float | None) -> None:
    """Count the next deadline of this thread from `moment` (time.monotonic), at which its request was complete."""
    own.whole_since = moment


def forgive(seconds: float) -> None:
    """Do not count these `seconds`, for which this thread has waited for its client and not for the database."""
    if own.whole_since is not None:
        own.whole_since += seconds
    if own.deadline is not None:
        own.deadline.ends_at += seconds


def _start_watching() -> None:
    global watchman
    watchman = threading.Thread(target=_watch, name="deadlines", daemon=True)
    watchman.start()


def _watch() -> None:
    while True:
        time.sleep(_cut_what_is_over())


def _cut_what_is_over() -> float:
    """Seconds until the next look."""
    with lock:
        now = time.monotonic()
        for thread, deadline in running.items():
            if deadline.ends_at <= now and not deadline.is_over:
                deadline.is_over = True
                for line in lines.get(thread, ()):
                    line.cut()
        ahead = [deadline.ends_at - now for deadline in running.values() if not deadline.is_over]
    return max(0.001, min([SHORTEST, *ahead]))


def _begin_anew() -> None:
    """In a new process: the threads of the old one are gone, and its connections are not ours to cut."""
    global lock, watchman
    lock, watchman = threading.RLock(), None
    running.clear()
    lines.clear()


os.register_at_fork(after_in_child=_begin_anew)
