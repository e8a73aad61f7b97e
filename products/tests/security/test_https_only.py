"""The API over plain HTTP is refused in production, and pages are redirected."""

import functools

import pytest
from django.test import Client

from shop.tests.test_settings import PRODUCTION, settings_with

API = ["/api", "/api/", "/api/orders", "/api/orders/", "/api/nothing", "/api/schema", "/api-token-auth"]
API += ["/api-token-auth/", "/api/docs/more", "/api/tokens/1"]
PAGES = ["/", "/admin/", "/admin/login/", "/api/docs", "/api/docs/", "/static/api/docs.css", "/apiary", "/healthy"]
PLATFORM = ["/health/live", "/health/ready", "/health/ready/", "/metrics", "/metrics/"]
METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


@functools.cache
def production():
    return settings_with(PRODUCTION)


@pytest.fixture
def client(settings):
    """One that finds the shop as production has it."""
    answers = production()
    for name in ("HTTPS_ONLY", "SECURE_SSL_REDIRECT", "SECURE_REDIRECT_EXEMPT"):
        setattr(settings, name, answers[name])
    return Client()


def header(token):
    return {"HTTP_AUTHORIZATION": f"Bearer {token}"}


@pytest.mark.parametrize("path", API)
@pytest.mark.parametrize("method", METHODS)
def test_the_api_is_refused_without_a_look_at_the_database(client, method, path):
    # No mark for the database: a query would fail this test.
    answer = client.generic(method, path, **header("shop_" + "x" * 43))

    assert answer.status_code == 403
    assert "Location" not in answer
    assert answer["Content-Type"] == "application/problem+json"
    assert answer["Cache-Control"] == "no-store"
    if method != "HEAD":
        body = answer.json()
        assert (body["status"], body["code"]) == (403, "https_required")
        assert body["request_id"] == answer["X-Request-Id"]
        assert "revoke the token" in body["detail"]
        assert "xxx" not in answer.content.decode()


def test_an_address_that_is_the_apis_in_disguise_is_refused_as_well(client):
    assert client.get("/", PATH_INFO="//api/orders").json()["code"] == "https_required"


@pytest.mark.django_db
def test_no_token_is_given_out_over_plain_http_and_the_right_password_is_not_looked_at(client, alice):
    alice.set_password("correct horse battery")
    alice.save()
    credentials = {"username": "alice", "password": "correct horse battery"}

    refused = client.post("/api-token-auth/", credentials, content_type="application/json")
    given = client.post("/api-token-auth/", credentials, content_type="application/json", secure=True)

    assert (refused.status_code, given.status_code) == (403, 200)
    assert alice.api_tokens.count() == 1


@pytest.mark.django_db
def test_over_https_the_api_answers(client, api, alice):
    customer = api(alice)

    assert customer.get("/api/orders").status_code == 403
    assert customer.get("/api/orders", secure=True).status_code == 200


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_redirected_to_itself_over_https(client, path):
    answer = client.get(path, {"a": "b"})

    assert (answer.status_code, answer["Location"]) == (301, f"https://testserver{path}?a=b")
    assert not answer.cookies


@pytest.mark.django_db
@pytest.mark.parametrize("path", PLATFORM)
def test_the_platform_may_ask_over_plain_http(client, path):
    assert client.get(path).status_code not in (301, 302, 403)


@pytest.mark.django_db
def test_only_a_proxy_of_ours_is_believed_about_https(client, settings, api, alice):
    claim = {"HTTP_X_FORWARDED_PROTO": "https"}

    claimed = api(alice).get("/api/orders", **claim)
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    proxied = [
        api(alice).get("/api/orders", HTTP_X_FORWARDED_PROTO=scheme) for scheme in ("https", "http", "HTTPS ", "")
    ]

    assert claimed.status_code == 403
    assert [answer.status_code for answer in proxied] == [200, 403, 403, 403]


def test_it_is_so_in_production_unless_that_is_switched_off_and_not_on_a_laptop():
    production, switched_off = settings_with(PRODUCTION), settings_with(PRODUCTION | {"HTTPS_ONLY": "false"})
    laptop = settings_with({})

    assert [each["HTTPS_ONLY"] for each in (production, switched_off, laptop)] == [True, False, False]
    assert [each["SECURE_SSL_REDIRECT"] for each in (production, switched_off, laptop)] == [True, False, False]
