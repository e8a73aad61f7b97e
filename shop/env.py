"""The only module that reads environment variables.

Every variable can also come from a mounted file: NAME_FILE is its path. Errors are collected and raised together, in
sentences that never show a secret.
"""

import os
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from django.core.exceptions import ImproperlyConfigured

from shop import email_url
from shop.db import url

T = TypeVar("T")

BOOLEANS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}

PERCENTAGE = r"[a-z][a-z0-9_-]{0,29}:[0-9]{1,3}(\.[0-9]{1,3})?"

A_POSTGRESQL = (
    "postgres://user:password@host:5432/name, with %40 for an @ in the password (for several hosts,"
    " postgres://user:password@one:5432,other:5432/name?target_session_attrs=read-write)"
)

METRICS_DIR = "PROMETHEUS_MULTIPROC_DIR"
"""The directory of the processes' metrics files. Not a setting: gunicorn's master sets it for prometheus_client."""


class Unusable(Exception):
    """A sentence about a variable that cannot be used."""


class Environment:
    """Reads typed values from environment variables and collects what is wrong with them."""

    def __init__(self, variables: Mapping[str, str] = os.environ) -> None:
        self.variables = variables
        self.errors: list[str] = []
        # Every variable that was read, with its default as an operator would write it.
        self.defaults: dict[str, str] = {}

    def boolean(self, name: str, *, default: bool) -> bool:
        """Read true or false."""
        # Empty does not count as unset here: an empty DEBUG must not silently mean true.
        return self._read(name, default, _parse_boolean, "true or false", empty_is_unset=False)

    def integer(self, name: str, *, default: int, minimum: int = 0, maximum: int) -> int:
        """Read a whole number within bounds."""
        return self._read(
            name, default, _integer_parser(minimum, maximum), f"a whole number from {minimum} to {maximum}"
        )

    def integers(self, name: str, *, default: list[int], maximum: int) -> list[int]:
        """Read whole numbers from 0 on, separated by commas."""
        expected = f"whole numbers from 0 to {maximum}, separated by commas"
        parse = _integer_parser(0, maximum)
        return self._read(name, default, lambda text: [parse(number) for number in text.split(",")], expected)

    def optional_integer(self, name: str, *, minimum: int = 0, maximum: int) -> int | None:
        """Read a whole number within bounds; return None if the variable is not set."""
        expected = f"a whole number from {minimum} to {maximum}, or remove it"
        return self._read(name, None, _integer_parser(minimum, maximum), expected)

    def days(self, name: str, *, default: int, minimum: int, maximum: int) -> timedelta:
        """Read a duration in days."""
        return timedelta(days=self.integer(name, default=default, minimum=minimum, maximum=maximum))

    def minutes(self, name: str, *, default: int, minimum: int, maximum: int) -> timedelta:
        """Read a duration in minutes."""
        return timedelta(minutes=self.integer(name, default=default, minimum=minimum, maximum=maximum))

    def optional_minutes(self, name: str, *, minimum: int, maximum: int) -> timedelta | None:
        """Read a duration in minutes; return None if the variable is not set."""
        minutes = self.optional_integer(name, minimum=minimum, maximum=maximum)
        return None if minutes is None else timedelta(minutes=minutes)

    def text(self, name: str, *, default: str, pattern: str, expected: str) -> str:
        """Read a text that matches the pattern; `expected` describes it in the error message."""
        return self._read(name, default, _pattern_parser(pattern), expected)

    def choice(self, name: str, *, default: str, choices: list[str]) -> str:
        """Read one of the choices."""
        return self.text(name, default=default, pattern="|".join(choices), expected="one of " + ", ".join(choices))

    def names(self, name: str, *, default: list[str], pattern: str, expected: str, required: bool = False) -> list[str]:
        """Read a comma-separated list of names that all match the pattern."""
        return self._read(name, default, _list_parser(pattern), expected, required=required)

    def percentages(self, name: str, *, default: dict[str, Decimal], needed: str) -> dict[str, Decimal]:
        """Read percentages by name, as in "standard:19,reduced:7"; where there are any, one is called `needed`."""
        expected = f"names with percentages from 0 to 100, as in {needed}:19,reduced:7, of which one is {needed}"
        return self._read(name, default, _percentages_parser(needed), expected)

    def amount(self, name: str, *, default: Decimal, digits: int) -> Decimal:
        """Read an amount of money with at most `digits` decimals."""
        return self._read(name, default, _amount_parser(digits), _an_amount(digits))

    def optional_amount(self, name: str, *, digits: int) -> Decimal | None:
        """Read an amount of money with at most `digits` decimals; return None if the variable is not set."""
        return self._read(name, None, _amount_parser(digits), f"{_an_amount(digits)}, or remove it")

    def secret_key(self, name: str, *, default: str, required: bool) -> str:
        """Read a key; where it is required, it must be hard to guess."""
        expected = (
            "50 or more random characters; python -c 'import secrets; print(secrets.token_urlsafe(64))' generates some"
        )
        return self._read(name, default, _parse_key if required else str, expected, required=required, secret=True)

    def optional_secret(self, name: str, *, minimum: int) -> str:
        """Read a secret of at least `minimum` characters; return "" if the variable is not set."""
        expected = f"{minimum} or more characters without spaces, or remove it"
        return self._read(name, "", _pattern_parser(rf"[!-~]{{{minimum},}}"), expected, secret=True)

    def optional_secrets(self, name: str, *, minimum: int) -> list[str]:
        """Read secrets of at least `minimum` characters each, separated by commas; [] if the variable is not set."""
        expected = f"secrets of {minimum} or more characters, separated by commas and without spaces, or remove it"
        return self._read(name, [], _list_parser(rf"[!-+\--~]{{{minimum},}}"), expected, secret=True)

    def database(self, name: str, *, default: str, required: bool) -> dict[str, Any]:
        """Read a database URL; return an entry for Django's DATABASES."""
        expected = f"{A_POSTGRESQL}, or sqlite:////path/to/file"
        return url.parse(self._read(name, default, _parse_database_url, expected, required=required, secret=True))

    def optional_database(self, name: str) -> dict[str, Any] | None:
        """Read the URL of a PostgreSQL; return None if the variable is not set."""
        expected = f"{A_POSTGRESQL}, or remove it"
        text = self._read(name, "", _parse_postgresql_url, expected, secret=True)
        return url.parse(text) if text else None

    def mail_server(self, name: str, *, default: str) -> email_url.MailServer:
        """Read the URL of a mail server."""
        return email_url.parse(self._read(name, default, _parse_mail_url, email_url.EXPECTED, secret=True))

    def add_error(self, sentence: str) -> None:
        """Add an error about a combination of variables."""
        self.errors.append(sentence)

    def raise_errors(self) -> None:
        """Raise ImproperlyConfigured with all errors, if there are any."""
        if self.errors:
            raise ImproperlyConfigured("\n".join(["The configuration is invalid:", *self.errors]))

    def _read(
        self,
        name: str,
        default: T,
        parse: Callable[[str], T],
        expected: str,
        *,
        required: bool = False,
        secret: bool = False,
        empty_is_unset: bool = True,
    ) -> T:
        self.defaults[name] = _as_written(default)
        try:
            text = self._find(name)
            if text is None or (empty_is_unset and not text.strip()):
                if required:
                    raise Unusable(f"{name} is not set, and DEBUG=false needs it; write {expected}.")
                return default
            try:
                return parse(text)
            except ValueError:
                # Values from files are treated as secrets.
                shown = "not usable" if secret or not self.variables.get(name) else repr(text)
                raise Unusable(f"{name} is {shown}; write {expected}.") from None
        except Unusable as error:
            self.errors.append(str(error))
            return default

    def _find(self, name: str) -> str | None:
        """Return the variable's value, or the content of the file that NAME_FILE names."""
        path = self.variables.get(f"{name}_FILE")
        if not path:
            return self.variables.get(name)
        if self.variables.get(name):
            raise Unusable(f"{name} and {name}_FILE are both set; keep one of them.")
        # The messages omit the path: the secret itself may have been written there by mistake.
        try:
            text = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as error:
            raise Unusable(f"{name}_FILE names a file that cannot be read: {error.strerror}.") from None
        except UnicodeDecodeError:
            raise Unusable(f"{name}_FILE names a file that is not UTF-8 text.") from None
        if not text.strip():
            raise Unusable(f"{name}_FILE names an empty file.")
        return text


