"""The catalogue on the wire."""

from typing import Any

from rest_framework import serializers

from products.api.fields import (
    FlagField,
    StrictDecimalField,
    StrictIntegerField,
    StrictMomentField,
    StrictSerializer,
    StrictTextField,
)
from products.api.serializers.pages import PageQuery
from products.models import Category, Product
from products.models.stock import MAX_STOCK

ORDERINGS = {
    "id": ["id"],
    "name": ["name", "id"],
    "sku": ["sku"],
    "price": ["price", "id"],
    "created": ["created_at", "id"],
    "changed": ["updated_at", "id"],
}
"""What the catalogue can be ordered by, and the columns behind it: each has an index, and ends with a unique one."""


class ProductQuery(PageQuery):
    search = StrictTextField(
        required=False, max_length=100, help_text="Words; each is to be found in the name, the SKU or the description."
    )
    category = StrictTextField(required=False, max_length=60, help_text="A category's slug.")
    sku = StrictTextField(required=False, max_length=64)
    price_min = StrictDecimalField(required=False)
    price_max = StrictDecimalField(required=False)
    in_stock = FlagField(required=False, help_text="Whether there are any left.")
    retired = FlagField(required=False, help_text="`true` lists what is not sold any more, instead of what is.")
    changed_since = StrictMomentField(
        required=False, help_text="Changed at this moment or later; a sale does not count as a change."
    )
    ordering = serializers.ChoiceField(
        [f"{sign}{name}" for name in ORDERINGS for sign in ("", "-")], required=False, help_text="`-` turns it around."
    )

    def validate_ordering(self, ordering: str) -> tuple[str, ...]:
        """The columns to order by."""
        sign = "-" if ordering.startswith("-") else ""
        return tuple(f"{sign}{column}" for column in ORDERINGS[ordering.lstrip("-")])


class ProductAnswer(serializers.Serializer):
    id = serializers.IntegerField()
    sku = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    category = serializers.CharField(allow_null=True, help_text="The category's slug.")
    price = serializers.DecimalField(10, 2)
    currency = serializers.CharField(help_text="ISO 4217")
    stock = serializers.IntegerField(min_value=0, help_text="Pieces that can be sold now.")
    in_stock = serializers.BooleanField()
    retired_at = serializers.DateTimeField(allow_null=True, help_text="Since when it is no longer sold.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField(help_text="When anything but the stock was last changed.")


class NewProduct(StrictSerializer):
    """A product to be; its stock comes later, by `POST /api/products/{id}/stock`."""

    sku = StrictTextField(max_length=64, validators=Product._meta.get_field("sku").validators[:1])
    name = StrictTextField(max_length=200)
    description = StrictTextField(required=False, allow_blank=True, max_length=10_000, trim_whitespace=False)
    category = StrictTextField(required=False, allow_null=True, max_length=60, help_text="A category's slug.")
    price = StrictDecimalField()

    def validate_category(self, slug: str | None) -> Category | None:
        if slug is None:
            return None
        category = Category.objects.filter(slug=slug).first()
        if category is None:
            raise serializers.ValidationError("There is no such category.", "unknown_category")
        return category


class ProductChange(NewProduct):
    """What is to be different; what is left out stays."""

    sku = StrictTextField(required=False, max_length=64, validators=Product._meta.get_field("sku").validators[:1])
    name = StrictTextField(required=False, max_length=200)
    price = StrictDecimalField(required=False)
    retired = serializers.BooleanField(required=False, help_text="Whether it is off sale.")

    def validate(self, change: dict[str, Any]) -> dict[str, Any]:
        if "retired" in change and not isinstance(self.initial_data["retired"], bool):
            raise serializers.ValidationError({"retired": ["Write true or false."]}, "invalid")
        return change


class MovementAnswer(serializers.Serializer):
    id = serializers.IntegerField()
    delta = serializers.IntegerField(help_text="Pieces; positive came in, negative went out.")
    reason = serializers.CharField()
    order = serializers.UUIDField(allow_null=True)
    by = serializers.IntegerField(allow_null=True, help_text="The user's id, where a person did it.")
    note = serializers.CharField()
    at = serializers.DateTimeField()


class StockAnswer(serializers.Serializer):
    product = serializers.IntegerField()
    sku = serializers.CharField()
    stock = serializers.IntegerField(help_text="What there was when this had moved.")
    movement = MovementAnswer(allow_null=True, help_text="null where a count agreed, so that nothing moved.")


class StockRequest(StrictSerializer):
    """`{"delta": -3}`, or `{"set": 41}` for a count, with `"expected": 44` only if that is what there is now."""

    delta = StrictIntegerField(
        minimum=-MAX_STOCK,
        maximum=MAX_STOCK,
        checked_by_model=True,
        required=False,
        help_text="Pieces; positive come in, negative go out.",
    )
    reason = serializers.ChoiceField(
        ["RECEIVED", "CORRECTED"], required=False, help_text="For a delta; CORRECTED unless given."
    )
    set = StrictIntegerField(
        minimum=0,
        maximum=MAX_STOCK,
        checked_by_model=True,
        required=False,
        help_text="How many there are, as counted.",
    )
    expected = StrictIntegerField(
        minimum=0,
        maximum=MAX_STOCK,
        checked_by_model=True,
        required=False,
        help_text="How many there are now, as far as you know.",
    )
    note = StrictTextField(required=False, allow_blank=True, max_length=200)

    def validate(self, change: dict[str, Any]) -> dict[str, Any]:
        if ("delta" in change) == ("set" in change):
            raise serializers.ValidationError("Give either `delta` or `set`.", "delta_or_set")
        if "set" in change and "reason" in change:
            raise serializers.ValidationError({"reason": ["A count is its own reason."]}, "not_for_a_count")
        if "delta" in change and "expected" in change:
            raise serializers.ValidationError({"expected": ["This goes with `set`."]}, "not_for_a_delta")
        return change


class StockRow(StockRequest):
    """One row of many: which product, by id or SKU, and its change."""

    product = StrictIntegerField(checked_by_model=True, required=False)
    sku = StrictTextField(required=False, max_length=64)

    def validate(self, change: dict[str, Any]) -> dict[str, Any]:
        if ("product" in change) == ("sku" in change):
            raise serializers.ValidationError("Name the product by its id or by its SKU.", "product_or_sku")
        return super().validate(change)


class StockRows(StrictSerializer):
    rows = StockRow(many=True, allow_empty=False, max_length=100)  # type: ignore[call-arg]


class StockRowResult(serializers.Serializer):
    status = serializers.IntegerField(help_text="What this row would have been answered with alone.")
    result = StockAnswer(required=False)
    problem = serializers.DictField(required=False, help_text="As in any other error.")


class StockRowResults(serializers.Serializer):
    results = StockRowResult(many=True, help_text="In the order of the rows.")


class LedgerQuery(PageQuery):
    at = StrictMomentField(required=False, help_text="Ask for the stock at this moment instead of the ledger.")


class StockAtMoment(serializers.Serializer):
    product = serializers.IntegerField()
    at = serializers.DateTimeField()
    stock = serializers.IntegerField()
