"""The project's middleware: for every request, for the API, and Django's own for pages only."""

import re
import secrets
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import unquote_to_bytes

from django.conf import settings
from django.contrib.auth import middleware as auth
from django.contrib.messages import middleware as messages
from django.contrib.sessions import middleware as sessions
from django.db import connection
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseForbidden
from django.middleware import csrf
from django.utils.cache import patch_vary_headers
from django.utils.deprecation import MiddlewareMixin
from django_otp import middleware as otp

from products.api.errors import problem_response
from products.api.http.request import ShopRequest
from products.api.throttling import rate_limit_of
from products.db.outcome import Outcome
from products.db.replica import Reads, reads_of_request
from products.metrics import count_replica_read
from shop.db.replica import Replica
from shop.db.timeouts import limit_wait
from shop.observability.logging import request_id

GetResponse = Callable[[HttpRequest], HttpResponse]

API_PREFIXES = ("/api/", "/api-token-auth/")
WITHOUT_SESSION = (*API_PREFIXES, "/health/", "/metrics/")

SAFE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
METHOD_OVERRIDES = ("HTTP_X_HTTP_METHOD_OVERRIDE", "HTTP_X_HTTP_METHOD", "HTTP_X_METHOD_OVERRIDE")
BODILESS_METHODS = ("GET", "HEAD", "DELETE", "OPTIONS", "TRACE")
BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
TELLING = (409, 412, 422)
"""Refusals that tell of the state of something. A read after it must not show an older one."""
HTTPS_REQUIRED = (
    "Use https://. This request crossed the network in the clear: revoke the token, or change the password, in it."
)


def is_api(request: HttpRequest) -> bool:
    """Return whether the request is for the API."""
    return _has_prefix(request, API_PREFIXES)


def has_session(request: HttpRequest) -> bool:
    """Return whether the request is for a page. Programs authenticate with a token, so their cookies are ignored."""
    return not _has_prefix(request, WITHOUT_SESSION)


def _has_prefix(request: HttpRequest, prefixes: tuple[str, ...]) -> bool:
    return f"/{request.path_info.lstrip('/')}/".startswith(prefixes)


# --- For every request ------------------------------------------------------------------------------------------


class RequestIdMiddleware:
    """Give every request and its response an id: the client's X-Request-Id if it is harmless, else a new one."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        shop_request = cast(ShopRequest, request)
        # META, because request.headers parses all headers, which costs more than this middleware.
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        shop_request.id = given if SAFE_REQUEST_ID.fullmatch(given) else secrets.token_hex(16)
        shop_request.auth, shop_request.session_user_id = None, None
        in_log = request_id.set(shop_request.id)
        try:
            response = self.get_response(request)
        finally:
            request_id.reset(in_log)
        response["X-Request-Id"] = shop_request.id
        return response


class ContentLengthMiddleware:
    """Give every response a Content-Length, except those without a body (RFC 9110, section 8.6).

    Django's CommonMiddleware gives them 0, which for a 304 contradicts the response that the client has stored. Answers
    of middleware in front of it, such as redirects and health checks, would be chunked.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code in (204, 304):
            del response["Content-Length"]
        elif not response.streaming:
            response.setdefault("Content-Length", str(len(response.content)))
        return response


class DatabaseMiddleware:
    """Follow what a request changes in the database, and limit how long it may wait for it.

    The API may wait for API_DEADLINE, pages for PAGE_DEADLINE.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        outcome = cast(ShopRequest, request).outcome = Outcome()
        seconds = settings.API_DEADLINE if is_api(request) else settings.PAGE_DEADLINE
        with limit_wait(seconds), connection.execute_wrapper(outcome):
            return self.get_response(request)


# --- For the API ------------------------------------------------------------------------------------------------


class ApiMiddleware:
    """Apply the API's HTTP rules to its requests: rejections, the format of errors, and caching."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not is_api(request):
            return self.get_response(request)
        response = self._respond(cast(ShopRequest, request))
        # Django's HTML error pages (unknown URLs, bugs, hosts that are not allowed); with DEBUG they are long.
        if response.status_code >= 400 and response.get("Content-Type", "").startswith("text/html"):
            response = problem_from(response, request)
        self._add_headers(cast(ShopRequest, request), response)
        return response

    def _respond(self, request: ShopRequest) -> HttpResponse:
        if settings.HTTPS_ONLY and not request.is_secure():
            # Not a redirect: clients follow it silently and send the token unencrypted with every request.
            return problem_response(403, request, code="https_required", detail=HTTPS_REQUIRED)
        if refusal := refusal_of(request):
            code, detail = refusal
            return problem_response(400, request, code=code, detail=detail)
        # The trailing slash is optional. A redirect would lose the body of a POST.
        if request.path_info.startswith(API_PREFIXES):
            request.path_info = request.path_info.removesuffix("/")
        response = self.get_response(request)
        # After the view, so that authenticating a request writes nothing.
        if request.auth:
            request.auth.touch()
        return response

    def _add_headers(self, request: ShopRequest, response: HttpResponse) -> None:
        """Add the cache headers and the rate limit's."""
        # A client may keep what it has read and revalidate it by ETag; nothing else may be stored.
        is_cacheable = request.method in ("GET", "HEAD") and response.status_code in (200, 304)
        response.setdefault("Cache-Control", "private, no-cache" if is_cacheable else "no-store")
        patch_vary_headers(response, ["Authorization", "Accept"])
        if response["Cache-Control"].startswith("public"):
            return  # A shared cache would show somebody else's rate limit.
        if rate_limit := rate_limit_of(request):
            for name, value in rate_limit.headers.items():
                response[name] = value


