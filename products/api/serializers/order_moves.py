"""What moves an order, and its history, on the wire."""

from typing import Any

from rest_framework import serializers

from products.api.fields import StrictSerializer, StrictTextField


class NoDetails(StrictSerializer):
    """For a move that there is nothing to say about: no body, or `{}`."""


class PaymentRequest(StrictSerializer):
    reference = StrictTextField(required=False, allow_blank=True, max_length=200, help_text="The payment's.")


class ShipmentRequest(StrictSerializer):
    carrier = StrictTextField(required=False, allow_blank=True, max_length=100)
    tracking_number = StrictTextField(required=False, allow_blank=True, max_length=100)


class EventFacts(serializers.Serializer):
    to = serializers.CharField(help_text="The status that it came to.")

    def get_fields(self) -> dict[str, Any]:
        # `from` cannot be written as an attribute.
        before = serializers.CharField(allow_null=True, help_text="The status before; null for a new order.")
        return {"from": before, **super().get_fields()}


class EventAnswer(serializers.Serializer):
    id = serializers.IntegerField()
    kind = serializers.CharField(help_text="In the past tense, as in `order.placed`.")
    at = serializers.DateTimeField()
    by = serializers.IntegerField(allow_null=True, help_text="The user's id; null where it is not yours to know.")
    facts = EventFacts()
