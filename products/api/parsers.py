"""Reading JSON without guessing: what is ambiguous, unbounded or unprintable is refused, not repaired."""

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


class BodyTooLarge(APIException):
    """The request's body is larger than settings.DATA_UPLOAD_MAX_MEMORY_SIZE (bytes)."""

    status_code = 413
    default_code = "body_too_large"

    def __init__(self) -> None:
        super().__init__(f"A body has {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes at the most.")


class BodyTooSlow(APIException):
    """The body did not arrive in time, or the client went away."""

    status_code = 408
    default_code = "request_timeout"
    default_detail = "The body did not arrive in time."


class StrictParser(BaseParser):
    """Text in UTF-8, bounded in size; a subclass says what it means."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        request: Request = (parser_context or {})["request"]
        self.check_type(request)
        try:
            text = read_whole(request, stream).decode("utf-8")
            return self.understand(text)
        except UnicodeDecodeError as error:
            raise ParseError("The body is not UTF-8.", "not_utf8") from error

    def understand(self, text: str) -> Any:
        raise NotImplementedError

    def check_type(self, request: Request) -> None:
        """Raise UnsupportedMediaType for a wildcard, a compressed body, and a charset other than UTF-8."""
        # Django has parsed the header; DRF takes */* for a match.
        if request._request.content_type != self.media_type:
            raise UnsupportedMediaType(request.content_type)
        if request.META.get("HTTP_CONTENT_ENCODING", "identity").lower() != "identity":
            raise UnsupportedMediaType(request.content_type, "Compressed bodies are not accepted.")
        charset = (request.content_params or {}).get("charset", "utf-8").lower()
        if charset not in ("utf-8", "utf8", "us-ascii"):
            raise UnsupportedMediaType(request.content_type, "Bodies are sent in UTF-8.")


class StrictJSONParser(StrictParser):
    """JSON (RFC 8259) in UTF-8, each key once (as I-JSON, RFC 7493, asks), bounded in size, depth and digits.

    Numbers with a fraction or an exponent become Decimal, so that money does not pass through a float.
    """

    media_type = "application/json"

    def understand(self, text: str) -> Any:
        return loads(text)


class StrictFormParser(StrictParser):
    """A form in UTF-8, each field once. DRF's own decodes with whatever charset the client names."""

    media_type = "application/x-www-form-urlencoded"

    def understand(self, text: str) -> Any:
        most = settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
        if text.count("&") >= most:
            _refuse("too_many_fields", f"A form has {most} fields at the most.")
        fields = _object(parse_qsl(text, keep_blank_values=True, errors="strict"))
        _check(fields, MAX_NESTING)
        return fields


def read_whole(request: Request, stream: IO[bytes]) -> bytes:
    """The body. Raises BodyTooLarge, without having read it, and ParseError where not all of it came."""
    length = int(request.META.get("CONTENT_LENGTH") or 0)
    if length > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
        raise BodyTooLarge
    try:
        body = stream.read(length)
    except UnreadablePostError as error:
        raise BodyTooSlow from error
    # Half a body may well be a whole object or form, and would do something else than was meant.
    if len(body) < length:
        _refuse("incomplete_body", f"The body ended after {len(body)} of {length} bytes.")
    return body


def loads(text: str) -> Any:
    """The value that `text` is JSON for. Raises ParseError with a code and a sentence."""
    try:
        value = decoder.decode(text)
    except RecursionError:
        _refuse("too_deep", f"JSON is nested {MAX_NESTING} deep at the most.")
    except ValueError as error:
        _refuse("malformed_json", f"This is not JSON: {error}.")
    _check(value, MAX_NESTING)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        _refuse("duplicate_key", "A key is named twice.")
    return members


def _integer(digits: str) -> int:
    # Python itself gives up at 4,300 digits, with an error that says nothing to a client.
    if len(digits) > MAX_DIGITS:
        _refuse("number_too_long", f"A number has {MAX_DIGITS} digits at the most.")
    return int(digits)


def _decimal(digits: str) -> Decimal:
    try:
        number = Decimal(digits)
    except InvalidOperation:  # an exponent past what even Decimal can hold
        number = None
    if number is None or len(digits) > MAX_DIGITS or abs(number.adjusted()) > MAX_DIGITS:
        _refuse("number_too_long", f"A number has {MAX_DIGITS} digits at the most.")
    return number


def _constant(name: str) -> NoReturn:
    _refuse("malformed_json", f"{name} is not JSON.")


def _check(value: Any, depth: int) -> None:
    """Refuse what databases and other readers of JSON stumble over: depth, NUL, lone surrogates."""
    if isinstance(value, str):
        check_text(value)
    elif isinstance(value, dict | list):
        if depth == 0:
            _refuse("too_deep", f"JSON is nested {MAX_NESTING} deep at the most.")
        for key in value if isinstance(value, dict) else ():
            check_text(key)
        for member in value.values() if isinstance(value, dict) else value:
            _check(member, depth - 1)


def check_text(text: str) -> None:
    """Raise ParseError for text that no database column and no other program could take."""
    if "\0" in text:
        _refuse("nul_character", "Text cannot have a NUL character in it.")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        _refuse("lone_surrogate", "Text cannot have half of a surrogate pair in it.")


def _refuse(code: str, detail: str) -> NoReturn:
    raise ParseError(detail, code)


decoder = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_decimal, parse_constant=_constant
)
