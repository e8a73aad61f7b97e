"""What gunicorn serves: `gunicorn shop.wsgi`."""

import io
import os
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.core.cache import close_caches
from django.core.signals import request_finished
from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")

django = get_wsgi_application()
# Django reads the routes, and all views with them, with the first request, for which a worker that is new has no time;
# and read here, before there are workers, they share the memory.
routes = get_resolver().url_patterns

# Which looks for caches with every request, for 10 us, and finds that there are none.
request_finished.disconnect(close_caches)


def application(wsgi_environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Django. A body in chunks comes without a length, which Django takes for no body: such a body gets one here."""
    in_chunks = "HTTP_TRANSFER_ENCODING" in wsgi_environ and wsgi_environ.get("wsgi.input_terminated")
    # Of the API's only: the admin takes files that are longer, from browsers, which know their length.
    if in_chunks and wsgi_environ["PATH_INFO"].startswith("/api"):
        # One byte more than is accepted shows that it is too much; the rest is not read.
        body = wsgi_environ["wsgi.input"].read(settings.DATA_UPLOAD_MAX_MEMORY_SIZE + 1)
        wsgi_environ |= {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    return django(wsgi_environ, start_response)
