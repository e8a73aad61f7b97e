"""The query strings that every list understands."""

from products.api.fields import FlagField, StrictIntegerField, StrictSerializer, StrictTextField
from products.api.pagination import MOST


class PageQuery(StrictSerializer):
    limit = StrictIntegerField(maximum=MOST, required=False, help_text=f"Rows on a page, 1 to {MOST}.")
    cursor = StrictTextField(required=False, max_length=1_000, help_text="As `next` or `previous` gave it.")
    count = FlagField(required=False, help_text="Count all rows too; costs time.")


class NoQuery(StrictSerializer):
    """For what takes no parameters."""
