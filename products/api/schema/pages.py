"""Pages of a list."""

from drf_spectacular.utils import extend_schema_serializer, inline_serializer
from rest_framework import serializers


def pages_of(answer: type[serializers.Serializer]) -> serializers.Serializer:
    """A page of `answer`s: `next` and `previous` are addresses, or null at the ends."""
    page = inline_serializer(
        f"{answer.__name__.removesuffix('Answer')}Page",
        {
            "next": serializers.URLField(allow_null=True),
            "previous": serializers.URLField(allow_null=True),
            "results": answer(many=True),
            "count": serializers.IntegerField(required=False, help_text="Of all rows; with `?count=true`."),
        },
    )
    # Without it, drf-spectacular takes what a `list` answers with for one of many.
    extend_schema_serializer(many=False)(type(page))
    return page
