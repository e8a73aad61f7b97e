"""Validation of single values by their model fields, alike on every database and for every way of writing them."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.db.models import Field, Model, Value

CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
LINE_BREAKS = re.compile(r"[\t\n\r\u2028\u2029]")

BLANK_LETTERS = "\u115f\u1160\u2800\u3164\uffa0" + "".join(
    map(chr, (0x034F, 0x17B4, 0x17B5, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)))
)
"""Invisible characters that Unicode classifies as letters, symbols or marks, such as the variation selectors."""

NAMES = {"\0": "NUL", "\t": "tab", "\n": "line feed", "\r": "carriage return", "\x1b": "escape", "\x7f": "delete"}
"""The common names of control characters, which have none in Unicode."""


def printable(text: str) -> None:
    """Refuse control characters and lone surrogates; tabs and line breaks are fine."""
    if found := CONTROL_CHARACTERS.search(text):
        raise ValidationError(
            "Control characters cannot be printed; remove %(character)s.",
            code="control_character",
            params={"character": described(found[0])},
        )


def printable_line(text: str) -> None:
    """Refuse control characters, lone surrogates, tabs and line breaks."""
    printable(text)
    if found := LINE_BREAKS.search(text):
        raise ValidationError(
            "Write it in one line, without tabs; remove %(character)s.",
            code="control_character",
            params={"character": described(found[0])},
        )


def visible(text: str) -> None:
    """Refuse a text of invisible characters only, such as spaces or zero-width characters."""
    if text and all(is_invisible(character) for character in text):
        raise ValidationError(
            "This field cannot be blank, and of %(character)s nothing can be seen.",
            code="invisible_character",  # A model's field replaces the sentence of "blank" by its own.
            params={"character": described(text[0])},
        )


def wholly_visible(text: str) -> None:
    """Refuse a text with an invisible character other than a space, such as one copied along with a SKU."""
    if found := next((character for character in text if character != " " and is_invisible(character)), None):
        raise ValidationError(
            "Remove %(character)s, which cannot be seen.",
            code="invisible_character",
            params={"character": described(found)},
        )


def is_invisible(character: str) -> bool:
    """Return whether it is a space, a format or control character, or a letter that looks like a space."""
    return unicodedata.category(character)[0] in "ZC" or character in BLANK_LETTERS


def described(character: str) -> str:
    """Return the character's number and name, for a message that would not show the character itself."""
    if "\ud800" <= character <= "\udfff":
        name = "lone surrogate"
    else:
        name = NAMES.get(character) or unicodedata.name(character, "control character").lower()
    return f"U+{ord(character):04X} ({name})"


def validators_of(model: type[Model], name: str) -> list[Callable[[Any], None]]:
    """Return the validators of a model field, except for its length, which every form and serializer checks itself."""
    field = model._meta.get_field(name)
    assert isinstance(field, Field)  # noqa: S101 - for mypy: no relation
    return [validator for validator in field.validators if not isinstance(validator, MaxLengthValidator)]


def clean_values(model: type[Model], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values, converted and validated by their fields; relations, and expressions but Value(), unchanged.

    Raises ValidationError with the sentences of every field at fault.
    """
    cleaned = {name: value.value if isinstance(value, Value) else value for name, value in values.items()}
    errors = {}
    for name, value in cleaned.items():
        field = model._meta.get_field(name)
        if not isinstance(field, Field) or field.is_relation or hasattr(value, "resolve_expression"):
            continue
        try:
            cleaned[name] = _clean(field, value)
        except ValidationError as error:
            errors[name] = error.error_list
    if errors:
        raise ValidationError(errors)
    return cleaned


def clean_fields(instance: Model, names: Iterable[str]) -> None:
    """Convert and validate these fields of the instance. Raises ValidationError."""
    values = {name: getattr(instance, name) for name in names if not instance._meta.get_field(name).is_relation}
    for name, value in clean_values(type(instance), values).items():
        setattr(instance, name, value)


def _clean(field: "Field[Any, Any]", value: Any) -> Any:
    if isinstance(value, str):
        printable(value)  # No text of any field may hold NUL or a lone surrogate, which PostgreSQL cannot store.
        if not value and field.null:
            raise ValidationError("This field cannot be blank; leave it out or give None.", code="blank")
    if isinstance(value, float):
        value = repr(value)  # 4.1 means 4.1 and not the binary fraction next to it
    if value in field.empty_values and field.blank and value is not None:
        return value
    return None if value is None and field.null else field.clean(value, None)
