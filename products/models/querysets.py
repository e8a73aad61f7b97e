"""Querysets whose bulk operations enforce the same rules as `save()`.

A related manager, the async methods and `get_or_create()` end in these methods too.
"""

from collections.abc import Collection, Iterable
from typing import Any, Never, TypeVar

from django.db import models

from products.validators import clean_fields, clean_values

Row = TypeVar("Row", bound=models.Model)


class ValidatedQuerySet(models.QuerySet[Row]):
    """A queryset that validates what `update()`, `bulk_update()` and `bulk_create()` write."""

    def update(self, **values: Any) -> int:
        return super().update(**clean_values(self.model, values))

    def bulk_update(self, objs: Iterable[Row], fields: Iterable[str], *arguments: Any, **options: Any) -> int:
        rows, names = list(objs), list(fields)
        for row in rows:
            clean_fields(row, names)
        return super().bulk_update(rows, names, *arguments, **options)

    def bulk_create(self, objs: Iterable[Row], *arguments: Any, **options: Any) -> list[Row]:
        rows = list(objs)
        for row in rows:
            clean_fields(row, validated_fields(self.model))
        return super().bulk_create(rows, *arguments, **options)


class AppendOnlyQuerySet(models.QuerySet[Row]):
    """A queryset of rows that are never changed or deleted."""

    sentence = ""
    """What to do instead."""

    def update(self, **values: Any) -> Never:
        raise TypeError(self.sentence)

    def bulk_update(self, *arguments: Any, **options: Any) -> Never:
        # It would end in update(), but inside a transaction that the caller could not go on with.
        raise TypeError(self.sentence)

    def delete(self) -> Never:
        raise TypeError(self.sentence)


def validated_fields(model: type[models.Model]) -> Collection[str]:
    """Return the fields that people edit, which are validated when a row is saved."""
    return [
        field.name
        for field in model._meta.concrete_fields
        if field.editable and not (field.is_relation or field.primary_key)
    ]
