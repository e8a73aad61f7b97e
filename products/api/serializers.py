"""What goes over the wire: the bodies of requests, which are checked with these, and of answers, which are described.

Answers are made by the plain functions in `bodies.py`; a test holds both to the same members.
"""

from typing import Any

from rest_framework import serializers

from products.api.fields import StrictIntegerField, StrictSerializer, StrictTextField
from products.api.pagination import MOST
from products.models import Status


class Credentials(StrictSerializer):
    username = StrictTextField(max_length=150)
    password = StrictTextField(max_length=1_000, trim_whitespace=False)


class Token(serializers.Serializer):
    token = serializers.CharField(help_text="Shown this once; only a digest of it is kept.")
    expires_at = serializers.DateTimeField()


class PageQuery(StrictSerializer):
    limit = StrictIntegerField(required=False, help_text=f"Rows on a page, 1 to {MOST}.")
    cursor = StrictTextField(required=False, max_length=1_000, help_text="As `next` or `previous` gave it.")
    count = serializers.ChoiceField(["true", "false"], required=False, help_text="Count all rows too; costs time.")

    def validate_limit(self, limit: int) -> int:
        if not 1 <= limit <= MOST:
            raise serializers.ValidationError(f"A page has 1 to {MOST} rows.", "out_of_range")
        return limit

    def validate_count(self, count: str) -> bool:
        return count == "true"


class NoQuery(StrictSerializer):
    """For what takes no parameters."""


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


class LineRequest(StrictSerializer):
    product = StrictIntegerField(required=False, help_text="The product's id; or else give its SKU.")
    sku = StrictTextField(required=False, max_length=64)
    quantity = StrictIntegerField(help_text="1 to 10,000")

    def validate(self, line: dict[str, Any]) -> dict[str, Any]:
        if ("product" in line) == ("sku" in line):
            raise serializers.ValidationError("Name the product by its id or by its SKU.", "product_or_sku")
        return line


class OrderRequest(LineRequest):
    """One line, `{"product": 1, "quantity": 2}`, or several, `{"lines": [{"sku": "MUG", "quantity": 2}, …]}`."""

    quantity = StrictIntegerField(required=False, help_text="1 to 10,000")
    lines = LineRequest(many=True, required=False)

    def validate(self, body: dict[str, Any]) -> dict[str, Any]:
        if "lines" not in body:
            if "quantity" not in body:
                raise serializers.ValidationError({"quantity": ["This field is required."]}, "required")
            return super().validate(body)
        if len(body) > 1:
            raise serializers.ValidationError("Give either one line or `lines`.", "lines_or_one_line")
        return body

    @property
    def items(self) -> list[tuple[int | str, int]]:
        """What is ordered, as the model takes it: [(product id or SKU, quantity), …]."""
        lines = self.validated_data.get("lines", [self.validated_data])
        return [(line["product"] if "product" in line else line["sku"], line["quantity"]) for line in lines]


class OrderLineAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    product = serializers.IntegerField()
    sku = serializers.CharField()
    name = serializers.CharField()
    quantity = serializers.IntegerField()
    unit_price = serializers.DecimalField(10, 2)
    amount = serializers.DecimalField(14, 2)


class OrderAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    customer = serializers.IntegerField(help_text="The user's id.")
    status = serializers.ChoiceField(Status.choices)
    lines = OrderLineAnswer(many=True)
    total = serializers.DecimalField(14, 2)
    currency = serializers.CharField(help_text="ISO 4217")
    idempotency_key = serializers.CharField(allow_null=True)
    payment_reference = serializers.CharField()
    carrier = serializers.CharField()
    tracking_number = serializers.CharField()
    placed_at = serializers.DateTimeField()
    pay_by = serializers.DateTimeField(allow_null=True, help_text="Past this moment the order is void unless paid.")
