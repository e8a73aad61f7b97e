"""The access log: one line per request."""

import logging

import pytest
from django.db import connection
from django.urls import path

from products.models import ApiToken
from shop import urls

pytestmark = pytest.mark.django_db

NAMES = ["event", "user", "token", "method", "route", "path", "status", "ms", "db_ms", "queries", "address"]


def requests(logged):
    return logged("shop.requests")


def ask_and_log(request, pk):
    logging.getLogger("shop.test").info("in the middle of it")
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    raise RuntimeError("a bug")


@pytest.fixture
def a_bug(settings):
    """Add a view that logs a line, runs a query and raises an exception."""
    settings.ROOT_URLCONF = type(
        "Urls", (), {"urlpatterns": [path("api/bug/<int:pk>", ask_and_log), *urls.urlpatterns]}
    )


def test_a_request_has_one_line_that_says_who_asked_for_what_and_what_it_cost(api, alice, a_product, logged):
    mug = a_product(stock=3)
    client = api(alice)

    answer = client.post("/api/orders/", {"product": mug.pk, "quantity": 2}, HTTP_X_REQUEST_ID="my-request-1")

    [line] = requests(logged)
    assert list(line) == ["time", "level", "logger", "request_id", *NAMES]
    assert {name: line[name] for name in line if name not in ("time", "ms", "db_ms", "queries")} == {
        "level": "INFO",
        "logger": "shop.requests",
        "request_id": answer["X-Request-Id"],
        "event": "request",
        "user": alice.pk,
        "token": ApiToken.objects.get().pk,
        "method": "POST",
        "route": "api/orders",
        "path": "/api/orders/",
        "status": 201,
        "address": "127.0.0.1",
    }
    assert line["request_id"] == "my-request-1"
    assert line["queries"] == {"postgresql": 5, "sqlite": 9}[connection.vendor]
    assert 0 < line["db_ms"] < line["ms"]


def test_a_route_is_the_pattern_and_no_query_string_is_written(api, alice, logged):
    api(alice).get("/api/products/4711", {"secret": "hidden"}, HTTP_COOKIE="sessionid=hidden")
    api(alice).get("/api/products", {"search": "hidden"})
    api(alice).get("/api/hidden", {"search": "secret"})

    lines = requests(logged)
    assert [(line["route"], line["path"]) for line in lines] == [
        ("api/products/<int:pk>", "/api/products/4711"),
        ("api/products", "/api/products"),
        (None, "/api/hidden"),
    ]
    assert not any("secret" in str(line) or "search" in str(line) for line in lines)


def test_nobody_is_asked_for_only_to_write_the_line(client, logged, django_assert_num_queries):
    with django_assert_num_queries(0):
        client.get("/api/docs")

    [line] = requests(logged)
    assert (line["user"], line["token"], line["queries"]) == (None, None, 0)


def test_staff_in_the_admin_are_known_where_they_were_asked_for(client, staff, logged, settings):
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
    }
    client.force_login(staff)

    client.get("/admin/products/product/")

    [line] = requests(logged)
    assert (line["user"], line["token"], line["route"]) == (staff.pk, None, "admin/products/product/")


@pytest.mark.usefixtures("a_bug")
def test_everything_that_is_logged_for_a_request_has_its_id(client, logged):
    client.raise_request_exception = False
    logging.getLogger("shop.test").info("before")

    client.get("/api/bug/7?secret=1", HTTP_X_REQUEST_ID="my-request-2")
    logging.getLogger("shop.test").info("after")

    lines = [line for line in logged() if line["logger"] != "django.db.backends"]
    assert [(line["logger"], line["level"], line["request_id"]) for line in lines] == [
        ("shop.test", "INFO", None),
        ("shop.test", "INFO", "my-request-2"),
        ("django.request", "ERROR", "my-request-2"),
        ("shop.requests", "WARNING", "my-request-2"),
        ("shop.test", "INFO", None),
    ]
    assert lines[2]["exception"].endswith("RuntimeError: a bug")
    assert (lines[3]["status"], lines[3]["route"], lines[3]["queries"]) == (500, "api/bug/<int:pk>", 1)
    assert "secret" not in str(lines)


@pytest.mark.parametrize("path", ["/metrics", "/health/live", "/health/ready"])
def test_what_machines_ask_every_few_seconds_is_for_debugging_only(client, logged, path):
    client.get(path)

    assert [(line["level"], line["route"]) for line in requests(logged)] == [("DEBUG", path[1:])]


@pytest.mark.parametrize(
    "path",
    [
        "/api/a%0Ab",
        "/api/%1B[31mred",
        "/api/%E2%80%A8",
        "/api/%C2%85",
        "/api/%00",
        '/api/"}%0A{"status":200',
        "/api/%ff",
    ],
)
def test_no_path_breaks_the_line(client, logged, path):
    client.get(path)

    [line] = requests(logged)
    assert line["status"] == 404
    assert line["path"].startswith("/api/")


@pytest.mark.parametrize(
    "name", ["HTTP_X_REQUEST_ID", "HTTP_USER_AGENT", "HTTP_X_FORWARDED_FOR", "HTTP_AUTHORIZATION", "HTTP_REFERER"]
)
def test_no_header_breaks_the_line_or_gets_into_it(client, logged, name):
    client.get("/api/products", **{name: "evil\n\x1b[31m\x85"})

    [line] = requests(logged)
    assert "evil" not in str(line)


def test_a_level_that_is_not_wanted_costs_no_line(client, logged):
    logging.getLogger("shop.requests").setLevel(logging.WARNING)
    try:
        client.get("/api/docs")
    finally:
        logging.getLogger("shop.requests").setLevel(logging.NOTSET)

    assert requests(logged) == []


def test_a_client_that_was_turned_away_leaves_nothing_behind_on_the_connection(client):
    client.get("/api/nothing")

    assert connection.execute_wrappers == []
