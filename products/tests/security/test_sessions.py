"""Sessions are for pages: at the API no cookie means anything, is read, or is set."""

import pytest
from django.conf import settings as the_settings
from django.core import checks
from django.db import connection
from django.middleware.csrf import CsrfViewMiddleware
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils.module_loading import import_string

from products.tests.statements import verbs

pytestmark = pytest.mark.django_db

EVERY_METHOD = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]
PLACES = ["/api/products", "/api/orders", "/api/orders/", "/api", "/api/nothing", "/api/docs"]
PLACES += ["/api-token-auth"]
PLATFORM = ["/health/live", "/health/ready", "/metrics", "/metrics/"]


@pytest.fixture
def browser(staff):
    """A browser in which a member of the staff is logged in to the admin."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(staff)
    return client


def asked_for(queries):
    tables = ('"django_session"', '"auth_user"')  # quoted, as the ORM does; readiness names all tables as values
    return [query["sql"] for query in queries if any(table in query["sql"] for table in tables)]


@pytest.mark.parametrize("method", EVERY_METHOD)
@pytest.mark.parametrize("path", ["/api/products", "/api/orders", "/api/cart", "/api/tokens"])
def test_who_is_logged_in_to_the_admin_is_nobody_to_the_api(browser, method, path):
    assert browser.get("/admin/").status_code == 200

    answer = browser.generic(method, path)

    assert answer.status_code == 401
    assert not answer.cookies


@pytest.mark.parametrize("path", PLACES)
def test_no_session_is_looked_up_and_no_cookie_set_where_programs_ask(browser, path):
    # Django answers a cookie that is none of its own making with a new one, and so would tell that it has read it.
    browser.cookies["csrftoken"] = "nonsense"

    with CaptureQueriesContext(
        connection,
    ) as queries:
        answer = browser.get(path)

    assert asked_for(queries) == []
    assert not hasattr(answer.wsgi_request, "session")
    assert not answer.cookies
    assert "Cookie" not in answer.get("Vary", "")


@pytest.mark.parametrize("path", PLATFORM)
def test_the_platform_is_asked_for_no_session_either(browser, path):
    with CaptureQueriesContext(connection) as queries:
        answer = browser.get(path)

    assert asked_for(queries) == []
    assert not hasattr(answer.wsgi_request, "session")
    assert not answer.cookies
    assert "Cookie" not in answer.get("Vary", "")


def test_a_token_costs_one_query_with_and_without_a_session_beside_it(browser, api, alice):
    alone, beside = api(alice), api(alice)
    beside.cookies = browser.cookies

    costs = []
    for client in (alone, beside):
        with CaptureQueriesContext(connection) as queries:
            assert client.put("/api/orders").status_code == 405
        costs.append(verbs(queries))

    assert costs == [["SELECT"], ["SELECT"]]


def test_a_token_is_believed_and_not_the_session_beside_it(browser, api, alice):
    client = api(alice)
    client.cookies = browser.cookies

    # Which the member of the staff may do, and alice may not.
    answer = client.post("/api/products", {"sku": "NEW", "name": "New", "price": "1.00"})

    assert answer.status_code == 403


def test_a_token_opens_no_page_of_the_admin(api, staff):
    answer = api(staff).get("/admin/products/product/")

    assert (answer.status_code, answer["Location"]) == (302, "/admin/login/?next=/admin/products/product/")


def test_the_admin_still_has_its_session_its_user_and_its_forms(browser):
    page = browser.get("/admin/products/product/")

    assert page.status_code == 200
    assert "Cookie" in page["Vary"]
    assert "csrftoken" in page.cookies
    assert browser.post("/admin/logout/").status_code == 403  # without the form's token


def test_forms_are_guarded_by_djangos_own_middleware_which_its_check_looks_for_by_name():
    guards = [import_string(name) for name in the_settings.MIDDLEWARE]

    assert len([guard for guard in guards if isinstance(guard, type) and issubclass(guard, CsrfViewMiddleware)]) == 1


def test_the_admin_finds_the_middleware_that_it_needs():
    assert [each for each in checks.run_checks() if each.id.startswith("admin.E4")] == []
