"""Responses to exceptions outside of the API's views: in middleware, in the admin, in a template."""

import sys

from django.http import HttpRequest, HttpResponse
from django.views import defaults

from products.api.errors import NOTHING_CHANGED, RETRY_AFTER, problem_response, report_outage
from products.db.errors import is_unavailable
from shop.middleware import is_api

# Self-contained, because the admin's templates query the database for the user.
UNAVAILABLE_PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Temporarily unavailable</title>
</head>
<body>
<h1>Temporarily unavailable</h1>
<p>{sentence}</p>
</body>
</html>
"""

MAYBE_SAVED = (
    "The database is temporarily unavailable, and it is unknown whether your last change was saved."
    " Look it up before you try again."
)


def server_error(request: HttpRequest) -> HttpResponse:
    """Return 503 with Retry-After if the database is unavailable, otherwise 500 (handler500 of shop.urls)."""
    error = sys.exc_info()[1]
    if error is None or not is_unavailable(error):
        return defaults.server_error(request)
    detail = report_outage(error, request)
    if is_api(request):
        response: HttpResponse = problem_response(503, request, detail=detail)
    else:
        sentence = f"{detail} Try again." if detail == NOTHING_CHANGED else MAYBE_SAVED
        response = HttpResponse(UNAVAILABLE_PAGE.format(sentence=sentence), status=503)
    response["Retry-After"] = str(RETRY_AFTER)
    response["Cache-Control"] = "no-store"
    return response
