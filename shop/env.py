"""The only place that reads the environment.

Every variable can also come from a mounted file: NAME_FILE is its path. What is wrong is collected and said
all at once, in sentences that never show a secret.
"""

import os
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

from django.core.exceptions import ImproperlyConfigured

from shop import database_url

T = TypeVar("T")

BOOLEANS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}


SHARED_FIGURES = "PROMETHEUS_MULTIPROC_DIR"
"""Where processes share their figures. It is no setting: gunicorn's master makes it, and prometheus_client reads it."""


class Unusable(Exception):
    """A sentence about a variable that cannot be used."""


class Environment:
    def __init__(self, variables: Mapping[str, str] = os.environ) -> None:
        self.variables = variables
        self.problems: list[str] = []
        # Every variable that was asked for, as an operator would write its default.
        self.defaults: dict[str, str] = {}

    def boolean(self, name: str, *, default: bool) -> bool:
        # Empty is not unset here: an empty DEBUG must not quietly mean true.
        return self._read(name, default, _boolean, "true or false", empty_is_unset=False)

    def whole(self, name: str, *, default: int, at_least: int = 0, at_most: int) -> int:
        return self._read(name, default, _whole(at_least, at_most), f"a whole number from {at_least} to {at_most}")

    def days(self, name: str, *, default: int, at_least: int, at_most: int) -> timedelta:
        return timedelta(days=self.whole(name, default=default, at_least=at_least, at_most=at_most))

    def minutes(self, name: str, *, default: int, at_least: int, at_most: int) -> timedelta:
        return timedelta(minutes=self.whole(name, default=default, at_least=at_least, at_most=at_most))

    def minutes_if_set(self, name: str, *, at_least: int, at_most: int) -> timedelta | None:
        wish = f"a whole number from {at_least} to {at_most}, or remove it"
        minutes: int | None = self._read(name, None, _whole(at_least, at_most), wish)
        return None if minutes is None else timedelta(minutes=minutes)

    def text(self, name: str, *, default: str, pattern: str, wish: str) -> str:
        return self._read(name, default, _matching(pattern), wish)

    def choice(self, name: str, *, default: str, among: list[str]) -> str:
        return self.text(name, default=default, pattern="|".join(among), wish="one of " + ", ".join(among))

    def names(self, name: str, *, default: list[str], pattern: str, wish: str, required: bool = False) -> list[str]:
        return self._read(name, default, _each_matching(pattern), wish, required=required)

    def secret_key(self, name: str, *, default: str, required: bool) -> str:
        wish = "50 or more random characters; python -c 'import secrets; print(secrets.token_urlsafe(64))' makes some"
        understand = _hard_to_guess if required else str
        return self._read(name, default, understand, wish, required=required, secret=True)

    def secret_if_set(self, name: str, *, at_least: int) -> str:
        """A secret of at least so many characters; empty where it is not set."""
        wish = f"{at_least} or more characters without spaces, or remove it"
        return self._read(name, "", _matching(rf"[!-~]{{{at_least},}}"), wish, secret=True)

    def database(self, name: str, *, default: str, required: bool) -> dict[str, Any]:
        wish = "postgres://user:password@host:5432/name, with %40 for an @ in the password, or sqlite:////path/to/file"
        return database_url.parse(self._read(name, default, _database_url, wish, required=required, secret=True))

    def refuse(self, sentence: str) -> None:
        """Say with all the others what only several variables together make wrong."""
        self.problems.append(sentence)

    def complain(self) -> None:
        if self.problems:
            raise ImproperlyConfigured("\n".join(["The environment does not fit.", *self.problems]))

    def _read(
        self,
        name: str,
        default: T,
        understand: Callable[[str], T],
        wish: str,
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
                    raise Unusable(f"{name} is not set, and DEBUG=false needs it; write {wish}.")
                return default
            try:
                return understand(text)
            except ValueError:
                # What came from a file is taken for a secret, whatever its name.
                shown = "not usable" if secret or not self.variables.get(name) else repr(text)
                raise Unusable(f"{name} is {shown}; write {wish}.") from None
        except Unusable as problem:
            self.problems.append(str(problem))
            return default

    def _find(self, name: str) -> str | None:
        """The variable itself, or what stands in the file that NAME_FILE names."""
        path = self.variables.get(f"{name}_FILE")
        if not path:
            return self.variables.get(name)
        if self.variables.get(name):
            raise Unusable(f"{name} and {name}_FILE are both set; keep one of them.")
        # The path is not shown, since whoever mixes the two up has put the secret there.
        try:
            text = Path(path).read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as error:
            raise Unusable(f"{name}_FILE names a file that cannot be read: {error.strerror}.") from None
        except UnicodeDecodeError:
            raise Unusable(f"{name}_FILE names a file that is not UTF-8 text.") from None
        if not text.strip():
            raise Unusable(f"{name}_FILE names an empty file.")
        return text


def shared_figures() -> str | None:
    """The folder in which the worker processes share their figures, None where there is only one process."""
    return os.environ.get(SHARED_FIGURES)


def share_figures(folder: str | None) -> None:
    """Have prometheus_client, which looks when it is imported, share its figures in this folder; None has it stop."""
    if folder is None:
        os.environ.pop(SHARED_FIGURES, None)
    else:
        os.environ[SHARED_FIGURES] = folder


def _boolean(text: str) -> bool:
    if text.strip().lower() not in BOOLEANS:
        raise ValueError
    return BOOLEANS[text.strip().lower()]


def _whole(at_least: int, at_most: int) -> Callable[[str], int]:
    def understand(text: str) -> int:
        number = int(_matching("[0-9]{1,18}")(text))
        if not at_least <= number <= at_most:
            raise ValueError
        return number

    return understand


def _matching(pattern: str) -> Callable[[str], str]:
    def understand(text: str) -> str:
        if not re.fullmatch(pattern, text.strip()):
            raise ValueError
        return text.strip()

    return understand


def _each_matching(pattern: str) -> Callable[[str], list[str]]:
    return lambda text: [_matching(pattern)(name) for name in text.split(",")]


def _hard_to_guess(text: str) -> str:
    if len(text) < 50 or len(set(text)) < 10 or text.startswith(("django-insecure-", "laptop only")):
        raise ValueError
    return text


def _database_url(text: str) -> str:
    database_url.parse(text.strip())
    return text.strip()


def _as_written(default: object) -> str:
    match default:
        case None:
            return ""
        case bool():
            return str(default).lower()
        case list():
            return ",".join(default)
        case _:
            return str(default)
