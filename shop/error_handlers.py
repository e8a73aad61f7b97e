"""Responses to exceptions outside of the API's views: in middleware, in the admin, in a template."""

import sys

from django.http import HttpRequest, HttpResponse
from django.views import defaults

from products import metrics
from products.api.errors import RETRY_AFTER, outage, problem_response
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
<p>The database is busy or out of reach. Check whether your last change was saved, then try again.</p>
</body>
</html>
"""


def server_error(request: HttpRequest) -> HttpResponse:
    """Return 503 with Retry-After if the database is unavailable, otherwise 500 (handler500 of shop.urls)."""
    error = sys.exc_info()[1]
    if not is_unavailable(error):
        return defaults.server_error(request)
    metrics.count_database_error(error)
    if is_api(request):
        response: HttpResponse = problem_response(503, request, detail=outage(error, request))
    else:
        response = HttpResponse(UNAVAILABLE_PAGE, status=503)
    response["Retry-After"] = str(RETRY_AFTER)
    response["Cache-Control"] = "no-store"
    return response
