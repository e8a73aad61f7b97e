"""The OpenAPI document, and a page that renders it."""

import functools
import threading
from typing import Any

from django.utils.decorators import method_decorator
from django.views.decorators.gzip import gzip_page
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import (
    OpenApiJsonRenderer,
    OpenApiJsonRenderer2,
    OpenApiYamlRenderer,
    OpenApiYamlRenderer2,
)
from drf_spectacular.utils import OpenApiResponse, OpenApiTypes, extend_schema
from rest_framework import status
from rest_framework.permissions import AllowAny
from rest_framework.renderers import JSONRenderer, TemplateHTMLRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from products.api.http.etags import etag_of, is_not_modified
from products.api.http.query_params import read_query
from products.api.schemas.pages import NoQuery

lock = threading.Lock()


@method_decorator(gzip_page, name="dispatch")
class PublicView(APIView):
    """Without authentication, and without the database. Compressed: there is no secret that a length could reveal."""

    authentication_classes = []
    permission_classes = [AllowAny]

    def handle_exception(self, exc: Exception) -> Response:
        # Errors are JSON even if the view's own renderers make YAML or HTML.
        self.request.accepted_renderer = JSONRenderer()
        self.request.accepted_media_type = JSONRenderer.media_type
        return super().handle_exception(exc)


class SchemaView(PublicView):
    """The OpenAPI document, generated once per process."""

    renderer_classes = [
        OpenApiJsonRenderer2,
        OpenApiJsonRenderer,
        OpenApiYamlRenderer2,
        OpenApiYamlRenderer,
    ]

    @extend_schema(
        operation_id="schema_retrieve",
        summary="Read this document",
        responses={200: OpenApiResponse(OpenApiTypes.OBJECT, "OpenAPI 3.1")},
    )
    def get(self, request: Request) -> Response:
        """Return the OpenAPI document as JSON, or as YAML if `Accept` prefers it."""
        read_query(request, NoQuery)
        body, etag = document()
        headers = {"ETag": f'{etag[:-1]}-{request.accepted_renderer.format}"'}
        if is_not_modified(request, headers["ETag"]):
            return Response(status=status.HTTP_304_NOT_MODIFIED, headers=headers | {"Vary": "Accept-Encoding"})
        return Response(body, headers=headers)


class DocsView(PublicView):
    """Swagger UI, served from our own static files only."""

    http_method_names = ["get", "head"]
    renderer_classes = [TemplateHTMLRenderer]

    @extend_schema(
        operation_id="docs_retrieve",
        summary="Read the docs",
        responses={200: OpenApiResponse(OpenApiTypes.STR, "An HTML page")},
    )
    def get(self, request: Request) -> Response:
        """Return a page that renders this document, where its operations can be tried."""
        read_query(request, NoQuery)
        return Response(template_name="api/docs.html")


def document() -> tuple[dict[str, Any], str]:
    """Return the document and its ETag. Both are the same for all clients."""
    # drf-spectacular fails if two threads generate a process's first document at the same time.
    with lock:
        return generated_document()


@functools.cache
def generated_document() -> tuple[dict[str, Any], str]:
    body = SchemaGenerator().get_schema(public=True)
    return body, etag_of(body)
