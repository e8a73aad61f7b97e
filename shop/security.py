"""What each area of the shop allows a browser, and who has a session there."""

from collections.abc import Callable
from typing import Any

from csp.constants import NONE, SELF
from csp.middleware import CSPMiddleware, PolicyParts
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.contrib.messages.middleware import MessageMiddleware
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponseBase, HttpResponseForbidden
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.deprecation import MiddlewareMixin

from shop.middleware import API

# --- What a browser may do with an answer -----------------------------------------------------------------------

Directives = dict[str, list[str]]

NOTHING: Directives = {
    "default-src": [NONE],
    "base-uri": [NONE],
    "form-action": [NONE],
    "frame-ancestors": [NONE],
    "object-src": [NONE],
}
"""For data, files and errors: whatever a browser takes them for, nothing in them runs, loads, sends or is framed."""

OWN_PAGE: Directives = NOTHING | {
    "connect-src": [SELF],
    "font-src": [SELF],
    "form-action": [SELF],
    "img-src": [SELF, "data:"],  # the pictures that style sheets bring along
    "script-src": [SELF],
    "style-src": [SELF],
}
"""For a page of our own files: no script and no style in the page itself, and nothing from outside."""

# The one <style> in the admin's templates, for a list without actions (admin/change_list.html).
LIST_WITHOUT_ACTIONS = "'sha256-blvLUW3UscWqsXGByNOqdBboM+ShWAuugp2mC/wbafU='"

POLICIES: dict[str, Directives] = {
    "/admin/": OWN_PAGE | {"style-src": [SELF, LIST_WITHOUT_ACTIONS]},
    "/api/docs/": OWN_PAGE,
}
"""By what the address begins with; NOTHING where it begins with none of these."""


class ContentPolicy(CSPMiddleware):
    """Send the area's Content-Security-Policy. A view can change its own by django-csp's decorators."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if not report_only:
            parts.config = parts.config or policy_of(request)
        return parts


def policy_of(request: HttpRequest) -> Directives:
    path = f"{request.path_info}/"
    return next((policy for beginning, policy in POLICIES.items() if path.startswith(beginning)), NOTHING)


# --- Who has a session ------------------------------------------------------------------------------------------

WITHOUT_SESSION = (*API, "/health/", "/metrics/")


def has_session(request: HttpRequest) -> bool:
    """Whether this is about a page for people. Programs show a token; a cookie must mean nothing where they ask."""
    return not f"/{request.path_info.lstrip('/')}/".startswith(WITHOUT_SESSION)


class PagesOnly(MiddlewareMixin):
    """A middleware that is not there for the API and the platform: it neither reads a cookie nor sends one.

    The classes below are subclasses of Django's, because the admin's checks look for those.
    """

    def __call__(self, request: HttpRequest) -> Any:
        return super().__call__(request) if has_session(request) else self.get_response(request)


class Sessions(PagesOnly, SessionMiddleware):
    pass


class Users(PagesOnly, AuthenticationMiddleware):
    pass


class Messages(PagesOnly, MessageMiddleware):
    pass


class Forms(PagesOnly, CsrfViewMiddleware):
    """Where no cookie means anything, no form of another site can misuse one."""

    def process_view(
        self, request: HttpRequest, callback: Callable[..., HttpResponseBase], args: tuple[Any, ...], kwargs: Any
    ) -> HttpResponseForbidden | None:
        return super().process_view(request, callback, args, kwargs) if has_session(request) else None
