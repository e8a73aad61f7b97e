"""Orders on the wire."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from products.api.fields import StrictIntegerField, StrictMomentField, StrictSerializer, StrictTextField
from products.api.serializers.pages import PageQuery
from products.models import Status
from products.models.order_lines import MAX_PER_LINE

LISTED = [status.value for status in Status if status != Status.CART]
ONE_LISTED = f"({'|'.join(LISTED)})"


@extend_schema_field({"type": "string", "pattern": f"^{ONE_LISTED}(,{ONE_LISTED})*$", "example": "PLACED,PAID"})
class StatusesField(serializers.Field):
    """One status, or several separated by commas. A cart is not listed, so it is none of them."""

    default_error_messages = {"invalid": f"Write one or several of {', '.join(LISTED)}, separated by commas."}

    def to_internal_value(self, data: str) -> tuple[str, ...]:
        statuses = tuple(sorted(set(data.split(","))))
        if not set(statuses) <= set(LISTED):
            self.fail("invalid")
        return statuses

    def to_representation(self, value: tuple[str, ...]) -> str:
        return ",".join(value)


class OrderQuery(PageQuery):
    status = StatusesField(required=False, help_text="One, or several separated by commas.")
    placed_after = StrictMomentField(required=False, help_text="Placed at this moment or later.")
    placed_before = StrictMomentField(required=False, help_text="Placed earlier than this moment.")
    key = serializers.RegexField(
        r"^[\x21-\x7e]{1,255}\Z",
        required=False,
        trim_whitespace=False,
        help_text="The order with this idempotency key.",
    )
    customer = StrictIntegerField(
        minimum=0, maximum=10**19 - 1, required=False, help_text="A user's id; of those whose orders you may see."
    )


class LineRequest(StrictSerializer):
    product = StrictIntegerField(
        checked_by_model=True, required=False, help_text="The product's id; or else give its SKU."
    )
    sku = StrictTextField(required=False, max_length=64)
    quantity = StrictIntegerField(maximum=MAX_PER_LINE, checked_by_model=True, help_text="1 to 10,000")

    def validate(self, line: dict[str, Any]) -> dict[str, Any]:
        if ("product" in line) == ("sku" in line):
            raise serializers.ValidationError("Name the product by its id or by its SKU.", "product_or_sku")
        return line


class OrderRequest(LineRequest):
    """One line, `{"product": 1, "quantity": 2}`, or several, `{"lines": [{"sku": "MUG", "quantity": 2}, …]}`."""

    quantity = StrictIntegerField(maximum=MAX_PER_LINE, checked_by_model=True, required=False, help_text="1 to 10,000")
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


def plain_items(body: Any) -> list[tuple[int | str, int]] | None:
    """What OrderRequest makes of a body that names products by their ids, in numbers; None for any other.

    Most bodies are of that kind, and OrderRequest takes half a millisecond for them.
    """
    lines = body["lines"] if isinstance(body, dict) and body.keys() == {"lines"} else [body]
    if not isinstance(lines, list):
        return None
    items: list[tuple[int | str, int]] = []
    for line in lines:
        if not isinstance(line, dict) or line.keys() != {"product", "quantity"}:
            return None
        product, quantity = line["product"], line["quantity"]
        if type(product) is not int or type(quantity) is not int:  # which True is to isinstance()
            return None
        items.append((product, quantity))
    return items


class OrderLineAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    product = serializers.IntegerField()
    sku = serializers.CharField()
    name = serializers.CharField()
    quantity = serializers.IntegerField(min_value=1, max_value=MAX_PER_LINE)
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
