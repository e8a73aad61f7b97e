"""What the document has as a whole (settings.SPECTACULAR_SETTINGS["POSTPROCESSING_HOOKS"])."""

from collections.abc import Iterator
from typing import Any

from products.api.schema.examples import EXAMPLES
from products.api.schema.failures import SHARED, response
from products.api.schema.headers import HEADERS
from products.api.schema.problems import PROBLEMS
from products.api.schema.security import BASIC

ABOUT = """\
Products and orders. It never sells what it does not have, and places a retried order once.

**Addresses** answer with and without a trailing slash. A parameter or a member of a body that is not known is an error.

**Who you are**: get a token from `POST /api-token-auth`, press *Authorize* and paste it.

**Errors** are `application/problem+json` (RFC 9457), whatever goes wrong. `code` is for programs and does not change;
be ready for codes that you do not know. An address that does not exist is 404, a method that it does not have 405;
what is no clear HTTP, or does not arrive in time, is 400, 408, 417, 431 or 501.

**Retries**: send an `Idempotency-Key` with a POST that creates, and send it again after a timeout or a 503.

**Reading again**: send the `ETag` of what you have as `If-None-Match`.

**Changes** of this contract: members, parameters, codes and addresses may be added at any time.
"""

TAGS = {
    "products": "What the shop sells.",
    "stock": "How many there are, and every movement of them; for staff.",
    "cart": "What a customer has put aside. It holds no stock and freezes no price.",
    "orders": "What customers ordered: each sees their own, staff who may view orders all.",
    "tokens": "Credentials in, a token out; the tokens that somebody has.",
    "documentation": "This document, and the page that shows it.",
}

ENTRY = {
    "type": "object",
    "description": "One thing that is wrong, and where: `pointer` (RFC 6901) into the body, `parameter` or `header`."
    " What else is known about it stands beside.",
    "properties": {
        "pointer": {"type": "string"},
        "parameter": {"type": "string"},
        "header": {"type": "string"},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "product": {"type": ["integer", "null"], "format": "int64"},
        "sku": {"type": "string"},
        "requested": {"type": "integer", "format": "int64"},
        "available": {"type": "integer", "format": "int64"},
    },
    "required": ["code", "detail"],
    "additionalProperties": True,
}

PROBLEM = {
    "type": "object",
    "description": "What went wrong (RFC 9457).",
    "properties": {
        "type": {"type": "string", "format": "uri", "description": "`urn:shop:problem:` and the code."},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "For people; its words may change."},
        "code": {"type": "string", "description": "For programs."},
        "request_id": {"type": ["string", "null"]},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/ProblemEntry"}},
        "acceptable": {
            "type": ["object", "null"],
            "description": "With `insufficient_stock`: a body that would be accepted now; null where nothing would be.",
        },
        "allowed": {
            "type": "array",
            "items": {"type": "string"},
            "description": "With `forbidden_move`: the statuses that this order can move to.",
        },
    },
    "required": ["type", "title", "status", "detail", "code", "request_id", "errors"],
}


def complete(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Add what operations refer to, and what is said of all of them."""
    components = result["components"]
    components["schemas"] |= {"Problem": PROBLEM, "ProblemEntry": ENTRY}
    components["schemas"] = dict(sorted(components["schemas"].items()))
    components["examples"] = {
        f"{component}.{name}": {"value": value}
        for component, examples in sorted({**EXAMPLES, "Problem": PROBLEMS}.items())
        for name, value in examples.items()
    }
    components["headers"] = dict(HEADERS)
    components["responses"] = {name: response(problems) for name, problems in SHARED.items()}
    components["securitySchemes"]["basic"] = BASIC
    for schema in _schemas(components["schemas"]):
        if schema.get("type") == "integer" and "maximum" not in schema:
            schema.setdefault("format", "int64")
    result["info"]["description"] = ABOUT
    result["tags"] = [{"name": name, "description": description} for name, description in TAGS.items()]
    return result


def _schemas(node: Any) -> Iterator[dict[str, Any]]:
    """Every schema, and every other object, within `node`."""
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        yield from _schemas(child)
