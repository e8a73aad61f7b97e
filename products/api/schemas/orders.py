"""Orders: their query parameters, placing them, the details of their transitions, their history, and the response."""

from collections.abc import Iterable, Iterator, Mapping, Set
from decimal import Decimal
from operator import attrgetter
from typing import Any

from django.conf import settings
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from products.api.http.fields import (
    MemberError,
    StrictBooleanField,
    StrictDecimalField,
    StrictIntegerField,
    StrictSerializer,
    StrictTextField,
    StrictTimestampField,
    text_of,
)
from products.api.schemas.addresses import ShipToRequest, ShipToResponse, ship_to_body
from products.api.schemas.output import MoneyResponseField, Output, money
from products.api.schemas.pages import NEXT_TIME, PageQuery
from products.models import Address, Event, Order, PricedItem, Status
from products.models.addresses import PARTS
from products.models.order_lines import MAX_PER_LINE
from products.models.orders import SHIP_TO, TERMS
from products.order_numbers import format_number, parse_number
from products.ordering.cart import DESCRIPTION
from products.ordering.pricing import ZERO, RateTotal, subtotal, totals_by_rate
from products.ordering.validation import MAX_LINES, RequestedItem

LISTED_STATUSES = [status.value for status in Status if status != Status.CART]
ONE_STATUS = f"({'|'.join(LISTED_STATUSES)})"


@extend_schema_field({"type": "string", "pattern": f"^{ONE_STATUS}(,{ONE_STATUS})*$", "example": "PLACED,PAID"})
class StatusesField(serializers.Field):
    """One or more statuses, separated by commas. Carts are not listed, so CART is not one of them."""

    default_error_messages = {"invalid": f"Must be one or more of {', '.join(LISTED_STATUSES)}, separated by commas."}

    def to_internal_value(self, data: str) -> tuple[str, ...]:
        statuses = tuple(sorted(set(data.split(","))))
        if not set(statuses) <= set(LISTED_STATUSES):
            self.fail("invalid")
        return statuses

    def to_representation(self, value: tuple[str, ...]) -> str:
        return ",".join(value)


class OrderNumberField(StrictTextField):
    """An order's number as people write it: in lower case, with or without the hyphen."""

    def to_internal_value(self, data: Any) -> str:
        return parse_number(super().to_internal_value(data))


class OrderQuery(PageQuery):
    status = StatusesField(required=False, help_text="One or more, separated by commas.")
    placed_after = StrictTimestampField(required=False, help_text=f"Placed at or after this time. {NEXT_TIME}")
    placed_before = StrictTimestampField(required=False, help_text="Placed before this time.")
    changed_since = StrictTimestampField(required=False, help_text=f"Placed or changed at or after it. {NEXT_TIME}")
    key = serializers.RegexField(
        r"^[\x21-\x7e]{1,255}\Z",
        required=False,
        trim_whitespace=False,
        help_text="The order's idempotency key.",
    )
    number = OrderNumberField(required=False, max_length=20, help_text="The order's number, such as K7QF-3MXP.")
    reference = StrictTextField(required=False, max_length=100, help_text="The customer's own reference.")
    customer = StrictIntegerField(minimum=0, maximum=10**19 - 1, required=False, help_text="The customer's user id.")


class DetailsRequest(StrictSerializer):
    """What the customer says about an order beside its lines."""

    reference = text_of(Order, "reference", help_text="Your own, such as the number of your purchase order.")
    note = text_of(Order, "note", trim_whitespace=False)
    email = text_of(Order, "email")
    phone = text_of(Order, "phone")
    ship_to = ShipToRequest(required=False, allow_null=True)
    address = StrictIntegerField(required=False, help_text="The id of one of your addresses, instead of `ship_to`.")

    def member_errors(self, members: Set[str]) -> Iterator[MemberError]:
        yield from super().member_errors(members)
        if {"ship_to", "address"} <= members:
            yield MemberError("ship_to_or_address", "Give either `ship_to` or `address`.")

    @property
    def details(self) -> dict[str, Any]:
        """The details as Order takes them. Of an address that the customer keeps, only the id is known yet."""
        details = {name: self.validated_data[name] for name in DESCRIPTION if name in self.validated_data}
        if "address" in self.validated_data:
            details["ship_to"] = Address(pk=self.validated_data["address"])
        return details


