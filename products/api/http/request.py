"""The request as the middleware and the API's views see it, for annotations and `cast()` only."""

from django.contrib.auth.models import User
from django.http import HttpRequest
from rest_framework.request import Request

from products.db.outcome import Outcome
from products.models import ApiToken


class ShopRequest(HttpRequest):
    """Django's request with the attributes that the project's middleware and DRF add to it."""

    id: str
    """The X-Request-Id."""
    auth: ApiToken | None
    """The token that authenticated the request; DRF sets it."""
    outcome: Outcome
    """What the request has changed so far."""
    session_user_id: int | None
    """The user who is logged in to the admin. Always None for the API, which has no sessions."""


class ApiRequest(Request):
    """DRF's request in a view that requires a token; DRF's own annotations allow for anonymous users."""

    user: User
    auth: ApiToken
