"""Django's PostgreSQL backend with bounded waits (shop.db.timeouts) and a health check that costs no round trip."""

import select

from django.db.backends.postgresql import base
from psycopg2.extensions import TRANSACTION_STATUS_UNKNOWN, set_wait_callback

from shop.db import timeouts

HANG_UP = select.POLLIN | select.POLLPRI | getattr(select, "POLLRDHUP", 0)

# The callback is global to psycopg2, so it is installed once, with the backend.
set_wait_callback(timeouts.wait)


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection whose health check looks at the socket instead of sending `SELECT 1`."""

    def is_usable(self) -> bool:
        """Return whether the server still holds the connection, as far as the client can tell without asking.

        A server sends nothing on an idle connection, so pending input is its last message or the end of the stream.
        A server that is frozen or cut off is found by the request's time limit instead.
        """
        connection = self.connection
        if connection is None or connection.closed or connection.info.transaction_status == TRANSACTION_STATUS_UNKNOWN:
            return False
        poll = select.poll()
        poll.register(connection.fileno(), HANG_UP)
        return not poll.poll(0)
