"""Every error in one form: application/problem+json (RFC 9457). Views have no `try`; `exception_handler` does it."""

import logging
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
from products.api.authentication import InvalidToken, TokenAuthentication
from products.audit_log import SecurityEvent, record
from products.db.errors import cause_of, is_unavailable, was_rolled_back
from products.db.replica import is_replica_to_blame
from products.models import (
    CategoryInUse,
    CustomerGone,
    DomainError,
    IdempotencyKeyConflict,
    InsufficientStock,
    InvalidTransition,
    MoreThanRemains,
    NotInCart,
    NotOverdue,
    PaymentOverdue,
    RefundTooLarge,
    SkuTaken,
    SlugTaken,
    StockHasMoved,
    TooManyAddresses,
    TooManyLogins,
    UsernameTaken,
    Violation,
)
from products.ordering.validation import RequestedItem

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER = 1
"""Seconds, for the Retry-After header of a 503."""

STATUS_OF: dict[type[DomainError], int] = {
    InsufficientStock: 409,
    InvalidTransition: 409,
    MoreThanRemains: 409,
    RefundTooLarge: 409,
    PaymentOverdue: 409,
    NotOverdue: 409,
    IdempotencyKeyConflict: 422,
    NotInCart: 404,
    CategoryInUse: 409,
    SkuTaken: 409,
    SlugTaken: 409,
    StockHasMoved: 412,
    TooManyAddresses: 409,
    UsernameTaken: 409,
}
"""The HTTP status of each domain error; 400 for those that are not listed."""

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
    400: "The request is invalid. If possible, `errors` lists every reason.",
    403: "You do not have permission to perform this action.",
    404: "The resource does not exist, or you do not have access to it.",
    500: "Internal error. Quote the request id when you report it.",
}

NOTHING_CHANGED = "The database is temporarily unavailable; nothing was changed."
MAYBE_CHANGED = (
    "The database is temporarily unavailable, and it is unknown whether the change was made."
    " A request with an Idempotency-Key can safely be retried with the same key."
)

ABOUT = {
    "invalid_price": ("unit_price",),
    "different_prices": ("unit_price",),
    "invalid_amount": ("discount",),
    "discount_too_large": ("discount",),
}
"""The members of a line that a violation is about, where that is neither the product nor the quantity."""

DETAILS_OF_ORDER = ("customer", "reference", "note", "email", "phone", "ship_to", "address")
"""Members of an order's body beside its lines, which a body that would be accepted has too."""

SHIP_TO = "ship_to_"
"""How the names of an order's fields begin that are parts of its address."""

ABOUT_THE_PRODUCT = {"unknown_product", "retired_product", "unknown_line", "line_named_twice"}
"""Codes of violations that point at what names a line, such as its product."""

ABOUT_THE_STOCK = {"restock_out_of_range"}
"""Codes of violations that point at what a line puts back; all others point at its quantity."""


class InvalidQuery(exceptions.ValidationError):
    """Query parameters that are invalid or unknown."""


class InvalidHeader(exceptions.ValidationError):
    """Request headers that are invalid."""


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> Response | None:
    """Return the response for an exception in a view; None, for a bug, leaves it to Django's 500."""
    request: Request = context["request"]
    body: dict[str, Any]
    headers: dict[str, str] = {}
    # DRF runs its throttles only after authentication and permissions; failing these counts too.
    if (rate_limit := throttling.count_request(request)) and rate_limit.is_exceeded:
        exc = exceptions.Throttled(rate_limit.resets_in)
    match exc:
        case CustomerGone() if exc.customer_id == request.user.pk:
            # The token was deleted with its user, after it was checked.
            status, body = 401, {"detail": InvalidToken.default_detail, "code": InvalidToken.default_code}
            headers = {"WWW-Authenticate": TokenAuthentication().authenticate_header(request)}
        case DomainError():
            if isinstance(exc, IdempotencyKeyConflict):
                record(SecurityEvent.KEY_REUSED, request, user=request.user.pk)
            status, body = STATUS_OF.get(type(exc), 400), _domain_error(exc, request)
        case exceptions.ValidationError():
            status, body = 400, {"code": "invalid", "errors": list(_validation_errors(exc))}
        case Http404():
            status, body = 404, {}
        case PermissionDenied():
            status, body = 403, {}
        case TooManyLogins():
            status, body, headers = 429, {"detail": exc.message, "code": exc.code}, _headers(exc)
        case ModelValidationError():
            # A rule of the model that the serializer does not have, such as the decimals of the currency.
            invalid = exceptions.ValidationError(as_serializer_error(exc))
            status, body = 400, {"code": "invalid", "errors": list(_validation_errors(invalid))}
        case exceptions.APIException():
            status, body = exc.status_code, {"detail": str(exc.detail), "code": exc.get_codes()}
            headers = _headers(exc)
        case DataError():
            # A value that exceeds its column is the client's mistake, although a field should have rejected it.
            status, body = 400, {"code": "value_out_of_range", "detail": "A value is too large or too long."}
        case _ if is_replica_to_blame(exc):
            status, body = 503, {}  # Nobody gets it: the middleware has the primary answer.
        case _ if is_unavailable(exc):
            status, body, headers = 503, {"detail": report_outage(exc, request)}, {"Retry-After": str(RETRY_AFTER)}
        case _:
            return None
    document = problem_document(status, getattr(request, "id", None), **body)
    return Response(document, status, headers=headers, content_type=MEDIA_TYPE)


