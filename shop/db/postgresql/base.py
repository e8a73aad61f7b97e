"""Django's PostgreSQL backend with bounded waits (shop.db.timeouts), also for each of several hosts, and a health check
that costs no round trip.
"""

import select
from typing import Any

import psycopg2
from django.db.backends.postgresql import base
from psycopg2.extensions import TRANSACTION_STATUS_UNKNOWN, set_wait_callback

from shop.db import timeouts
from shop.db.url import hosts_of

HANG_UP = select.POLLIN | select.POLLPRI | getattr(select, "POLLRDHUP", 0)

# The callback is global to psycopg2, so it is installed once, with the backend.
set_wait_callback(timeouts.wait)


class DatabaseWrapper(base.DatabaseWrapper):
    """A connection whose health check looks at the socket instead of sending `SELECT 1`."""

    def get_new_connection(self, conn_params: dict[str, Any]) -> Any:
        """Connect to the first host that answers in time and has the target_session_attrs.

        libpq goes on to the next host by itself when one refuses, but when it is polled, never when one is silent.
        So each host is given to it alone, with a connect_timeout and a circuit breaker of its own.
        """
        hosts = hosts_of(conn_params.get("host"), conn_params.get("port"))
        if len(hosts) == 1:
            return super().get_new_connection(conn_params)
        failures = []
        for host, port in hosts:
            try:
                return super().get_new_connection(conn_params | {"host": host, "port": port})
            except psycopg2.OperationalError as error:
                failures.append(f"{host}:{port}: {str(error).strip().partition(chr(10))[0]}")
        raise psycopg2.OperationalError("; ".join(failures))

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
