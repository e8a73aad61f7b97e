"""Answer 400 to requests that two servers could read differently, as shop.pre_request has found them."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from products.api.errors import problem_response
from shop.pre_request import MARK

META_KEY = "HTTP_" + MARK.replace("-", "_")

# The middleware that adds these to other responses comes later.
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
}


class RejectAmbiguousRequests:
    """Answer 400 to requests that the `pre_request` hook has marked."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        reason = request.META.get(META_KEY)
        if reason is None:
            return self.get_response(request)
        response = problem_response(400, request, detail=reason)
        for name, value in HEADERS.items():
            response.headers[name] = value
        return response
