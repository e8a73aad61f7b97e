"""Products: the catalog's query parameters, new products and changes, and the response."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from rest_framework import serializers

from products.api.http.fields import (
    FlagField,
    StrictBooleanField,
    StrictDecimalField,
    StrictIntegerField,
    StrictSerializer,
    StrictTextField,
    StrictTimestampField,
    text_of,
)
from products.api.schemas.categories import CategoryField
from products.api.schemas.output import MoneyResponseField, Output, money
from products.api.schemas.pages import NEXT_TIME, PageQuery
from products.models import Product
from products.models.products import (
    MAX_IMAGE,
    MAX_IMAGES,
    MAX_TAG,
    MAX_TAGS,
    MAX_WEIGHT,
    PricePeriod,
    validate_image,
    validate_tag,
    validate_tags,
)

ORDERINGS = {
    "id": ["id"],
    "name": ["name", "id"],
    "sku": ["sku"],
    "price": ["price", "id"],
    "created": ["created_at", "id"],
    "changed": ["updated_at", "id"],
}
"""The orderings of the catalog and their columns. Each has an index and ends with a unique column."""


class ProductQuery(PageQuery):
    search = StrictTextField(
        required=False, max_length=100, help_text="Words that the name, the SKU or the description must all contain."
    )
    category = StrictTextField(
        required=False, max_length=60, help_text="A category's slug. Products in categories below it are listed too."
    )
    sku = StrictTextField(required=False, max_length=64, help_text="The whole SKU, in any case.")
    barcode = StrictTextField(
        required=False, max_length=14, help_text="A GTIN, with or without the zeros that it begins with."
    )
    tag = StrictTextField(required=False, max_length=MAX_TAG, help_text="One tag, in any case.")
    price_min = StrictDecimalField(required=False)
    price_max = StrictDecimalField(required=False)
    in_stock = FlagField(required=False, help_text="Whether the stock is above zero.")
    retired = FlagField(required=False, help_text="`true` lists retired products instead of those on sale.")
    changed_since = StrictTimestampField(
        required=False,
        help_text=f"Changed at or after this time, the stock included. {NEXT_TIME}",
    )
    ordering = serializers.ChoiceField(
        [f"{sign}{name}" for name in ORDERINGS for sign in ("", "-")],
        required=False,
        help_text="Prefix with `-` for descending order.",
    )

    def validate_ordering(self, ordering: str) -> tuple[str, ...]:
        """Return the columns to order by."""
        sign = "-" if ordering.startswith("-") else ""
        return tuple(f"{sign}{column}" for column in ORDERINGS[ordering.lstrip("-")])


class NewProduct(StrictSerializer):
    """A new product. Its stock is added later, with `POST /api/products/{id}/stock`."""

    sku = text_of(Product, "sku")
    name = text_of(Product, "name")
    description = text_of(Product, "description", max_length=10_000, trim_whitespace=False)
    category = CategoryField(help_text="The category's slug.")
    vendor = text_of(Product, "vendor")
    barcode = text_of(Product, "barcode", help_text="A GTIN: 8, 12, 13 or 14 digits, the last one a check digit.")
    weight = StrictIntegerField(
        minimum=0, maximum=MAX_WEIGHT, required=False, allow_null=True, help_text="In grams; null if it is unknown."
    )
    tags = serializers.ListField(
        child=StrictTextField(max_length=MAX_TAG, validators=[validate_tag]),
        required=False,
        max_length=MAX_TAGS,
        validators=[validate_tags],
        help_text="In lower case, each once.",
    )
    images = serializers.ListField(
        child=StrictTextField(max_length=MAX_IMAGE, validators=[validate_image]),
        required=False,
        max_length=MAX_IMAGES,
        help_text="URLs with https, in the order in which they are shown.",
    )
    price = StrictDecimalField()
    list_price = StrictDecimalField(
        required=False, allow_null=True, help_text="The price before a reduction, at least the price."
    )
    tax_class = text_of(Product, "tax_class", required=False)


class ProductChange(NewProduct):
    """The fields to change; all others keep their values."""

    sku = text_of(Product, "sku", required=False)
    name = text_of(Product, "name", required=False)
    price = StrictDecimalField(required=False)
    retired = StrictBooleanField(required=False, help_text="Whether the product is taken off sale.")


class ProductResponse(serializers.Serializer):
    # The one declaration of a product's output: what is added here is selected, returned and documented. See Output.
    id = serializers.IntegerField()
    sku = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    category = serializers.CharField(source="category.slug", allow_null=True, help_text="The category's slug.")
    vendor = serializers.CharField()
    barcode = serializers.CharField(help_text="A GTIN; empty if there is none.")
    weight = serializers.IntegerField(allow_null=True, min_value=0, help_text="In grams.")
    tags = serializers.ListField(child=serializers.CharField())
    images = serializers.ListField(child=serializers.CharField(), help_text="URLs; the first one is the main image.")
    price = MoneyResponseField()
    list_price = MoneyResponseField(allow_null=True, help_text="The price before a reduction.")
    tax_class = serializers.CharField(help_text="Decides on the tax rate.")
    currency = serializers.CharField(help_text="ISO 4217")
    stock = serializers.IntegerField(min_value=0, help_text="How many pieces can be sold now.")
    in_stock = serializers.BooleanField()
    retired_at = serializers.DateTimeField(allow_null=True, help_text="When it was taken off sale.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField(
        help_text="The last change of anything but the stock, whose changes are in its ledger."
    )


PRODUCT = Output(
    ProductResponse,
    computed={"currency": lambda product: settings.CURRENCY, "in_stock": lambda product: product.stock > 0},
)


PRICE_HISTORY_DAYS = 30
"""How many days of prices are returned by default: as many as EU law asks for beside a reduced price."""


class PriceHistoryQuery(StrictSerializer):
    days = StrictIntegerField(
        minimum=1,
        maximum=365,
        required=False,
        help_text=f"How many days to look back; {PRICE_HISTORY_DAYS} if left out.",
    )

    def validate_days(self, days: int) -> int:
        kept = settings.EVENT_RETENTION.days
        if days > kept:
            raise serializers.ValidationError(f"The shop keeps changes of prices for {kept} days.", "out_of_range")
        return days


class PricePeriodResponse(serializers.Serializer):
    price = MoneyResponseField()
    start = serializers.DateTimeField(
        help_text="When it came into force; the first at the period's begin at the earliest."
    )
    until = serializers.DateTimeField(allow_null=True, help_text="When another followed; null for the present one.")


class PriceHistoryResponse(serializers.Serializer):
    days = serializers.IntegerField()
    currency = serializers.CharField(help_text="ISO 4217")
    lowest = MoneyResponseField(help_text="The lowest price that was in force at any time of the period.")
    prices = PricePeriodResponse(many=True, help_text="Oldest first.")


def price_history_body(periods: Sequence[PricePeriod], days: int) -> dict[str, Any]:
    return {
        "days": days,
        "currency": settings.CURRENCY,
        "lowest": money(min(period.price for period in periods)),
        "prices": [{**period._asdict(), "price": money(period.price)} for period in periods],
    }
