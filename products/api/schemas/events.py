"""The feed of events: its query, its pages, and the list of its types."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from products.api.http.fields import StrictIntegerField, StrictSerializer, StrictTextField
from products.feed.types import TYPES, EventType, any_data

MAX_LIMIT = 100
MAX_WAIT = 25
"""Seconds. Proxies commonly give up after 30."""


class TypesField(StrictTextField):
    """Names of types, separated by commas."""

    default_error_messages = {"unknown_type": "There is no type {name}. GET /api/events/types lists them."}

    def to_internal_value(self, data: Any) -> list[str]:  # type: ignore[override] # a list of them
        names = super().to_internal_value(data).split(",")
        for name in names:
            if name not in TYPES:
                self.fail("unknown_type", name=name)
        return names


class FeedQuery(StrictSerializer):
    after = StrictIntegerField(
        minimum=0,
        maximum=2**63 - 1,
        required=False,
        help_text="Return what follows this position: the `position` of your last page. 0, the beginning, by default.",
    )
    limit = StrictIntegerField(maximum=MAX_LIMIT, required=False, help_text=f"Events per page, 1 to {MAX_LIMIT}.")
    type = TypesField(required=False, max_length=1_000, help_text="Only these types, separated by commas.")
    wait = StrictIntegerField(
        minimum=0,
        maximum=MAX_WAIT,
        required=False,
        help_text="If there is nothing yet, wait so many seconds for an event; fewer where many are waiting.",
    )


@extend_schema_field(any_data())
class DataField(serializers.DictField):
    """The data of an event, which the JSON Schema of its type describes exactly."""


@extend_schema_field(
    {
        "type": "object",
        "properties": {
            "$schema": {"type": "string"},
            "title": {"type": "string"},
            "description": {"type": "string"},
            "type": {"type": "string"},
            "required": {"type": "array", "items": {"type": "string"}},
        },
    }
)
class JsonSchemaField(serializers.DictField):
    """A JSON Schema, draft 2020-12."""


class FeedEntryResponse(serializers.Serializer):
    position = serializers.IntegerField(help_text="Rises without gaps over all types.")
    type = serializers.CharField(help_text="Such as `order.placed`.")
    version = serializers.IntegerField()
    at = serializers.DateTimeField()
    by = serializers.IntegerField(allow_null=True, help_text="The id of the user who caused it.")
    sequence = serializers.IntegerField(help_text="The number among the events of the same order or product.")
    data = DataField(help_text="As the JSON Schema of the type says.")  # type: ignore[assignment] # DRF takes it off the class


class FeedResponse(serializers.Serializer):
    position = serializers.IntegerField(help_text="The `after` of your next request, which then misses nothing.")
    has_more = serializers.BooleanField(help_text="Whether more events follow already.")
    results = FeedEntryResponse(many=True)


class EventTypeResponse(serializers.Serializer):
    type = serializers.CharField()
    version = serializers.IntegerField()
    description = serializers.CharField()
    example = FeedEntryResponse()
    schema = JsonSchemaField(help_text="JSON Schema, draft 2020-12.")


class EventTypesResponse(serializers.Serializer):
    results = EventTypeResponse(many=True)


def type_body(event_type: EventType) -> dict[str, Any]:
    return {
        "type": event_type.name,
        "version": event_type.schema["properties"]["version"]["const"],
        "description": event_type.description,
        "example": event_type.full_example,
        "schema": event_type.schema,
    }