def with_kept_address(details: dict[str, Any], customer: Any) -> dict[str, Any]:
    """Return the details with the customer's address where they have the id of one. Raises ValidationError."""
    ship_to = details.get("ship_to")
    if not isinstance(ship_to, Address):
        return details
    kept = Address.objects.of(customer).filter(pk=ship_to.pk).first()
    if kept is None:
        raise serializers.ValidationError({"address": ["You keep no such address."]}, "unknown_address")
    return {**details, "ship_to": kept}


class TermsRequest(StrictSerializer):
    """What staff with the permission to set prices may say about an order."""

    discount = StrictDecimalField(required=False, help_text="On the whole order; for staff who may set prices.")
    shipping = StrictDecimalField(
        required=False, help_text="Instead of the shop's own shipping fee; for staff who may set prices."
    )


class LineRequest(StrictSerializer):
    product = StrictIntegerField(checked_by_model=True, required=False, help_text="The product's id.")
    sku = StrictTextField(required=False, max_length=64)
    quantity = StrictIntegerField(maximum=MAX_PER_LINE, checked_by_model=True, help_text="1 to 10,000")
    unit_price = StrictDecimalField(
        required=False, help_text="Instead of the product's price; for staff who may set prices."
    )
    discount = StrictDecimalField(required=False, help_text="On the whole line; for staff who may set prices.")

    def member_errors(self, members: Set[str]) -> Iterator[MemberError]:
        yield from super().member_errors(members)
        if ("product" in members) == ("sku" in members):
            yield MemberError("product_or_sku", "Give either `product` or `sku`.")


class OrderRequest(LineRequest, DetailsRequest, TermsRequest):
    """One line, `{"product": 1, "quantity": 2}`, or several, `{"lines": [{"sku": "MUG-STONE", "quantity": 2}, …]}`."""

    # As in the order's other form, and not the line's.
    discount = StrictDecimalField(required=False, help_text=TermsRequest().fields["discount"].help_text)

    quantity = StrictIntegerField(maximum=MAX_PER_LINE, checked_by_model=True, required=False, help_text="1 to 10,000")
    lines = LineRequest(many=True, required=False)
    customer = StrictIntegerField(
        required=False, help_text="The user id of the customer that staff place the order for; by default yourself."
    )

    def member_errors(self, members: Set[str]) -> Iterator[MemberError]:
        if "lines" not in members:
            if "quantity" not in members:
                yield MemberError("required", "This field is required.", "quantity")
            yield from super().member_errors(members)
        else:
            yield from DetailsRequest.member_errors(self, members)
            if members & {"product", "sku", "quantity", "unit_price"}:
                yield MemberError("lines_or_one_line", "Give either one line or `lines`.")

    @property
    def items(self) -> list[RequestedItem]:
        """The requested lines as the models take them: [(product id or SKU, quantity), …]."""
        data = self.validated_data
        if "lines" in data:
            return [requested_item(line) for line in data["lines"]]
        return [requested_item({name: data[name] for name in LINE_MEMBERS if name in data})]

    @property
    def terms(self) -> dict[str, Any]:
        """The order's own discount and shipping, by the names that Order takes, where they are given."""
        return {name: self.validated_data[name] for name in TERMS if name in self.validated_data}

    @property
    def sets_prices(self) -> bool:
        """Whether the body has something that only staff who may set prices can say."""
        return bool(self.terms) or any(isinstance(item, PricedItem) for item in self.items)


LINE_MEMBERS = ("product", "sku", "quantity", "unit_price")
"""What the form of one line says about it; its `discount` is the order's."""


def requested_item(line: Mapping[str, Any]) -> RequestedItem:
    """Return the line as the models take it."""
    product = line["product"] if "product" in line else line["sku"]
    if "unit_price" in line or "discount" in line:
        return PricedItem(product, line["quantity"], line.get("unit_price"), line.get("discount", ZERO))
    return product, line["quantity"]


def parse_simple_order(body: Any) -> list[tuple[int | str, int]] | None:
    """Return what OrderRequest returns for a body with integer product ids and quantities; None for any other body.

    Most bodies are of this kind, and OrderRequest takes 0.5 ms, a fifth of the whole request.
    """
    lines = body["lines"] if isinstance(body, dict) and body.keys() == {"lines"} else [body]
    if not isinstance(lines, list):
        return None
    items: list[tuple[int | str, int]] = []
    for line in lines:
        if not isinstance(line, dict) or line.keys() != {"product", "quantity"}:
            return None
        product, quantity = line["product"], line["quantity"]
        if type(product) is not int or type(quantity) is not int:  # isinstance(True, int) is true
            return None
        items.append((product, quantity))
    return items


