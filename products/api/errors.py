"""What goes wrong, as one shape: application/problem+json (RFC 9457). Views have no `try`; it ends here."""

import math
from collections.abc import Iterable, Iterator, Mapping
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied
from django.core.exceptions import ValidationError as ModelValidationError
from django.db import DataError
from django.http import Http404, HttpRequest, JsonResponse
from rest_framework import exceptions
from rest_framework.permissions import SAFE_METHODS
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import as_serializer_error

from products import metrics
from products.api import throttling
from products.audit_log import SecurityEvent, record
from products.db.errors import is_unavailable, was_rolled_back
from products.models import (
    DomainError,
    IdempotencyKeyConflict,
    InsufficientStock,
    InvalidTransition,
    NotInCart,
    NotOverdue,
    PaymentOverdue,
    SkuTaken,
    StockHasMoved,
    TooManyLogins,
    Violation,
)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = 1
"""Seconds after which to ask again when the database was too busy or not there."""

STATUS_OF: dict[type[DomainError], int] = {
    InsufficientStock: 409,
    InvalidTransition: 409,
    PaymentOverdue: 409,
    NotOverdue: 409,
    IdempotencyKeyConflict: 422,
    NotInCart: 404,
    SkuTaken: 409,
    StockHasMoved: 412,
}
"""What a refusal is in HTTP; what is not listed is a bad request."""

CODES = {
    400: "bad_request",
    401: "not_authenticated",
    403: "permission_denied",
    404: "not_found",
    405: "method_not_allowed",
    406: "not_acceptable",
    408: "request_timeout",
    411: "length_required",
    413: "body_too_large",
    415: "unsupported_media_type",
    429: "throttled",
    500: "server_error",
    503: "unavailable",
}

DETAILS = {
    400: "The request is not acceptable; where it can be told, `errors` lists all that is wrong with it.",
    403: "You may not do this.",
    404: "There is nothing here, or nothing that you may see.",
    500: "Something is broken on our side. Ask about it with the request id.",
}

NOTHING_CHANGED = "The database is busy or out of reach; nothing was changed."
MAYBE_CHANGED = (
    "The database is out of reach, and it is not known whether anything was changed."
    " With the Idempotency-Key that it had, it is safe to send this again."
)

POINTS_AT_PRODUCT = {"unknown_product", "retired_product"}


class InvalidQuery(exceptions.ValidationError):
    """Parameters of the query string that are wrong or unknown."""


class InvalidHeader(exceptions.ValidationError):
    """Request headers that are wrong."""


def problem(exc: Exception, context: Mapping[str, Any]) -> Response | None:
    """The answer to an exception in a view; None, for a bug, leaves it to Django's 500 (settings.EXCEPTION_HANDLER)."""
    request: Request = context["request"]
    headers: dict[str, str] = {}
    # DRF asks its throttles only about requests that it has let in; here are those that it has not.
    if (budget := throttling.spend(request._request)) and budget.is_overspent:
        exc = exceptions.Throttled(budget.ends_in)
    match exc:
        case DomainError():
            if isinstance(exc, IdempotencyKeyConflict):
                record(SecurityEvent.KEY_REUSED, request, user=request.user.pk)
            status, body = STATUS_OF.get(type(exc), 400), _of_refusal(exc, request)
        case exceptions.ValidationError():
            status, body = 400, {"code": "invalid", "errors": list(_of_validation(exc))}
        case Http404():
            status, body = 404, {}
        case PermissionDenied():
            status, body = 403, {}
        case TooManyLogins():
            status, body, headers = 429, {"detail": exc.message, "code": exc.code}, _headers_of(exc)
        case ModelValidationError():
            # A rule of the model that the serializer does not have, such as the decimals of the currency.
            invalid = exceptions.ValidationError(as_serializer_error(exc))
            status, body = 400, {"code": "invalid", "errors": list(_of_validation(invalid))}
        case exceptions.APIException():
            status, body = exc.status_code, {"detail": str(exc.detail), "code": exc.get_codes()}
            headers = _headers_of(exc)
        case DataError():
            # A value that the database has no room for: the client's mistake, although a field should have caught it.
            status, body = 400, {"code": "value_out_of_range", "detail": "A value is too large or too long."}
        case _ if is_unavailable(exc):
            metrics.count_database_error(exc)
            status, body, headers = 503, {"detail": outage(exc, request._request)}, {"Retry-After": str(RETRY_AFTER)}
        case _:
            return None
    document = problem_document(status, request._request, **body)
    return Response(document, status, headers=headers, content_type=MEDIA_TYPE)


