"""Fields that take what they say and nothing that merely could be understood as it."""

import re
from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail


@extend_schema_field({"oneOf": [{"type": "integer"}, {"type": "string", "pattern": "^[0-9]{1,19}$"}]})
class StrictIntegerField(serializers.Field):
    """A JSON integer, or a string of ASCII digits, which is what forms and query strings have.

    Not 1.0, 1e2, true, "1_0", " 1 " or digits of other scripts. Whether it is in range is for the model to say.
    """

    default_error_messages = {"invalid": "Write a whole number."}

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, int) and not isinstance(data, bool):
            return data
        if isinstance(data, str) and re.fullmatch(r"[0-9]{1,19}", data):
            return int(data)
        raise self.fail("invalid")

    def to_representation(self, value: int) -> int:
        return value


class StrictTextField(serializers.CharField):
    """A JSON string. DRF's own field would turn numbers into text."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
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