def with_bounded_lines(body: Any) -> Any:
    """Return the body with no more lines than show that they are too many, so that the others cost nothing."""
    lines = body.get("lines") if isinstance(body, dict) else None
    return {**body, "lines": lines[: MAX_LINES + 1]} if isinstance(lines, list) and len(lines) > MAX_LINES else body


class NoDetails(StrictSerializer):
    """For transitions without details: no body, or `{}`."""


class PaymentRequest(StrictSerializer):
    reference = text_of(Order, "payment_reference", help_text="The payment's reference.")
    late = StrictBooleanField(
        required=False,
        help_text="Accept money that arrived after `pay_by`; of an expired order, if its stock is still there.",
    )


class OrderLineResponse(serializers.Serializer):
    id = serializers.UUIDField()
    product = serializers.IntegerField(source="product_id")
    sku = serializers.CharField()
    name = serializers.CharField()
    quantity = serializers.IntegerField(min_value=1, max_value=MAX_PER_LINE)
    unit_price = MoneyResponseField()
    discount = MoneyResponseField(help_text="On this line, beside its share of the order's discount.")
    discount_share = MoneyResponseField(help_text="The line's share of the order's discount.")
    amount = MoneyResponseField(help_text="Quantity times unit price, less both discounts.")
    tax_rate = serializers.DecimalField(6, 3, allow_null=True, help_text="In percent; null without taxes.")
    tax = MoneyResponseField(help_text="The line's share of the tax at its rate.")
    shipped = serializers.IntegerField(min_value=0, max_value=MAX_PER_LINE)
    cancelled = serializers.IntegerField(
        min_value=0, max_value=MAX_PER_LINE, help_text="Including the pieces of an order that has expired."
    )
    returned = serializers.IntegerField(min_value=0, max_value=MAX_PER_LINE)
    restocked = serializers.IntegerField(
        min_value=0, max_value=MAX_PER_LINE, help_text="Cancelled or returned, and put back into stock."
    )


class TaxResponse(serializers.Serializer):
    """The sums of what is taxed at one rate."""

    rate = serializers.DecimalField(6, 3, help_text="In percent.")
    net = MoneyResponseField(help_text="Without tax.")
    tax = MoneyResponseField()
    gross = MoneyResponseField(help_text="With tax.")


class OrderResponse(serializers.Serializer):
    id = serializers.UUIDField()
    number = serializers.CharField(help_text="To read out, such as K7QF-3MXP.")
    customer = serializers.IntegerField(source="customer_id", help_text="The customer's user id.")
    status = serializers.ChoiceField(LISTED_STATUSES)
    lines = OrderLineResponse(many=True)
    discount = MoneyResponseField(help_text="Of the whole order; its lines have their shares of it.")
    shipping = MoneyResponseField()
    tax = MoneyResponseField(help_text="Of lines and shipping.")
    prices_include_tax = serializers.BooleanField(help_text="Whether the tax is part of the prices, or is added.")
    taxes = TaxResponse(many=True, help_text="The sums for each tax rate, shipping included; empty without taxes.")
    total = MoneyResponseField()
    paid = MoneyResponseField()
    refunded = MoneyResponseField()
    currency = serializers.CharField(help_text="ISO 4217")
    reference = serializers.CharField(help_text="The customer's own.")
    note = serializers.CharField()
    email = serializers.CharField()
    phone = serializers.CharField()
    ship_to = ShipToResponse(allow_null=True)
    idempotency_key = serializers.CharField(allow_null=True)
    payment_reference = serializers.CharField()
    carrier = serializers.CharField()
    tracking_number = serializers.CharField()
    placed_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField(help_text="When anything of it last changed, such as its status.")
    pay_by = serializers.DateTimeField(allow_null=True, help_text="The payment deadline: after it the order expires.")


def line_amount(line: Any) -> str:
    return str(_amount(line))


def _amount(line: Any) -> Decimal:
    whole = subtotal(Decimal(line.unit_price or 0), line.quantity, settings.CURRENCY)
    return whole - Decimal(line.discount) - Decimal(line.discount_share)


address_of = attrgetter(*SHIP_TO)

