"""The only place that reads the environment.

Every variable can also come from a mounted file: NAME_FILE is its path. What is wrong is collected and said
all at once, in sentences that never show a secret.
"""

import os
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")

BOOLEANS = {"true": True, "1": True, "yes": True, "on": True, "false": False, "0": False, "no": False, "off": False}
DATABASES = {"django.db.backends.postgresql", "django.db.backends.sqlite3"}


class Unusable(Exception):
    """A sentence about a variable that says nothing usable."""


class Environment:
    def __init__(self, variables: Mapping[str, str] = os.environ) -> None:
        self.variables = variables
        self.problems: list[str] = []
        self.defaults: dict[str, str] = {}  # Every variable asked for; the configuration page is held against it.

    def boolean(self, name: str, *, default: bool) -> bool:
        # An empty DEBUG must not quietly mean "true".
        return self._read(name, default, _boolean, "true or false", empty_is_unset=False)

    def whole(self, name: str, *, default: int, at_least: int = 0, at_most: int) -> int:
        understand, wish = _whole(at_least, at_most)
        return self._read(name, default, understand, wish)

    def days(self, name: str, *, default: int, at_least: int, at_most: int) -> timedelta:
        return timedelta(days=self.whole(name, default=default, at_least=at_least, at_most=at_most))

    def minutes(self, name: str, *, at_least: int, at_most: int) -> timedelta | None:
        """A span that nothing sets unless the operator does."""
        understand, wish = _whole(at_least, at_most)
        minutes: int | None = self._read(name, None, understand, wish)
        return None if minutes is None else timedelta(minutes=minutes)

    def choice(self, name: str, *, default: str, among: tuple[str, ...]) -> str:
        return self._read(name, default, _one_of(among), "one of " + ", ".join(among))

    def text(self, name: str, *, default: str = "", pattern: str = ".*", wish: str = "one line of text") -> str:
        return self._read(name, default, _matching(pattern), wish)

    def names(
        self,
        name: str,
        *,
        default: list[str],
        pattern: str = r"\S+",
        wish: str = "names separated by commas",
        required: bool = False,
    ) -> list[str]:
        return self._read(name, default, _each_matching(pattern), wish, required=required)

    def secret_key(self, name: str, *, default: str, required: bool) -> str:
        wish = "at least 50 random characters; python -c 'import secrets; print(secrets.token_urlsafe(64))' makes some"
        understand = _hard_to_guess if required else str
        return self._read(name, default, understand, wish, required=required, secret=True)

    def database_url(self, name: str, *, default: str, required: bool) -> str:
        wish = (
            "postgres://user:password@host:5432/name or sqlite:////folder/shop.sqlite3,"
            " with special characters in the password as %XX"
        )
        return self._read(name, default, _database_url, wish, required=required, secret=True)

    def complain(self) -> None:
        if self.problems:
            raise ImproperlyConfigured("\n".join(["The environment does not fit:", *self.problems]))

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
            if text is None or (text == "" and empty_is_unset):
                if required:
                    raise Unusable(f"{name} is not set, and DEBUG=false needs it; write {wish}.")
                return default
            try:
                return understand(text)
            except ValueError:
                hidden = secret or name not in self.variables
                seen = "not usable as it is" if hidden else repr(text)
                raise Unusable(f"{name} is {seen}; write {wish}.") from None
        except Unusable as problem:
            self.problems.append(str(problem))
            return default

    def _find(self, name: str) -> str | None:
        """The variable itself, or the content of the file that NAME_FILE names."""
        file = self.variables.get(f"{name}_FILE")
        if not file:
            return self.variables.get(name)
        if self.variables.get(name):
            raise Unusable(f"{name} and {name}_FILE are both set; keep one of them.")
        # The path is not shown: whoever confuses the two variables has put the secret there.
        try:
            text = Path(file).read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise Unusable(f"{name}_FILE names a file that cannot be read: {reason}.") from None
        if not text:
            raise Unusable(f"{name}_FILE names an empty file.")
        return text


def _boolean(text: str) -> bool:
    try:
        return BOOLEANS[text.strip().lower()]
    except KeyError:
        raise ValueError from None


def _whole(at_least: int, at_most: int) -> tuple[Callable[[str], int], str]:
    def understand(text: str) -> int:
        if not re.fullmatch(r"[0-9]{1,18}", text.strip()) or not at_least <= int(text) <= at_most:
            raise ValueError
        return int(text)

    return understand, f"a whole number from {at_least} to {at_most}"


def _one_of(among: tuple[str, ...]) -> Callable[[str], str]:
    def understand(text: str) -> str:
        if text.strip() not in among:
            raise ValueError
        return text.strip()

    return understand


def _matching(pattern: str) -> Callable[[str], str]:
    def understand(text: str) -> str:
        if not re.fullmatch(pattern, text.strip()):
            raise ValueError
        return text.strip()

    return understand


def _each_matching(pattern: str) -> Callable[[str], list[str]]:
    def understand(text: str) -> list[str]:
        names = [_matching(pattern)(name) for name in text.split(",") if name.strip()]
        if not names:
            raise ValueError
        return names

    return understand


def _hard_to_guess(text: str) -> str:
    if len(text) < 50 or len(set(text)) < 10 or text.startswith(("django-insecure-", "laptop only")):
        raise ValueError
    return text


def _database_url(text: str) -> str:
    database = dj_database_url.parse(text.strip())
    if database["ENGINE"] not in DATABASES:
        raise ValueError
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
