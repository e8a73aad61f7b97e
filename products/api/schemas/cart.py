"""Carts and quotes: what an order would come to."""

from typing import Any

from django.conf import settings
from rest_framework import serializers

from products.api.errors import error_entries
from products.api.http.fields import StrictIntegerField, StrictSerializer
from products.api.schemas.addresses import ShipToResponse, ship_to_body
from products.api.schemas.orders import TaxResponse, tax_body
from products.api.schemas.output import MoneyResponseField, money
from products.models import Violation
from products.models.addresses import PARTS
from products.models.order_lines import MAX_PER_LINE
from products.ordering.validation import DraftLine, OrderDraft


class CartLineRequest(StrictSerializer):
    quantity = StrictIntegerField(
        maximum=MAX_PER_LINE, checked_by_model=True, help_text="1 to 10,000: the quantity the cart will hold."
    )


class QuoteLineResponse(serializers.Serializer):
    product = serializers.IntegerField()
    sku = serializers.CharField()
    name = serializers.CharField()
    quantity = serializers.IntegerField()
    unit_price = MoneyResponseField(max_digits=19, help_text="The current price.")
    discount = MoneyResponseField(max_digits=19, help_text="On this line, beside its share of the order's discount.")
    discount_share = MoneyResponseField(max_digits=19, help_text="The line's share of the order's discount.")
    amount = MoneyResponseField(max_digits=19, help_text="Quantity times unit price, less both discounts.")
    tax_rate = serializers.DecimalField(6, 3, allow_null=True, help_text="In percent; null without taxes.")
    tax = MoneyResponseField(max_digits=19, help_text="The line's share of the tax at its rate.")
    available = serializers.IntegerField(help_text="How many pieces could be ordered now.")
    problems = serializers.ListField(
        child=serializers.CharField(), help_text="The codes of the problems with this line."
    )


class QuoteProblem(serializers.Serializer):
    """One reason why the order cannot be placed; its other fields depend on its code."""

    pointer = serializers.CharField(allow_blank=True, help_text="The field it is about, as a JSON pointer (RFC 6901).")
    code = serializers.CharField()
    detail = serializers.CharField()
    product = serializers.IntegerField(required=False)
    sku = serializers.CharField(required=False)
    requested = serializers.IntegerField(required=False)
    available = serializers.IntegerField(required=False)
    minimum = serializers.IntegerField(required=False)
    maximum = serializers.IntegerField(required=False)


class QuoteResponse(serializers.Serializer):
    lines = QuoteLineResponse(many=True)
    discount = MoneyResponseField(max_digits=19, help_text="Of the whole order; its lines have their shares of it.")
    shipping = MoneyResponseField(max_digits=19)
    tax = MoneyResponseField(max_digits=19, help_text="Of lines and shipping.")
    prices_include_tax = serializers.BooleanField(help_text="Whether the tax is part of the prices, or is added.")
    taxes = TaxResponse(many=True, help_text="The sums for each tax rate, shipping included; empty without taxes.")
    total = MoneyResponseField(max_digits=19)
    currency = serializers.CharField(help_text="ISO 4217")
    acceptable = serializers.BooleanField(help_text="Whether the order could be placed now.")
    problems = QuoteProblem(many=True, help_text="Every reason why the order cannot be placed.")


class CartResponse(QuoteResponse):
    reference = serializers.CharField()
    note = serializers.CharField()
    email = serializers.CharField()
    phone = serializers.CharField()
    ship_to = ShipToResponse(allow_null=True)


def cart_body(draft: OrderDraft) -> dict[str, Any]:
    """Return the quote of a cart, and what the customer has said about it."""
    details = draft.details
    texts = {name: details.get(name, "") for name in ("reference", "note", "email", "phone")}
    ship_to = ship_to_body({part: details.get(f"ship_to_{part}", "") for part in PARTS})
    return {**quote_body(draft, None), **texts, "ship_to": ship_to}


def quote_body(draft: OrderDraft, data: Any) -> dict[str, Any]:
    """Return the quote. Its problems point into `data`, the request's body, or if that is empty into `lines`."""
    violations, totals = [*draft.violations(), *draft.shortages()], draft.totals
    return {
        "lines": [quote_line_body(line, violations) for line in draft.lines],
        "discount": money(totals.discount),
        "shipping": money(totals.shipping),
        "tax": money(totals.tax),
        "prices_include_tax": totals.prices_include_tax,
        "taxes": [tax_body(each) for each in draft.taxes],
        "total": money(totals.total),
        "currency": settings.CURRENCY,
        "acceptable": not violations,
        "problems": error_entries(violations, data),
    }


def quote_line_body(line: DraftLine, violations: list[Violation]) -> dict[str, Any]:
    return {
        "product": line.product.pk,
        "sku": line.product.sku,
        "name": line.product.name,
        "quantity": line.quantity,
        "unit_price": money(line.unit_price),
        "discount": money(line.discount),
        "discount_share": money(line.discount_share),
        "amount": money(line.amount),
        "tax_rate": None if line.tax_rate is None else str(line.tax_rate),
        "tax": money(line.tax),
        "available": line.available,
        "problems": [violation.code for violation in violations if set(line.positions) & set(violation.positions)],
    }
