"""The API's requests go past the pages' middleware, and a browser is told the same as by a page."""

import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from django.http import HttpResponse
from django.middleware.security import SecurityMiddleware
from django.test import Client

from shop import api_door

pytestmark = pytest.mark.django_db

# What only pages say, or each answer for itself.
OWN = {"Content-Type", "Content-Length", "X-Request-Id", "Cache-Control", "Vary", "Allow", "WWW-Authenticate"}
OWN |= {"ETag", "RateLimit", "RateLimit-Policy", "Location"}


def told(answer):
    return {name: value for name, value in answer.items() if name not in OWN}


@pytest.fixture
def every_header(settings):
    """A shop in which the middleware says other things than by default, each that it can say."""
    settings.SECURE_HSTS_SECONDS = 77
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    settings.SECURE_REFERRER_POLICY = "no-referrer"
    settings.SECURE_CROSS_ORIGIN_OPENER_POLICY = "unsafe-none"
    settings.X_FRAME_OPTIONS = "SAMEORIGIN"


@pytest.mark.parametrize("secure", [True, False])
@pytest.mark.parametrize("path", ["/api/orders", "/api/nothing", "/api/orders?a=%", "/api/schema", "/api-token-auth"])
def test_an_answer_of_the_api_tells_browsers_what_the_pages_middleware_tells_them(client, every_header, path, secure):
    of_the_api = told(client.get(path, secure=secure))
    of_a_page = told(client.get("/nothing", secure=secure))

    assert of_the_api == of_a_page
    assert of_the_api["Referrer-Policy"] == "no-referrer"
    assert of_the_api.get("Strict-Transport-Security") == ("max-age=77; includeSubDomains" if secure else None)


def test_what_one_answer_says_is_not_said_by_the_next_one(client):
    client.get("/api/orders?a=%", secure=True)["X-Frame-Options"] = "ALLOWALL"
    over_http = client.get("/api/orders?a=%")

    assert client.get("/api/orders?a=%", secure=True)["X-Frame-Options"] == over_http["X-Frame-Options"] == "DENY"


def test_a_header_that_an_answer_has_already_is_left_as_it_is():
    answer, constant = HttpResponse(headers={"cache-control": "no-store"}), HttpResponse()
    constant["Cache-Control"], constant["Vary"] = "private", "Accept"

    api_door.add(answer, constant.headers)

    assert (answer["Cache-Control"], answer["Vary"]) == ("no-store", "Accept")
    assert constant["Cache-Control"] == "private"


def test_no_middleware_of_the_pages_sees_a_request_of_the_api(client, monkeypatch):
    seen = []
    monkeypatch.setattr(
        SecurityMiddleware, "__call__", lambda self, request: seen.append(request.path) or HttpResponse()
    )

    for path in ("/api/products", "/api/docs", "/nothing"):
        client.get(path)

    assert seen == ["/nothing"]


def test_the_door_of_each_handler_leads_to_the_views_of_that_handler():
    both_have_views = threading.Barrier(2, timeout=10)

    def views(request):
        raise NotImplementedError

    def way_of(handler):
        api_door.views(handler)
        both_have_views.wait()
        return api_door.ApiDoor(views).views

    handlers = [partial(views), partial(views)]
    with ThreadPoolExecutor(2) as threads:
        assert list(threads.map(way_of, handlers)) == handlers


def test_without_its_other_end_in_the_middleware_there_is_no_door(settings):
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if name != "shop.api_door.views"]

    with pytest.raises(KeyError):
        Client().get("/api/orders")


def test_a_bad_host_is_refused_where_the_docs_would_be_redirected(client, settings):
    settings.SECURE_SSL_REDIRECT = True

    answer = client.get("/api/docs", headers={"host": "elsewhere.example"})

    assert answer.status_code == 400
    assert answer["X-Frame-Options"] == "DENY"
