"""What every request passes, whatever it asks for."""

import re
import uuid
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

from products.api.errors import problem_response
from products.models import ApiToken
from shop import logs
from shop.deadlines import Deadline

Handler = Callable[[HttpRequest], HttpResponse]

SAFE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
API = ("/api/", "/api-token-auth")
WITHOUT_SLASH = ("/api/", "/api-token-auth/", "/health/", "/metrics/")


METHOD_OVERRIDES = ("HTTP_X_HTTP_METHOD_OVERRIDE", "HTTP_X_HTTP_METHOD", "HTTP_X_METHOD_OVERRIDE")
WITHOUT_BODY = ("GET", "HEAD", "DELETE", "OPTIONS", "TRACE")
BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


def is_api(request: HttpRequest) -> bool:
    return f"/{request.path_info.lstrip('/')}/".startswith(API)


class RequestId:
    """Give every request and its answer an id: the caller's `X-Request-Id` where it is harmless, else a new one."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # From META here and below: request.headers is a dict of all headers, which costs more to make than all of this.
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request.id = given if SAFE_REQUEST_ID.fullmatch(given) else uuid.uuid4().hex  # type: ignore[attr-defined]
        on_every_line = logs.request_id.set(request.id)  # type: ignore[attr-defined]
        try:
            response = self.get_response(request)
        finally:
            logs.request_id.reset(on_every_line)
        response["X-Request-Id"] = request.id  # type: ignore[attr-defined]
        return response


class DatabaseDeadline:
    """Bound how long a request may wait for the database; the API's for less long than the pages of the staff."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        seconds = settings.API_DEADLINE if is_api(request) else settings.PAGE_DEADLINE
        with Deadline(seconds or None):
            return self.get_response(request)


class ApiHeaders:
    """Say with every answer of the API who may keep it, and what is left of the limit."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if is_api(request):
            # What was read may be kept by who read it, to be asked about with its ETag; nothing else may be kept.
            may_be_kept = request.method in ("GET", "HEAD") and response.status_code in (200, 304)
            response.headers.setdefault("Cache-Control", "private, no-cache" if may_be_kept else "no-store")
            patch_vary_headers(response, ["Authorization", "Accept"])
            budget = getattr(request, "budget", None)
            for name, value in budget.headers.items() if budget else ():
                response[name] = value
        return response


class ProblemsAsJson:
    """Under the API every error is problem+json, also where no view made it: unknown URLs, bad hosts, bugs.

    Django answers those with a page of HTML, with DEBUG a long one; of that only the status is kept.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        in_html = response.status_code >= 400 and response.get("Content-Type", "").startswith("text/html")
        if in_html and is_api(request):
            return problem_response(response.status_code, request)
        return response


class NothingIgnored:
    """Refuse under the API what would be ignored or repaired in silence, and so do something else than was meant."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        refusal = self._refusal(request) if is_api(request) else None
        if refusal:
            code, detail = refusal
            return problem_response(400, request, code=code, detail=detail)
        return self.get_response(request)

    def _refusal(self, request: HttpRequest) -> tuple[str, str] | None:
        """(code, sentence) for what is not acceptable, None where nothing is."""
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


class TokenUse:
    """Note that a token was used, when the answer is made: so authenticating is one query that writes nothing."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        token = getattr(request, "auth", None)
        if isinstance(token, ApiToken):
            token.note_use()
        return response


class SlashOptional:
    """Let the API answer with and without its trailing slash: never a redirect, which would lose a POST's body."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.endswith("/") and request.path_info.startswith(WITHOUT_SLASH):
            request.path_info = request.path_info[:-1]
        return self.get_response(request)
