"""A worker's main loop: how connections come, wait for their requests to be whole, and go, without a thread."""

import contextlib
import errno
import math
import socket
import time
from typing import Any

from gunicorn.workers import gthread

from shop.connections import MAX_HEAD, Connection
from shop.polling import Poller
from shop.refusing import write_problem
from shop.shares import AWAY, Share
from shop.waiting import WaitingRoom

LAST_WORDS = 2.0
"""Seconds for a client to take its last answer; and for requests on their way to a worker that goes."""

MAX_HELD = 32 * 1024 * 1024
"""Bytes of unfinished requests that a worker keeps."""

TOO_SLOW = (408, "Request Timeout", "The request did not arrive in time.")
TOO_LARGE = (431, "Request Header Fields Too Large", f"The headers have more than {MAX_HEAD} bytes.")


class Loop(gthread.ThreadWorker):
    """Whoever inherits gives requests to threads, which give the connections back by listen_to() or the method queue.

    There are no locks, since a connection belongs to one thread at a time: to this one until it gives it away, to the
    other one until it gives it back. The poller tells only this one, and nothing of what is given away, which is not
    armed. Rooms, counts and `kept` are this one's; the others ask only how many are kept.
    """

    alive: bool
    poller: Poller
    looks_again_at, closes_at = 0.0, math.inf

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.share = Share()

    def run(self) -> None:
        self.poller.close()
        self.poller = Poller()
        self.arriving, self.leaving = WaitingRoom(), WaitingRoom()
        # Who has a request with a thread, or is idle between two of them.
        self.kept: set[Connection] = set()
        self.tell_the_others()
        super().run()

    def accept(self, listener: socket.socket) -> bool:
        """Take a connection that is waiting; whether there was one."""
        self.share.give_way()
        try:
            client, address = listener.accept()
        except OSError as error:
            if error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return False
        self.nr_conns += 1
        self.tell_the_others()
        self.take_in(Connection(self.cfg, client, address, listener.getsockname()))
        return True

    def tell_the_others(self) -> None:
        self.share.connections = self.nr_conns if self.alive else AWAY

    def listen_to(self, conn: Connection) -> None:
        """Last of all, where another thread does it: from then on the connection is this one's."""
        self.poller.arm(conn, self.hear)

    def hear(self, conn: Connection) -> None:
        """There is something to read."""
        if conn.fileno() < 0:
            return  # To make room, a moment ago.
        if conn.idle_since is not None:
            conn.begin()
        if conn in self.leaving:
            self.take_last_words(conn)
        else:
            self.take_in(conn)

    def take_in(self, conn: Connection) -> None:
        """Read on, and give the request to a thread as soon as that would not have to wait for the rest."""
        was_silent = not conn.arrived
        conn.receive()
        if not (conn.is_whole() or conn.is_too_large()):
            self.listen_to(conn)
            if was_silent or conn not in self.arriving:
                self.kept.discard(conn)
                self.arriving.admit(conn, conn.ends_at)
                self.make_room()
            return
        self.arriving.release(conn)
        if not conn.arrived:
            self.drop(conn)
        elif conn.is_too_large():
            self.refuse(conn, *TOO_LARGE)
        else:
            self.enqueue_req(conn)

    def go_on(self, conn: Connection, begun: bytes) -> None:
        """The next request has begun to come with the last one."""
        conn.begin(begun)
        self.take_in(conn)

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
            self.kept.discard(conn)
            self.leaving.admit(conn, time.monotonic() + LAST_WORDS)
            self.listen_to(conn)

    def take_last_words(self, conn: Connection) -> None:
        conn.receive()
        if conn.has_ended or len(conn.arrived) > MAX_HEAD:
            self.leaving.release(conn)
            self.drop(conn)
        else:
            self.listen_to(conn)

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
        self.tell_the_others()
        self.kept.discard(conn)
        self.poller.unregister(conn)
        conn.close()

    def make_room(self) -> None:
        """Send away who has waited longest, rather than accept nobody any more."""
        while self.nr_conns >= self.worker_connections or self.arriving.held() > MAX_HELD:
            room = next((room for room in (self.leaving, self.arriving) if room.ends), None)
            if room is None:
                return
            conn = next(iter(room))
            room.release(conn)
            self.drop(conn)

    def murder_keepalived(self, force: bool = False) -> None:
        """Send away who is idle for too long, once a second. Who speaks up meanwhile is heard first."""
        now = time.monotonic()
        if now < self.looks_again_at and self.alive:
            return
        self.looks_again_at = now + 1
        for conn in self.kept:
            since = conn.idle_since
            if since is not None and now >= min(since + self.cfg.keepalive, max(since + LAST_WORDS, self.closes_at)):
                with contextlib.suppress(OSError):
                    conn.sock.shutdown(socket.SHUT_RD)  # so that its end is read, by nobody but its owner

    def _cap_keepalive(self, deadline: float) -> None:
        self.closes_at = deadline

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
