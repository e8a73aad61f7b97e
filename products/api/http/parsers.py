"""Strict parsers: a body that is ambiguous, unbounded or unprintable is rejected rather than repaired."""

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import IO, Any, NoReturn
from urllib.parse import parse_qsl

from django.conf import settings
from django.http import UnreadablePostError
from rest_framework.exceptions import APIException, ParseError, UnsupportedMediaType
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

MAX_NESTING = 20
MAX_DIGITS = 40
BYTE_ORDER_MARK = "\ufeff"


class BodyTooLarge(APIException):
    """The body is larger than `limit` (bytes)."""

    status_code = 413
    default_code = "body_too_large"

    def __init__(self, limit: int) -> None:
        super().__init__(f"The body is larger than {limit} bytes.")


class RequestTimeout(APIException):
    """The body did not arrive in time, or the client disconnected."""

    status_code = 408
    default_code = "request_timeout"
    default_detail = "The request body did not arrive in time."


class StrictParser(BaseParser):
    """Base class: reads the body, at most the allowed size, as UTF-8. Subclasses parse the text."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        context = parser_context or {}
        request: Request = context["request"]
        self.check_type(request)
        # A view whose bodies may be larger says so.
        limit = getattr(context.get("view"), "max_body_size", settings.DATA_UPLOAD_MAX_MEMORY_SIZE)
        try:
            text = read_body(request, stream, limit).decode("utf-8")
            return self.parse_text(text)
        except UnicodeDecodeError as error:
            raise ParseError("The body is not valid UTF-8.", "not_utf8") from error

    def parse_text(self, text: str) -> Any:
        raise NotImplementedError

    def check_type(self, request: Request) -> None:
        """Raise UnsupportedMediaType for a wildcard, a compressed body, and a charset other than UTF-8."""
        # DRF itself considers a body of type */* a match for every parser.
        if request.content_type.partition(";")[0].strip().lower() != self.media_type:
            raise UnsupportedMediaType(request.content_type)
        if request.META.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
            raise UnsupportedMediaType(request.content_type, "Compressed bodies are not supported.")
        charset = (request.content_params or {}).get("charset", "utf-8").lower()
        if charset not in ("utf-8", "utf8", "us-ascii"):
            raise UnsupportedMediaType(request.content_type, "The charset of a body must be UTF-8.")


class StrictJSONParser(StrictParser):
    """JSON (RFC 8259) in UTF-8, without duplicate keys (as in I-JSON, RFC 7493), bounded in size, depth and digits.

    Numbers with a fraction or an exponent become Decimal, so that money does not pass through a float.
    """

    media_type = "application/json"

    def parse_text(self, text: str) -> Any:
        return loads(text)


class StrictFormParser(StrictParser):
    """A form in UTF-8, without duplicate fields. DRF's own uses whatever charset the client names."""

    media_type = "application/x-www-form-urlencoded"

    def parse_text(self, text: str) -> Any:
        check_start(text, "malformed_form")
        maximum = settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
        if text.count("&") >= maximum:
            _reject("too_many_fields", f"A form has at most {maximum} fields.")
        fields = _object(parse_qsl(text, keep_blank_values=True, errors="strict"))
        _check(fields, MAX_NESTING)
        return fields


def read_body(request: Request, stream: IO[bytes], limit: int) -> bytes:
    """Return the body. Raises BodyTooLarge without reading it, and ParseError if it is incomplete."""
    length = int(request.META.get("CONTENT_LENGTH") or 0)
    if length > limit:
        raise BodyTooLarge(limit)
    try:
        body = stream.read(length)
    except UnreadablePostError as error:
        raise RequestTimeout from error
    # A truncated body may still parse, as a form in particular, and would then do something else.
    if len(body) < length:
        _reject("incomplete_body", f"The body ended after {len(body)} of {length} bytes.")
    return body


def loads(text: str) -> Any:
    """Parse JSON. Raises ParseError with a code and a message."""
    check_start(text, "malformed_json")
    try:
        value = decoder.decode(text)
    except RecursionError:
        _reject("too_deep", f"JSON may be nested at most {MAX_NESTING} levels deep.")
    except ValueError as error:
        _reject("malformed_json", f"The body is not valid JSON: {error}.")
    _check(value, MAX_NESTING)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        _reject("duplicate_key", "An object has a duplicate key.")
    return members


def _integer(digits: str) -> int:
    # Python's own limit is 4,300 digits, and its error message means nothing to a client.
    if len(digits) > MAX_DIGITS:
        _reject("number_too_long", f"A number has at most {MAX_DIGITS} digits.")
    return int(digits)


def _decimal(digits: str) -> Decimal:
    try:
        number = Decimal(digits)
    except InvalidOperation:  # an exponent too large for Decimal
        number = None
    if number is None or len(digits) > MAX_DIGITS or abs(number.adjusted()) > MAX_DIGITS:
        _reject("number_too_long", f"A number has at most {MAX_DIGITS} digits.")
    return number


def _constant(name: str) -> NoReturn:
    _reject("malformed_json", f"{name} is not valid JSON.")


def _check(value: Any, depth: int) -> None:
    """Reject values that databases and other JSON parsers cannot handle: deep nesting, NUL, lone surrogates."""
    if isinstance(value, str):
        check_text(value)
    elif isinstance(value, dict | list):
        if depth == 0:
            _reject("too_deep", f"JSON may be nested at most {MAX_NESTING} levels deep.")
        for key in value if isinstance(value, dict) else ():
            check_text(key)
        for member in value.values() if isinstance(value, dict) else value:
            _check(member, depth - 1)


def check_start(text: str, code: str) -> None:
    """Raise ParseError for a byte order mark, which some editors write and nobody sees (RFC 8259, section 8.1)."""
    if text.startswith(BYTE_ORDER_MARK):
        _reject(code, "The body begins with a byte order mark (U+FEFF). Send it as UTF-8 without one.")


def check_text(text: str) -> None:
    """Raise ParseError for text that cannot be stored or encoded."""
    if "\0" in text:
        _reject("nul_character", "Text must not contain NUL characters.")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        _reject("lone_surrogate", "Text must not contain lone surrogates.")


def _reject(code: str, detail: str) -> NoReturn:
    raise ParseError(detail, code)


decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_decimal, parse_constant=_constant
)
