"""How many requests a token, or an address without one, may send in a minute.

Counted in the memory of this process: several processes let through some more, and no request costs a write.
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

if TYPE_CHECKING:
    from rest_framework.views import APIView  # which itself imports this module, by name

MINUTE = 60.0
MAX_WINDOWS = 50_000
"""Some 14 MB. Past it the window that was used longest ago is forgotten."""


class Budget(NamedTuple):
    """What there is to spend in a window, and what was spent."""

    most: int
    spent: int
    ends_in: float

    @property
    def is_overspent(self) -> bool:
        return self.spent > self.most

    @property
    def headers(self) -> dict[str, str]:
        """RateLimit and RateLimit-Policy, by draft-ietf-httpapi-ratelimit-headers-10."""
        return {
            "RateLimit-Policy": f'"requests";q={self.most};w={MINUTE:.0f}',
            "RateLimit": f'"requests";r={max(0, self.most - self.spent)};t={math.ceil(self.ends_in)}',
        }


class Windows:
    """How often each key was used in its window, which opens with the first use."""

    def __init__(self, most: int = MAX_WINDOWS) -> None:
        self.most = most
        self._lock = Lock()
        self._windows: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._windows)

    def use(self, key: str) -> tuple[int, float]:
        """One more use of `key`: (how many that makes, in how many seconds its window ends)."""
        now = time.monotonic()
        with self._lock:
            ends_at, times = self._windows.pop(key, (0.0, 0))
            if ends_at <= now:
                ends_at, times = now + MINUTE, 0
            self._windows[key] = ends_at, times + 1
            if len(self._windows) > self.most:
                self._windows.popitem(last=False)
        return times + 1, ends_at - now


windows = Windows()


def spend(request: HttpRequest) -> Budget | None:
    """Count this request, once however often it is asked; what that leaves, or None where there is no limit."""
    if not settings.REQUESTS_PER_MINUTE:
        return None
    if getattr(request, "budget", None) is None:
        # Not DRF's request.auth, which would authenticate a request that came to log in.
        token = getattr(request, "auth", None)
        key = f"token {token.digest}" if token else client_ip(request)
        request.budget = Budget(settings.REQUESTS_PER_MINUTE, *windows.use(key))  # type: ignore[attr-defined]
    budget: Budget = request.budget  # type: ignore[attr-defined]
    return budget


class RequestsPerMinute(BaseThrottle):
    """Asked by DRF once somebody was let in; for everybody else, errors.py asks."""

    def allow_request(self, request: Request, view: "APIView") -> bool:
        self.budget = spend(request._request)
        return not (self.budget and self.budget.is_overspent)

    def wait(self) -> float | None:
        return self.budget.ends_in if self.budget else None
