"""The shortcut of content negotiation has the same result as DRF."""

import pytest
from rest_framework.exceptions import NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import JSONRenderer, TemplateHTMLRenderer
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from products.api.http.negotiation import JSON_ACCEPTS, ContentNegotiation

ACCEPTS = [
    *sorted(JSON_ACCEPTS),
    None,
    "",
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
