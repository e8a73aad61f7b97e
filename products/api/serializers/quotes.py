"""Quotes and carts on the wire."""

from rest_framework import serializers

from products.api.fields import StrictIntegerField, StrictSerializer
from products.models.order_lines import MAX_PER_LINE


class CartLineRequest(StrictSerializer):
    quantity = StrictIntegerField(
        maximum=MAX_PER_LINE, checked_by_model=True, help_text="1 to 10,000: the quantity the cart will hold."
    )


class QuoteLineAnswer(serializers.Serializer):
    product = serializers.IntegerField()
    sku = serializers.CharField()
    name = serializers.CharField()
    quantity = serializers.IntegerField()
    unit_price = serializers.DecimalField(10, 2, help_text="As it is now.")
    amount = serializers.DecimalField(17, 2)
    available = serializers.IntegerField(help_text="How many could be ordered now.")
    problems = serializers.ListField(child=serializers.CharField(), help_text="The codes of the problems with it.")


class QuoteProblem(serializers.Serializer):
    """One thing that is wrong, with the facts that its code brings."""

    pointer = serializers.CharField(allow_blank=True, help_text="Which member it is about (RFC 6901).")
    code = serializers.CharField()
    detail = serializers.CharField()
    product = serializers.IntegerField(required=False)
    sku = serializers.CharField(required=False)
    requested = serializers.IntegerField(required=False)
    available = serializers.IntegerField(required=False)
    minimum = serializers.IntegerField(required=False)
    maximum = serializers.IntegerField(required=False)


class QuoteAnswer(serializers.Serializer):
    lines = QuoteLineAnswer(many=True)
    total = serializers.DecimalField(17, 2)
    currency = serializers.CharField(help_text="ISO 4217")
    acceptable = serializers.BooleanField(help_text="Whether it would be placed now.")
    problems = QuoteProblem(many=True, help_text="Everything that speaks against it.")
