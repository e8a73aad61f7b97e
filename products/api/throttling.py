"""The rate limit: how many requests a token, or an IP address without one, may send in a minute.

The counts are kept in the memory of each process. With several processes a client gets a few more requests than the
limit, but no request costs a write, and counting is atomic, which DRF's cache-based throttles are not.
"""

import math
import time
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from django.conf import settings
from django.http import HttpRequest
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from products.client_ip import client_ip
from products.models import ApiToken

if TYPE_CHECKING:
    from rest_framework.views import APIView  # which imports this module, by its name in the settings

WINDOW_SECONDS = 60.0
MAX_CLIENTS = 50_000
"""About 14 MB. Beyond it the client whose last request is the oldest is dropped."""

CLIENT, RATE_LIMIT = "shop.client", "shop.rate_limit"
"""Keys in request.META, which WSGI lets applications extend, and which Django's and DRF's request share."""


class RateLimit(NamedTuple):
    """The state of a client's rate limit after a request."""

    limit: int
    used: int
    resets_in: float

    @property
    def is_exceeded(self) -> bool:
        return self.used > self.limit

    @property
    def headers(self) -> dict[str, str]:
        """The RateLimit and RateLimit-Policy headers (draft-ietf-httpapi-ratelimit-headers-10)."""
        return {
            "RateLimit-Policy": f'"requests";q={self.limit};w={WINDOW_SECONDS:.0f}',
            "RateLimit": f'"requests";r={max(0, self.limit - self.used)};t={math.ceil(self.resets_in)}',
        }


class FixedWindowCounter:
    """Counts requests per client in windows of a minute. A client's window starts with its first request."""

    def __init__(self, max_clients: int = MAX_CLIENTS) -> None:
        self.max_clients = max_clients
        self._lock = Lock()
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._windows)

    def increment(self, client: str) -> tuple[int, float]:
        """Count a request: (the client's requests in this window, seconds until the window ends)."""
        now = time.monotonic()
        with self._lock:
            ends_at, count = self._windows.pop(client, (0.0, 0))
            if ends_at <= now:
                ends_at, count = now + WINDOW_SECONDS, 0
            self._windows[client] = ends_at, count + 1
            if len(self._windows) > self.max_clients:
                self._windows.popitem(last=False)
        return count + 1, ends_at - now


counter = FixedWindowCounter()


def count_by_token(request: HttpRequest | Request, token: ApiToken) -> None:
    """Count this request for its token instead of its IP address."""
    request.META[CLIENT] = f"token {token.digest}"


def count_request(request: HttpRequest | Request) -> RateLimit | None:
    """Count this request, once however often this is called, and return its rate limit; None if there is no limit."""
    if not settings.REQUESTS_PER_MINUTE:
        return None
    if RATE_LIMIT not in request.META:
        client = request.META.get(CLIENT) or client_ip(request)
        request.META[RATE_LIMIT] = RateLimit(settings.REQUESTS_PER_MINUTE, *counter.increment(client))
    return rate_limit_of(request)


def rate_limit_of(request: HttpRequest | Request) -> RateLimit | None:
    """Return the rate limit as of this request; None if the request was not counted."""
    rate_limit: RateLimit | None = request.META.get(RATE_LIMIT)
    return rate_limit


class RequestsPerMinute(BaseThrottle):
    """The throttle for requests that DRF has authenticated; errors.py counts those that failed before."""

    def allow_request(self, request: Request, view: "APIView") -> bool:
        self.rate_limit = count_request(request)
        return not (self.rate_limit and self.rate_limit.is_exceeded)

    def wait(self) -> float | None:
        return self.rate_limit.resets_in if self.rate_limit else None
