"""Strict serializers and fields: values are accepted in their documented form only, and never converted."""

import re
from collections.abc import Callable, Iterator, Mapping, Set
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.core.exceptions import ValidationError as ModelValidationError
from django.db.models import Model
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail
from rest_framework.fields import get_error_detail
from rest_framework.settings import api_settings

from products.validators import printable, validators_of

NON_FIELD_ERRORS: str = api_settings.NON_FIELD_ERRORS_KEY


class StrictIntegerField(serializers.Field):
    """A JSON integer, or a string of ASCII digits (as forms and query strings send), from `minimum` to `maximum`.

    Rejects 1.0, 1e2, true, "1_0", " 1 " and digits of other scripts. With `checked_by_model=True` the bounds are only
    documented here, because the model rejects the number with a code and facts of its own.
    """

    default_error_messages = {
        "invalid": "Not a whole number.",
        "out_of_range": "Must be from {minimum} to {maximum}.",
    }

    def __init__(
        self, *, minimum: int = 1, maximum: int = 2**63 - 1, checked_by_model: bool = False, **options: Any
    ) -> None:
        super().__init__(**options)
        self.minimum, self.maximum, self.checked_by_model = minimum, maximum, checked_by_model
        # For strings only: a JSON integer may have a sign in any case.
        self.pattern = re.compile(r"-?[0-9]{1,19}" if minimum < 0 else r"[0-9]{1,19}")

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, str) and self.pattern.fullmatch(data):
            data = int(data)
        if not isinstance(data, int) or isinstance(data, bool):
            raise self.fail("invalid")
        if not (self.checked_by_model or self.minimum <= data <= self.maximum):
            raise self.fail("out_of_range", minimum=self.minimum, maximum=self.maximum)
        return data

    def to_representation(self, value: int) -> int:
        return value


class StrictTextField(serializers.CharField):
    """A JSON string without control characters. DRF's own field accepts numbers too."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        try:
            printable(data)
        except ModelValidationError as error:
            raise serializers.ValidationError(get_error_detail(error)) from error
        return super().to_internal_value(data)


def text_of(
    model: type[Model],
    name: str,
    *also: Callable[[Any], None],
    field_class: type[StrictTextField] = StrictTextField,
    **options: Any,
) -> StrictTextField:
    """Return the field of a request for a text column, with the column's limits; `options` take precedence.

    `also` are validators beside the column's own.
    """
    column: Any = model._meta.get_field(name)
    limits = {"required": not column.blank, "allow_blank": column.blank, "max_length": column.max_length}
    return field_class(validators=[*validators_of(model, name), *also], **(limits | options))


@extend_schema_field({"type": "string", "format": "uuid"})
class StrictUUIDField(serializers.Field):
    """A UUID in its canonical form. DRF's own field accepts numbers, URNs and more."""

    default_error_messages = {"invalid": "Not a UUID such as 019c13f4-7c1f-7d3a-9f06-0a6b7c8d9e10."}
    pattern = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")

    def to_internal_value(self, data: Any) -> UUID:
        if not isinstance(data, str) or not self.pattern.fullmatch(data):
            raise self.fail("invalid")
        return UUID(data)

    def to_representation(self, value: UUID) -> str:
        return str(value)


class StrictBooleanField(serializers.BooleanField):
    """JSON's true or false. DRF's own field accepts "yes", 1 and more."""

    default_error_messages = {"invalid": "Must be true or false."}

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid")
        return data


MAX_UNKNOWN = 5
"""How many unknown members of one object are named: of 2,000 lines, more would take seconds."""


class MemberError(NamedTuple):
    """A violation of a rule about which members an object has together; without a `name` it is the whole object's."""

    code: str
    detail: str
    name: str = NON_FIELD_ERRORS


class StrictSerializer(serializers.Serializer):
    """A request body or query string in which an unknown field is an error.

    Rules about which fields are given together belong in member_errors() instead of validate(), which DRF does not call
    if a field is invalid: so a client learns everything that is wrong at once.
    """

    def member_errors(self, members: Set[str]) -> Iterator[MemberError]:
        """Yield what is wrong with having just these members, whatever their values are."""
        yield from ()

    def to_internal_value(self, data: Any) -> Any:
        errors: dict[str, list[Any]] = {}
        for error in self._errors_in_members(data) if isinstance(data, Mapping) else ():
            errors.setdefault(error.name, []).append(ErrorDetail(error.detail, error.code))
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            detail: Any = error.detail
            raise serializers.ValidationError({**detail, **errors}) from error
        if errors:
            raise serializers.ValidationError(errors)
        return value

    def _errors_in_members(self, data: Mapping[str, Any]) -> Iterator[MemberError]:
        for name in sorted(set(data) - set(self.fields))[:MAX_UNKNOWN]:
            yield MemberError("unknown", "Unknown field.", name)
        yield from self.member_errors(data.keys())


@extend_schema_field({"type": "string", "format": "date-time"})
class StrictTimestampField(serializers.Field):
    """A timestamp (RFC 3339) with a UTC offset or Z, without which it would be ambiguous.

    Any number of decimals is accepted, as Java and Go write nanoseconds. Those beyond microseconds, which is what is
    stored, are cut off.
    """

    default_error_messages = {"invalid": "Not a timestamp such as 2026-01-31T12:00:00Z."}
    pattern = re.compile(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
    )

    def to_internal_value(self, data: Any) -> datetime:
        if not isinstance(data, str) or not self.pattern.fullmatch(data):
            raise self.fail("invalid")
        try:
            return datetime.fromisoformat(data.upper()).astimezone(UTC)
        except (ValueError, OverflowError) as error:  # February 30; before the year 1
            raise serializers.ValidationError(self.error_messages["invalid"], "invalid") from error

    def to_representation(self, value: datetime) -> datetime:
        return value


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "pattern": r"^[0-9]{1,8}(\.[0-9]{1,4})?$"},
            {"type": "number", "minimum": 0, "maximum": 99_999_999.9999, "multipleOf": 0.0001},
        ],
        "example": "4.50",
    }
)
class StrictDecimalField(serializers.Field):
    """A price or an amount with at most four decimals, as a string or a JSON number, without exponent or sign.

    How many of them the shop's currency has is up to the model.
    """

    default_error_messages = {"invalid": "Not an amount such as 4.50, with at most four decimals."}
    pattern = re.compile(r"[0-9]{1,8}(\.[0-9]{1,4})?")

    def to_internal_value(self, data: Any) -> Decimal:
        is_number = isinstance(data, int | Decimal) and not isinstance(data, bool)
        text = str(data) if is_number else data
        if not isinstance(text, str) or not self.pattern.fullmatch(text):
            raise self.fail("invalid")
        return Decimal(text)

    def to_representation(self, value: Decimal) -> str:
        return str(value)


class FlagField(serializers.ChoiceField):
    """`true` or `false` in a query string."""

    def __init__(self, **options: Any) -> None:
        super().__init__(["true", "false"], **options)

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value(data) == "true"
