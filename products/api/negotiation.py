"""In which form an answer is wanted."""

from collections.abc import Sequence

from django.http import HttpRequest
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

ANYTHING = {"*/*", "application/json", "application/json, */*;q=0.5"}
"""What curl, programs and httpie send in Accept."""


class ContentNegotiation(DefaultContentNegotiation):
    """DRF's own, which first looks whether there is anything to negotiate about: mostly there is not."""

    def select_renderer(  # type: ignore[override]
        self, request: Request, renderers: Sequence[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """The renderer for this request and its media type. Raises NotAcceptable."""
        first = renderers[0]
        if first.media_type == "application/json" and is_plain(request):
            return first, "application/json"
        return super().select_renderer(request, renderers, format_suffix)


def is_plain(request: HttpRequest | Request) -> bool:
    """Whether JSON is what is wanted, without a closer look."""
    return request.META.get("HTTP_ACCEPT", "*/*") in ANYTHING
