"""One operation: what drf-spectacular derives from its view, and what all operations of the shop have in common."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.conf import settings
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry
from drf_spectacular.utils import Direction
from rest_framework import serializers
from rest_framework.viewsets import ViewSetMixin

from products.api.openapi.examples import EXAMPLES, ORDER_ID
from products.api.openapi.forms import FORMS
from products.api.openapi.responses import ALWAYS, IF_NONE_MATCH, error_responses, header_refs, is_keyed
from products.api.permissions import MayReadCatalog

LISTS = {"LedgerOrStock"}
"""Responses that may be a page, under another name."""

PATH_EXAMPLES = {"integer": 1, "string": ORDER_ID}
"""The ids of the examples, by type. Without them, converters make up ids."""

HAS_ETAG = {"Address", "Category", "Customer", "Order", "Product", "Webhook", "WebhookWithSecret"}
"""Responses that are a resource with a URL of its own: they have an ETag whatever the method."""

TAGS = {"api-token-auth": "tokens", "schema": "documentation", "docs": "documentation"}
"""Tags that differ from the first segment of the path."""


class ShopSchema(AutoSchema):
    """The AutoSchema of all views (settings.REST_FRAMEWORK["DEFAULT_SCHEMA_CLASS"])."""

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: ComponentRegistry
    ) -> dict[str, Any] | None:
        operation = super().get_operation(path, path_regex, path_prefix, method, registry)
        if operation is None:
            return None
        self._describe_request(operation)
        self._describe_responses(operation)
        operation["responses"] |= error_responses(self.view, operation)
        return operation

    def get_auth(self) -> list[dict[str, list[str]]]:
        """Make the token optional for reading a public catalog."""
        reads_catalog = any(type(permission) is MayReadCatalog for permission in self.view.get_permissions())
        # First, because converters take the first alternative, and it needs nothing that they do not have.
        return ([{}] if reads_catalog and settings.CATALOGUE_IS_PUBLIC else []) + super().get_auth()

    def get_operation_id(self) -> str:
        """Return the tag and the name of the action, such as `orders_cancel`."""
        if not isinstance(self.view, ViewSetMixin):
            return super().get_operation_id()
        action = self.view.action_map[self.method.lower()]
        [tag] = self.get_tags()
        return f"{tag}_{action}"

    def get_tags(self) -> list[str]:
        segments = self.path.strip("/").removeprefix("api/").split("/")
        return ["stock" if "stock" in segments else TAGS.get(segments[0], segments[0])]

    def get_serializer_name(self, serializer: serializers.Serializer, direction: Direction) -> str:
        """Return the component's name: OrderResponse is the component Order."""
        return super().get_serializer_name(serializer, direction).removesuffix("Response")

    def _describe_request(self, operation: dict[str, Any]) -> None:
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "query" and "oneOf" in parameter["schema"]:
                # In a query string, an integer and a string of digits are the same.
                parameter["schema"] = parameter["schema"]["oneOf"][0]
            if parameter["in"] == "path":
                parameter["example"] = PATH_EXAMPLES[parameter["schema"]["type"]]
        body = operation.get("requestBody", {})
        show_examples(body)
        if any(component_of(content) in FORMS for content in body.get("content", {}).values()):
            body["required"] = True

    def _describe_responses(self, operation: dict[str, Any]) -> None:
        responses = operation["responses"]
        for status, response in responses.items():
            show_examples(response)
            response["description"] = response["description"] or HTTPStatus(int(status)).phrase
            response["headers"] = header_refs(*ALWAYS, *self._headers_of(status, response, operation))
        if self.method == "GET" and "ETag" in responses["200"]["headers"]:
            operation["parameters"] = [*operation.get("parameters", []), IF_NONE_MATCH]
            responses["304"] = {
                "description": "The version you have is still current.",
                "headers": header_refs(*ALWAYS, "ETag"),
            }

    def _headers_of(self, status: str, response: dict[str, Any], operation: dict[str, Any]) -> Iterator[str]:
        content = response.get("content", {}).get("application/json")
        component = component_of(content or {})
        if component in HAS_ETAG or (content and self.method == "GET"):
            yield "ETag"
        if component in HAS_ETAG and status == "201":
            yield "Location"
        if component in LISTS or component.endswith("Page"):
            yield "Link"
        if is_keyed(operation):
            yield "Idempotency-Replayed"


def show_examples(body: dict[str, Any]) -> None:
    """Add references to the examples of the components of `body`, a request's or a response's."""
    for content in body.get("content", {}).values():
        component = component_of(content)
        if component in EXAMPLES:
            content["examples"] = {
                name: {"$ref": f"#/components/examples/{component}.{name}"} for name in EXAMPLES[component]
            }


def component_of(content: dict[str, Any]) -> str:
    """Return the name of the component that `content` refers to, or an empty string."""
    return str(content.get("schema", {}).get("$ref", "")).rpartition("/")[2]
