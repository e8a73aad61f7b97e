"""A column with a list of texts, for lists that are read with their row and need no table of their own.

The database stores it as text with a line feed around every item, so LIKE finds an item on any database. A JSON column
accepts NUL and lone surrogates, which break the next reader, and cannot be searched on SQLite.
"""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db import models

SEPARATOR = "\n"


def as_line(item: str) -> str:
    """Return an item as it is stored, to search a column for it."""
    return f"{SEPARATOR}{item}{SEPARATOR}"


class LinesFormField(forms.CharField):
    """A text area with one item a line."""

    widget = forms.Textarea

    def prepare_value(self, value: Any) -> Any:
        return SEPARATOR.join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        lines = value if isinstance(value, list) else str(value or "").splitlines()
        return [line.strip() for line in lines if line.strip()]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.to_python(initial) != self.to_python(data))


class LinesField(models.TextField):  # type: ignore[type-arg]  # not generic when it runs
    """A list of texts of one line each. Its validators get the whole list."""

    default_error_messages = {"invalid_list": "This is a list of texts."}

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> list[str] | None:
        return None if value is None else self._parsed(value)

    def to_python(self, value: Any) -> Any:
        if value is None:
            return None
        if isinstance(value, str):  # as in a fixture
            return self._parsed(value)
        if not isinstance(value, Sequence) or not all(isinstance(item, str) for item in value):
            raise ValidationError(self.error_messages["invalid_list"], "invalid")
        return list(value)

    def get_prep_value(self, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return as_line(SEPARATOR.join(value)) if value else ""
        return value

    def value_to_string(self, obj: Any) -> str:
        return str(self.get_prep_value(self.value_from_object(obj)))

    def formfield(self, **options: Any) -> Any:
        return super().formfield(**{"form_class": LinesFormField, "max_length": None, **options})

    def _parsed(self, text: str) -> list[str]:
        return text.split(SEPARATOR)[1:-1] if text.startswith(SEPARATOR) else text.splitlines()
