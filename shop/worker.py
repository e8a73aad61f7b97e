"""gunicorn's worker, with six differences: requests that could be read in two ways are refused (shop.refusing), no
request takes a thread before all of it has arrived (shop.loop), it costs half as much to serve, the workers share
connections out among them (shop.shares), probes have a thread of their own, and a worker that is told to go says so
first, and serves on for a while."""

import socket
import sys
import threading
import time
from types import FrameType
from typing import Any

from gunicorn import util
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.http import wsgi
from gunicorn.http.message import Request
from gunicorn.workers import gthread

from shop import deadlines
from shop.answers import Answer, http_date
from shop.connections import Client, Connection, TooSlow
from shop.draining import draining
from shop.loop import LAST_WORDS, TOO_SLOW, Loop
from shop.refusing import check, write_problem
from shop.threads import Threads


class Worker(Loop):
    """A gthread worker that serves Connections."""

    drain = 2.0
    """Seconds from being told to go to taking no more connections."""

    leaves_at: float | None = None

    @classmethod
    def check_config(cls, cfg: Config, log: Logger) -> None:
        super().check_config(cfg, log)
        if cfg.is_ssl or cfg.http2_cleartext != "off":
            sys.exit("This worker speaks plain HTTP/1.1; end TLS and HTTP/2 at a proxy in front of it.")

    def run(self) -> None:
        # gunicorn looks for a setting anew each time, some thirty times a request; none of them changes any more.
        self.cfg.__dict__.update({name: setting.get() for name, setting in self.cfg.settings.items()})
        Client.slots = threading.Semaphore(max(1, self.cfg.threads // 2))
        self.tpool = Threads(self.cfg.threads, self.serve)
        # However many requests hang, the platform hears at once how things are.
        self.probes = Threads(1, self.serve)
        try:
            super().run()
        finally:
            self.tpool.shutdown()
            self.probes.shutdown()

    # In threads.

    def enqueue_req(self, conn: Connection) -> None:
        conn.whole_since = time.monotonic()
        self.kept.add(conn)
        (self.probes if conn.is_probe() else self.tpool).give(conn)

    def serve(self, conn: Connection) -> None:
        begun = b""
        try:
            if self.handle(conn):
                begun = conn.reader.take_buffered()
                if not begun:
                    conn.idle_since = time.monotonic()
                    self.listen_to(conn)
                    return
        except BaseException:
            self.log.exception("Error on a connection")
        if begun:
            self.method_queue.defer(self.go_on, conn, begun)
        else:
            self.method_queue.defer(self.leave, conn)

    def _keepalive_after(self, conn: Connection, keepalive: bool) -> bool:
        return keepalive and (conn.is_read() or super()._keepalive_after(conn, keepalive))

    def handle_request(self, req: Request, conn: Connection) -> Any:
        check(req)
        if len(self.kept) > self.max_keepalived:
            req.force_close()
        conn.reader.in_body = True
        deadlines.count_from(conn.whole_since)
        try:
            return super().handle_request(req, conn)
        except TimeoutError as error:
            raise TooSlow from error

    def handle_error(self, req: Request | None, client: socket.socket, addr: Any, exc: Exception) -> None:
        if isinstance(exc, TooSlow):
            self.log.warning("Refused a request from %s: %s", addr, TOO_SLOW[2])
            write_problem(client, *TOO_SLOW)
        else:
            super().handle_error(req, client, addr, exc)

    # Going.

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """SIGTERM: say that we go, and go later. gunicorn may say it more than once."""
        if self.leaves_at is None:
            draining.set()
            self.max_keepalived = 0  # Every answer says that it is the last on its connection.
            self.leaves_at = time.monotonic() + self.drain
            self.method_queue.defer(lambda: None)  # wakes the loop

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        if self.leaves_at is not None and self.alive:
            timeout = min(timeout, max(0.0, self.leaves_at - time.monotonic()))
            self.alive = timeout > 0
        super().wait_for_and_dispatch_events(timeout)

    def set_accept_enabled(self, enabled: bool) -> None:
        super().set_accept_enabled(enabled)
        if not self.alive:
            self.tell_the_others()
            self.close_listeners()
            self.arriving.hurry(time.monotonic() + LAST_WORDS)

    def close_listeners(self) -> None:
        """Whoever is connected already is served. Closing resets who has not been accepted, so leave nobody there."""
        for listener in self.sockets:
            for _ in range(self.cfg.backlog):
                if not self.accept(listener):
                    break
            listener.close()


# gunicorn has no settings for these: what its own errors look like, a page of HTML; how answers are written; for how
# many seconds a thread throws away a body that nobody has read; and that a thread waits for the client when an answer
# broke off, for which leave() needs none.
util.write_error = write_problem
util.http_date = http_date
wsgi.Response = Answer
gthread.DEFAULT_WORKER_DATA_TIMEOUT = 0.05
util.close_graceful = lambda sock: None
