"""A PostgreSQL that stands still: connections stay open, and nobody answers on them."""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from products.tests.postgres import PostgresServer


@contextmanager
def frozen(server: PostgresServer) -> Iterator[None]:
    """In this block, the postmaster and all its children are stopped by SIGSTOP."""
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
    pids = [int(pid) for pid in (server.pid, *children) if pid is not None]
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        # The postmaster last: it would reap a child that had just exited.
        for pid in reversed(pids):
            os.kill(pid, signal.SIGCONT)
