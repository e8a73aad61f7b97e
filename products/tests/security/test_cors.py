"""Pages of other origins: they may use the API if CORS_ALLOWED_ORIGINS names them, and by default none may."""

import pytest
from django.test import Client

from products.api.openapi.responses import HEADERS, IF_NONE_MATCH
from products.models import ApiToken
from products.tests.contract import operations
from shop.tests.test_settings import PRODUCTION, complaint_with, settings_with

pytestmark = pytest.mark.django_db

FRONT = "https://front.example.com"
PATHS = ["/api/products", "/api/orders/", "/api/cart/lines/1", "/api-token-auth/", "/api/nothing"]


@pytest.fixture
def front_is_allowed(settings):
    """The settings of a shop with CORS_ALLOWED_ORIGINS."""
    wanted = settings_with(PRODUCTION | {"CORS_ALLOWED_ORIGINS": f"{FRONT},http://localhost:5173"})
    for name, value in wanted.items():
        if name == "MIDDLEWARE" or name.startswith("CORS_"):
            setattr(settings, name, value)


def preflight(path, *, origin=FRONT, method="POST", headers="authorization,content-type,idempotency-key"):
    asked = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": headers}
    return Client().options(path, headers={"Origin": origin, **asked})


def listed(answer, header):
    return {name.strip().lower() for name in answer[header].split(",")}


@pytest.mark.parametrize("path", PATHS)
def test_by_default_no_other_origin_may_use_the_api(path):
    answers = [preflight(path), Client().get(path, headers={"Origin": FRONT})]

    assert not [name for answer in answers for name in answer.headers if name.lower().startswith("access-control")]
    assert not any("Origin" in answer.get("Vary", "") for answer in answers)


def test_by_default_no_request_passes_the_middleware():
    settings = settings_with(PRODUCTION)

    assert "corsheaders" not in str(settings["MIDDLEWARE"]) + str(settings["INSTALLED_APPS"])


@pytest.mark.usefixtures("front_is_allowed")
@pytest.mark.parametrize("path", PATHS)
def test_a_preflight_of_an_allowed_origin_is_answered_without_a_token(path, django_assert_num_queries):
    with django_assert_num_queries(0):
        answer = preflight(path)

    assert (answer.status_code, answer.content) == (200, b"")
    assert answer["Access-Control-Allow-Origin"] == FRONT
    assert "Access-Control-Allow-Credentials" not in answer
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Request-Id"]


@pytest.mark.usefixtures("front_is_allowed")
def test_what_a_script_may_send_and_read_is_what_the_document_has():
    answer = preflight("/api/orders")

    methods = {method.lower() for _, method, _ in operations()}
    sent = {
        parameter["name"].lower()
        for _, _, operation in operations()
        for parameter in [*operation.get("parameters", []), IF_NONE_MATCH]
        if parameter["in"] == "header"
    }
    assert listed(answer, "Access-Control-Allow-Methods") == methods | {"head", "options"}
    assert listed(answer, "Access-Control-Allow-Headers") == sent | {
        "accept",
        "authorization",
        "content-type",
        "x-request-id",
    }
    assert listed(answer, "Access-Control-Expose-Headers") == {name.lower() for name in HEADERS}


@pytest.mark.usefixtures("front_is_allowed")
def test_answers_and_errors_can_be_read_by_an_allowed_origin(alice, a_product):
    mug, (_, secret) = a_product(stock=1), ApiToken.objects.issue(alice)
    headers = {"Origin": FRONT, "Authorization": f"Bearer {secret}"}
    order = {"product": mug.pk, "quantity": 1}

    answers = [
        Client().post("/api/orders", order, "application/json", headers=headers),
        Client().post("/api/orders", order, "application/json", headers=headers),
        Client().get("/api/nothing", headers=headers),
        Client().get("/api/orders?a=%", headers=headers),
        Client().get("/api/orders", headers={"Origin": FRONT}),
    ]

    assert [answer.status_code for answer in answers] == [201, 409, 404, 400, 401]
    assert {answer["Access-Control-Allow-Origin"] for answer in answers} == {FRONT}
    assert all("location" in listed(answer, "Access-Control-Expose-Headers") for answer in answers)
    assert all("origin" in listed(answer, "Vary") for answer in answers)


@pytest.mark.usefixtures("front_is_allowed")
@pytest.mark.parametrize(
    "origin",
    [
        "https://other.example.com",
        "http://front.example.com",
        "https://front.example.com:8443",
        "https://front.example.com.evil.example",
        "https://evil.example/https://front.example.com",
        "null",
        "",
    ],
)
def test_any_other_origin_is_told_nothing(origin):
    answers = [preflight("/api/orders", origin=origin), Client().get("/api/schema", headers={"Origin": origin})]

    assert not any("Access-Control-Allow-Origin" in answer for answer in answers)


@pytest.mark.usefixtures("front_is_allowed")
@pytest.mark.parametrize("path", ["/", "/admin/login/", "/health/live", "/static/api/docs.js", "/apix"])
def test_pages_are_for_no_other_origin(path):
    answer = Client().get(path, headers={"Origin": FRONT})
    answer.close()

    assert "Access-Control-Allow-Origin" not in answer


@pytest.mark.parametrize(
    "origins", ["*", "null", "front.example.com", "https://front.example.com/", "https://Front.example.com", "ftp://x"]
)
def test_what_is_no_origin_is_refused(origins):
    assert complaint_with({"CORS_ALLOWED_ORIGINS": origins}) == [
        f"CORS_ALLOWED_ORIGINS is {origins!r}; write origins in lower case separated by commas, such as "
        "https://front.example.com."
    ]
