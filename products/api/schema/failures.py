"""Which answers an operation can give when something is wrong: most by what the operation is, the rest by its name."""

from collections import defaultdict
from typing import Any

from rest_framework.permissions import AllowAny, IsAuthenticated
from rest_framework.views import APIView

from products.api.errors import MEDIA_TYPE
from products.api.permissions import MayReadCatalog
from products.api.schema.headers import ALWAYS, is_keyed, refer
from products.api.schema.problems import PROBLEMS

# Whoever has a token may; every other permission is a right that somebody may lack.
NO_RIGHT_OF_ITS_OWN = {AllowAny, IsAuthenticated, MayReadCatalog}

OWN = {
    "cart_checkout": ["invalid_order", "insufficient_stock"],
    "cart_line_destroy": ["not_in_cart"],
    "cart_line_update": ["invalid_order"],
    "orders_cancel": ["forbidden_move"],
    "orders_create": ["invalid_order", "insufficient_stock"],
    "orders_deliver": ["forbidden_move"],
    "orders_pay": ["forbidden_move", "payment_overdue"],
    "orders_return": ["forbidden_move"],
    "orders_ship": ["forbidden_move"],
    "products_create": ["sku_taken"],
    "products_partial_update": ["sku_taken"],
    "stock_move": ["invalid_stock_change", "insufficient_stock", "stock_has_moved"],
    "tokens_create": ["not_authenticated", "wrong_credentials", "too_many_logins"],
}
"""What only the rules behind an operation refuse, by operationId: names in PROBLEMS."""

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
"""Answers that many operations give; they stand under `components` once."""

DESCRIPTIONS = {
    400: "Malformed or invalid; `errors` says where.",
    401: "Who is asking is not known.",
    403: "This needs a right that the token's user does not have, or came over plain HTTP.",
    404: "It does not exist, or is not yours to see.",
    406: "`Accept` takes nothing that there is.",
    408: "The body did not arrive in time.",
    409: "Well-formed, and refused as things are now.",
    412: "It has changed since it was looked at.",
    413: "The body is too large.",
    414: "The address, with its query string, is too long.",
    415: "The body is of a type, encoding or charset that is not read.",
    422: "The same `Idempotency-Key` came with another request before.",
    428: "`If-Match` is missing.",
    429: "Too many requests, or too many tries to log in.",
    503: "The database is busy or out of reach; `detail` says whether it is known that nothing was changed.",
}


def failures(view: APIView, operation: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The responses, by status, that `operation` can give beside its own."""
    names = [*_by_body(operation), *_by_person(view), *_by_address(operation), *_by_headers(operation), "NotAcceptable"]
    problems = [*OWN.get(operation["operationId"], []), *(each for name in names for each in SHARED[name])]
    by_status: dict[int, list[str]] = defaultdict(list)
    for problem in problems:
        by_status[PROBLEMS[problem]["status"]].append(problem)
    shared = {tuple(problems): name for name, problems in SHARED.items()}
    return {
        str(status): {"$ref": f"#/components/responses/{shared[tuple(problems)]}"}
        if tuple(problems) in shared
        else response(problems)
        for status, problems in sorted(by_status.items())
    }


def response(problems: list[str]) -> dict[str, Any]:
    """A response that is one of `problems`, which have one status."""
    status = PROBLEMS[problems[0]]["status"]
    codes = dict.fromkeys(PROBLEMS[problem]["code"] for problem in problems)
    headers = {401: ["WWW-Authenticate"], 429: ["Retry-After"], 503: ["Retry-After"]}.get(status, [])
    examples = {problem: {"$ref": f"#/components/examples/Problem.{problem}"} for problem in problems}
    return {
        "description": f"{DESCRIPTIONS[status]} `code`: {', '.join(f'`{code}`' for code in codes)}.",
        "headers": refer(*ALWAYS, *headers),
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}},
    }


def _by_body(operation: dict[str, Any]) -> list[str]:
    if "requestBody" not in operation:
        return ["InvalidQuery"]
    return ["InvalidRequest", "RequestTimeout", "BodyTooLarge", "UnsupportedMediaType"]


def _by_person(view: APIView) -> list[str]:
    names = ["Throttled"] if view.get_throttles() else []
    if not view.get_authenticators():
        # Nobody is looked up, nor anything else: the database has no part in it. A page is redirected to HTTPS.
        return names if is_page(view) else [*names, "HttpsRequired"]
    permissions = {type(permission) for permission in view.get_permissions()}
    if AllowAny not in permissions:
        names.append("NotAuthenticated")
    names.append("PermissionDenied" if permissions - NO_RIGHT_OF_ITS_OWN else "HttpsRequired")
    return [*names, "Unavailable"]


def is_page(view: APIView) -> bool:
    """Whether it is for people, in a browser."""
    return all(renderer.format == "html" for renderer in view.renderer_classes)


def _by_address(operation: dict[str, Any]) -> list[str]:
    places = {parameter["in"] for parameter in operation.get("parameters", [])}
    return [*(["NotFound"] if "path" in places else []), *(["UriTooLong"] if places & {"path", "query"} else [])]


def _by_headers(operation: dict[str, Any]) -> list[str]:
    headers = {each["name"]: each for each in operation.get("parameters", []) if each["in"] == "header"}
    names = ["KeyReused"] if is_keyed(operation) else []
    if "If-Match" in headers:
        names.append("Stale")
        if headers["If-Match"].get("required"):
            names.append("PreconditionRequired")
    return names
