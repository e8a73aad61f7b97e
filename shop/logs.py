"""What the log looks like: a JSON object a line in production, text on a laptop.

A record may carry `facts`, a dict that is all of its line (extra={"facts": …}); nothing else that libraries attach to
their records is written, since that is where whole requests are, query strings and headers included.
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
"""The id of the request that is being answered, None outside of one."""

in_ascii = json.JSONEncoder(default=str, separators=(",", ":")).encode
# No line of ours has a token in it. This is for what others quote: a header that was not understood, an exception.
A_TOKEN = "shop_"  # noqa: S105 - what they begin with
TOKEN = re.compile(rf"{A_TOKEN}[\w-]{{6,}}")
HIDDEN = f"{A_TOKEN}***"


class WithRequestId(logging.Filter):
    """Note on every record which request it is about."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.request_id = request_id.get()
        return True


class JsonLines(JsonFormatter):
    """One JSON object in one line of ASCII, so that no input can end the line or reach a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        facts = getattr(record, "facts", None)
        if facts is None:
            return super().format(record)
        # Every request passes here, and needs no message.
        return self.jsonify_log_record(heading(record) | facts)

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        log_data.update(heading(record), message=record.message or str(record.msg))
        if exception := message_dict.get("exc_info"):
            log_data["exception"] = exception
        if stack := message_dict.get("stack_info"):
            log_data["stack"] = stack

    def jsonify_log_record(self, log_data: dict[str, Any]) -> str:
        return without_tokens(encode(log_data))


def encode(log_data: dict[str, Any]) -> str:
    """The data as JSON in ASCII that can be printed. Nearly always orjson's is that, in a tenth of the time."""
    try:
        line = orjson.dumps(log_data, default=str, option=orjson.OPT_PASSTHROUGH_DATETIME).decode()
    except TypeError:  # numbers past 64 bits, keys that are no text, halves of surrogate pairs
        return in_ascii(log_data)
    return line if line.isascii() and line.isprintable() else in_ascii(log_data)


class TextLines(logging.Formatter):
    """A line to be read by people; more lines only where there is a traceback."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        record.message = printable(record.message)
        return without_tokens(super().formatMessage(record))


def heading(record: logging.LogRecord) -> dict[str, Any]:
    """What every line begins with."""
    return {
        "time": moment(record.created),
        "level": record.levelname,
        "logger": record.name,
        "request_id": getattr(record, "request_id", None),
    }


def moment(seconds: float) -> str:
    """A moment (seconds since 1970) by RFC 3339, in UTC and to the millisecond."""
    whole, part = divmod(seconds, 1)
    return f"{second(int(whole))}.{int(part * 1_000):03d}Z"


@lru_cache(maxsize=4)  # as many lines fall into one
def second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def printable(text: str) -> str:
    """The text in one line, without what a terminal would obey."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def without_tokens(line: str) -> str:
    return TOKEN.sub(HIDDEN, line) if A_TOKEN in line else line


def config(*, level: str, as_json: bool) -> dict[str, Any]:
    """What Django (LOGGING) and gunicorn (shop.gunicorn_log) are told, so that every line looks the same."""
    text = {
        "()": TextLines,
        "format": "{asctime} {levelname} {name} [{request_id}] {message}",
        "style": "{",
        "defaults": {"request_id": None},
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"request_id": {"()": WithRequestId}},
        "formatters": {"line": {"()": JsonLines} if as_json else text},
        "handlers": {
            "console": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["request_id"]},
        },
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # Its own handlers would write every line a second time, and mail the errors to nobody.
            "django": {"handlers": [], "level": level, "propagate": True},
            # A line for every 4xx, beside the request's own; what is left are bugs, with their tracebacks.
            "django.request": {"level": "ERROR"},
            # runserver's line for every request, with the query string.
            "django.server": {"handlers": [], "level": "ERROR", "propagate": True},
            # Their level is gunicorn's own setting.
            "gunicorn.error": {"handlers": [], "propagate": True},
            "gunicorn.access": {"handlers": [], "propagate": True},
        },
    }
