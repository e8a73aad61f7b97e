"""Every error has the same form."""

import re

import pytest
from django.db import OperationalError
from rest_framework.test import APIClient

from products.api.schemas.products import PRODUCT
from products.models import ApiToken

pytestmark = pytest.mark.django_db

MEMBERS = {"type", "title", "status", "detail", "code", "request_id", "errors"}


@pytest.fixture
def client(alice):
    """A client that gets a 500 for a bug, like in production."""
    client = APIClient(raise_request_exception=False)
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {ApiToken.objects.issue(alice)[1]}")
    return client


@pytest.mark.parametrize(
    ("method", "path", "extra", "status", "code"),
    [
        ("get", "/api/nothing", {}, 404, "not_found"),
        ("get", "/api/", {}, 404, "not_found"),
        ("get", "/api", {}, 404, "not_found"),
        ("get", "/api/products//", {}, 404, "not_found"),
        ("put", "/api/orders", {}, 405, "method_not_allowed"),
        ("get", "/api/orders", {"HTTP_ACCEPT": "text/html"}, 406, "not_acceptable"),
        ("get", "/api/orders", {"HTTP_HOST": "evil.example"}, 400, "bad_request"),
        ("post", "/api-token-auth", {"data": {}}, 401, "not_authenticated"),
        ("post", "/api-token-auth", {"data": {"username": "alice"}}, 400, "invalid"),
        ("post", "/api/orders", {"data": "a=b", "content_type": "text/plain"}, 415, "unsupported_media_type"),
        ("post", "/api/orders", {"data": b"{", "content_type": "application/json"}, 400, "malformed_json"),
    ],
)
@pytest.mark.parametrize("debug", [False, True])
def test_every_error_has_the_same_members(client, settings, method, path, extra, status, code, debug):
    settings.DEBUG, settings.ALLOWED_HOSTS = debug, ["testserver"]

    answer = getattr(client, method)(path, **extra)

    assert answer.status_code == status
    assert answer["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert set(body) == MEMBERS
    assert (body["errors"] == []) == (code != "invalid")
    assert (body["status"], body["code"], body["type"]) == (status, code, f"urn:shop:problem:{code}")
    assert body["request_id"] == answer["X-Request-Id"]


def test_a_405_lists_the_allowed_methods(client):
    assert client.put("/api/orders")["Allow"] == "GET, POST, HEAD, OPTIONS"


@pytest.mark.parametrize("debug", [False, True])
def test_a_bug_is_a_500_that_reveals_only_the_request_id(client, settings, monkeypatch, a_product, debug):
    settings.DEBUG = debug
    monkeypatch.setattr(PRODUCT, "body", lambda row: 1 / 0)
    product = a_product()

    answer = client.get(f"/api/products/{product.pk}")

    assert answer.status_code == 500
    assert answer["Content-Type"] == "application/problem+json"
    assert set(answer.json()) == MEMBERS
    assert "division" not in answer.content.decode()


def test_a_database_out_of_reach_is_a_503_to_be_tried_again(client, monkeypatch, a_product):
    def out_of_reach(row: object) -> None:
        raise OperationalError("server closed the connection unexpectedly")

    monkeypatch.setattr(PRODUCT, "body", out_of_reach)

    answer = client.get(f"/api/products/{a_product().pk}")

    assert answer.status_code == 503
    assert answer["Retry-After"] == "1"
    assert answer.json()["code"] == "unavailable"


def test_a_safe_request_id_is_kept_and_any_other_is_replaced(client):
    kept = client.get("/api/nothing", HTTP_X_REQUEST_ID="abc-123.DEF")
    replaced = client.get("/api/nothing", HTTP_X_REQUEST_ID="a\nb: <script>")

    assert kept.json()["request_id"] == "abc-123.DEF"
    assert re.fullmatch(r"[0-9a-f]{32}", replaced.json()["request_id"])


def test_outside_of_the_api_pages_stay_pages(client):
    assert client.get("/nothing")["Content-Type"].startswith("text/html")


@pytest.mark.parametrize("path", ["/api/products", "/api/orders", "/api-token-auth"])
def test_a_trailing_slash_is_never_a_redirect(client, path):
    for method in ("get", "post", "put", "patch", "delete"):
        bare, slashed = (getattr(client, method)(p, {}, format="json").status_code for p in (path, f"{path}/"))
        assert slashed == bare or (method, path) == ("delete", "/api-token-auth")
        assert not 300 <= slashed < 400
