"""Content-Security-Policy by area: what browsers may do with a response."""

from csp.constants import NONE, SELF
from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest, HttpResponseBase

Directives = dict[str, list[str]]

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
    "/admin/": OWN_PAGE | {"style-src": [SELF, LIST_WITHOUT_ACTIONS]},
    "/api/docs/": OWN_PAGE,
}
"""By path prefix; every other path has NOTHING."""


class ContentSecurityPolicyMiddleware(CSPMiddleware):
    """Send the area's policy. A view can change it with django-csp's decorators."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        """Return the view's own policy, or else its area's."""
        parts = super().get_policy_parts(request, response, report_only)
        if not report_only:
            parts.config = parts.config or policy_of(request)
        return parts


def policy_of(request: HttpRequest) -> Directives:
    """Return the policy of the request's area."""
    path = f"{request.path_info}/"
    return next((policy for prefix, policy in POLICIES.items() if path.startswith(prefix)), NOTHING)
