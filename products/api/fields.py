"""Fields that take what they say and nothing that merely could be understood as it."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail


class StrictIntegerField(serializers.Field):
    """A JSON integer, or a string of ASCII digits (as forms and query strings send), from `minimum` to `maximum`.

    Rejects 1.0, 1e2, true, "1_0", " 1 " and digits of other scripts. With `checked_by_model=True` the bounds are only
    documented here, because the model rejects the number with a code and facts of its own.
    """

    default_error_messages = {
        "invalid": "Write a whole number.",
        "out_of_range": "Write a number from {minimum} to {maximum}.",
    }

    def __init__(
        self, *, minimum: int = 1, maximum: int = 2**63 - 1, checked_by_model: bool = False, **options: Any
    ) -> None:
        super().__init__(**options)
        self.minimum, self.maximum, self.checked_by_model = minimum, maximum, checked_by_model
        # A JSON integer may always have a sign; this is about the digits in a string.
        self.shape = re.compile(r"-?[0-9]{1,19}" if minimum < 0 else r"[0-9]{1,19}")

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, str) and self.shape.fullmatch(data):
            data = int(data)
        if not isinstance(data, int) or isinstance(data, bool):
            raise self.fail("invalid")
        if not (self.checked_by_model or self.minimum <= data <= self.maximum):
            raise self.fail("out_of_range", minimum=self.minimum, maximum=self.maximum)
        return data

    def to_representation(self, value: int) -> int:
        return value


class StrictTextField(serializers.CharField):
    """A JSON string that can be printed. DRF's own field would turn numbers into text."""

    default_error_messages = {"control_character": "Control characters cannot be printed."}

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        if re.search(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", data):
            self.fail("control_character")
        return super().to_internal_value(data)


class StrictSerializer(serializers.Serializer):
    """A request's body or query string: a member that it does not know is an error, not ignored."""

    def to_internal_value(self, data: Any) -> Any:
        unknown = set(data) - set(self.fields) if isinstance(data, Mapping) else set()
        errors = {name: [ErrorDetail("This is not known here.", "unknown")] for name in sorted(unknown)}
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as error:
            detail: Any = error.detail
            raise serializers.ValidationError({**detail, **errors}) from error
        if errors:
            raise serializers.ValidationError(errors)
        return value


@extend_schema_field({"type": "string", "format": "date-time"})
class StrictMomentField(serializers.Field):
    """A moment as RFC 3339 writes it, with its offset from UTC or Z: without one it would be anybody's guess."""

    default_error_messages = {"invalid": "Write a moment as in 2026-01-31T12:00:00Z."}
    shape = re.compile(
        r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?([Zz]|[+-][0-9]{2}:[0-9]{2})"
    )

    def to_internal_value(self, data: Any) -> datetime:
        if not isinstance(data, str) or not self.shape.fullmatch(data):
            raise self.fail("invalid")
        try:
            return datetime.fromisoformat(data.upper()).astimezone(UTC)
        except (ValueError, OverflowError) as error:  # the 30th of February; before the year 1
            raise serializers.ValidationError(self.error_messages["invalid"], "invalid") from error

    def to_representation(self, value: datetime) -> datetime:
        return value


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "pattern": r"^[0-9]{1,8}(\.[0-9]{1,2})?$"},
            {"type": "number", "minimum": 0, "maximum": 99_999_999.99, "multipleOf": 0.01},
        ],
        "example": "4.50",
    }
)
class StrictDecimalField(serializers.Field):
    """Money: digits with at most two decimals, as a string or as a JSON number; no exponent, no sign, no NaN."""

    default_error_messages = {"invalid": "Write an amount as in 4.50, with two decimals at the most."}
    shape = re.compile(r"[0-9]{1,8}(\.[0-9]{1,2})?")

    def to_internal_value(self, data: Any) -> Decimal:
        is_number = isinstance(data, int | Decimal) and not isinstance(data, bool)
        text = str(data) if is_number else data
        if not isinstance(text, str) or not self.shape.fullmatch(text):
            raise self.fail("invalid")
        return Decimal(text)

    def to_representation(self, value: Decimal) -> str:
        return f"{value:.2f}"


class FlagField(serializers.ChoiceField):
    """`true` or `false` in a query string."""

    def __init__(self, **options: Any) -> None:
        super().__init__(["true", "false"], **options)

    def to_internal_value(self, data: Any) -> Any:
        return super().to_internal_value(data) == "true"
