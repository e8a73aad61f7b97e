"""The headers that answers carry, and the conditions that requests may."""

from typing import Any


def _header(description: str, example: str, **more: Any) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}, "example": example, **more}


HEADERS = {
    "X-Request-Id": _header(
        "The request's id, for asking about it: the one that was sent, or a new one.",
        "6b1f0c6f7f6a4a53a2c1d7f3ce7c2d11",
        required=True,
    ),
    "ETag": _header(
        "What this state is called, for `If-None-Match` and `If-Match` (RFC 9110).",
        '"3f1c0a52b7d94c6f8e21d05a6b7c8d9e"',
        required=True,
    ),
    "Location": _header("Where it is to be found.", "https://shop.example/api/products/1", required=True),
    "Link": _header(
        "`next` and `prev`, where there are such pages (RFC 8288); the body has them too.",
        '<https://shop.example/api/products?cursor=WyJu>; rel="next"',
    ),
    "Idempotency-Replayed": _header("`true` where an earlier request with this key has done it.", "true"),
    "RateLimit": _header(
        "What is left of the limit, and in how many seconds it is whole again (draft-ietf-httpapi-ratelimit-headers).",
        '"requests";r=1199;t=60',
    ),
    "RateLimit-Policy": _header("The limit: requests in a window of seconds.", '"requests";q=1200;w=60'),
    "Retry-After": _header("In how many seconds to ask again.", "1", required=True),
    "WWW-Authenticate": _header("How to show who you are (RFC 9110).", 'Bearer realm="shop"', required=True),
}
"""By name; they stand under `components` once, and are referred to."""

ALWAYS = ("X-Request-Id", "RateLimit", "RateLimit-Policy")

IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The ETag of what you have; the answer is 304, without a body, where it is still so.",
    "schema": {"type": "string"},
}


ROW_BY_ROW = {"stock_move_in_bulk"}
"""Operations that answer for each row by itself: whether its key came before, or came with something else."""


def is_keyed(operation: dict[str, Any]) -> bool:
    """Whether an Idempotency-Key stands for the whole of `operation`."""
    names = {parameter["name"] for parameter in operation.get("parameters", [])}
    return "Idempotency-Key" in names and operation["operationId"] not in ROW_BY_ROW


def refer(*names: str) -> dict[str, dict[str, str]]:
    """References to HEADERS."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}
