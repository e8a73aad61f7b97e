"""Reading JSON without guessing: what is ambiguous, unbounded or unprintable is refused, not repaired."""

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import IO, Any, NoReturn

from django.conf import settings
from rest_framework.exceptions import APIException, ParseError, UnsupportedMediaType
from rest_framework.parsers import BaseParser
from rest_framework.request import Request

MOST_NESTING = 20
MOST_DIGITS = 40


class BodyTooLarge(APIException):
    """The request's body is larger than settings.DATA_UPLOAD_MAX_MEMORY_SIZE (bytes)."""

    status_code = 413
    default_code = "body_too_large"

    def __init__(self) -> None:
        super().__init__(f"A body has {settings.DATA_UPLOAD_MAX_MEMORY_SIZE} bytes at the most.")


class StrictJSONParser(BaseParser):
    """JSON (RFC 8259) in UTF-8, each key once (as I-JSON, RFC 7493, asks), bounded in size, depth and digits.

    Numbers with a fraction or an exponent become Decimal, so that money does not pass through a float.
    """

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        request: Request = (parser_context or {})["request"]
        check_encoding(request)
        try:
            text = read_bounded(request, stream).decode("utf-8")
        except UnicodeDecodeError as error:
            raise ParseError("The body is not UTF-8.", "not_utf8") from error
        return loads(text)


def check_encoding(request: Request) -> None:
    """Raise UnsupportedMediaType for a compressed body, and for a charset other than UTF-8."""
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise UnsupportedMediaType(request.content_type, "Compressed bodies are not accepted.")
    # Django has parsed the header's parameters already.
    charset = (request.content_params or {}).get("charset", "utf-8").strip("\"'").lower()
    if charset not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaType(request.content_type, "JSON is sent in UTF-8.")


def read_bounded(request: Request, stream: IO[bytes]) -> bytes:
    """The body, where it is not too large; what is too large is not read to its end."""
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    body = stream.read(most + 1)
    if len(body) > most:
        raise BodyTooLarge
    return body


def loads(text: str) -> Any:
    """The value that `text` is JSON for. Raises ParseError with a code and a sentence."""
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_int=_integer, parse_float=_decimal, parse_constant=_constant
        )
    except RecursionError:
        _refuse("too_deep", f"JSON is nested {MOST_NESTING} deep at the most.")
    except ValueError as error:
        _refuse("malformed_json", f"This is not JSON: {error}.")
    _check(value, MOST_NESTING)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        _refuse("duplicate_key", "An object names one of its keys twice.")
    return members


def _integer(digits: str) -> int:
    # Python itself gives up at 4,300 digits, with an error that says nothing to a client.
    if len(digits) > MOST_DIGITS:
        _refuse("number_too_long", f"A number has {MOST_DIGITS} digits at the most.")
    return int(digits)


def _decimal(digits: str) -> Decimal:
    try:
        number = Decimal(digits)
    except InvalidOperation:  # an exponent past what even Decimal can hold
        number = None
    if number is None or len(digits) > MOST_DIGITS or abs(number.adjusted()) > MOST_DIGITS:
        _refuse("number_too_long", f"A number has {MOST_DIGITS} digits at the most.")
    return number


def _constant(name: str) -> NoReturn:
    _refuse("malformed_json", f"{name} is not JSON.")


def _check(value: Any, depth: int) -> None:
    """Refuse what databases and other readers of JSON stumble over: depth, NUL, lone surrogates."""
    if isinstance(value, str):
        check_text(value)
    elif isinstance(value, dict | list):
        if depth == 0:
            _refuse("too_deep", f"JSON is nested {MOST_NESTING} deep at the most.")
        for key in value if isinstance(value, dict) else ():
            check_text(key)
        for member in value.values() if isinstance(value, dict) else value:
            _check(member, depth - 1)


def check_text(text: str) -> None:
    """Raise ParseError for text that no database column and no other program could take."""
    if "\0" in text:
        _refuse("nul_character", "Text cannot have a NUL character in it.")
    if any("\ud800" <= character <= "\udfff" for character in text):
        _refuse("lone_surrogate", "Text cannot have half of a surrogate pair in it.")


def _refuse(code: str, detail: str) -> NoReturn:
    raise ParseError(detail, code)
