"""gunicorn's worker, with four differences: requests that could be read in two ways are refused (shop.refusing), no
request takes a thread before all of it has arrived (shop.connections), probes have a thread of their own, and a worker
that is told to go says so first, and serves on for a while."""

import errno
import socket
import sys
import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from types import FrameType
from typing import Any

from gunicorn import util
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.http.message import Request
from gunicorn.workers import gthread

from shop import deadlines
from shop.connections import LARGEST_HEAD, Client, Connection, TooSlow
from shop.draining import draining
from shop.refusing import check, write_problem
from shop.waiting import WaitingRoom

LAST_WORDS = 2.0
"""Seconds for a client to take its last answer; and for requests on their way to a worker that goes."""

MOST_HELD = 32 * 1024 * 1024
"""Bytes of unfinished requests that a worker keeps."""

TOO_SLOW = (408, "Request Timeout", "The request did not arrive in time.")
TOO_LARGE = (431, "Request Header Fields Too Large", f"The headers have more than {LARGEST_HEAD} bytes.")


class Worker(gthread.ThreadWorker):
    """A gthread worker that serves Connections."""

    drain = 2.0
    """Seconds from being told to go to taking no more connections."""

    alive: bool
    leaves_at: float | None = None

    @classmethod
    def check_config(cls, cfg: Config, log: Logger) -> None:
        super().check_config(cfg, log)
        if cfg.is_ssl or cfg.http2_cleartext != "off":
            sys.exit("This worker speaks plain HTTP/1.1; end TLS and HTTP/2 at a proxy in front of it.")

    def run(self) -> None:
        self.arriving, self.leaving = WaitingRoom(self.poller), WaitingRoom(self.poller)
        # However many requests hang, the platform hears at once how things are.
        self.probes = ThreadPoolExecutor(1)
        Client.slots = threading.Semaphore(max(1, self.cfg.threads // 2))
        super().run()

    # Connections come, wait for their requests to be whole, are worked on by a thread, wait for the next, and go.

    def accept(self, listener: socket.socket) -> bool:
        """Take a connection that is waiting; whether there was one."""
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return False
        self.nr_conns += 1
        self.take_in(Connection(self.cfg, client, address, listener.getsockname()))
        return True

    def on_client_socket_readable(self, conn: Connection, client: socket.socket) -> None:
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        conn.begin()
        self.take_in(conn)

    def take_in(self, conn: Connection) -> None:
        """Read on, and give the request to a thread as soon as that would not have to wait for the rest."""
        was_silent = not conn.arrived
        conn.receive()
        must_wait = not (conn.is_whole() or conn.is_too_large())
        if conn in self.arriving:
            if must_wait and not was_silent:
                return
            self.arriving.release(conn)
        if must_wait:
            self.arriving.admit(conn, conn.ends_at, self.take_in)
            self.make_room()
        elif not conn.arrived:
            self.drop(conn)
        elif conn.is_too_large():
            self.refuse(conn, *TOO_LARGE)
        else:
            self.enqueue_req(conn)

    def enqueue_req(self, conn: Connection) -> None:
        conn.whole_since = time.monotonic()
        pool = self.probes if conn.is_probe() else self.tpool
        work = pool.submit(self.handle, conn)
        work.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    def finish_request(self, conn: Connection, done: "Future[Any]") -> None:
        if done.cancelled() or done.exception() or not done.result() or conn.reader is None:
            self.leave(conn)
        elif begun := conn.reader.take_buffered():
            conn.begin(begun)
            self.take_in(conn)
        else:
            super().finish_request(conn, done)

    def leave(self, conn: Connection) -> None:
        """End the conversation: nothing more is said, but what is on its way is still taken.

        Closed at once, a connection on which something arrives forgets the answer that is on its way to the client.
        """
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self.drop(conn)
        else:
            conn.begin()
            self.leaving.admit(conn, time.monotonic() + LAST_WORDS, self.take_last_words)

    def take_last_words(self, conn: Connection) -> None:
        conn.receive()
        if conn.has_ended or len(conn.arrived) > LARGEST_HEAD:
            self.leaving.release(conn)
            self.drop(conn)

    def refuse(self, conn: Connection, status: int, reason: str, detail: str) -> None:
        self.log.warning("Refused a request from %s: %s", conn.client, detail)
        try:
            write_problem(conn.sock, status, reason, detail)
        except OSError:
            self.drop(conn)
        else:
            self.leave(conn)

    def drop(self, conn: Connection) -> None:
        self.nr_conns -= 1
        conn.close()

    def make_room(self) -> None:
        """Send away who has waited longest, rather than accept nobody any more."""
        while self.nr_conns >= self.worker_connections or self.arriving.held() > MOST_HELD:
            room = next((room for room in (self.leaving, self.arriving) if room.ends), None)
            if room is None:
                return
            conn = next(iter(room))
            room.release(conn)
            self.drop(conn)

    def murder_pending(self) -> None:
        """Send away who has waited for too long; gunicorn asks for it again and again."""
        for conn in self.arriving.overdue():
            self.arriving.release(conn)
            if conn.arrived:
                self.refuse(conn, *TOO_SLOW)
            else:
                self.drop(conn)
        for conn in self.leaving.overdue():
            self.leaving.release(conn)
            self.drop(conn)

    # In a thread.

    def handle_request(self, req: Request, conn: Connection) -> Any:
        check(req)
        if conn.reader is not None:
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
            self.close_listeners()
            self.arriving.hurry(time.monotonic() + LAST_WORDS)

    def close_listeners(self) -> None:
        """Whoever is connected already is served. Closing resets who has not been accepted, so leave nobody there."""
        for listener in self.sockets:
            for _ in range(self.cfg.backlog):
                if not self.accept(listener):
                    break
            listener.close()


# gunicorn has no settings for these: what its own errors look like, a page of HTML, and for how many seconds a thread
# throws away a body that nobody has read.
util.write_error = write_problem
gthread.DEFAULT_WORKER_DATA_TIMEOUT = 0.05
