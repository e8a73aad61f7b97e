"""Log formats: one JSON object per line in production, text in development.

A record may carry `facts`, a dict that replaces its message (`extra={"facts": …}`). Other attributes that libraries
attach to records are left out, because they contain whole requests with query strings and headers.
"""

import json
import logging
import re
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson
from pythonjsonlogger.json import JsonFormatter

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the current request, None outside of a request."""

encode_ascii = json.JSONEncoder(default=str, separators=(",", ":")).encode
# The shop logs no tokens itself. This catches those that others quote: a malformed header, an exception.
TOKEN_PREFIX = "shop_"  # noqa: S105 - the prefix of every token, not a secret
TOKEN = re.compile(rf"{TOKEN_PREFIX}[\w-]{{6,}}")
REDACTED = f"{TOKEN_PREFIX}***"


class RequestIdFilter(logging.Filter):
    """Add the current request's id to every record."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        return True


class BugFilter(logging.Filter):
    """Keep only Django's records of bugs: those with a traceback.

    A 503 has one too, for an unavailable database, of which products.api.errors logs the cause.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        return bool(record.exc_info) and getattr(record, "status_code", None) != 503


class JsonLines(JsonFormatter):
    """Format a record as one line of printable ASCII, so that no input can end the line or control a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        facts = getattr(record, "facts", None)
        if facts is None:
            return super().format(record)
        # Skips the work on the message, which these lines do not have; every request writes one.
        return self.jsonify_log_record(heading(record) | facts)

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        log_data.update(heading(record), message=record.message or str(record.msg))
        if exception := message_dict.get("exc_info"):
            log_data["exception"] = exception
        if stack := message_dict.get("stack_info"):
            log_data["stack"] = stack

    def jsonify_log_record(self, log_data: dict[str, Any]) -> str:
        return redact_tokens(encode(log_data))


def encode(log_data: dict[str, Any]) -> str:
    """Return the data as JSON in printable ASCII. orjson does nearly all of it, in a tenth of json's time."""
    try:
        line = orjson.dumps(log_data, default=str, option=orjson.OPT_PASSTHROUGH_DATETIME).decode()
    except TypeError:  # integers beyond 64 bits, keys that are not strings, lone surrogates
        return encode_ascii(log_data)
    return line if line.isascii() and line.isprintable() else encode_ascii(log_data)


class TextLines(logging.Formatter):
    """Format a record as one line of text, followed by its traceback if it has one."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - overrides logging's method
        record.message = escape_unprintable(record.message)
        return redact_tokens(super().formatMessage(record))


def heading(record: logging.LogRecord) -> dict[str, Any]:
    """Return the fields at the beginning of every line."""
    return {
        "time": format_time(record.created),
        "level": record.levelname,
        "logger": record.name,
        "request_id": getattr(record, "request_id", None),
    }


def format_time(timestamp: float) -> str:
    """Format a Unix timestamp by RFC 3339, in UTC with milliseconds."""
    seconds, fraction = divmod(timestamp, 1)
    return f"{_format_second(int(seconds))}.{int(fraction * 1_000):03d}Z"


@lru_cache(maxsize=4)  # Many lines fall into the same second.
def _format_second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def escape_unprintable(text: str) -> str:
    """Escape line ends and control characters."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)


def redact_tokens(line: str) -> str:
    """Replace API tokens in the line."""
    return TOKEN.sub(REDACTED, line) if TOKEN_PREFIX in line else line


def config(*, level: str, as_json: bool) -> dict[str, Any]:
    """Return the logging configuration for Django (settings.LOGGING) and gunicorn, so that all lines look alike."""
    text = {
        "()": TextLines,
        "format": "{asctime} {levelname} {name} [{request_id}] {message}",
        "style": "{",
        "defaults": {"request_id": None},
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"request_id": {"()": RequestIdFilter}, "bugs": {"()": BugFilter}},
        "formatters": {"line": {"()": JsonLines} if as_json else text},
        "handlers": {
            "console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["request_id"]},
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # Django's default handlers would write every line twice and mail errors to an empty list.
            "django": {"handlers": [], "level": level, "propagate": True},
            # Only bugs, with their tracebacks. The access log already has a line for every 4xx and 5xx response.
            "django.request": {"level": "ERROR", "filters": ["bugs"]},
            # runserver's access log, which includes query strings.
            "django.server": {"handlers": [], "level": "ERROR", "propagate": True},
            # gunicorn's own --log-level sets their level.
            "gunicorn.error": {"handlers": [], "propagate": True},
            "gunicorn.access": {"handlers": [], "propagate": True},
        },
    }
