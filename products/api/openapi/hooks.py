"""The parts of the document that belong to no operation (settings.SPECTACULAR_SETTINGS["POSTPROCESSING_HOOKS"])."""

from collections.abc import Iterator
from typing import Any

from products.api.openapi.examples import EXAMPLES
from products.api.openapi.extensions import BASIC_AUTHENTICATION
from products.api.openapi.responses import HEADERS, PROBLEMS, SHARED, error_response

ABOUT = """\
Products and orders. The shop never sells more than its stock, and a retried order is placed once.

**URLs** work with and without a trailing slash. An unknown query parameter or field of a body is an error.

**Authentication**: get a token from `POST /api-token-auth`, press *Authorize* and paste it.

**Errors** are always `application/problem+json` (RFC 9457). `code` is for programs and stable; new codes may be added.
An unknown URL is 404, a method that it does not support 405. A request that is malformed HTTP, or does not arrive in
time, is 400, 408, 417, 431 or 501.

**Retries**: send an `Idempotency-Key` with a POST that creates something, and the same key again after a timeout or a
503.

**Revalidation**: send the `ETag` of the version you have as `If-None-Match`.

**Changes** of this contract: fields, parameters, codes and URLs may be added at any time.
"""

TAGS = {
    "products": "The catalog.",
    "categories": "The categories of the catalog, a tree.",
    "stock": "The stock of products, and the ledger of its movements; for staff.",
    "addresses": "The addresses that you keep, to have orders shipped to.",
    "events": "What happened in the shop, for other systems.",
    "webhooks": "The addresses of other systems that what happens is posted to; for staff.",
    "customers": "The customers; for staff.",
    "cart": "The customer's cart. It reserves no stock and fixes no price.",
    "orders": "Customers see their own orders; staff with the permission to view orders see all.",
    "tokens": "Exchange credentials for a token, and manage your tokens.",
    "documentation": "This document, and the page that renders it.",
}

ENTRY = {
    "type": "object",
    "description": "One error and its location: `pointer` (RFC 6901) into the body, `parameter` or `header`."
    " Other fields depend on its code.",
    "properties": {
        "pointer": {"type": "string"},
        "parameter": {"type": "string"},
        "header": {"type": "string"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "product": {"type": ["integer", "null"], "format": "int64"},
        "sku": {"type": "string"},
        "line": {"type": "string", "format": "uuid"},
        "requested": {"type": "integer", "format": "int64"},
        "available": {"type": "integer", "format": "int64"},
        "minimum": {"type": "integer", "format": "int64"},
        "maximum": {"type": "integer", "format": "int64"},
        "expected": {"type": "integer", "format": "int64"},
        "stock": {"type": "integer", "format": "int64"},
        "from": {"$ref": "#/components/schemas/OrderStatus"},
        "to": {"$ref": "#/components/schemas/OrderStatus"},
    },
    "required": ["code", "detail"],
    "additionalProperties": True,
}

PROBLEM = {
    "type": "object",
    "description": "An error (RFC 9457).",
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "`urn:shop:problem:` and the code."},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "For people; the text may change."},
        "code": {"type": "string", "description": "For programs."},
        "request_id": {"type": ["string", "null"]},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/ProblemEntry"}},
        "acceptable": {
            "oneOf": [{"$ref": "#/components/schemas/LinesRequest"}, {"type": "null"}],
            "description": "With `insufficient_stock`: an order that could be placed now; null if there is none.",
        },
        "allowed": {
            "type": "array",
            "items": {"$ref": "#/components/schemas/OrderStatus"},
            "description": "With `forbidden_move`: the statuses to which the order can change.",
        },
    },
    "required": ["type", "title", "status", "detail", "code", "request_id", "errors"],
}


def complete(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Add the components that operations refer to, the tags and the introduction."""
    components = result["components"]
    components["schemas"] |= {"Problem": PROBLEM, "ProblemEntry": ENTRY}
    components["schemas"] = dict(sorted(components["schemas"].items()))
    components["examples"] = {
        f"{component}.{name}": {"value": value}
        for component, examples in sorted({**EXAMPLES, "Problem": PROBLEMS}.items())
        for name, value in examples.items()
    }
    components["headers"] = dict(HEADERS)
    components["responses"] = {name: error_response(problems) for name, problems in SHARED.items()}
    components["securitySchemes"]["basic"] = BASIC_AUTHENTICATION
    null = components["schemas"].pop("NullEnum")
    for schema in _schemas(components["schemas"]):
        if schema.get("$ref") == "#/components/schemas/NullEnum":  # drf-spectacular's, for an enum or null
            del schema["$ref"]
            schema |= null
        if schema.get("type") == "integer" and "maximum" not in schema:
            schema.setdefault("format", "int64")
    result["info"]["description"] = ABOUT
    result["tags"] = [{"name": name, "description": description} for name, description in TAGS.items()]
    return result


def _schemas(node: Any) -> Iterator[dict[str, Any]]:
    """Yield every schema within `node`, and every other object."""
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _schemas(child)
