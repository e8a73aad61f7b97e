"""The headers of all responses, and the error responses of each operation.

Most errors follow from what the operation is: whether it has a body, needs a token, has a path parameter, and so on.
Those of the rules behind it are listed in OWN, by operationId.
"""

from collections import defaultdict
from typing import Any

from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.views import APIView

from products.api.errors import DETAILS, MAYBE_CHANGED, MEDIA_TYPE, NOTHING_CHANGED, problem_document
from products.api.permissions import MayReadCatalog


def _header(description: str, example: str, **more: Any) -> dict[str, Any]:
    return {"description": description, "schema": {"type": "string"}, "example": example, **more}


HEADERS = {
    "X-Request-Id": _header(
        "The request's id, to quote in questions about it: the one that the client sent, or a new one.",
        "6b1f0c6f7f6a4a53a2c1d7f3ce7c2d11",
        required=True,
    ),
    "ETag": _header(
        "The version of the resource, for `If-None-Match` and `If-Match` (RFC 9110).",
        '"3f1c0a52b7d94c6f8e21d05a6b7c8d9e"',
        required=True,
    ),
    "Location": _header("The URL of the new resource.", "https://shop.example/api/products/1", required=True),
    "Link": _header(
        "The `next` and `prev` pages, if there are any (RFC 8288); the body has them too.",
        '<https://shop.example/api/products?cursor=WyJu>; rel="next"',
    ),
    "Idempotency-Replayed": _header("`true` if an earlier request with the same key has been executed.", "true"),
    "RateLimit": _header(
        "The remaining requests, and the seconds until the limit is reset (draft-ietf-httpapi-ratelimit-headers).",
        '"requests";r=1199;t=60',
    ),
    "RateLimit-Policy": _header("The limit: requests in a window of seconds.", '"requests";q=1200;w=60'),
    "Retry-After": _header("The seconds to wait before a retry.", "1", required=True),
    "WWW-Authenticate": _header("How to authenticate (RFC 9110).", 'Bearer realm="shop"', required=True),
}
"""By name. They are under `components` once, and referenced."""

ALWAYS = ("X-Request-Id", "RateLimit", "RateLimit-Policy")

IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The ETag of the version you have. If it is still current, the response is 304 without a body.",
    "schema": {"type": "string"},
}

KEYED_BY_ROW = {"stock_move_in_bulk"}
"""Operations that report for each row separately whether its key was used before."""


def is_keyed(operation: dict[str, Any]) -> bool:
    """Return whether an Idempotency-Key applies to the operation as a whole."""
    names = {parameter["name"] for parameter in operation.get("parameters", [])}
    return "Idempotency-Key" in names and operation["operationId"] not in KEYED_BY_ROW


