"""docs/configuration.md matches the code: the same variables, the same defaults, and examples that work."""

import re
import runpy
from pathlib import Path
from typing import NamedTuple

import pytest

from shop import settings
from shop.db import url
from shop.env import Environment
from shop.tests.test_settings import PRODUCTION, settings_with

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
A_COMMAND = "python -c 'import secrets; print(secrets.token_urlsafe(64))' generates some."


class Row(NamedTuple):
    variable: str
    meaning: str
    unit: str
    default: str
    example: str


def tables():
    return re.findall(r"^\| Variable \|.*\n\|[-|]+\n((?:\|.*\n)+)", PAGE, flags=re.MULTILINE)


def rows():
    lines = [line for table in tables() for line in table.splitlines()]
    return [Row(*(cell.strip() for cell in line.strip("|").split(" | "))) for line in lines]


def code(cell):
    """Return the cell's leading text in backticks, or ''."""
    found = re.match(r"`([^`]+)`", cell)
    return found[1] if found else ""


def defaults_in_the_code():
    gunicorn = runpy.run_path(str(ROOT / "gunicorn.conf.py"))
    return settings.env.defaults | gunicorn["variables"].defaults


def test_the_page_has_each_variable_that_is_read_once_and_no_other():
    assert sorted(code(row.variable) for row in rows()) == sorted(defaults_in_the_code())


def test_the_page_has_the_defaults_that_the_code_has():
    assert {code(row.variable): code(row.default) for row in rows()} == defaults_in_the_code()


def test_every_example_on_the_page_is_understood(monkeypatch):
    examples = {code(row.variable): code(row.example) for row in rows()}

    settings_with(PRODUCTION | examples)
    for name, example in examples.items():
        monkeypatch.setenv(name, example)
    gunicorn = runpy.run_path(str(ROOT / "gunicorn.conf.py"))

    assert "" not in examples.values()
    assert gunicorn["bind"] == f"{examples['LISTEN_ON']}:{examples['PORT']}"


@pytest.mark.parametrize("address", sorted(set(re.findall(r"`((?:postgres|sqlite)://[^`]+)`", PAGE))))
def test_every_database_address_on_the_page_is_understood(address):
    assert url.parse(address)["NAME"] in {"name", "shop", "db.sqlite3", "/data/shop.sqlite3"}


def test_the_complaint_on_the_page_is_what_an_operator_reads():
    env = Environment({"DEBUG": "false", "TOKEN_LIFETIME_DAYS": "forever"})

    env.secret_key("SECRET_KEY", default="", required=True)
    env.days("TOKEN_LIFETIME_DAYS", default=30, minimum=1, maximum=3_650)

    # The page leaves out the command that makes a key.
    assert "\n".join(env.errors).replace(A_COMMAND, "…") in PAGE