def problem_document(status: int, request: HttpRequest, **members: Any) -> dict[str, Any]:
    """The members of RFC 9457, and ours: `code` for programs, `request_id` for asking about it, `errors`."""
    code = members.pop("code", CODES.get(status, "error"))
    title = HTTPStatus(status).phrase if code == CODES.get(status) else code.replace("_", " ").capitalize()
    return {
        "type": f"urn:shop:problem:{code}",
        "title": title,
        "status": status,
        "detail": members.pop("detail", DETAILS.get(status, title)),
        "code": code,
        "request_id": getattr(request, "id", None),
        "errors": members.pop("errors", []),
        **members,
    }


def outage(error: BaseException | None, request: HttpRequest) -> str:
    """What to say about a database that cannot serve: no more than is known."""
    if request.method in SAFE_METHODS or was_rolled_back(error):
        return NOTHING_CHANGED
    return MAYBE_CHANGED


def problem_response(status: int, request: HttpRequest, **members: Any) -> JsonResponse:
    """The same answer for what goes wrong outside of the views."""
    return JsonResponse(problem_document(status, request, **members), status=status, content_type=MEDIA_TYPE)


def _of_refusal(refusal: DomainError, request: Request) -> dict[str, Any]:
    body: dict[str, Any] = {
        "code": refusal.code,
        "detail": str(refusal),
        "errors": problem_entries(refusal.violations, request.data),
    }
    if isinstance(refusal, InsufficientStock):
        lines = [{"product": product_id, "quantity": quantity} for product_id, quantity in refusal.acceptable]
        body["acceptable"] = {"lines": lines} if lines else None
    if isinstance(refusal, InvalidTransition):
        body["allowed"] = refusal.allowed
    return body


def problem_entries(problems: Iterable[Violation], data: Any) -> list[dict[str, Any]]:
    """The `errors` for `problems`, one for each place that a problem is about. `data` is the request's body."""
    return [
        {"pointer": pointer, "code": each.code, "detail": each.detail, **each.facts}
        for each in problems
        for pointer in [_pointer(each.code, place, data) for place in each.positions] or [""]
    ]


def _pointer(code: str, place: int, data: Any) -> str:
    """Where (RFC 6901) the line is that a problem is about: in the request's body, or in the cart if that is empty."""
    if not data:
        line, path = {"product": None, "quantity": None}, f"/lines/{place}"
    elif "lines" in data:
        line, path = data["lines"][place], f"/lines/{place}"
    else:
        line, path = data, ""
    names = ("sku", "product") if code in POINTS_AT_PRODUCT else ("quantity",)
    # A product that is not in the body but in the address is nowhere to be pointed at.
    return next((f"{path}/{name}" for name in names if name in line), path)


def _of_validation(error: exceptions.ValidationError) -> Iterator[dict[str, Any]]:
    where = {InvalidQuery: "parameter", InvalidHeader: "header"}.get(type(error), "pointer")
    for path, leaf in _leaves(error.get_full_details(), ()):
        place = "".join(f"/{step}" for step in path) if where == "pointer" else str(path[0])
        yield {where: place, "code": leaf["code"], "detail": str(leaf["message"])}


def _leaves(details: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    if isinstance(details, list):
        for index, each in enumerate(details):
            # A list holds either the errors of one field, or one entry for each member of a list that was sent.
            yield from _leaves(each, path if _is_leaf(each) else (*path, str(index)))
    elif _is_leaf(details):
        yield path, details
    else:
        for name, each in details.items():
            step = () if name == "non_field_errors" else (str(name).replace("~", "~0").replace("/", "~1"),)
            yield from _leaves(each, path + step)


def _is_leaf(details: Any) -> bool:
    return isinstance(details, dict) and set(details) == {"message", "code"} and isinstance(details["code"], str)


def _headers_of(exc: Exception) -> dict[str, str]:
    headers = {}
    if challenge := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if seconds := getattr(exc, "wait", None):
        headers["Retry-After"] = str(math.ceil(seconds))
    return headers