def header_refs(*names: str) -> dict[str, dict[str, str]]:
    """Return references to HEADERS."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in names}


# --- Problems: an example of each error -------------------------------------------------------------------------

MUG: dict[str, Any] = {"product": 1, "sku": "MUG-STONE"}
REQUEST_ID = "6b1f0c6f7f6a4a53a2c1d7f3ce7c2d11"
UNKNOWN = "Unknown field."


def _problem(status: int, code: str, detail: str, *errors: dict[str, Any], **members: Any) -> dict[str, Any]:
    return problem_document(status, REQUEST_ID, code=code, detail=detail, errors=list(errors), **members)


def _domain_problem(
    status: int, code: str, error: str, detail: str, pointer: str = "", members: Any = None, **facts: Any
) -> dict[str, Any]:
    entry = {"pointer": pointer, "code": error, "detail": detail, **facts}
    return _problem(status, code, detail, entry, **(members or {}))


PROBLEMS: dict[str, dict[str, Any]] = {
    "unknown_parameter": _problem(
        400, "invalid", DETAILS[400], {"parameter": "page", "code": "unknown", "detail": UNKNOWN}
    ),
    "invalid_body": _problem(
        400,
        "invalid",
        DETAILS[400],
        {"pointer": "/quantity", "code": "invalid", "detail": "Not a whole number."},
        {"pointer": "/colour", "code": "unknown", "detail": UNKNOWN},
    ),
    "malformed_json": _problem(
        400, "malformed_json", "The body is not valid JSON: Expecting value: line 1 column 1 (char 0)."
    ),
    "invalid_order": _domain_problem(
        400,
        "invalid_order",
        "quantity_out_of_range",
        "A quantity is a whole number from 1 to 10000.",
        "/quantity",
        minimum=1,
        maximum=10_000,
    ),
    "invalid_fulfilment": _domain_problem(
        400, "invalid_fulfilment", "unknown_line", "The order has no such line.", "/lines/0/sku"
    ),
    "invalid_stock_change": _domain_problem(
        400, "invalid_stock_change", "nothing_moves", "A correction by 0 changes nothing."
    ),
    "not_authenticated": _problem(401, "not_authenticated", "Authentication credentials were not provided."),
    "invalid_token": _problem(401, "invalid_token", "The token is invalid, expired or revoked."),
    "wrong_credentials": _problem(401, "wrong_credentials", "The user name or the password is wrong."),
    "permission_denied": _problem(403, "permission_denied", "You do not have permission to perform this action."),
    "https_required": _problem(
        403,
        "https_required",
        "Use https://. This request crossed the network in the clear: revoke the token, or change the password, in it.",
    ),
    "not_found": _problem(404, "not_found", DETAILS[404]),
    "not_in_cart": _domain_problem(404, "not_in_cart", "not_in_cart", "This product is not in the cart.", product=1),
    "not_acceptable": _problem(406, "not_acceptable", "Could not satisfy the request Accept header."),
    "request_timeout": _problem(408, "request_timeout", "The request body did not arrive in time."),
    "insufficient_stock": _domain_problem(
        409,
        "insufficient_stock",
        "insufficient_stock",
        "MUG-STONE: 3 requested, 1 available.",
        "/quantity",
        **MUG,
        requested=3,
        available=1,
        members={"acceptable": {"lines": [{"product": 1, "quantity": 1}]}},
    ),
    "forbidden_move": _domain_problem(
        409,
        "forbidden_move",
        "forbidden_move",
        "An order that is SHIPPED cannot become CANCELLED.",
        **{"from": "SHIPPED", "to": "CANCELLED"},
        members={"allowed": ["DELIVERED", "RETURNED"]},
    ),
    "payment_overdue": _domain_problem(
        409, "payment_overdue", "payment_overdue", "This order had to be paid by 2026-01-31T12:00:00Z."
    ),
    "more_than_remains": _domain_problem(
        409,
        "more_than_remains",
        "more_than_remains",
        "MUG-STONE: 3 requested, 1 can still be shipped.",
        "/lines/0/quantity",
        line="019c13f4-7c1f-7d3a-9f06-0a6b7c8d9e10",
        **MUG,
        requested=3,
        available=1,
    ),
    "refund_too_large": _problem(
        409,
        "refund_too_large",
        "30.00 EUR requested, 25.00 EUR paid and not refunded.",
        {
            "pointer": "/amount",
            "code": "refund_too_large",
            "detail": "30.00 EUR requested, 25.00 EUR paid and not refunded.",
            "requested_amount": "30.00",
            "available_amount": "25.00",
        },
    ),
    "sku_taken": _domain_problem(
        409, "sku_taken", "sku_taken", "A product with the SKU MUG-STONE already exists.", **MUG
    ),
    "slug_taken": _domain_problem(
        409, "slug_taken", "slug_taken", "A category with the slug kitchen already exists.", "/slug", category=1
    ),
    "category_in_use": _domain_problem(
        409,
        "category_in_use",
        "category_in_use",
        "kitchen has products (12) or categories below it (1); move them first.",
        products=12,
        children=1,
    ),
    "username_taken": _domain_problem(
        409, "username_taken", "username_taken", "There is a user with the name alice already.", "/username"
    ),
    "too_many_addresses": _domain_problem(
        409,
        "too_many_addresses",
        "too_many_addresses",
        "A customer keeps at most 50 addresses; remove one first.",
        maximum=50,
    ),
    "stale": _problem(412, "stale", "The resource has changed since you read it. Read it again before you change it."),
    "stock_has_moved": _domain_problem(
        412,
        "stock_has_moved",
        "stock_has_moved",
        "The stock of MUG-STONE is now 40, not 44; count again.",
        **MUG,
        expected=44,
        stock=40,
    ),
    "body_too_large": _problem(413, "body_too_large", "The body is larger than 262144 bytes."),
    "uri_too_long": _problem(414, "uri_too_long", "Request Line is too large (5000 > 4094)"),
    "unsupported_media_type": _problem(
        415, "unsupported_media_type", 'Unsupported media type "text/plain" in request.'
    ),
    "idempotency_key_reused": _domain_problem(
        422,
        "idempotency_key_reused",
        "idempotency_key_reused",
        "This idempotency key was already used with a different request.",
    ),
    "precondition_required": _problem(428, "precondition_required", "Send the resource's ETag in an If-Match header."),
    "throttled": _problem(429, "throttled", "Request was throttled. Expected available in 12 seconds."),
    "too_many_logins": _problem(429, "too_many_logins", "Too many tries to log in. Try again in 15 minutes."),
    "unavailable": _problem(503, "unavailable", NOTHING_CHANGED),
    "unavailable_midway": _problem(503, "unavailable", MAYBE_CHANGED),
}
"""One example for each code of an error; test_problem_examples.py compares them with what the API says."""

# --- Error responses of an operation ----------------------------------------------------------------------------

NO_SPECIAL_PERMISSION = {AllowAny, IsAuthenticated, MayReadCatalog}
"""Permissions that everybody with a token has. A token can lack any other."""

OWN = {
    "addresses_create": ["too_many_addresses"],
    "cart_checkout": ["invalid_order", "insufficient_stock"],
    "cart_line_destroy": ["not_in_cart"],
    "cart_line_update": ["invalid_order"],
    "categories_create": ["slug_taken"],
    "categories_destroy": ["category_in_use"],
    "categories_partial_update": ["slug_taken"],
    "customers_create": ["username_taken"],
    "orders_cancel": ["invalid_fulfilment", "forbidden_move", "more_than_remains"],
    "orders_create": ["invalid_order", "insufficient_stock"],
    "orders_deliver": ["forbidden_move"],
    "orders_pay": ["insufficient_stock", "forbidden_move", "payment_overdue"],
    "orders_refunds_create": ["invalid_fulfilment", "more_than_remains", "refund_too_large"],
    "orders_return": ["invalid_fulfilment", "forbidden_move", "more_than_remains"],
    "orders_ship": ["invalid_fulfilment", "forbidden_move", "more_than_remains"],
    "products_create": ["sku_taken"],
    "products_partial_update": ["sku_taken"],
    "stock_move": ["invalid_stock_change", "insufficient_stock", "stock_has_moved"],
    "tokens_create": ["not_authenticated", "wrong_credentials", "too_many_logins"],
}
"""The problems that follow from the rules behind an operation, by operationId: names in PROBLEMS."""

SHARED = {
    "InvalidQuery": ["unknown_parameter"],
    "InvalidRequest": ["unknown_parameter", "invalid_body", "malformed_json"],
    "NotAuthenticated": ["not_authenticated", "invalid_token"],
    "HttpsRequired": ["https_required"],
    "PermissionDenied": ["permission_denied", "https_required"],
    "NotFound": ["not_found"],
    "NotAcceptable": ["not_acceptable"],
    "Stale": ["stale"],
    "RequestTimeout": ["request_timeout"],
    "BodyTooLarge": ["body_too_large"],
    "UriTooLong": ["uri_too_long"],
    "UnsupportedMediaType": ["unsupported_media_type"],
    "KeyReused": ["idempotency_key_reused"],
    "PreconditionRequired": ["precondition_required"],
    "Throttled": ["throttled"],
    "Unavailable": ["unavailable", "unavailable_midway"],
}
"""Responses of many operations. They are under `components` once."""

DESCRIPTIONS = {
    400: "The request is malformed or invalid; `errors` lists the reasons.",
    401: "Authentication is missing or failed.",
    403: "The user lacks the permission, or the request came over plain HTTP.",
    404: "The resource does not exist, or you do not have access to it.",
    406: "No available media type satisfies `Accept`.",
    408: "The body did not arrive in time.",
    409: "The request is valid, but conflicts with the present state.",
    412: "The resource has changed since it was read.",
    413: "The body is larger than 262,144 bytes or, where it may have the lines of an order, 1,048,576 bytes.",
    414: "The URL, including its query string, is too long.",
    415: "The media type, encoding or charset of the body is not supported.",
    422: "The `Idempotency-Key` was already used with a different request.",
    428: "`If-Match` is missing.",
    429: "Too many requests, or too many login attempts.",
    503: "The database is temporarily unavailable; `detail` says whether it is certain that nothing was changed.",
}


def error_responses(view: APIView, operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the error responses of `operation`, by status."""
    names = [*_of_body(operation), *_of_access(view), *_of_url(operation), *_of_headers(operation)]
    if "204" not in operation["responses"]:  # A response without a body has no type that could be unacceptable.
        names.append("NotAcceptable")
    problems = [*OWN.get(operation["operationId"], []), *(each for name in names for each in SHARED[name])]
    by_status: dict[int, list[str]] = defaultdict(list)
    for problem in problems:
        by_status[PROBLEMS[problem]["status"]].append(problem)
    shared = {tuple(problems): name for name, problems in SHARED.items()}
    return {
        str(status): {"$ref": f"#/components/responses/{shared[tuple(problems)]}"}
        if tuple(problems) in shared
        else error_response(problems)
        for status, problems in sorted(by_status.items())
    }


