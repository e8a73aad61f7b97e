"""Shared caching: responses of a public catalog may be cached by anyone, for CATALOGUE_MAX_AGE."""

from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class SharedCaching(APIView):
    """Let CDNs, proxies and browsers keep responses that anyone may read, for CATALOGUE_MAX_AGE.

    Responses to requests with credentials stay private, because they depend on the user.
    """

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        if max_age := shared_max_age(request, response.status_code):
            response["Cache-Control"] = f"public, max-age={max_age}"
        return response


def shared_max_age(request: Request, status: int) -> int:
    """Return for how many seconds anyone may keep a response of the catalog; 0 for not at all."""
    is_public = settings.CATALOGUE_IS_PUBLIC and "HTTP_AUTHORIZATION" not in request.META
    is_read = request.method in ("GET", "HEAD") and status in (200, 304)
    return settings.CATALOGUE_MAX_AGE if is_public and is_read else 0
