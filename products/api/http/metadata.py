"""The response to OPTIONS."""

from typing import Any

from rest_framework.metadata import SimpleMetadata
from rest_framework.request import Request


class Metadata(SimpleMetadata):
    """DRF's description of a URL, without the fields of a request: DRF takes those of the response for them.

    The fields of requests are in the OpenAPI document.
    """

    def determine_actions(self, request: Request, view: Any) -> dict[str, Any]:
        return {}
