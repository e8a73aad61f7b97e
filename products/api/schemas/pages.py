"""Pages of a list: the query parameters that every list accepts, and its responses."""

from drf_spectacular.utils import extend_schema_serializer, inline_serializer
from rest_framework import serializers

from products.api.http.fields import FlagField, StrictIntegerField, StrictSerializer, StrictTextField
from products.api.http.pagination import MAX_LIMIT

NEXT_TIME = "`complete_until` on the first page is the time for the next request."


class PageQuery(StrictSerializer):
    limit = StrictIntegerField(maximum=MAX_LIMIT, required=False, help_text=f"Results per page, 1 to {MAX_LIMIT}.")
    cursor = StrictTextField(
        required=False,
        max_length=1_000,
        help_text="The `next_cursor` of a page, or the one in its `next` or `previous`.",
    )
    count = FlagField(required=False, help_text="Include the total number of results, which takes longer.")


class NoQuery(StrictSerializer):
    """For operations without query parameters."""


def page_of(response: type[serializers.Serializer], *, since: str | None = None) -> serializers.Serializer:
    """Describe a page of such objects; `next` and `previous` are URLs, or null at the ends.

    `since` is the parameter with which the first page has `complete_until`.
    """
    page = inline_serializer(
        f"{response.__name__.removesuffix('Response')}Page",
        {
            "next": serializers.URLField(allow_null=True),
            "previous": serializers.URLField(allow_null=True),
            "next_cursor": serializers.CharField(
                allow_null=True, help_text="The `cursor` of the next page; null on the last one."
            ),
            "results": response(many=True),
            "count": serializers.IntegerField(
                required=False, help_text="The number of results on all pages; with `?count=true`."
            ),
            **({"complete_until": _complete_until(since)} if since else {}),
        },
    )
    # Otherwise drf-spectacular documents the response of a `list` action as an array of pages.
    extend_schema_serializer(many=False)(type(page))
    return page


def _complete_until(since: str) -> serializers.Field:
    return serializers.DateTimeField(
        required=False,
        help_text=f"The `{since}` of your next request, which then misses nothing; on the first page with `?{since}=`.",
    )