def metrics_dir() -> str | None:
    """Return the directory of the worker processes' metrics files, or None if there is only one process."""
    return os.environ.get(METRICS_DIR)


def set_metrics_dir(directory: str | None) -> None:
    """Set the directory of the metrics files, or unset it. prometheus_client reads it when it is imported."""
    if directory is None:
        os.environ.pop(METRICS_DIR, None)
    else:
        os.environ[METRICS_DIR] = directory


def _parse_boolean(text: str) -> bool:
    if text.strip().lower() not in BOOLEANS:
        raise ValueError
    return BOOLEANS[text.strip().lower()]


def _integer_parser(minimum: int, maximum: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        number = int(_pattern_parser("[0-9]{1,18}")(text))
        if not minimum <= number <= maximum:
            raise ValueError
        return number

    return parse


def _pattern_parser(pattern: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if not re.fullmatch(pattern, text.strip()):
            raise ValueError
        return text.strip()

    return parse


def _list_parser(pattern: str) -> Callable[[str], list[str]]:
    # A name that is given twice counts once.
    return lambda text: list(dict.fromkeys(_pattern_parser(pattern)(name) for name in text.split(",")))


def _percentages_parser(needed: str) -> Callable[[str], dict[str, Decimal]]:
    def parse(text: str) -> dict[str, Decimal]:
        pairs = [_pattern_parser(PERCENTAGE)(pair).split(":") for pair in text.split(",")]
        percentages = {name: Decimal(percent).quantize(Decimal("0.001")) for name, percent in pairs}
        if needed not in percentages or len(percentages) < len(pairs) or max(percentages.values()) > 100:
            raise ValueError
        return percentages

    return parse


def _amount_parser(digits: int) -> Callable[[str], Decimal]:
    decimals = rf"(\.[0-9]{{1,{digits}}})?" if digits else ""
    return lambda text: Decimal(_pattern_parser(rf"[0-9]{{1,8}}{decimals}")(text))


def _an_amount(digits: int) -> str:
    return f"an amount such as {Decimal('4.9'):.{digits}f}" if digits else "an amount without decimals, such as 490"


def _parse_key(text: str) -> str:
    if len(text) < 50 or len(set(text)) < 10 or text.startswith(("django-insecure-", "laptop only")):
        raise ValueError
    return text


def _parse_database_url(text: str) -> str:
    url.parse(text.strip())
    return text.strip()


def _parse_postgresql_url(text: str) -> str:
    if url.parse(text.strip())["ENGINE"] != url.POSTGRESQL:
        raise ValueError("not PostgreSQL")
    return text.strip()


def _parse_mail_url(text: str) -> str:
    email_url.parse(text.strip())
    return text.strip()


def _as_written(default: object) -> str:
    match default:
        case None:
            return ""
        case bool():
            return str(default).lower()
        case list():
            return ",".join(map(str, default))
        case dict():
            return ",".join(f"{name}:{value}" for name, value in default.items())
        case _:
            return str(default)
