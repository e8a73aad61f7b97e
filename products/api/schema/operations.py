"""One operation: what drf-spectacular reads off its view, and what every operation of the shop brings along."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.conf import settings
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ComponentRegistry
from drf_spectacular.utils import Direction
from rest_framework import serializers
from rest_framework.viewsets import ViewSetMixin

from products.api.permissions import MayReadCatalog
from products.api.schema.examples import EXAMPLES
from products.api.schema.failures import failures
from products.api.schema.headers import ALWAYS, IF_NONE_MATCH, is_keyed, refer
from products.api.schema.inputs import HELD_TOGETHER

LISTS = {"LedgerOrStock"}
"""Answers that are a page of a list, or something else."""

SHOWS_ITSELF = {"Order", "Product"}
"""Answers that are one thing with an address of its own: they have an ETag whatever the method."""

TAGS = {"api-token-auth": "tokens", "schema": "documentation", "docs": "documentation"}
"""The first step of a path, where it is not the tag itself."""


class ShopSchema(AutoSchema):
    """What settings.REST_FRAMEWORK["DEFAULT_SCHEMA_CLASS"] names."""

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: ComponentRegistry
    ) -> dict[str, Any] | None:
        operation = super().get_operation(path, path_regex, path_prefix, method, registry)
        if operation is None:
            return None
        self._describe_inputs(operation)
        self._describe_answers(operation)
        operation["responses"] |= failures(self.view, operation)
        return operation

    def get_auth(self) -> list[dict[str, list[str]]]:
        """A shop that shows its goods to anyone says so."""
        reads_catalogue = any(type(permission) is MayReadCatalog for permission in self.view.get_permissions())
        return super().get_auth() + ([{}] if reads_catalogue and settings.CATALOGUE_IS_PUBLIC else [])

    def get_operation_id(self) -> str:
        """`orders_cancel`: the tag and what the view calls it."""
        if not isinstance(self.view, ViewSetMixin):
            return super().get_operation_id()
        action = self.view.action_map[self.method.lower()]
        [tag] = self.get_tags()
        return f"{tag}_{action}"

    def get_tags(self) -> list[str]:
        steps = self.path.strip("/").removeprefix("api/").split("/")
        return ["stock" if "stock" in steps else TAGS.get(steps[0], steps[0])]

    def get_serializer_name(self, serializer: serializers.Serializer, direction: Direction) -> str:
        """An answer is called what it shows: OrderAnswer is the component Order."""
        return super().get_serializer_name(serializer, direction).removesuffix("Answer")

    def _describe_inputs(self, operation: dict[str, Any]) -> None:
        for parameter in operation.get("parameters", []):
            if parameter["in"] == "query" and "oneOf" in parameter["schema"]:
                # A number and its digits as text are written the same there.
                parameter["schema"] = parameter["schema"]["oneOf"][0]
        body = operation.get("requestBody", {})
        show_examples(body)
        if any(component_of(content) in HELD_TOGETHER for content in body.get("content", {}).values()):
            body["required"] = True

    def _describe_answers(self, operation: dict[str, Any]) -> None:
        answers = operation["responses"]
        for status, answer in answers.items():
            show_examples(answer)
            answer["description"] = answer["description"] or HTTPStatus(int(status)).phrase
            answer["headers"] = refer(*ALWAYS, *self._headers_of(status, answer, operation))
        if self.method == "GET" and "ETag" in answers["200"]["headers"]:
            operation["parameters"] = [*operation.get("parameters", []), IF_NONE_MATCH]
            answers["304"] = {"description": "What you have is still so.", "headers": refer(*ALWAYS, "ETag")}

    def _headers_of(self, status: str, answer: dict[str, Any], operation: dict[str, Any]) -> Iterator[str]:
        content = answer.get("content", {}).get("application/json")
        shown = component_of(content or {})
        if shown in SHOWS_ITSELF or (content and self.method == "GET"):
            yield "ETag"
        if shown in SHOWS_ITSELF and status == "201":
            yield "Location"
        if shown in LISTS or shown.endswith("Page"):
            yield "Link"
        if is_keyed(operation):
            yield "Idempotency-Replayed"


def show_examples(body: dict[str, Any]) -> None:
    """Refer to the examples of the components that `body`, a request's or an answer's, is made of."""
    for content in body.get("content", {}).values():
        component = component_of(content)
        if component in EXAMPLES:
            content["examples"] = {
                name: {"$ref": f"#/components/examples/{component}.{name}"} for name in EXAMPLES[component]
            }


def component_of(content: dict[str, Any]) -> str:
    """The name of the component that `content` is, or nothing."""
    return str(content.get("schema", {}).get("$ref", "")).rpartition("/")[2]
