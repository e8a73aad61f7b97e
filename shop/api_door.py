"""The API's way in: all that its requests pass on their way to the views and back, one thing after the other.

Middleware is there for the pages: files, sessions, forms, redirects. A request of the API passed sixteen layers of it
that had nothing to say to it, each with its own guard against exceptions, at a seventh of the CPU of reading a product.
"""

import re
import threading
from typing import Any, cast
from urllib.parse import unquote_to_bytes

from django.conf import settings
from django.core.handlers.exception import convert_exception_to_response
from django.http import HttpRequest, HttpResponse
from django.http.response import ResponseHeaders
from django.middleware.clickjacking import XFrameOptionsMiddleware
from django.middleware.security import SecurityMiddleware
from django.utils.cache import patch_vary_headers

from products.api.errors import problem_response
from products.api.throttling import rate_limit_of
from products.models import ApiToken
from shop.deadlines import Deadline
from shop.middleware import Handler, is_api
from shop.security import NOTHING, ContentPolicy, policy_of

VARY = ["Authorization", "Accept"]
# What was read may be kept by who read it, to be asked about with its ETag; nothing else may be kept.
MAY_BE_KEPT = ResponseHeaders({"Cache-Control": "private, no-cache", "Vary": ", ".join(VARY)})
NOT_TO_BE_KEPT = ResponseHeaders({"Cache-Control": "no-store", "Vary": ", ".join(VARY)})

WITH_SLASH = ("/api/", "/api-token-auth/")
METHOD_OVERRIDES = ("HTTP_X_HTTP_METHOD_OVERRIDE", "HTTP_X_HTTP_METHOD", "HTTP_X_METHOD_OVERRIDE")
WITHOUT_BODY = ("GET", "HEAD", "DELETE", "OPTIONS", "TRACE")
BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
HTTPS_REQUIRED = (
    "Use https://. This request crossed the network in the clear: revoke the token, or change the password, in it."
)

made = threading.local()


def views(get_response: Handler) -> Handler:
    """The last entry of MIDDLEWARE, which Django makes first: what it is given is the way to the views themselves."""
    made.views = get_response
    return get_response


class ApiDoor:
    """Take the API's requests past the pages' middleware to the views. Everything else goes on as it came.

    The docs are a page among the API's addresses: browsers are told of them what they are told of other pages.
    """

    def __init__(self, get_response: Handler) -> None:
        self.pages = get_response
        self.views: Handler = made.__dict__.pop("views")
        # The guards: whatever is raised behind them is an answer in front of them.
        self.answer = cast("Handler", convert_exception_to_response(self._answer))
        security = SecurityMiddleware(get_response)
        self.redirect: Any = convert_exception_to_response(security.process_request)  # type: ignore[arg-type]
        self.for_browsers: list[Any] = [security, ContentPolicy(get_response), XFrameOptionsMiddleware(get_response)]
        self.same_for_all: dict[bool, ResponseHeaders] = {}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not is_api(request):
            return self.pages(request)
        is_secure = request.is_secure()
        # Redirects the docs and nothing else (settings.SECURE_REDIRECT_EXEMPT).
        response: HttpResponse | None = None if is_secure else self.redirect(request)
        if response is None:
            response = self._let_in(request, is_secure)
            self._add_headers_of_the_api(request, response)
        self._add_headers_for_browsers(request, response, is_secure)
        return response

    def _let_in(self, request: HttpRequest, is_secure: bool) -> HttpResponse:
        """The answer, as a problem in JSON where it is an error, also where no view made it: unknown URLs, bugs."""
        if settings.HTTPS_ONLY and not is_secure:
            # Before anything is looked up. Not a redirect, which clients follow unseen: the token would cross the
            # network in the clear with every request.
            return problem_response(403, request, code="https_required", detail=HTTPS_REQUIRED)
        with Deadline(settings.API_DEADLINE or None):
            response = self.answer(request)
        # Django answers those with a page of HTML, with DEBUG a long one; of that only the status is kept.
        if response.status_code >= 400 and response.get("Content-Type", "").startswith("text/html"):
            return problem_response(response.status_code, request)
        return response

    def _answer(self, request: HttpRequest) -> HttpResponse:
        if refusal := refusal_of(request):
            code, detail = refusal
            return problem_response(400, request, code=code, detail=detail)
        # With and without the trailing slash: never a redirect, which would lose a POST's body.
        if request.path_info.endswith("/") and request.path_info.startswith(WITH_SLASH):
            request.path_info = request.path_info[:-1]
        # Raises DisallowedHost for what is not in ALLOWED_HOSTS.
        request.origin = f"{request.scheme}://{request.get_host()}"  # type: ignore[attr-defined]
        response = self.views(request)
        if not response.has_header("Content-Length"):
            response["Content-Length"] = str(len(response.content))
        # Noted now that the answer is made, so that authenticating is one query that writes nothing.
        token = getattr(request, "auth", None)
        if isinstance(token, ApiToken):
            token.touch()
        return response

    def _add_headers_of_the_api(self, request: HttpRequest, response: HttpResponse) -> None:
        """Say who may keep the answer, and what is left of the limit."""
        may_be_kept = request.method in ("GET", "HEAD") and response.status_code in (200, 304)
        if response.has_header("Vary"):
            patch_vary_headers(response, VARY)
        add(response, MAY_BE_KEPT if may_be_kept else NOT_TO_BE_KEPT)
        rate_limit = rate_limit_of(request)
        for name, value in rate_limit.headers.items() if rate_limit else ():
            response[name] = value

    def _add_headers_for_browsers(self, request: HttpRequest, response: HttpResponse, is_secure: bool) -> None:
        """Say what the pages' middleware says. To data it says the same each time, so there it is asked once."""
        if policy_of(request) is not NOTHING:
            self._ask_middleware(request, response)
            return
        if is_secure not in self.same_for_all:
            empty = HttpResponse()
            self._ask_middleware(request, empty)
            del empty["Content-Type"]
            self.same_for_all[is_secure] = empty.headers
        add(response, self.same_for_all[is_secure])

    def _ask_middleware(self, request: HttpRequest, response: HttpResponse) -> None:
        for middleware in self.for_browsers:
            middleware.process_response(request, response)


def add(response: HttpResponse, headers: ResponseHeaders) -> None:
    """Set those of `headers` that `response` does not have, all at once: setting one checks its text anew, in 4 us."""
    response.headers._store = {**headers._store, **response.headers._store}


def refusal_of(request: HttpRequest) -> tuple[str, str] | None:
    """(code, sentence) for what would be ignored or repaired in silence, and so do something else than was meant."""
    if any(name in request.META for name in METHOD_OVERRIDES):
        return "method_override", "Send the method that you mean."
    if request.method in WITHOUT_BODY and int(request.META.get("CONTENT_LENGTH") or 0):
        return "unexpected_body", f"A {request.method} has no body here."
    query = request.META.get("QUERY_STRING", "")
    if query.count("&") >= settings.DATA_UPLOAD_MAX_NUMBER_FIELDS:
        return "too_many_parameters", "There are too many parameters."
    if BROKEN_ESCAPE.search(query):
        return "malformed_query", "A % in the query string is written as %25."
    try:
        unquote_to_bytes(query.encode("latin-1")).decode("utf-8")
    except UnicodeDecodeError:
        return "not_utf8", "The query string is not UTF-8."
    return None
