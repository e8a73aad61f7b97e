"""What is answered when something goes wrong outside of the API's views: in middleware, in the admin, in a template."""

import sys

from django.http import HttpRequest, HttpResponse
from django.views import defaults

from products import metrics
from products.api.errors import RETRY_AFTER, outage, problem_response
from products.db.errors import is_unavailable
from shop.middleware import is_api

# With nothing around it: what makes the other pages asks the database who is looking.
PAGE = """<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Not available</title></head>
<body>
<h1>Not available just now</h1>
<p>The database is busy or out of reach. Look whether your last change was made, and try again.</p>
</body>
</html>
"""


def server_error(request: HttpRequest) -> HttpResponse:
    """503 where the database cannot serve, with `Retry-After`; 500, for a bug, otherwise (shop.urls.handler500)."""
    error = sys.exc_info()[1]
    if not is_unavailable(error):
        return defaults.server_error(request)
    metrics.count_database_error(error)
    if is_api(request):
        response: HttpResponse = problem_response(503, request, detail=outage(error, request))
    else:
        response = HttpResponse(PAGE, status=503)
    response["Retry-After"] = str(RETRY_AFTER)
    response["Cache-Control"] = "no-store"
    return response