def error_response(problems: list[str]) -> dict[str, Any]:
    """Return the response for any of `problems`, which have the same status."""
    status = PROBLEMS[problems[0]]["status"]
    codes = dict.fromkeys(PROBLEMS[problem]["code"] for problem in problems)
    headers = {401: ["WWW-Authenticate"], 429: ["Retry-After"], 503: ["Retry-After"]}.get(status, [])
    examples = {problem: {"$ref": f"#/components/examples/Problem.{problem}"} for problem in problems}
    return {
        "description": f"{DESCRIPTIONS[status]} `code`: {', '.join(f'`{code}`' for code in codes)}.",
        "headers": header_refs(*ALWAYS, *headers),
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}},
    }


def _of_body(operation: dict[str, Any]) -> list[str]:
    if "requestBody" not in operation:
        return ["InvalidQuery"]
    return ["InvalidRequest", "RequestTimeout", "BodyTooLarge", "UnsupportedMediaType"]


def _of_access(view: APIView) -> list[str]:
    names = ["Throttled"] if view.get_throttles() else []
    if not view.get_authenticators():
        # The documentation, which does not use the database. Its page is redirected to HTTPS.
        return names if is_page(view) else [*names, "HttpsRequired"]
    permissions = {type(permission) for permission in view.get_permissions()}
    if AllowAny not in permissions:
        names.append("NotAuthenticated")
    names.append("PermissionDenied" if permissions - NO_SPECIAL_PERMISSION else "HttpsRequired")
    return [*names, "Unavailable"]


def is_page(view: APIView) -> bool:
    """Return whether the view renders HTML only."""
    return all(renderer.format == "html" for renderer in view.renderer_classes)


def _of_url(operation: dict[str, Any]) -> list[str]:
    locations = {parameter["in"] for parameter in operation.get("parameters", [])}
    names = ["NotFound"] if "path" in locations else []
    return [*names, "UriTooLong"] if locations & {"path", "query"} else names


def _of_headers(operation: dict[str, Any]) -> list[str]:
    headers = {each["name"]: each for each in operation.get("parameters", []) if each["in"] == "header"}
    names = ["KeyReused"] if is_keyed(operation) else []
    if "If-Match" in headers:
        names.append("Stale")
        if headers["If-Match"].get("required"):
            names.append("PreconditionRequired")
    return names
