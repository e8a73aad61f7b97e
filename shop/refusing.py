"""What gunicorn's worker refuses itself: requests that could be read in two ways. And what it says then."""

import json
import re
import socket
import uuid
from collections import Counter
from urllib.parse import urlsplit

from gunicorn import util
from gunicorn.http.errors import InvalidHeader, UnsupportedTransferCoding
from gunicorn.http.message import Request

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
