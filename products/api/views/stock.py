"""Stock: adjustments by staff, and the ledger. The stock itself is never written, only moved."""

from collections.abc import Sequence
from typing import Any, cast

from django.db import IntegrityError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response
from rest_framework.views import APIView

from products.api.errors import exception_handler
from products.api.http.etags import respond
from products.api.http.idempotency import IDEMPOTENCY_KEY, idempotency_key_parameter, read_idempotency_key
from products.api.http.pagination import KeysetPage
from products.api.http.query_params import read_query
from products.api.http.request import ApiRequest
from products.api.permissions import staff_with
from products.api.schemas.pages import NoQuery, page_of
from products.api.schemas.stock import (
    LedgerQuery,
    MovementResponse,
    StockAtMoment,
    StockRequest,
    StockResponse,
    StockRow,
    StockRowResults,
    StockRows,
    movement_body,
    stock_body,
)
from products.db.retry import atomic_with_retry
from products.models import Product, Reason, StockMovement
from products.ordering.stock_adjustment import Outcome, StockAdjustment, adjust_locked
from products.policies import ADJUST_STOCK, VIEW_LEDGER
from products.skus import is_sku, sku_key

MayAdjustStock = staff_with(ADJUST_STOCK)
MayViewLedger = staff_with(VIEW_LEDGER)

MAX_BULK_KEY = 200
"""The key of each row is made from the request's, and must not exceed the maximum either."""

MAX_ID = 2**63 - 1
"""No product has a larger id, and no column holds one."""


class StockView(APIView):
    """The stock of one product."""

    request: ApiRequest

    def get_permissions(self) -> list[Any]:
        return [MayAdjustStock() if self.request.method == "POST" else MayViewLedger()]

    @extend_schema(
        operation_id="stock_list",
        summary="Read the ledger",
        parameters=[LedgerQuery],
        responses=PolymorphicProxySerializer(
            "LedgerOrStock", [page_of(MovementResponse), StockAtMoment], resource_type_field_name=None, many=False
        ),
    )
    def get(self, request: ApiRequest, pk: int) -> HttpResponse:
        """List the stock movements, newest first, paginated; or with `?at=`, return the stock at that time."""
        query = read_query(request, LedgerQuery)
        ledger = get_object_or_404(Product, pk=pk).movements.select_related("line")
        if "at" in query:
            stock = StockMovement.objects.filter(product=pk).stock_at(query["at"])
            return respond(request, {"product": pk, "at": query["at"], "stock": stock})
        return KeysetPage(ledger, ["-id"], query).respond(request, movement_body)

    @extend_schema(
        operation_id="stock_move",
        summary="Adjust the stock",
        request=StockRequest,
        responses={201: StockResponse, 200: StockResponse},
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: ApiRequest, pk: int) -> HttpResponse:
        """Receive, correct or count the stock. 200 without a movement if a count finds the stock as it was."""
        read_query(request, NoQuery)
        change = StockRequest(data=request.data)
        change.is_valid(raise_exception=True)
        product = get_object_or_404(Product, pk=pk)
        key = read_idempotency_key(request)
        movement = adjustment_of(product, change.validated_data, by=request.user, key=key).execute()
        headers = {"Idempotency-Replayed": "true"} if movement and movement.replayed else None
        stock = movement.stock_after() if movement else product.stock
        return Response(stock_body(product, movement, stock), status_of(movement), headers=headers)


class BulkStockView(APIView):
    """The stock of several products. Each row succeeds or fails separately."""

    request: ApiRequest
    permission_classes = [MayAdjustStock]

    @extend_schema(
        operation_id="stock_move_in_bulk",
        summary="Adjust several stocks",
        request=StockRows,
        responses=StockRowResults,
        parameters=[idempotency_key_parameter(MAX_BULK_KEY)],
    )
    def post(self, request: ApiRequest) -> HttpResponse:
        """Adjust up to 1,000 stocks. A row that fails does not affect the others, and a retry repeats none."""
        read_query(request, NoQuery)
        serializer = StockRows(data=request.data)
        serializer.is_valid(raise_exception=True)
        key = read_idempotency_key(request, max_length=MAX_BULK_KEY)
        rows = [_validated(row) for row in serializer.validated_data["rows"]]
        try:
            results = atomic_with_retry(lambda: self._adjust(rows, key))
        except IntegrityError:
            # Another request with this key came first, for other products, whose locks this one did not wait for.
            results = atomic_with_retry(lambda: self._adjust(rows, key))
        return Response({"results": results})

    def _adjust(self, rows: Sequence[Any], key: str | None) -> list[dict[str, Any]]:
        """Make the adjustments, in the caller's transaction, and return the result of each row."""
        changes = [row for row in rows if isinstance(row, dict)]
        ids = {row["product"] for row in changes if 0 < row.get("product", 0) <= MAX_ID}
        skus = {row["sku"] for row in changes if is_sku(row.get("sku", ""))}
        products: dict[Any, Product] = {}
        for each in Product.objects.by_ids_or_skus(ids, skus, locked=True):
            products[each.pk] = products[sku_key(each.sku)] = each
        outcomes: dict[int, Any] = {}
        adjustments: dict[int, StockAdjustment] = {}
        for number, row in enumerate(rows):
            if not isinstance(row, dict):
                outcomes[number] = row
            elif (product := products.get(sku_key(row["sku"]) if "sku" in row else row["product"])) is None:
                outcomes[number] = Http404()
            else:
                adjustments[number] = adjustment_of(product, row, by=self.request.user, key=key and f"{key}#{number}")
        outcomes |= zip(adjustments, adjust_locked(list(adjustments.values())), strict=True)
        return [self._result(outcomes[number], adjustments.get(number)) for number in range(len(rows))]

    def _result(self, outcome: Any, adjustment: StockAdjustment | None) -> dict[str, Any]:
        error = outcome.error if isinstance(outcome, Outcome) else outcome
        if error is not None or adjustment is None:
            response = cast("Response", exception_handler(cast("Exception", error), {"request": self.request}))
            return {"status": response.status_code, "problem": response.data}
        body = stock_body(adjustment.product, outcome.movement, outcome.stock)
        return {"status": status_of(outcome.movement), "result": body}


def _validated(row: Any) -> Any:
    """Return the change that a row asks for, or the error that it has."""
    try:
        return StockRow().run_validation(row)
    except ValidationError as error:
        return error


def status_of(movement: StockMovement | None) -> int:
    return status.HTTP_201_CREATED if movement else status.HTTP_200_OK


def adjustment_of(product: Product, change: dict[str, Any], *, by: Any, key: str | None) -> StockAdjustment:
    """Return the receipt, correction or count of the product's stock, whichever the change is."""
    note = change.get("note", "")
    if "set" in change:
        return StockAdjustment(product, Reason.COUNTED, change["set"], change.get("expected"), by, note, key)
    received = change.get("reason") == Reason.RECEIVED
    reason = Reason.RECEIVED if received else Reason.CORRECTED
    return StockAdjustment(product, reason, change["delta"], by=by, note=note, key=key)