def problem_document(status: int, request_id: str | None, **members: Any) -> dict[str, Any]:
    """Return RFC 9457's members and ours: `code` for programs, `request_id` for support, `errors` for the details."""
    code = members.pop("code", CODES.get(status, "error"))
    title = HTTPStatus(status).phrase if code == CODES.get(status) else code.replace("_", " ").capitalize()
    return {
        "type": f"urn:shop:problem:{code}",
        "title": title,
        "status": status,
        "detail": members.pop("detail", DETAILS.get(status, title)),
        "code": code,
        "request_id": request_id,
        "errors": members.pop("errors", []),
        **members,
    }


def problem_response(status: int, request: HttpRequest, **members: Any) -> JsonResponse:
    """Return the same response for an error outside of the views."""
    document = problem_document(status, getattr(request, "id", None), **members)
    return JsonResponse(document, status=status, content_type=MEDIA_TYPE)


def report_outage(error: BaseException, request: HttpRequest | Request) -> str:
    """Count an unavailable database, log the cause, and return the detail of the 503: NOTHING_CHANGED if certain."""
    metrics.count_database_error(error)
    cause, is_certain = cause_of(error), nothing_changed(error, request)
    facts = {"event": "database.unavailable", **cause._asdict(), "nothing_changed": is_certain}
    text = "%(event)s: %(error)s, code %(code)s, nothing changed %(nothing_changed)s: %(message)s"
    logger.warning(text, facts, extra={"facts": facts})
    return NOTHING_CHANGED if is_certain else MAYBE_CHANGED


def nothing_changed(error: BaseException, request: HttpRequest | Request) -> bool:
    """Return whether it is certain that a request which ends with this error has changed nothing."""
    if request.method in SAFE_METHODS:
        return True
    outcome = getattr(request, "outcome", None)  # Only behind the project's middleware.
    return was_rolled_back(error) if outcome is None else outcome.is_nothing(error)


def error_entries(violations: Iterable[Violation], data: Any) -> list[dict[str, Any]]:
    """Return one entry of `errors` for each position of each violation. `data` is the request's body."""
    return [
        {"pointer": pointer, "code": violation.code, "detail": violation.detail, **violation.facts}
        for violation in violations
        for pointer in _pointers(violation, data)
    ]


def _domain_error(error: DomainError, request: Request) -> dict[str, Any]:
    body: dict[str, Any] = {
        "code": error.code,
        "detail": str(error),
        "errors": error_entries(error.violations, request.data),
    }
    if isinstance(error, InsufficientStock):
        lines = [_line_body(item) for item in error.acceptable]
        requested = {name: value for name, value in dict(request.data).items() if name in DETAILS_OF_ORDER}
        # A checkout requests none: they are the cart's.
        details = requested or _nested(error.details)
        terms = {name: str(amount) for name, amount in error.terms.items()}
        body["acceptable"] = {"lines": lines, **details, **terms} if lines else None
    if isinstance(error, InvalidTransition):
        body["allowed"] = error.allowed
    return body


def _line_body(item: RequestedItem) -> dict[str, Any]:
    product, quantity, *terms = item
    named = dict(zip(("unit_price", "discount"), terms, strict=False))
    if named.get("discount") == 0:
        del named["discount"]
    given = {name: str(value) for name, value in named.items() if value is not None}  # A price may be 0.
    return {"product": product, "quantity": quantity, **given}


def _nested(details: Mapping[str, str]) -> dict[str, Any]:
    """Return the details of an order as its body has them, with the parts of the address in `ship_to`."""
    ship_to = {name.removeprefix(SHIP_TO): text for name, text in details.items() if name.startswith(SHIP_TO)}
    texts = {name: text for name, text in details.items() if not name.startswith(SHIP_TO)}
    return {**texts, "ship_to": ship_to} if ship_to else texts


def _pointers(violation: Violation, data: Any) -> list[str]:
    lines = [_pointer(violation.code, position, data) for position in violation.positions]
    return lines or [f"/{violation.about}" if violation.about else ""]


def _pointer(code: str, position: int, data: Any) -> str:
    """Return a JSON pointer (RFC 6901) to the line in the request's body; to a line of the cart if that is empty."""
    if not data:
        line, path = {"product": None, "quantity": None}, f"/lines/{position}"
    elif "lines" in data:
        line, path = data["lines"][position], f"/lines/{position}"
    else:
        line, path = data, ""
    names = ("sku", "product", "line") if code in ABOUT_THE_PRODUCT else ABOUT.get(code, ("quantity",))
    if code in ABOUT_THE_STOCK:
        names = ("restock",)
    # A product that is named in the URL is not in the body.
    return next((f"{path}/{name}" for name in names if name in line), path)


def _validation_errors(error: exceptions.ValidationError) -> Iterator[dict[str, Any]]:
    location = {InvalidQuery: "parameter", InvalidHeader: "header"}.get(type(error), "pointer")
    for path, leaf in _leaves(error.get_full_details(), ()):
        name = "".join(f"/{step}" for step in path) if location == "pointer" else str(path[0])
        yield {location: name, "code": leaf["code"], "detail": str(leaf["message"])}


def _leaves(details: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    if isinstance(details, list):
        for index, each in enumerate(details):
            # A list holds either the errors of one field, or one entry for each item of a list field.
            yield from _leaves(each, path if _is_leaf(each) else (*path, str(index)))
    elif _is_leaf(details):
        yield path, details
    else:
        for name, each in details.items():
            step = () if name == "non_field_errors" else (str(name).replace("~", "~0").replace("/", "~1"),)
            yield from _leaves(each, path + step)


def _is_leaf(details: Any) -> bool:
    return isinstance(details, dict) and set(details) == {"message", "code"} and isinstance(details["code"], str)


def _headers(exc: Exception) -> dict[str, str]:
    headers = {}
    if challenge := getattr(exc, "auth_header", None):
        headers["WWW-Authenticate"] = challenge
    if seconds := getattr(exc, "wait", None):
        headers["Retry-After"] = str(math.ceil(seconds))
    return headers
