"""Check responses against the API's own OpenAPI document."""

import copy
import functools
import gzip
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs

from django.urls import Resolver404, resolve
from drf_spectacular.generators import SchemaGenerator
from jsonschema import Draft202012Validator

# A quote accepts lines that an order would not, and a bulk request rows that are invalid; both report them.
LENIENT = {"orders_quote", "stock_move_in_bulk"}

# Headers that must be documented wherever they are sent.
DOCUMENTED_HEADERS = {
    "ETag",
    "Location",
    "Link",
    "Idempotency-Replayed",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
}
DOCUMENTED_HEADERS |= {"WWW-Authenticate", "X-Request-Id"}


@functools.cache
def document() -> dict[str, Any]:
    return SchemaGenerator().get_schema(public=True)


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield (path, method, operation) for the whole document."""
    for path, methods in document()["paths"].items():
        for method, operation in methods.items():
            yield path, method.upper(), operation


def follow(node: dict[str, Any]) -> dict[str, Any]:
    """Resolve a `$ref`; return anything else unchanged."""
    while "$ref" in node:
        found: Any = document()
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        node = found
    return node


def faults_of(value: Any, schema: dict[str, Any]) -> list[str]:
    """Return every violation of the schema; undocumented members are violations too."""
    return [f"{error.json_path}: {error.message}" for error in _validator(json.dumps(schema)).iter_errors(value)]


def breaches(answer: Any, sent: Any, content_type: str) -> Iterator[str]:
    """Yield everything about the response, and about an accepted request, that is not in the document."""
    operation = _operation_of(answer.request)
    if operation is None or answer.status_code == 500:  # unknown URLs and bugs are not documented
        return
    if str(answer.status_code) not in operation["responses"]:
        yield f"{operation['operationId']} does not document {answer.status_code}"
        return
    response = follow(operation["responses"][str(answer.status_code)])
    yield from _of_headers(answer, response.get("headers", {}))
    yield from _of_body(answer, response.get("content", {}))
    if answer.status_code < 300 and operation["operationId"] not in LENIENT:
        yield from _of_request(answer.request, sent, content_type, operation)


def _of_headers(answer: Any, headers: dict[str, Any]) -> Iterator[str]:
    yield from (f"{name} is not documented" for name in DOCUMENTED_HEADERS & set(answer.headers) if name not in headers)
    needed = {name for name, header in headers.items() if follow(header).get("required")}
    yield from (f"{name} is missing" for name in needed if name not in answer.headers)


def _of_body(answer: Any, content: dict[str, Any]) -> Iterator[str]:
    if not answer.content and not content:
        return
    media_type = answer.headers.get("Content-Type", "").partition(";")[0]
    if media_type not in content:
        yield f"{media_type} is not documented"
    elif media_type.endswith("json"):
        is_compressed = answer.headers.get("Content-Encoding") == "gzip"
        body = gzip.decompress(answer.content) if is_compressed else answer.content
        yield from faults_of(json.loads(body), content[media_type]["schema"])


def _of_request(request: dict[str, Any], sent: Any, content_type: str, operation: dict[str, Any]) -> Iterator[str]:
    known = {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "query"}
    yield from (f"?{name}= is not documented" for name in set(parse_qs(request["QUERY_STRING"])) - known)
    if sent and content_type.startswith("application/json") and "requestBody" in operation:
        yield from faults_of(json.loads(sent), operation["requestBody"]["content"]["application/json"]["schema"])


def _operation_of(request: dict[str, Any]) -> dict[str, Any] | None:
    try:
        route = resolve(request["PATH_INFO"].removesuffix("/")).route
    except Resolver404:
        return None
    path = re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", f"/{route}").replace("{pk}", "{id}")
    return document()["paths"].get(path, {}).get(request["REQUEST_METHOD"].lower())


@functools.cache
def _validator(schema: str) -> Draft202012Validator:
    """Return a validator that forbids undocumented members, which clients must tolerate and tests must not."""
    components = copy.deepcopy(document()["components"]["schemas"])
    for component in components.values():
        if "properties" in component:
            component.setdefault("additionalProperties", False)
    return Draft202012Validator({**json.loads(schema), "components": {"schemas": components}})
