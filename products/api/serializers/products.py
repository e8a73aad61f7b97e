"""The catalogue on the wire."""

from rest_framework import serializers


class ProductAnswer(serializers.Serializer):
    id = serializers.IntegerField()
    sku = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    category = serializers.CharField(allow_null=True, help_text="The category's slug.")
    price = serializers.DecimalField(10, 2)
    currency = serializers.CharField(help_text="ISO 4217")
    stock = serializers.IntegerField(help_text="Pieces that can be sold now.")
    in_stock = serializers.BooleanField()
    retired_at = serializers.DateTimeField(allow_null=True, help_text="Since when it is not sold any more.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField(help_text="When anything but the stock was last changed.")
