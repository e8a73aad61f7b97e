"""Content negotiation."""

from collections.abc import Sequence

from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

JSON_ACCEPTS = {"*/*", "application/json", "application/json, */*;q=0.5"}
"""The Accept headers of curl, most programs and HTTPie. All of them accept JSON."""


class ContentNegotiation(DefaultContentNegotiation):
    """DRF's negotiation, with a shortcut for the most common Accept headers."""

    def select_renderer(  # type: ignore[override]
        self, request: Request, renderers: Sequence[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Return the renderer for this request and its media type. Raises NotAcceptable."""
        first = renderers[0]
        if first.media_type == "application/json" and accepts_json(request):
            return first, "application/json"
        return super().select_renderer(request, renderers, format_suffix)


def accepts_json(request: Request) -> bool:
    """Return whether the Accept header is one of those that are known to accept JSON."""
    return request.META.get("HTTP_ACCEPT", "*/*") in JSON_ACCEPTS
