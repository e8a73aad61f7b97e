"""The request as the shop's middleware completes it, for type checkers."""

from typing import Protocol

from django.http import HttpRequest

from products.models import ApiToken


class RateLimit(Protocol):
    """What is left of a client's rate limit."""

    @property
    def headers(self) -> dict[str, str]:
        """RateLimit and RateLimit-Policy."""


class ShopRequest(HttpRequest):
    """Django's request with the attributes that the middleware adds. Use it in annotations and with `cast()`."""

    id: str
    """The X-Request-Id."""
    auth: ApiToken | None
    """The token that authenticated the request; DRF sets it."""
    budget: RateLimit | None
    """The rate limit as of this request, None if it was not counted."""
    session_user_id: int | None
    """The user who is logged in to the admin. Always None for the API, which has no sessions."""
