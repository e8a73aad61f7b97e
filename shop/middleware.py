"""What every request passes, whatever it asks for."""

import re
import uuid
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from products.api.errors import problem_response

Handler = Callable[[HttpRequest], HttpResponse]

SAFE_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
API = ("/api/", "/api-token-auth")
WITHOUT_SLASH = ("/api/", "/api-token-auth/", "/health/")


class RequestId:
    """Give every request and its answer an id: the caller's `X-Request-Id` where it is harmless, else a new one."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-Id", "")
        request.id = given if SAFE_REQUEST_ID.fullmatch(given) else uuid.uuid4().hex  # type: ignore[attr-defined]
        response = self.get_response(request)
        response["X-Request-Id"] = request.id  # type: ignore[attr-defined]
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
        if in_html and f"{request.path_info}/".startswith(API):
            return problem_response(response.status_code, request)
        return response


class SlashOptional:
    """Let the API answer with and without its trailing slash: never a redirect, which would lose a POST's body."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.endswith("/") and request.path_info.startswith(WITHOUT_SLASH):
            request.path_info = request.path_info[:-1]
        return self.get_response(request)
