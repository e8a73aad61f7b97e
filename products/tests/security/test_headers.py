"""What every answer tells a browser, whatever area it is of and whatever made it."""

import hashlib
import re
from base64 import b64encode
from pathlib import Path

import pytest
from django import contrib
from django.test import Client

from shop import csp
from shop.tests.test_settings import PRODUCTION, settings_with

pytestmark = pytest.mark.django_db

DATA = {"default-src 'none'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'", "object-src 'none'"}
PAGE = {
    "default-src 'none'",
    "base-uri 'none'",
    "connect-src 'self'",
    "font-src 'self'",
    "form-action 'self'",
    "frame-ancestors 'none'",
    "img-src 'self' data:",
    "object-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
}
ADMIN = PAGE - {"style-src 'self'"} | {f"style-src 'self' {csp.LIST_WITHOUT_ACTIONS}"}

# (what it is, the request, its status, its policy)
ANSWERS = [
    ("an answer of the API", "GET /api/schema", 200, DATA),
    ("a refusal of the API", "GET /api/orders", 401, DATA),
    ("an unknown address of the API", "GET /api/nothing", 404, DATA),
    ("a bad request for the API", "GET /api/orders?a=%", 400, DATA),
    ("a login without credentials", "POST /api-token-auth/", 401, DATA),
    ("the docs", "GET /api/docs", 200, PAGE),
    ("the docs with a slash", "GET /api/docs/", 200, PAGE),
    ("the admin, to nobody", "GET /admin/", 302, ADMIN),
    ("the admin's login", "GET /admin/login/", 200, ADMIN),
    ("a page that the admin does not have", "GET /admin/nothing/", 302, ADMIN),
    ("a form without its token", "POST /admin/login/", 403, ADMIN),
    ("a style sheet", "GET /static/admin/css/base.css", 200, DATA),
    ("a script", "GET /static/api/docs.js", 200, DATA),
    ("a file that there is not", "GET /static/nothing.js", 404, DATA),
    ("the front page", "GET /", 302, DATA),
    ("an unknown address", "GET /nothing", 404, DATA),
    ("an unknown address that begins like another", "GET /administration", 404, DATA),
]


def ask(request, **extra):
    method, address = request.split()
    # A new one each time: what the middleware is set to is read when a client first asks.
    answer = Client(enforce_csrf_checks=True).generic(method, address, **extra)
    answer.close()  # the file, where it is one
    return answer


def policy_of(answer):
    return set(answer["Content-Security-Policy"].split("; "))


@pytest.mark.parametrize(
    ("request_", "status", "policy"), [row[1:] for row in ANSWERS], ids=[row[0] for row in ANSWERS]
)
def test_every_answer_says_what_a_browser_may_do_with_it(request_, status, policy):
    answer = ask(request_)

    assert answer.status_code == status
    assert policy_of(answer) == policy
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "Access-Control-Allow-Origin" not in answer


@pytest.mark.parametrize("request_", [row[1] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
def test_over_https_browsers_are_told_to_stay_there(request_, settings):
    settings.SECURE_HSTS_SECONDS = 31_536_000

    assert ask(request_, secure=True)["Strict-Transport-Security"] == "max-age=31536000"


@pytest.mark.parametrize("request_", [row[1] for row in ANSWERS], ids=[row[0] for row in ANSWERS])
def test_over_plain_http_there_is_no_such_promise_to_be_believed(request_, settings):
    settings.SECURE_HSTS_SECONDS = 31_536_000

    assert "Strict-Transport-Security" not in ask(request_)


def test_a_bug_has_the_headers_too(client, settings):
    client.raise_request_exception = False
    settings.ROOT_URLCONF = "products.tests.security.broken_urls"

    answer = client.get("/api/broken")

    assert answer.status_code == 500
    assert policy_of(answer) == DATA
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize("policy", [csp.NOTHING, *csp.POLICIES.values()])
def test_no_policy_lets_a_script_run_that_stands_in_the_page_or_comes_from_outside(policy):
    sources = policy.get("script-src", policy["default-src"])

    assert set(sources) <= {"'none'", "'self'"}
    assert policy["object-src"] == policy["base-uri"] == policy["frame-ancestors"] == ["'none'"]


def test_the_one_style_within_a_page_of_the_admin_is_the_one_that_is_allowed():
    templates = Path(contrib.__file__).parent.joinpath("admin", "templates", "admin").rglob("*.html")
    styles = [style for page in templates for style in re.findall(r"<style>(.*?)</style>", page.read_text(), re.DOTALL)]

    digests = [b64encode(hashlib.sha256(style.encode()).digest()).decode() for style in styles]

    assert [f"'sha256-{digest}'" for digest in digests] == [csp.LIST_WITHOUT_ACTIONS]


def test_the_admins_cookies_are_for_this_host_over_https_and_not_for_scripts():
    settings = settings_with(PRODUCTION)

    assert (settings["SESSION_COOKIE_NAME"], settings["CSRF_COOKIE_NAME"]) == ("__Host-sessionid", "__Host-csrftoken")
    assert settings["SESSION_COOKIE_SECURE"] is settings["CSRF_COOKIE_SECURE"] is True
    assert settings["CSRF_COOKIE_HTTPONLY"] is True
    assert settings["SESSION_COOKIE_AGE"] == 12 * 60 * 60
