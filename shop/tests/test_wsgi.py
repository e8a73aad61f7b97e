"""A chunked body reaches Django with its length, as far as the API's limit and one byte more."""

import io
from wsgiref.util import setup_testing_defaults

import pytest

from shop import wsgi


@pytest.fixture
def passed_on(monkeypatch):
    """Send a request without a Content-Length; return the length and the body that Django would get."""

    def send(body: bytes, path: str = "/api/orders", **environ: object) -> tuple[str | None, bytes]:
        received = {}
        monkeypatch.setattr(wsgi, "django", lambda environ, start_response: received.update(environ) or [])
        request = {"PATH_INFO": path, "REQUEST_METHOD": "POST", "wsgi.input": io.BytesIO(body)} | environ
        setup_testing_defaults(request)
        wsgi.application(request, lambda status, headers: None)
        return received.get("CONTENT_LENGTH"), received["wsgi.input"].read()

    return send


CHUNKED = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}


def test_a_chunked_body_is_given_its_length(passed_on):
    assert passed_on(b'{"items": []}', **CHUNKED) == ("13", b'{"items": []}')


def test_no_more_of_it_is_read_than_shows_that_it_is_too_long(passed_on, settings):
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE, settings.ORDER_BODY_MAX_SIZE = 10, 20

    assert passed_on(b"x" * 1_000, "/api/products", **CHUNKED) == ("11", b"x" * 11)
    assert passed_on(b"x" * 1_000, "/api/orders/quote", **CHUNKED) == ("21", b"x" * 21)


def test_a_body_whose_end_the_server_does_not_mark_is_left_alone(passed_on):
    assert passed_on(b"body", HTTP_TRANSFER_ENCODING="chunked") == (None, b"body")


def test_a_body_for_the_pages_is_left_alone(passed_on):
    assert passed_on(b"body", "/admin/login/", **CHUNKED) == (None, b"body")
