"""What can go wrong, as the document shows it: one example for each `code`, in the shape that errors.py makes."""

from typing import Any

from django.http import HttpRequest

from products.api.errors import MAYBE_CHANGED, NOTHING_CHANGED, problem_document

MUG: dict[str, Any] = {"product": 1, "sku": "MUG-1"}
PAST = "An order that is SHIPPED cannot become CANCELLED."
REQUEST_ID = "6b1f0c6f7f6a4a53a2c1d7f3ce7c2d11"


def _example(status: int, code: str, detail: str, *errors: dict[str, Any], **members: Any) -> dict[str, Any]:
    request = HttpRequest()
    request.id = REQUEST_ID  # type: ignore[attr-defined]
    return problem_document(status, request, code=code, detail=detail, errors=list(errors), **members)


def _refusal(
    status: int, code: str, error: str, detail: str, pointer: str = "", members: Any = None, **facts: Any
) -> dict[str, Any]:
    entry = {"pointer": pointer, "code": error, "detail": detail, **facts}
    return _example(status, code, detail, entry, **(members or {}))


INVALID = "The request is not acceptable; where it can be told, `errors` lists all that is wrong with it."
UNKNOWN = "This is not known here."

PROBLEMS: dict[str, dict[str, Any]] = {
    "unknown_parameter": _example(400, "invalid", INVALID, {"parameter": "page", "code": "unknown", "detail": UNKNOWN}),
    "invalid_body": _example(
        400,
        "invalid",
        INVALID,
        {"pointer": "/quantity", "code": "invalid", "detail": "Write a whole number."},
        {"pointer": "/colour", "code": "unknown", "detail": UNKNOWN},
    ),
    "malformed_json": _example(400, "malformed_json", "This is not JSON: Expecting value: line 1 column 1 (char 0)."),
    "invalid_order": _refusal(
        400,
        "invalid_order",
        "quantity_out_of_range",
        "A quantity is a whole number from 1 to 10000.",
        "/quantity",
        minimum=1,
        maximum=10_000,
    ),
    "invalid_stock_change": _refusal(
        400, "invalid_stock_change", "nothing_moves", "A correction by 0 changes nothing."
    ),
    "not_authenticated": _example(401, "not_authenticated", "Authentication credentials were not provided."),
    "invalid_token": _example(401, "invalid_token", "This token is not valid (any more)."),
    "wrong_credentials": _example(401, "wrong_credentials", "No active user has this name and password."),
    "permission_denied": _example(403, "permission_denied", "You do not have permission to perform this action."),
    "https_required": _example(
        403,
        "https_required",
        "Use https://. This request crossed the network in the clear: revoke the token, or change the password, in it.",
    ),
    "not_found": _example(404, "not_found", "There is nothing here, or nothing that you may see."),
    "not_in_cart": _refusal(404, "not_in_cart", "not_in_cart", "This product is not in the cart.", product=1),
    "not_acceptable": _example(406, "not_acceptable", "Could not satisfy the request Accept header."),
    "request_timeout": _example(408, "request_timeout", "The body did not arrive in time."),
    "insufficient_stock": _refusal(
        409,
        "insufficient_stock",
        "insufficient_stock",
        "MUG-1: 3 requested, 1 available.",
        "/quantity",
        **MUG,
        requested=3,
        available=1,
        members={"acceptable": {"lines": [{"product": 1, "quantity": 1}]}},
    ),
    "forbidden_move": _refusal(
        409,
        "forbidden_move",
        "forbidden_move",
        PAST,
        **{"from": "SHIPPED", "to": "CANCELLED"},
        members={"allowed": ["DELIVERED", "RETURNED"]},
    ),
    "payment_overdue": _refusal(
        409, "payment_overdue", "payment_overdue", "This order had to be paid by Sat Jan 31 12:00:00 2026."
    ),
    "sku_taken": _refusal(409, "sku_taken", "sku_taken", "A product with the SKU MUG-1 already exists.", **MUG),
    "stale": _example(412, "stale", "This has changed since you looked. Look again, and decide again."),
    "stock_has_moved": _refusal(
        412,
        "stock_has_moved",
        "stock_has_moved",
        "The stock of MUG-1 is now 40, not 44; count again.",
        **MUG,
        expected=44,
        stock=40,
    ),
    "body_too_large": _example(413, "body_too_large", "A body has 262144 bytes at the most."),
    "uri_too_long": _example(414, "uri_too_long", "Request Line is too large (5000 > 4094)"),
    "unsupported_media_type": _example(
        415, "unsupported_media_type", 'Unsupported media type "text/plain" in request.'
    ),
    "idempotency_key_reused": _refusal(
        422,
        "idempotency_key_reused",
        "idempotency_key_reused",
        "This idempotency key was already used with a different request.",
    ),
    "precondition_required": _example(428, "precondition_required", "Send the ETag that you have seen as If-Match."),
    "throttled": _example(429, "throttled", "Request was throttled. Expected available in 12 seconds."),
    "too_many_logins": _example(429, "too_many_logins", "Too many tries to log in. Try again in 15 minutes."),
    "unavailable": _example(503, "unavailable", NOTHING_CHANGED),
    "unavailable_midway": _example(503, "unavailable", MAYBE_CHANGED),
}
