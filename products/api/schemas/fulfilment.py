"""What is done with the lines of an order: shipments, cancellations, returns and refunds."""

import re
from collections.abc import Iterator, Mapping, Set
from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from products.api.http.fields import (
    MemberError,
    StrictDecimalField,
    StrictIntegerField,
    StrictSerializer,
    StrictTextField,
    StrictUUIDField,
    text_of,
)
from products.api.schemas.output import MoneyResponseField, money
from products.models import Cancellation, Refund, Return, Shipment
from products.models.order_lines import MAX_PER_LINE
from products.ordering.validation import MAX_LINES

NAMES = ("line", "product", "sku")
"""The members of which a line has one, to name the order's line."""

ALL_THAT_REMAINS = "All that remains, if left out."


class PartRequest(StrictSerializer):
    """Pieces of one line of the order."""

    line = StrictUUIDField(required=False, help_text="The line's id.")
    product = StrictIntegerField(required=False, help_text="The product's id.")
    sku = StrictTextField(required=False, max_length=64, help_text="The SKU on the line.")
    quantity = StrictIntegerField(maximum=MAX_PER_LINE, help_text="1 to 10,000")

    def member_errors(self, members: Set[str]) -> Iterator[MemberError]:
        if len(members & {*NAMES}) != 1:
            yield MemberError("line_product_or_sku", "Give either `line`, `product` or `sku`.")


class ReturnedPartRequest(PartRequest):
    """Pieces of one line that came back, `restock` of which can be sold again; all of them if that is left out."""

    restock = StrictIntegerField(minimum=0, maximum=MAX_PER_LINE, required=False)


def parts_field(part: type[PartRequest], help_text: str) -> Any:
    """Return the field for the lines of a request."""
    options: dict[str, Any] = {"allow_empty": False, "max_length": MAX_LINES, "help_text": help_text}
    return part(many=True, required=False, **options)


class PartsRequest(StrictSerializer):
    """A request that may name lines."""

    @property
    def arguments(self) -> dict[str, Any]:
        """Return the request as the verbs of Order take it."""
        data: dict[str, Any] = dict(self.validated_data)
        if "lines" in data:
            data["lines"] = [requested_line(line) for line in data["lines"]]
        return data


def requested_line(line: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return (id of the line or the product, or SKU; quantity), and how many are put back if that is given."""
    [named] = [line[name] for name in NAMES if name in line]
    return (named, line["quantity"], line["restock"]) if "restock" in line else (named, line["quantity"])


class ShipmentRequest(PartsRequest):
    lines = parts_field(PartRequest, ALL_THAT_REMAINS)
    carrier = text_of(Shipment, "carrier")
    tracking_number = text_of(Shipment, "tracking_number")


class CancellationRequest(PartsRequest):
    lines = parts_field(PartRequest, ALL_THAT_REMAINS)
    reason = text_of(Cancellation, "reason")


class ReturnRequest(PartsRequest):
    lines = parts_field(ReturnedPartRequest, "All that was shipped and is not back, if left out.")


class TrackingCorrection(StrictSerializer):
    """What is corrected; the rest stays."""

    carrier = text_of(Shipment, "carrier")
    tracking_number = text_of(Shipment, "tracking_number")


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "pattern": r"^[0-9]{1,12}(\.[0-9]{1,4})?$"},
            {"type": "number", "minimum": 0.0001, "maximum": 999_999_999_999, "multipleOf": 0.0001},
        ],
        "example": "4.50",
    }
)
class RefundAmountField(StrictDecimalField):
    """An amount up to the largest total of an order."""

    pattern = re.compile(r"[0-9]{1,12}(\.[0-9]{1,4})?")


class RefundRequest(PartsRequest):
    """`{"amount": "4.50"}`, or the lines whose amount is paid back."""

    amount = RefundAmountField(required=False)
    lines = parts_field(PartRequest, "The lines whose amount is paid back.")
    reference = text_of(Refund, "reference", help_text="The reference of the payment to the customer.")

    def member_errors(self, members: Set[str]) -> Iterator[MemberError]:
        if ("amount" in members) == ("lines" in members):
            yield MemberError("amount_or_lines", "Give either `amount` or `lines`.")


class PartResponse(serializers.Serializer):
    line = serializers.UUIDField(help_text="The id of the order's line.")
    product = serializers.IntegerField()
    sku = serializers.CharField()
    quantity = serializers.IntegerField(min_value=1, max_value=MAX_PER_LINE)


class ReturnedPartResponse(PartResponse):
    restocked = serializers.IntegerField(min_value=0, max_value=MAX_PER_LINE, help_text="Put back into stock.")


class RefundedPartResponse(PartResponse):
    amount = MoneyResponseField()


class ShipmentResponse(serializers.Serializer):
    number = serializers.IntegerField(help_text="Counts within the order, from 1.")
    lines = PartResponse(many=True)
    carrier = serializers.CharField()
    tracking_number = serializers.CharField()
    at = serializers.DateTimeField()


class CancellationResponse(serializers.Serializer):
    number = serializers.IntegerField(help_text="Counts within the order, from 1.")
    lines = PartResponse(many=True)
    reason = serializers.CharField()
    at = serializers.DateTimeField()


class ReturnResponse(serializers.Serializer):
    number = serializers.IntegerField(help_text="Counts within the order, from 1.")
    lines = ReturnedPartResponse(many=True)
    at = serializers.DateTimeField()


class RefundResponse(serializers.Serializer):
    number = serializers.IntegerField(help_text="Counts within the order, from 1.")
    amount = MoneyResponseField()
    lines = RefundedPartResponse(many=True, help_text="Empty for an amount without lines.")
    reference = serializers.CharField()
    at = serializers.DateTimeField()


def part_body(part: Any, *more: str) -> dict[str, Any]:
    """Return the JSON of one line of a shipment, a cancellation, a return or a refund; `more` are further columns."""
    body: dict[str, Any] = {
        "line": part.line_id,
        "product": part.line.product_id,
        "sku": part.line.sku,
        "quantity": part.quantity,
    }
    values = {name: getattr(part, name) for name in more}
    return body | {name: money(value) if isinstance(value, Decimal) else value for name, value in values.items()}


def shipment_body(shipment: Shipment) -> dict[str, Any]:
    return {
        "number": shipment.number,
        "lines": [part_body(part) for part in shipment.lines.all()],
        "carrier": shipment.carrier,
        "tracking_number": shipment.tracking_number,
        "at": shipment.at,
    }


def cancellation_body(cancellation: Cancellation) -> dict[str, Any]:
    return {
        "number": cancellation.number,
        "lines": [part_body(part) for part in cancellation.lines.all()],
        "reason": cancellation.reason,
        "at": cancellation.at,
    }


def return_body(returned: Return) -> dict[str, Any]:
    return {
        "number": returned.number,
        "lines": [part_body(part, "restocked") for part in returned.lines.all()],
        "at": returned.at,
    }


def refund_body(refund: Refund) -> dict[str, Any]:
    return {
        "number": refund.number,
        "amount": money(refund.amount),
        "lines": [part_body(part, "amount") for part in refund.lines.all()],
        "reference": refund.reference,
        "at": refund.at,
    }
