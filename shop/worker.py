"""gunicorn's worker, with three differences: what it refuses itself is problem+json as well, what could be read in
two ways is refused, and nobody may take for ever to send a request."""

import json
import re
import socket
import time
import uuid
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

from gunicorn import util
from gunicorn.http.errors import InvalidHeader, UnsupportedTransferCoding
from gunicorn.http.message import Request
from gunicorn.http.unreader import SocketUnreader
from gunicorn.workers import gthread

CODES = {
    400: "bad_request",
    403: "permission_denied",
    408: "request_timeout",
    414: "uri_too_long",
    417: "expectation_failed",
    431: "headers_too_large",
    501: "not_implemented",
}
# WSGI joins what is repeated with commas, so that nobody behind it could tell.
SENT_ONCE = ("AUTHORIZATION", "IDEMPOTENCY-KEY")
# WSGI decodes the path, so that /a%2Fb would be /a/b to us and another path to a proxy with rules about paths.
UNCLEAR_PATH = re.compile(r"%2f|%5c|%00|\\", re.IGNORECASE)


class Unclear(InvalidHeader):
    """A request that could be understood in two ways. Answered with 400, as other invalid headers are."""

    def __str__(self) -> str:
        return str(self.hdr)


class TooSlow(Exception):
    """The request did not arrive in time. Answered with 408."""


class Client(SocketUnreader):
    """Reads what a client sends; a whole request has `patience` seconds, from its first byte on."""

    patience = 20.0

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self.begin()

    def begin(self) -> None:
        """Another request is coming."""
        self.ends_at: float | None = None
        self.in_body = False

    def chunk(self, size_hint: int | None = None) -> bytes:
        if self.sock.gettimeout() is not None:  # gunicorn throws away what nobody has read, by a clock of its own
            return super().chunk(size_hint)
        self.ends_at = self.ends_at or time.monotonic() + self.patience
        self.sock.settimeout(max(0.001, self.ends_at - time.monotonic()))
        try:
            return super().chunk(size_hint)
        except TimeoutError as error:
            if self.in_body:
                raise  # Django knows what to do with an OSError, and gunicorn would log it as one of ours.
            raise TooSlow from error
        finally:
            self.sock.settimeout(None)


class Connection(gthread.TConn):
    """A connection that is read by a Client."""

    reader: Client | None = None

    def init(self) -> None:
        super().init()
        if self.reader is None and not self.is_http2:
            self.reader = self.parser.unreader = Client(self.sock)


class Worker(gthread.ThreadWorker):
    """A gthread worker that serves Connections."""

    def handle(self, conn: Connection) -> Any:
        if conn.reader is not None:
            conn.reader.begin()
        return super().handle(conn)

    def handle_request(self, req: Request, conn: Connection) -> Any:
        check(req)
        if conn.reader is not None:
            conn.reader.in_body = True
        try:
            return super().handle_request(req, conn)
        except TimeoutError as error:
            raise TooSlow from error

    def handle_error(self, req: Request | None, client: socket.socket, addr: Any, exc: Exception) -> None:
        if isinstance(exc, TooSlow):
            write_problem(client, 408, "Request Timeout", "The request did not arrive in time.")
        else:
            super().handle_error(req, client, addr, exc)


def check(request: Request) -> None:
    """Raise what gunicorn answers with 400 or 501 for a request that is well-formed, and still not clear."""
    headers = Counter(name for name, _ in request.headers)
    values = dict(request.headers)
    if request.version >= (1, 1) and "HOST" not in headers:
        raise Unclear("A request names its host.")
    for name in SENT_ONCE:
        if headers[name] > 1:
            raise Unclear(f"{name.title()} is sent once.")
    if values.get("TRANSFER-ENCODING", "chunked").lower() != "chunked":
        raise UnsupportedTransferCoding(values["TRANSFER-ENCODING"])
    if UNCLEAR_PATH.search(request.path) or request.fragment:
        raise Unclear("A path has no backslash, encoded slash, NUL or fragment in it.")
    if not request.uri.startswith("/"):
        target = urlsplit(request.uri)
        if target.scheme not in ("http", "https") or target.netloc != values.get("HOST"):
            raise Unclear("A request is for a path, or for a whole address that has the same host as Host.")


def write_problem(sock: socket.socket, status: int, reason: str, detail: str) -> None:
    """An answer like those of the API (products.api.errors), which cannot be asked so early."""
    request_id, code = uuid.uuid4().hex, CODES.get(status, "server_error")
    problem = {
        "type": f"urn:shop:problem:{code}",
        "title": reason,
        "status": status,
        "detail": detail[:500] or reason,
        "code": code,
        "request_id": request_id,
        "errors": [],
    }
    body = json.dumps(problem)
    head = [
        f"HTTP/1.1 {status} {reason}",
        "Connection: close",
        "Content-Type: application/problem+json",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options: nosniff",
        f"X-Request-Id: {request_id}",
    ]
    util.write_nonblock(sock, "\r\n".join([*head, "", body]).encode("ascii"))


# gunicorn has no settings for these two: what connections are, and what its own errors look like, a page of HTML.
gthread.TConn = Connection
util.write_error = write_problem