def problem_from(page: HttpResponse, request: HttpRequest) -> HttpResponse:
    """Return a problem with the status of an HTML error page, and with the headers that other middleware has added."""
    problem = problem_response(page.status_code, request)
    for name, value in page.items():
        # Django's 404 page varies on a cookie, and sets one. Errors are not cached anyway.
        if name not in ("Vary", "Content-Length"):
            problem.setdefault(name, value)
    return problem


def refusal_of(request: HttpRequest) -> tuple[str, str] | None:
    """Return the code and detail of a 400 for a request that servers and proxies could interpret differently."""
    if any(name in request.META for name in METHOD_OVERRIDES):
        return "method_override", "Method overrides are not supported. Send the request with the intended method."
    if request.method in BODILESS_METHODS and int(request.META.get("CONTENT_LENGTH") or 0):
        return "unexpected_body", f"A {request.method} request must not have a body."
    query = request.META.get("QUERY_STRING", "")
    if query.count("&") >= settings.DATA_UPLOAD_MAX_NUMBER_FIELDS:
        return "too_many_parameters", "The query string has too many parameters."
    if BROKEN_ESCAPE.search(query):
        return "malformed_query", "The query string is malformed: write a literal % as %25."
    try:
        unquote_to_bytes(query.encode("latin-1")).decode("utf-8")
    except UnicodeDecodeError:
        return "not_utf8", "The query string is not valid UTF-8."
    return None


class ReplicaMiddleware:
    """Let reads of the API go to the replica; the primary answers again where it fails.

    After any other request, record the position of the database's log, so that the token's next read sees what this
    request has written or read.
    """

    def __init__(self, get_response: GetResponse, replica: Replica | None = None) -> None:
        self.get_response, self.replica = get_response, replica or Replica()

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not is_api(request):
            return self.get_response(request)
        if request.method in ("GET", "HEAD"):
            return self._read(request)
        response = self.get_response(request)
        token, outcome = cast(ShopRequest, request).auth, cast(ShopRequest, request).outcome
        if token and (outcome.may_have_committed or response.status_code < 400 or response.status_code in TELLING):
            token.note_write()
        return response

    def _read(self, request: HttpRequest) -> HttpResponse:
        reads = Reads(self.replica.replayed)
        with reads_of_request(reads):
            response = self.get_response(request)
        if reads.error is not None:
            self.replica.note_failure(reads.error)
            with limit_wait(settings.API_DEADLINE):  # Waiting for the replica may have used up the first one.
                response = self.get_response(request)
        if reads.outcome:
            count_replica_read(reads.outcome)
        return response


# --- For pages only ---------------------------------------------------------------------------------------------


class SkipForApi(MiddlewareMixin):
    """Skip a middleware for requests without a session: it neither reads nor sets a cookie for them.

    The classes below are subclasses of Django's, because the admin's system checks look for those.
    """

    def __call__(self, request: HttpRequest) -> Any:
        return super().__call__(request) if has_session(request) else self.get_response(request)


class SessionMiddleware(SkipForApi, sessions.SessionMiddleware):
    """Django's, for pages."""


class AuthenticationMiddleware(SkipForApi, auth.AuthenticationMiddleware):
    """Django's, for pages. Notes the user of a request with a session cookie for the access log."""

    def process_view(self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: Any) -> None:
        """Note the user. Only with a session cookie: without one there is no user, and no reason for a query."""
        if has_session(request) and settings.SESSION_COOKIE_NAME in request.COOKIES:
            cast(ShopRequest, request).session_user_id = request.user.pk


class OTPMiddleware(otp.OTPMiddleware):  # type: ignore[misc] # without types
    """django-otp's, for pages: whether the user has entered a code of their second factor in this session."""

    def __call__(self, request: HttpRequest) -> Any:
        return super().__call__(request) if has_session(request) else self.get_response(request)


class MessageMiddleware(SkipForApi, messages.MessageMiddleware):
    """Django's, for pages."""


class CsrfViewMiddleware(SkipForApi, csrf.CsrfViewMiddleware):
    """Django's, for pages. Where cookies are ignored, there is nothing for another site to forge."""

    def process_view(
        self, request: HttpRequest, callback: Callable[..., HttpResponseBase], args: tuple[Any, ...], kwargs: Any
    ) -> HttpResponseForbidden | None:
        """Check the form's token."""
        return super().process_view(request, callback, args, kwargs) if has_session(request) else None