LINE = Output(OrderLineResponse, computed={"amount": line_amount}, extra_columns=("order_id",))
ORDER = Output(
    OrderResponse,
    computed={
        "number": lambda row: format_number(row.number),
        "shipping": lambda row: row.shipping or money(ZERO),
        "ship_to": lambda row: ship_to_body(dict(zip(PARTS, address_of(row), strict=True))),
    },
    extra_columns=("number", "shipping", "shipping_tax_rate", "shipping_tax", *SHIP_TO),
)


def order_body(order: Order) -> dict[str, Any]:
    """Return the JSON of an order. One that was just placed still has its lines; others load them."""
    lines = order.lines.all() if order.placed_lines is None else order.placed_lines
    return order_row_body(ORDER.row_of(order), map(LINE.row_of, lines))


def order_row_body(row: Any, lines: Iterable[Any]) -> dict[str, Any]:
    """Return the JSON of an order from its row and the rows of its lines."""
    lines = list(lines)
    return ORDER.body(row, lines=[LINE.body(line) for line in lines], taxes=taxes_body(row, lines))


def taxes_body(row: Any, lines: Iterable[Any]) -> list[dict[str, Any]]:
    """Return the sums for each tax rate of an order, from its row and the rows of its lines."""
    if row.shipping_tax_rate is None:  # Then it was placed without taxes.
        return []
    parts = [(line.tax_rate, _amount(line), line.tax) for line in lines]
    parts.append((row.shipping_tax_rate, row.shipping, row.shipping_tax))
    totals = totals_by_rate(
        [(None if rate is None else Decimal(rate), Decimal(amount), Decimal(tax)) for rate, amount, tax in parts],
        prices_include_tax=row.prices_include_tax,
    )
    return [tax_body(each) for each in totals]


def tax_body(total: RateTotal) -> dict[str, Any]:
    return {
        "rate": str(total.rate),
        "net": money(total.net),
        "tax": money(total.tax),
        "gross": money(total.gross),
    }


class EventLine(serializers.Serializer):
    line = serializers.UUIDField()
    product = serializers.IntegerField()
    quantity = serializers.IntegerField()
    restocked = serializers.IntegerField(required=False)


class CorrectedText(serializers.Serializer):
    to = serializers.CharField()

    def get_fields(self) -> dict[str, Any]:
        return {"from": serializers.CharField(), **super().get_fields()}


FACTS_OF_PARTS = (
    "lines",
    "shipment",
    "cancellation",
    "return",
    "refund",
    "amount",
    "carrier",
    "tracking_number",
)
"""What an event says of the parts of an order, if it is about them."""


class EventFacts(serializers.Serializer):
    to = serializers.ChoiceField(LISTED_STATUSES, help_text="The status after the event.")
    lines = EventLine(many=True, required=False, help_text="The lines, and the pieces of each, that it is about.")
    shipment = serializers.IntegerField(required=False, help_text="Its number; likewise the next three.")
    cancellation = serializers.IntegerField(required=False)
    refund = serializers.IntegerField(required=False)
    amount = MoneyResponseField(required=False, help_text="What was refunded.")
    carrier = CorrectedText(required=False)
    tracking_number = CorrectedText(required=False)

    def get_fields(self) -> dict[str, Any]:
        # `from` is a keyword, so it cannot be declared as an attribute.
        before = serializers.ChoiceField(
            Status.choices, allow_null=True, help_text="The status before the event; null for a new order."
        )
        return {"from": before, **super().get_fields(), "return": serializers.IntegerField(required=False)}


class EventResponse(serializers.Serializer):
    id = serializers.IntegerField()
    kind = serializers.CharField(help_text="In the past tense, such as `order.placed`.")
    at = serializers.DateTimeField()
    by = serializers.IntegerField(
        allow_null=True, help_text="The id of the user who caused it; null if you may not see it."
    )
    facts = EventFacts()


def event_body(event: Event, *, shows_users: bool, viewer: int) -> dict[str, Any]:
    """Return the JSON of an event. Without `shows_users`, `by` is shown only if it is the viewer."""
    return {
        "id": event.pk,
        "kind": event.kind,
        "at": event.at,
        "by": event.by_id if shows_users or event.by_id == viewer else None,
        "facts": {"from": event.facts.get("from"), "to": event.facts.get("to")}
        | {name: event.facts[name] for name in FACTS_OF_PARTS if name in event.facts},
    }
