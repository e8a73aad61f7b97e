"""Stock: adjustments of it, alone and in bulk, and the ledger of its movements."""

from collections.abc import Iterator, Set
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from products.api.http.fields import (
    MemberError,
    StrictIntegerField,
    StrictSerializer,
    StrictTextField,
    StrictTimestampField,
    text_of,
)
from products.api.schemas.pages import PageQuery
from products.models import Product, StockMovement
from products.models.stock import MAX_STOCK

MAX_ROWS = 1_000
"""How many stocks one request adjusts at most."""


class LedgerQuery(PageQuery):
    at = StrictTimestampField(required=False, help_text="Return the stock at this time instead of the ledger.")


class StockRequest(StrictSerializer):
    """`{"delta": -3}`, or a count: `{"set": 41}`, which `"expected": 44` makes conditional on the present stock."""

    delta = StrictIntegerField(
        minimum=-MAX_STOCK,
        maximum=MAX_STOCK,
        checked_by_model=True,
        required=False,
        help_text="Pieces to add; negative to remove.",
    )
    reason = serializers.ChoiceField(
        ["RECEIVED", "CORRECTED"], required=False, help_text="The reason for a delta; CORRECTED by default."
    )
    set = StrictIntegerField(
        minimum=0,
        maximum=MAX_STOCK,
        checked_by_model=True,
        required=False,
        help_text="The counted number of pieces.",
    )
    expected = StrictIntegerField(
        minimum=0,
        maximum=MAX_STOCK,
        checked_by_model=True,
        required=False,
        help_text="The stock at which the count began.",
    )
    note = text_of(StockMovement, "note")

    def member_errors(self, members: Set[str]) -> Iterator[MemberError]:
        if ("delta" in members) == ("set" in members):
            yield MemberError("delta_or_set", "Give either `delta` or `set`.")
        elif "set" in members and "reason" in members:
            yield MemberError("not_for_a_count", "A count takes no reason.", "reason")
        elif "delta" in members and "expected" in members:
            yield MemberError("not_for_a_delta", "Only allowed with `set`.", "expected")


class UnvalidatedList(serializers.ListSerializer):
    """A list that only has its length checked: its items are validated one by one, by whoever handles them."""

    def run_child_validation(self, data: Any) -> Any:
        return data


class StockRow(StockRequest):
    """One row of many: a product, by id or SKU, and the change of its stock."""

    class Meta:
        list_serializer_class = UnvalidatedList

    product = StrictIntegerField(checked_by_model=True, required=False)
    sku = StrictTextField(required=False, max_length=64)

    def member_errors(self, members: Set[str]) -> Iterator[MemberError]:
        if ("product" in members) == ("sku" in members):
            yield MemberError("product_or_sku", "Give either `product` or `sku`.")
        yield from super().member_errors(members)


class StockRows(StrictSerializer):
    rows = StockRow(many=True, allow_empty=False, max_length=MAX_ROWS)  # type: ignore[call-arg]  # of its ListSerializer


class MovementResponse(serializers.Serializer):
    id = serializers.IntegerField()
    delta = serializers.IntegerField(help_text="Pieces added; negative if removed.")
    reason = serializers.CharField()
    order = serializers.UUIDField(allow_null=True)
    by = serializers.IntegerField(allow_null=True, help_text="The id of the user who made the adjustment.")
    note = serializers.CharField()
    at = serializers.DateTimeField()


def movement_body(movement: StockMovement) -> dict[str, Any]:
    return {
        "id": movement.pk,
        "delta": movement.delta,
        "reason": movement.reason,
        "order": movement.line.order_id if movement.line else None,
        "by": movement.by_id,
        "note": movement.note,
        "at": movement.at,
    }


class StockResponse(serializers.Serializer):
    product = serializers.IntegerField()
    sku = serializers.CharField()
    stock = serializers.IntegerField(help_text="The stock after the movement.")
    movement = MovementResponse(
        allow_null=True, help_text="null if a count found the stock as it was, so that nothing moved."
    )


def stock_body(product: Product, movement: StockMovement | None, stock: int) -> dict[str, Any]:
    return {
        "product": product.pk,
        "sku": product.sku,
        "stock": stock,
        "movement": movement_body(movement) if movement else None,
    }


@extend_schema_field({"$ref": "#/components/schemas/Problem"})
class ProblemField(serializers.DictField):
    """The body of an error."""


class StockRowResult(serializers.Serializer):
    status = serializers.IntegerField(help_text="The status that this row would have had as a request of its own.")
    result = StockResponse(required=False)
    problem = ProblemField(required=False, help_text="The same as the body of any other error.")


class StockRowResults(serializers.Serializer):
    results = StockRowResult(many=True, help_text="In the order of the rows.")


class StockAtMoment(serializers.Serializer):
    product = serializers.IntegerField()
    at = serializers.DateTimeField()
    stock = serializers.IntegerField()
