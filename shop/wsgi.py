"""The WSGI application: `gunicorn shop.wsgi`."""

import io
import logging
import os
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

from shop.static_files import uncollected

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")

django = get_wsgi_application()
# Import the URLconf and the views before gunicorn forks, so that workers share them and the first request is not slow.
routes = get_resolver().url_patterns

if missing := uncollected():
    logging.getLogger(__name__).warning(
        "%s static files, such as %s, are served uncompressed and are hardly cached; run manage.py collectstatic.",
        len(missing),
        missing[0],
    )


def application(wsgi_environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Serve Django. Give a chunked body a length, because Django reads no body without a Content-Length."""
    is_chunked = "HTTP_TRANSFER_ENCODING" in wsgi_environ and wsgi_environ.get("wsgi.input_terminated")
    # Only for the API: browsers send the admin's uploads, which may be larger, with their length.
    if is_chunked and wsgi_environ["PATH_INFO"].startswith("/api"):
        may_have_lines = wsgi_environ["PATH_INFO"].startswith("/api/orders")
        limit = settings.ORDER_BODY_MAX_SIZE if may_have_lines else settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        # Reading one byte more than the limit is enough for Django to answer 413.
        body = wsgi_environ["wsgi.input"].read(limit + 1)
        wsgi_environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    return django(wsgi_environ, start_response)
