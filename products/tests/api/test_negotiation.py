"""Content negotiation: the shortcut has the same result as DRF, and what is no reason to refuse a request."""

import pytest
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import JSONRenderer, TemplateHTMLRenderer
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from products.api.http.negotiation import BODILESS_METHODS, JSON_ACCEPTS, ContentNegotiation
from products.models import ApiToken, Cart
from products.tests.contract import operations

OPENAPI = "application/vnd.oai.openapi+json"
ACCEPTS = [
    *sorted(JSON_ACCEPTS),
    None,
    "text/html",
    "application/*",
    "application/json;q=0",
    "text/html, */*;q=0.1",
]


def chosen(negotiation, accept, renderers):
    headers = {} if accept is None else {"HTTP_ACCEPT": accept}
    request = Request(APIRequestFactory().get("/", **headers))
    try:
        renderer, media_type = negotiation.select_renderer(request, renderers)
    except NotAcceptable:
        return "not acceptable"
    return type(renderer), media_type


@pytest.mark.parametrize("accept", ACCEPTS)
@pytest.mark.parametrize("classes", [[JSONRenderer], [TemplateHTMLRenderer], [TemplateHTMLRenderer, JSONRenderer]])
def test_the_renderer_is_the_one_that_drf_selects(accept, classes):
    renderers = [each() for each in classes]

    assert chosen(ContentNegotiation(), accept, renderers) == chosen(DefaultContentNegotiation(), accept, renderers)


# As openapi-generator, Postman and others send for an operation whose only documented type is that of its errors.
UNFIT_ACCEPTS = ["application/problem+json", "application/xml", "text/html, image/*", "", ";;;,,,/"]


@pytest.mark.django_db
@pytest.mark.parametrize("accept", UNFIT_ACCEPTS)
def test_a_delete_is_done_whatever_type_is_accepted(api, alice, staff, a_product, accept):
    mug, lamp = a_product(), a_product()
    Cart(alice).put(mug, 1)
    Cart(alice).put(lamp, 1)
    other_token, _ = ApiToken.objects.issue(alice)
    customer, shopkeeper = api(alice), api(staff)

    answers = [
        customer.delete(f"/api/cart/lines/{mug.pk}", HTTP_ACCEPT=accept),
        customer.delete("/api/cart", HTTP_ACCEPT=accept),
        customer.delete(f"/api/tokens/{other_token.pk}", HTTP_ACCEPT=accept),
        customer.delete("/api-token-auth", HTTP_ACCEPT=accept),
        shopkeeper.delete(f"/api/products/{mug.pk}", HTTP_ACCEPT=accept),
        shopkeeper.delete("/api/tokens", HTTP_ACCEPT=accept),
    ]

    assert [(answer.status_code, answer.content) for answer in answers] == [(204, b"")] * 6
    assert [line.product for line in Cart(alice).quote().lines] == []
    assert mug.refreshed().retired_at is not None
    assert not ApiToken.objects.active().exists()


@pytest.mark.django_db
@pytest.mark.parametrize("accept", UNFIT_ACCEPTS)
def test_a_delete_that_is_rejected_says_why_whatever_type_is_accepted(api, alice, accept):
    answer = api(alice).delete("/api/cart/lines/4711", HTTP_ACCEPT=accept)

    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert answer.json()["code"] == "not_in_cart"


def test_the_operations_without_a_body_are_the_deletes():
    bodiless = {method for _, method, operation in operations() if "204" in operation["responses"]}
    deletes = [operation["responses"] for _, method, operation in operations() if method in BODILESS_METHODS]

    assert bodiless == BODILESS_METHODS
    assert all("204" in responses and "406" not in responses for responses in deletes)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "accept",
    ["", " , ", "application/problem+json", "application/xml, Application/Problem+JSON; charset=utf-8"],
)
@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("get", "/api/products", 200),
        ("post", "/api/orders", 201),
        ("get", "/api/schema", 200),
        ("get", "/api/docs", 200),
    ],
)
def test_an_empty_accept_and_the_type_of_the_errors_refuse_nothing(api, alice, a_product, accept, method, path, status):
    body = {"product": a_product(stock=1).pk, "quantity": 1} if method == "post" else None

    answer = getattr(api(alice), method)(path, body, HTTP_ACCEPT=accept)

    assert answer.status_code == status
    assert answer["Content-Type"].partition(";")[0] in ("application/json", OPENAPI, "text/html")


@pytest.mark.django_db
@pytest.mark.parametrize("accept", ["application/xml", "text/html", "application/problem+xml", ";;;,,,/"])
def test_a_body_of_a_type_that_is_not_accepted_is_still_not_sent(api, alice, a_product, accept):
    mug = a_product(stock=1)

    answer = api(alice).post("/api/orders", {"product": mug.pk, "quantity": 1}, HTTP_ACCEPT=accept)

    assert (answer.status_code, answer.json()["code"]) == (406, "not_acceptable")
    assert mug.refreshed().stock == 1
