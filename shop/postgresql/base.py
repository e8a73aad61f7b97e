"""Django's PostgreSQL backend, with two differences: asking whether a kept connection still works costs no round trip,
and a connection can be cut from outside when the database does not answer (shop.deadlines)."""

import select
import weakref
from typing import Any

from django.db.backends.postgresql import base
from psycopg2.extensions import TRANSACTION_STATUS_UNKNOWN

from shop import deadlines

MIN_CONNECT_TIMEOUT = 2
"""Seconds; libpq takes no less."""

HANG_UP = select.POLLIN | select.POLLPRI | getattr(select, "POLLRDHUP", 0)


class DatabaseWrapper(base.DatabaseWrapper):
    """One thread's connection."""

    line: deadlines.Line | None = None

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """A connection that the thread's deadline can cut. Raises OperationalError where there is no time for one."""
        deadline = deadlines.current()
        if deadline is not None:
            remaining = int(deadline.remaining())
            if deadline.is_over or remaining < MIN_CONNECT_TIMEOUT:
                raise self.Database.OperationalError("There is no time left to connect to the database.")
            patience = int(conn_params.get("connect_timeout") or remaining)
            conn_params = conn_params | {"connect_timeout": min(patience, remaining)}
        connection = super().get_new_connection(conn_params)
        self.line = deadlines.Line(connection.fileno())
        # Who lets go of a connection without closing it, as a thread does that ends, lets go of its line as well.
        weakref.finalize(connection, self.line.close).atexit = False
        if deadline is not None and deadline.is_over:
            self._drop_line()
            connection.close()
            raise self.Database.OperationalError("Connecting to the database took too long.")
        return connection

    def is_usable(self) -> bool:
        """Whether the server is still there, as far as this side can know without asking.

        Nobody sends anything on a connection that is idle. So if there is something to read, then it is the server's
        farewell, or the end. A server that is frozen or cut off is not noticed here, but by the deadline.
        """
        connection = self.connection
        if connection is None or connection.closed:
            return False
        if connection.info.transaction_status == TRANSACTION_STATUS_UNKNOWN:
            return False
        poll = select.poll()
        poll.register(connection.fileno(), HANG_UP)
        return not poll.poll(0)

    def _close(self) -> None:
        self._drop_line()
        super()._close()  # type: ignore[misc]  # django-stubs do not know it

    def _drop_line(self) -> None:
        if self.line is not None:
            self.line.close()
            self.line = None
