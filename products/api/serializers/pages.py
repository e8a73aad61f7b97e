"""The query strings that every list understands."""

from rest_framework import serializers

from products.api.fields import FlagField, StrictIntegerField, StrictSerializer, StrictTextField
from products.api.pagination import MOST


class PageQuery(StrictSerializer):
    limit = StrictIntegerField(most=MOST, required=False, help_text=f"Rows on a page, 1 to {MOST}.")
    cursor = StrictTextField(required=False, max_length=1_000, help_text="As `next` or `previous` gave it.")
    count = FlagField(required=False, help_text="Count all rows too; costs time.")

    def validate_limit(self, limit: int) -> int:
        if not 1 <= limit <= MOST:
            raise serializers.ValidationError(f"A page has 1 to {MOST} rows.", "out_of_range")
        return limit


class NoQuery(StrictSerializer):
    """For what takes no parameters."""
