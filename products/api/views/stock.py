"""Stock: adjustments by staff, and the ledger. The stock itself is never written, only moved."""

from typing import Any, cast

from django.core.exceptions import ValidationError as ModelValidationError
from django.db import DataError
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
from products.models import DomainError, Product, Reason, StockMovement
from products.policies import ADJUST_STOCK, VIEW_LEDGER
from products.skus import sku_key

MayAdjustStock = staff_with(ADJUST_STOCK)
MayViewLedger = staff_with(VIEW_LEDGER)

MAX_BULK_KEY = 200
"""The key of each row is made from the request's, and must not exceed the maximum either."""

AT_FAULT = (DomainError, Http404, ValidationError, ModelValidationError, DataError)
"""What a row of a bulk request can itself be to blame for."""


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
        movement = adjust_stock(product, change.validated_data, by=request.user, key=read_idempotency_key(request))
        headers = {"Idempotency-Replayed": "true"} if movement and movement.replayed else None
        return Response(stock_body(product, movement), status_of(movement), headers=headers)


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
        """Adjust up to 100 stocks. A row that fails does not affect the others, and a retry repeats none."""
        read_query(request, NoQuery)
        serializer = StockRows(data=request.data)
        serializer.is_valid(raise_exception=True)
        key = read_idempotency_key(request, max_length=MAX_BULK_KEY)
        rows, row_serializer = serializer.validated_data["rows"], StockRow()
        results = [self._adjust(row, row_serializer, key=key and f"{key}#{number}") for number, row in enumerate(rows)]
        return Response({"results": results})

    def _adjust(self, row: Any, serializer: StockRow, *, key: str | None) -> dict[str, Any]:
        try:
            change: dict[str, Any] = serializer.run_validation(row)
            product = product_of(change)
            movement = adjust_stock(product, change, by=self.request.user, key=key)
        except AT_FAULT as error:
            # The result of this row only. Any other exception ends the request.
            response = cast("Response", exception_handler(error, {"request": self.request}))
            return {"status": response.status_code, "problem": response.data}
        return {"status": status_of(movement), "result": stock_body(product, movement)}


def product_of(row: dict[str, Any]) -> Product:
    if "sku" in row:
        return get_object_or_404(Product.objects.with_sku_keys([sku_key(row["sku"])]))
    return get_object_or_404(Product, pk=row["product"])


def status_of(movement: StockMovement | None) -> int:
    return status.HTTP_201_CREATED if movement else status.HTTP_200_OK


def adjust_stock(product: Product, change: dict[str, Any], *, by: Any, key: str | None) -> StockMovement | None:
    """Receive, correct or count the product's stock, whichever the change is."""
    details: dict[str, Any] = {"by": by, "note": change.get("note", ""), "key": key}
    if "set" in change:
        return product.count(change["set"], expected=change.get("expected"), **details)
    if change.get("reason") == Reason.RECEIVED:
        return product.receive(change["delta"], **details)
    return product.correct(change["delta"], **details)
