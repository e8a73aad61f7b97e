"""The API passes the same middleware as every page, except the parts that belong to sessions and forms."""

import pytest
from django.conf import settings as the_settings
from django.http import HttpResponse
from django.test import Client

pytestmark = pytest.mark.django_db

# Headers that only pages send, or that each response sets for itself.
OWN = {"Content-Type", "Content-Length", "X-Request-Id", "Cache-Control", "Vary", "Allow", "WWW-Authenticate"}
OWN |= {"ETag", "RateLimit", "RateLimit-Policy", "Location"}


def shared_headers(response):
    return {name: value for name, value in response.items() if name not in OWN}


def mark(get_response):
    """A middleware as somebody might install it."""

    def middleware(request):
        response = get_response(request)
        response["X-Marked"] = request.path
        return response

    return middleware


def maintenance(get_response):
    return lambda request: HttpResponse("Back at noon.", status=503, content_type="text/plain")


def with_middleware(added, *, at):
    return [*the_settings.MIDDLEWARE[:at], f"{__name__}.{added.__name__}", *the_settings.MIDDLEWARE[at:]]


@pytest.fixture
def every_header(settings):
    """Settings under which the middleware sends other values than by default, and every header that it knows."""
    settings.SECURE_HSTS_SECONDS = 77
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    settings.SECURE_REFERRER_POLICY = "no-referrer"
    settings.SECURE_CROSS_ORIGIN_OPENER_POLICY = "unsafe-none"
    settings.X_FRAME_OPTIONS = "SAMEORIGIN"


@pytest.mark.parametrize("path", ["/api/products", "/api/products/", "/api/nothing", "/api-token-auth", "/admin/"])
@pytest.mark.parametrize("position", range(len(the_settings.MIDDLEWARE) + 1))
def test_a_middleware_added_anywhere_acts_on_the_api_and_on_pages(settings, position, path):
    settings.MIDDLEWARE = with_middleware(mark, at=position)

    assert Client().get(path)["X-Marked"].rstrip("/") == path.rstrip("/")


@pytest.mark.parametrize("path", ["/api/products", "/admin/"])
def test_a_middleware_that_answers_itself_answers_for_the_api_and_for_pages(settings, path):
    settings.MIDDLEWARE = with_middleware(maintenance, at=len(the_settings.MIDDLEWARE))

    response = Client().get(path)

    assert (response.status_code, response.content) == (503, b"Back at noon.")
    assert response["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("secure", [True, False])
@pytest.mark.parametrize("path", ["/api/orders", "/api/nothing", "/api/orders?a=%", "/api/schema", "/api-token-auth"])
def test_the_api_sends_the_security_headers_that_pages_send(client, every_header, path, secure):
    of_the_api = shared_headers(client.get(path, secure=secure))
    of_a_page = shared_headers(client.get("/nothing", secure=secure))

    assert of_the_api == of_a_page
    assert of_the_api["Referrer-Policy"] == "no-referrer"
    assert of_the_api.get("Strict-Transport-Security") == ("max-age=77; includeSubDomains" if secure else None)


def test_a_header_changed_on_one_response_is_unchanged_on_the_next(client):
    client.get("/api/orders?a=%", secure=True)["X-Frame-Options"] = "ALLOWALL"
    over_http = client.get("/api/orders?a=%")

    assert client.get("/api/orders?a=%", secure=True)["X-Frame-Options"] == over_http["X-Frame-Options"] == "DENY"


def test_cache_headers_that_a_view_has_set_are_kept(client):
    schema = client.get("/api/schema")

    assert schema.status_code == 200
    assert schema["Content-Length"] == str(len(schema.content))
    assert {"Authorization", "Accept"} <= {name.strip() for name in schema["Vary"].split(",")}


def test_a_bad_host_is_refused_where_the_docs_would_be_redirected(client, settings):
    settings.SECURE_SSL_REDIRECT = True

    answer = client.get("/api/docs", headers={"host": "elsewhere.example"})

    assert answer.status_code == 400
    assert answer["X-Frame-Options"] == "DENY"


def test_the_api_refuses_a_bad_host_with_a_problem(client):
    answer = client.get("/api/orders", headers={"host": "elsewhere.example"})

    assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")
    assert answer.json()["code"] == "bad_request"


def test_the_api_never_redirects_for_a_slash(client, settings):
    settings.APPEND_SLASH = True

    answers = [client.get(path) for path in ("/api/nothing", "/api/products/4711", "/api/tokens/4711/", "/api")]

    assert not [answer.status_code for answer in answers if answer.status_code in (301, 302)]
