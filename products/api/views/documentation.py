"""The contract: the OpenAPI document, and a page that shows it."""

import functools
import threading
from typing import Any

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

from products.api.conditions import etag_of, is_known
from products.api.requests import read_query
from products.api.serializers.pages import NoQuery

making = threading.Lock()


class DocumentationView(APIView):
    """For anyone, and without the database."""

    authentication_classes = []
    permission_classes = [AllowAny]

    def handle_exception(self, exc: Exception) -> Response:
        # What goes wrong is a problem in JSON, also where YAML or HTML was asked for.
        self.request.accepted_renderer = JSONRenderer()
        self.request.accepted_media_type = JSONRenderer.media_type
        return super().handle_exception(exc)


class SchemaView(DocumentationView):
    """The document, made once for each process."""

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
        """The OpenAPI document: JSON, or YAML where `Accept` asks for it."""
        read_query(request, NoQuery)
        body, etag = document()
        headers = {"ETag": f'{etag[:-1]}-{request.accepted_renderer.format}"'}
        if is_known(request, headers["ETag"]):
            return Response(status=status.HTTP_304_NOT_MODIFIED, headers=headers)
        return Response(body, headers=headers)


class DocsView(DocumentationView):
    """Swagger UI, from our own static files only."""

    http_method_names = ["get", "head"]
    renderer_classes = [TemplateHTMLRenderer]

    @extend_schema(
        operation_id="docs_retrieve",
        summary="Read the docs",
        responses={200: OpenApiResponse(OpenApiTypes.STR, "A page of HTML")},
    )
    def get(self, request: Request) -> Response:
        """The page that shows this document, and tries it out."""
        read_query(request, NoQuery)
        return Response(template_name="api/docs.html")


def document() -> tuple[dict[str, Any], str]:
    """The document and its ETag. It is the same for everybody."""
    # One at a time: drf-spectacular fails where two threads make a process's first document at once.
    with making:
        return made()


@functools.cache
def made() -> tuple[dict[str, Any], str]:
    body = SchemaGenerator().get_schema(public=True)
    return body, etag_of(body)
