"""Validation of single values by their model fields, alike on every database and for every way of writing them."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Field, Model, Value

CONTROL_CHARACTERS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")
LINE_BREAKS = re.compile(r"[\t\n\r\u2028\u2029]")


def printable(text: str) -> None:
    """Refuse control characters and lone surrogates; tabs and line breaks are fine."""
    if CONTROL_CHARACTERS.search(text):
        raise ValidationError("Control characters cannot be printed.", code="control_character")


def printable_line(text: str) -> None:
    """Refuse control characters, lone surrogates, tabs and line breaks."""
    printable(text)
    if LINE_BREAKS.search(text):
        raise ValidationError("Write it in one line, without tabs.", code="control_character")


def visible(text: str) -> None:
    """Refuse a text of which nothing can be seen, such as spaces or zero-width characters only."""
    if not any(unicodedata.category(character)[0] not in "ZC" for character in text):
        raise ValidationError("This field cannot be blank.", code="blank")


def clean_values(model: type[Model], values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values as their fields convert and validate them; relations, and expressions but Value(), as they are.

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
