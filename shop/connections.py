"""A client's connection: how much of its next request has arrived, and how the rest is read."""

import re
import socket
import threading
import time
from typing import Any

from gunicorn.http.body import LengthReader
from gunicorn.http.message import Request
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers import gthread

from shop import deadlines

MAX_LINE = 4_097  # one byte more than gunicorn takes, with its end
MAX_HEAD = 65_536
MAX_BODY = 262_144
"""Bytes that are waited for before a thread is troubled; what is larger than this the API refuses unread."""

CONTENT_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,18})[ \t]*\r\n", re.IGNORECASE)
# Whose body is a conversation, which takes a thread.
CONVERSATION = re.compile(rb"\r\n(transfer-encoding|expect):", re.IGNORECASE)


class TooSlow(Exception):
    """The request did not arrive in time. Answered with 408."""


class Client(SocketUnreader):
    """Reads what a client sends; a whole request has `patience` seconds, from its first byte on.

    No more than `slots` threads wait for clients at a time: the others are for those who do not let them wait.
    """

    patience = 20.0
    slots = threading.Semaphore(1)
    is_trusted: bool | None = None

    def begin(self, arrived: bytes, ends_at: float) -> None:
        """A request is there as far as `arrived`, and whole at `ends_at` (time.monotonic) at the latest."""
        self.unread(arrived)
        self.ends_at = ends_at
        self.in_body = False

    def chunk(self, size_hint: int | None = None) -> bytes:
        if self.sock.gettimeout() is not None:  # gunicorn throws away what nobody has read, by a clock of its own
            return super().chunk(size_hint)
        began = time.monotonic()
        try:
            data = self._at_once(size_hint)
            return self._in_time(size_hint) if data is None else data
        except TimeoutError as error:
            if self.in_body:
                raise  # Django knows what to do with an OSError, and gunicorn would log it as one of ours.
            raise TooSlow from error
        finally:
            self.sock.settimeout(None)
            deadlines.forgive(time.monotonic() - began)

    def _at_once(self, size_hint: int | None) -> bytes | None:
        """What is there; b"" at the end of all, None where there is nothing yet."""
        self.sock.settimeout(0)
        try:
            return super().chunk(size_hint)
        except BlockingIOError:
            return None

    def _in_time(self, size_hint: int | None) -> bytes:
        if not Client.slots.acquire(blocking=False):
            raise TimeoutError("Too many clients let their threads wait.")
        try:
            self.sock.settimeout(max(0.001, self.ends_at - time.monotonic()))
            return super().chunk(size_hint)
        finally:
            Client.slots.release()


class Head(Request):
    """gunicorn's, which works out anew for each request of a connection whether it is from a proxy that it trusts."""

    def _peer_is_trusted_proxy(self) -> bool:
        if self.unreader.is_trusted is None:
            self.unreader.is_trusted = bool(super()._peer_is_trusted_proxy())
        return bool(self.unreader.is_trusted)


class Connection(gthread.TConn):
    """A connection that is read ahead until a thread can work on its request without waiting for the client."""

    reader: Client
    idle_since: float | None
    """When the last answer was sent, until there is something to read again."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.data_ready = True  # As far as gunicorn is to know, which would have a thread wait for the first byte.
        self.begin()

    def fileno(self) -> int:
        return self.sock.fileno()

    def begin(self, arrived: bytes = b"") -> None:
        """Another request is coming, and perhaps its beginning has come with the last one."""
        self.arrived = bytearray(arrived)
        self.has_ended = False
        self.ends_at = time.monotonic() + Client.patience
        self.whole_since: float | None = None
        self.idle_since = None
        self._searched, self._needed = 0, 0

    def init(self) -> None:
        if not self.initialized:
            super().init()
            self.reader = self.parser.unreader = Client(self.sock)
            self.parser.mesg_class = Head
        self.parser.mesg = None  # whose body is out of the way (see is_read), or gunicorn would look for it once more
        self.reader.begin(bytes(self.arrived), self.ends_at)
        self.arrived.clear()

    def is_read(self) -> bool:
        """Whether the body of the last request is out of the way. False where only reading on would tell."""
        body = self.parser.mesg.body.reader
        return isinstance(body, LengthReader) and not body.length

    def receive(self) -> None:
        """Take what is there, without waiting."""
        try:
            data = self.sock.recv(MAX_HEAD, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data and not self.arrived:
            self.ends_at = time.monotonic() + Client.patience
        self.arrived += data
        self.has_ended = not data

    def is_whole(self) -> bool:
        """Whether a thread would not have to wait: all of it is there, or enough to refuse it."""
        if not self._needed:
            self._needed = self._look_for_its_end()
        return self.has_ended or 0 < self._needed <= len(self.arrived)

    def is_too_large(self) -> bool:
        """Whether the head has no end, as far as anybody wants to wait for it."""
        return not self._needed and len(self.arrived) > MAX_HEAD

    def is_probe(self) -> bool:
        return self.arrived.startswith((b"GET /health/", b"HEAD /health/"))

    def _look_for_its_end(self) -> int:
        """How many bytes the request has, or as many as a thread needs to begin; 0 while that is not known."""
        end = self.arrived.find(b"\r\n\r\n", self._searched)
        self._searched = max(0, len(self.arrived) - 3)
        if end < 0:
            ends = self.arrived.find(b"\r\n", 0, MAX_LINE)
            line = self.arrived[: ends if ends >= 0 else MAX_LINE]
            is_refused = b"\n" in line or len(line) == MAX_LINE
            return len(self.arrived) if is_refused else 0
        head = bytes(self.arrived[: end + 4])
        length = CONTENT_LENGTH.search(head)
        if length is None or CONVERSATION.search(head) or int(length[1]) > MAX_BODY:
            return len(head)
        return len(head) + int(length[1])
