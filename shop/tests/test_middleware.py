"""What the middleware in shop.middleware and shop.csp does, beside what products/tests/security holds it to."""

import pytest
from django.db import OperationalError
from django.http import HttpResponse
from django.test import Client
from django.urls import path

from products.models import ApiToken
from shop import urls
from shop.db.timeouts import budget

pytestmark = pytest.mark.django_db


def own_policy(request):
    return HttpResponse(headers={"Content-Security-Policy": "default-src 'self'"})


def remaining_wait(request):
    return HttpResponse(str(budget.remaining))


def outage_outside_of_views(get_response):
    def middleware(request):
        raise OperationalError("no connection")

    return middleware


@pytest.fixture
def with_views(settings):
    patterns = [path("page", remaining_wait), path("api/view", remaining_wait), path("own-policy", own_policy)]
    settings.ROOT_URLCONF = type("Urls", (), {"urlpatterns": [*patterns, *urls.urlpatterns]})


@pytest.mark.usefixtures("with_views")
def test_a_request_may_wait_for_the_database_as_long_as_its_kind_may(client, settings):
    settings.API_DEADLINE, settings.PAGE_DEADLINE = 7, 0

    assert (client.get("/api/view").content, client.get("/page").content) == (b"7", b"None")
    assert budget.remaining is None


@pytest.mark.usefixtures("with_views")
def test_a_view_can_send_a_content_security_policy_of_its_own(client):
    assert client.get("/own-policy")["Content-Security-Policy"] == "default-src 'self'"


def test_the_error_pages_of_development_may_have_inline_styles(client, settings):
    settings.DEBUG = True

    page, problem = client.get("/nothing"), client.get("/api/nothing")

    assert "Content-Security-Policy" not in page
    assert problem["Content-Type"] == "application/problem+json"
    assert "Content-Security-Policy" in client.get("/api/schema")


@pytest.mark.parametrize(
    "request_line",
    [
        "GET /",
        "GET /nothing",
        "GET /nothing/",
        "GET /admin/",
        "GET /admin/login/",
        "GET /api",
        "GET /api/nothing",
        "GET /api/nothing/",
        "GET /api/orders",
        "GET /api/schema",
        "HEAD /api/schema",
        "OPTIONS /api/schema",
        "GET /api/docs",
        "GET /health/live",
        "GET /health/ready",
        "GET /health/nothing",
        "POST /health/live",
        "GET /metrics",
        "POST /api-token-auth",
    ],
)
@pytest.mark.parametrize("https_only", [False, True])
def test_every_response_with_a_body_says_its_length(client, settings, https_only, request_line):
    settings.HTTPS_ONLY = settings.SECURE_SSL_REDIRECT = https_only
    method, address = request_line.split()

    answer = client.generic(method, address)

    if method == "HEAD":  # It has the length of what a GET returns, and not 0.
        assert int(answer["Content-Length"]) == int(client.get(address)["Content-Length"]) > 0
    else:
        assert int(answer["Content-Length"]) == len(answer.content)


def test_a_response_without_a_body_has_no_length(client, alice, a_product):
    mug, (_, secret) = a_product(), ApiToken.objects.issue(alice)
    headers = {"Authorization": f"Bearer {secret}"}
    paths = ["/api/schema", "/api/products", f"/api/products/{mug.pk}", "/api/orders", "/api/cart"]
    etags = [client.get(path, headers=headers)["ETag"] for path in paths]

    answers = [
        *(client.get(path, headers=headers | {"If-None-Match": etag}) for path, etag in zip(paths, etags, strict=True)),
        client.delete("/api/cart", headers=headers),
    ]

    assert [answer.status_code for answer in answers] == [304] * 5 + [204]
    assert not any("Content-Length" in answer for answer in answers)


@pytest.mark.parametrize("path", ["/api/products", "/admin/"])
def test_an_outage_outside_of_views_is_a_503(settings, path):
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.outage_outside_of_views"]

    answer = Client(raise_request_exception=False).get(path)

    assert (answer.status_code, answer["Retry-After"], answer["Cache-Control"]) == (503, "1", "no-store")
    assert answer["Content-Type"] == ("application/problem+json" if "api" in path else "text/html; charset=utf-8")


@pytest.mark.parametrize("status", ["404", "503"])
def test_an_error_without_a_traceback_is_not_logged_a_second_time(client, logged, settings, status):
    if status == "503":
        settings.MIDDLEWARE = [*settings.MIDDLEWARE, f"{__name__}.outage_outside_of_views"]

    Client(raise_request_exception=False).get("/api/nothing")

    lines = [line for line in logged() if line["logger"].startswith(("django.request", "shop.requests"))]
    assert [line["logger"] for line in lines if "exception" not in line] == ["shop.requests"]


def test_a_page_without_a_session_cookie_asks_for_no_user(client, django_assert_num_queries):
    with django_assert_num_queries(0):
        assert client.get("/").status_code == 302
