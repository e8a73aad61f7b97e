"""What every request passes, and what the pages' requests do; those of the API take shop.api_door instead."""

import re
import secrets
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from shop import logs
from shop.deadlines import Deadline

Handler = Callable[[HttpRequest], HttpResponse]

SAFE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
API = ("/api/", "/api-token-auth")
WITHOUT_SLASH = ("/health/", "/metrics/")


def is_api(request: HttpRequest) -> bool:
    return f"/{request.path_info.lstrip('/')}/".startswith(API)


class RequestId:
    """Give every request and its answer an id: the caller's `X-Request-Id` where it is harmless, else a new one."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        # From META here and below: request.headers is a dict of all headers, which costs more to make than all of this.
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        request.id = given if SAFE_REQUEST_ID.fullmatch(given) else secrets.token_hex(16)  # type: ignore[attr-defined]
        on_every_line = logs.request_id.set(request.id)  # type: ignore[attr-defined]
        try:
            response = self.get_response(request)
        finally:
            logs.request_id.reset(on_every_line)
        response["X-Request-Id"] = request.id  # type: ignore[attr-defined]
        return response


class DatabaseDeadline:
    """Bound how long a page may wait for the database; the API may for less long."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with Deadline(settings.PAGE_DEADLINE or None):
            return self.get_response(request)


class SlashOptional:
    """Let what the platform asks for answer with and without its trailing slash."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.endswith("/") and request.path_info.startswith(WITHOUT_SLASH):
            request.path_info = request.path_info[:-1]
        return self.get_response(request)
