"""Reading at once: one statement finds out who is asking, and reads what is asked for.

That is for what is the same to whoever may see it, so that neither has to wait for the other; and for requests that are
plain. Whatever else comes takes DRF's way from its beginning, which knows what to say about it.
"""

from typing import Any

from django.db import Error
from django.http import Http404, HttpRequest, HttpResponseBase
from rest_framework.exceptions import APIException
from rest_framework.viewsets import GenericViewSet

from products.api.authentication import secret_in
from products.api.negotiation import is_plain
from products.api.throttling import has_spent_all, spend
from products.models.tokens import ShownToken


class ReadAtOnce(GenericViewSet):
    """A viewset whose GETs take a `token`, which their own statement looks at."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return self._at_once(request, **kwargs) or super().dispatch(request, *args, **kwargs)

    def _at_once(self, request: HttpRequest, **kwargs: Any) -> HttpResponseBase | None:
        """The answer; None where it takes DRF to give one."""
        secret = secret_in(request.META.get("HTTP_AUTHORIZATION", ""))
        if request.method != "GET" or secret is None or not is_plain(request):
            return None
        token = ShownToken(secret)
        if has_spent_all(token.digest):
            return None
        try:
            answer: HttpResponseBase = self.get(request, token=token, **kwargs)  # type: ignore[attr-defined]
        except (APIException, Http404, Error):
            return None
        # No rows, no token: then nothing was found, or it was a bad one.
        request.auth = token.look_up()  # type: ignore[attr-defined]
        if request.auth is None or ((budget := spend(request)) and budget.is_overspent):  # type: ignore[attr-defined]
            return None
        for name, value in self.default_response_headers.items():
            answer[name] = value
        return answer
