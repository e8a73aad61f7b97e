"""Content-Security-Policy by area: what browsers may do with a response."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

Directives = dict[str, list[str]]

NONE, SELF = "'none'", "'self'"

NOTHING: Directives = {
    "default-src": [NONE],
    "base-uri": [NONE],
    "form-action": [NONE],
    "frame-ancestors": [NONE],
    "object-src": [NONE],
}
"""For data, files and errors: whatever type a browser guesses, nothing in them runs, loads, sends or is framed."""

OWN_PAGE: Directives = NOTHING | {
    "connect-src": [SELF],
    "font-src": [SELF],
    "form-action": [SELF],
    "img-src": [SELF, "data:"],  # images inside style sheets
    "script-src": [SELF],
    "style-src": [SELF],
}
"""For a page made of the shop's own files: no inline scripts or styles, and nothing from other sites."""

# The only inline <style> in the admin's templates, for lists without actions (admin/change_list.html).
LIST_WITHOUT_ACTIONS = "'sha256-blvLUW3UscWqsXGByNOqdBboM+ShWAuugp2mC/wbafU='"

POLICIES: dict[str, Directives] = {
    f"/{settings.ADMIN_URL}": OWN_PAGE | {"style-src": [SELF, LIST_WITHOUT_ACTIONS]},
    "/api/docs/": OWN_PAGE,
}
"""By path prefix; every other path has NOTHING."""


def header_of(directives: Directives) -> str:
    """Return the directives as the header's value."""
    return "; ".join(f"{name} {' '.join(sources)}" for name, sources in directives.items())


# Written once: django-csp assembles the header for every response, which took a sixth of the CPU of a product read.
HEADERS = {prefix: header_of(directives) for prefix, directives in POLICIES.items()}
DEFAULT = header_of(NOTHING)


class ContentSecurityPolicyMiddleware:
    """Send the area's policy. A view can send its own by setting the header."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        # The error pages of DEBUG have inline styles and scripts.
        if not (settings.DEBUG and response.status_code in (404, 500)):
            path = f"{request.path_info}/"
            header = next((header for prefix, header in HEADERS.items() if path.startswith(prefix)), DEFAULT)
            response.setdefault("Content-Security-Policy", header)
        return response
