"""gunicorn's `pre_request` hook: find requests that two servers could read differently.

gunicorn itself rejects malformed HTTP and ambiguous framing. The rest must be checked here, because WSGI joins repeated
headers and decodes the path. A hook cannot answer a request, so it adds an internal header, and the middleware in
shop.ambiguous_requests responds with 400. gunicorn.conf.py imports this before Django is set up.
"""

import re
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

MARK = "SHOP-AMBIGUOUS-REQUEST"
"""The internal header, whose value is the reason."""

SENT_ONCE = ("AUTHORIZATION", "IDEMPOTENCY-KEY")
# A proxy with rules for /a/b may not apply them to /a%2Fb, which WSGI turns into the same path.
AMBIGUOUS_PATH = re.compile(r"%2f|%5c|%00|\\", re.IGNORECASE)


def mark_ambiguous(worker: Any, request: Any) -> None:
    """Add the internal header to an ambiguous request, and remove the one that a client may have sent."""
    request.headers[:] = [header for header in request.headers if header[0] != MARK]
    if reason := ambiguity_of(request):
        request.headers.append((MARK, reason))


def ambiguity_of(request: Any) -> str | None:
    """Return why a request (gunicorn's) can be read in two ways, or None."""
    counts = Counter(name for name, _ in request.headers)
    values = dict(request.headers)
    for name in SENT_ONCE:
        if counts[name] > 1:
            return f"Send {name.title()} only once."
    if request.version >= (1, 1) and not values.get("HOST"):
        return "Send a Host header."
    if values.get("TRANSFER-ENCODING", "chunked").lower() != "chunked":
        return "The only supported Transfer-Encoding is chunked."
    if AMBIGUOUS_PATH.search(request.path) or request.fragment:
        return "The path must not contain a backslash, an encoded slash, a NUL or a fragment."
    if not request.uri.startswith("/"):
        target = urlsplit(request.uri)
        if target.scheme not in ("http", "https") or target.netloc != values.get("HOST"):
            return "The request target must be a path, or an absolute URL with the same host as the Host header."
    return None
