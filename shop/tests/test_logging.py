"""The format of log lines, whatever input they contain."""

import json
import logging
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from products.models.tokens import PREFIX
from shop.observability import logging as logs

SAFE_LINE = re.compile(r"[ -~]+")
NASTY = [
    "two\nlines",
    "two\r\nlines",
    'a "quote" and a \\',
    "\x1b[31mred\x1b[0m",
    "\x00\x07\x7f\x9b",
    "\x7f",
    "next\x85line\u2028separator\u2029paragraph",
    "\u202eright to left",
    "a lone \ud800",
    '{"level":"CRITICAL"}\n{"level":"CRITICAL"}',
]


def record(message="hello", *arguments, name="shop.test", level=logging.INFO, exc_info=None, **extra):
    made = logging.LogRecord(name, level, __file__, 1, message, arguments, exc_info)
    vars(made).update(extra)
    return made


def text_lines():
    layout = logs.config(level="INFO", as_json=False)["formatters"]["line"]
    return logs.TextLines(layout["format"], style=layout["style"], defaults=layout["defaults"])


def an_error(message="broken"):
    try:
        raise ValueError(message)
    except ValueError as error:
        return type(error), error, error.__traceback__


def test_a_line_is_a_json_object_with_moment_level_logger_request_and_message():
    made = record("%s of %s", 1, 2, created=1_790_000_000.1239, request_id="0123456789")

    line = logs.JsonLines().format(made)

    assert json.loads(line) == {
        "time": "2026-09-21T14:13:20.123Z",
        "level": "INFO",
        "logger": "shop.test",
        "request_id": "0123456789",
        "message": "1 of 2",
    }


def test_facts_stand_in_the_line_in_place_of_a_message():
    line = json.loads(logs.JsonLines().format(record(facts={"event": "request", "status": 201})))

    assert {name: line.get(name) for name in ("event", "status", "message")} == {
        "event": "request",
        "status": 201,
        "message": None,
    }


@pytest.mark.parametrize("nasty", NASTY)
def test_no_input_ends_the_line_or_reaches_a_terminal(nasty):
    messages = [record("%s", nasty), record(nasty), record(facts={"path": nasty}), record(exc_info=an_error(nasty))]

    lines = [logs.JsonLines().format(each) for each in messages]

    assert all(SAFE_LINE.fullmatch(line) for line in lines)
    assert json.loads(lines[0])["message"] == json.loads(lines[1])["message"] == json.loads(lines[2])["path"] == nasty


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        "Grüße",
        "\ud800",
        "\x7f\n",
        2**70,
        -1,
        0.1,
        None,
        True,
        datetime(2026, 1, 31, 12, tzinfo=UTC),
        Path("/"),
    ],
)
def test_a_line_says_the_same_whether_or_not_it_needs_escapes(value):
    line = logs.encode({"value": value})

    assert line.isascii()
    assert json.loads(line) == json.loads(logs.encode_ascii({"value": value}))


@pytest.mark.parametrize("nasty", NASTY)
def test_no_input_ends_the_line_in_text_either(nasty):
    line = text_lines().format(record("%s", nasty))

    assert line.isprintable()


def test_a_traceback_is_in_the_one_line():
    line = logs.JsonLines().format(record(exc_info=an_error()))

    assert "\n" not in line
    assert json.loads(line)["exception"].startswith("Traceback (most recent call last):\n")
    assert json.loads(line)["exception"].endswith("\nValueError: broken")


def test_a_stack_is_in_the_one_line():
    line = logs.JsonLines().format(record(stack_info="Stack (most recent call last):\n  …"))

    assert json.loads(line)["stack"] == "Stack (most recent call last):\n  …"


def test_a_traceback_is_to_be_read_in_text():
    assert text_lines().format(record(exc_info=an_error())).endswith("\nValueError: broken")


def test_what_libraries_attach_to_their_records_is_not_written():
    line = logs.JsonLines().format(record(request="<WSGIRequest: GET '/api/products?search=secret'>", status_code=400))

    assert "secret" not in line


@pytest.mark.parametrize("layout", [logs.JsonLines(), text_lines()])
def test_a_token_that_somebody_quotes_is_hidden(layout):
    secret = f"{PREFIX}{'x' * 43}"

    line = layout.format(record("Invalid HTTP header: %s", f"Authorization {secret}"))

    assert secret not in line
    assert "Authorization shop_" in line


def test_text_names_the_request():
    lines = [text_lines().format(record(request_id="0123456789")), text_lines().format(record())]

    assert lines[0].endswith("INFO shop.test [0123456789] hello")
    assert lines[1].endswith("INFO shop.test [None] hello")
