"""Content negotiation."""

from collections.abc import Sequence

from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from products.api.errors import MEDIA_TYPE

JSON_ACCEPTS = {"*/*", "application/json", "application/json, */*;q=0.5"}
"""The Accept headers of curl, most programs and HTTPie. All of them accept JSON."""

BODILESS_METHODS = {"DELETE"}
"""The methods that are answered without a body, so that there is nothing to negotiate."""


class ContentNegotiation(DefaultContentNegotiation):
    """DRF's negotiation, with a shortcut for the most common Accept headers, and fewer reasons to refuse a request."""

    def select_renderer(  # type: ignore[override]
        self, request: Request, renderers: Sequence[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """Return the renderer for this request and its media type. Raises NotAcceptable."""
        first = renderers[0]
        if first.media_type == "application/json" and accepts_json(request):
            return first, "application/json"
        try:
            return super().select_renderer(request, renderers, format_suffix)
        except NotAcceptable:
            # RFC 9110, section 12.5.1, allows to disregard Accept. Generated clients send the only type that the
            # document has for an operation without a body, which is that of its errors.
            if request.method in BODILESS_METHODS or self._names_errors(request):
                return first, first.media_type
            raise

    def get_accept_list(self, request: Request) -> list[str]:
        """Return the media types in the Accept header. An empty one says as little as none (RFC 9110)."""
        if not request.META.get("HTTP_ACCEPT", "").strip(" \t,"):
            return ["*/*"]
        return super().get_accept_list(request)

    def _names_errors(self, request: Request) -> bool:
        """Return whether Accept names the media type of the errors, which every operation can answer with."""
        return any(each.partition(";")[0].strip().lower() == MEDIA_TYPE for each in self.get_accept_list(request))


def accepts_json(request: Request) -> bool:
    """Return whether the Accept header is one of those that are known to accept JSON."""
    return request.META.get("HTTP_ACCEPT", "*/*") in JSON_ACCEPTS
