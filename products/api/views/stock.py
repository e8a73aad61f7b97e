"""Stock over HTTP: it is moved, never written, and every movement can be read."""

from typing import Any, cast

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import PolymorphicProxySerializer, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from products.api.bodies import movement_body, stock_body
from products.api.conditions import answer
from products.api.errors import problem
from products.api.pagination import KeysetPage
from products.api.permissions import staff_with
from products.api.requests import IDEMPOTENCY_KEY, idempotency_key, read_idempotency_key, read_query
from products.api.schema import pages_of
from products.api.serializers.pages import NoQuery
from products.api.serializers.products import (
    LedgerQuery,
    MovementAnswer,
    StockAnswer,
    StockAtMoment,
    StockRequest,
    StockRowResults,
    StockRows,
)
from products.models import DomainError, Product, Reason, StockMovement

MOVES_STOCK = staff_with("products.add_stockmovement")
READS_LEDGER = staff_with("products.view_stockmovement")

MAX_KEY_OF_ROWS = 200
"""Each row's own key is made of it, and has to fit as well."""


class StockView(APIView):
    """The stock of one product."""

    def get_permissions(self) -> list[Any]:
        return [MOVES_STOCK() if self.request.method == "POST" else READS_LEDGER()]

    @extend_schema(
        operation_id="stock_list",
        summary="Read the ledger",
        parameters=[LedgerQuery],
        responses=PolymorphicProxySerializer(
            "LedgerOrStock", [pages_of(MovementAnswer), StockAtMoment], resource_type_field_name=None, many=False
        ),
    )
    def get(self, request: Request, pk: int) -> HttpResponse:
        """The ledger, the newest line first, a page at a time; or with `?at=` the stock at that moment."""
        query = read_query(request, LedgerQuery)
        ledger = get_object_or_404(Product, pk=pk).movements.select_related("line")
        if "at" in query:
            stock = StockMovement.objects.filter(product=pk).stock_at(query["at"])
            return answer(request, {"product": pk, "at": query["at"], "stock": stock})
        return KeysetPage(ledger, ["-id"], query).respond(request, movement_body)

    @extend_schema(
        operation_id="stock_move",
        summary="Move the stock",
        request=StockRequest,
        responses={201: StockAnswer, 200: StockAnswer},
        parameters=[IDEMPOTENCY_KEY],
    )
    def post(self, request: Request, pk: int) -> HttpResponse:
        """Receive, correct or count the stock. 200 without a movement where a count agrees with what was there."""
        read_query(request, NoQuery)
        change = StockRequest(data=request.data)
        change.is_valid(raise_exception=True)
        product = get_object_or_404(Product, pk=pk)
        movement = move(product, change.validated_data, request.user, read_idempotency_key(request))
        headers = {"Idempotency-Replayed": "true"} if movement and movement.replayed else None
        return Response(stock_body(product, movement), status_of(movement), headers=headers)


class StockInBulkView(APIView):
    """The stock of several products; each row is a change of its own."""

    permission_classes = [MOVES_STOCK]

    @extend_schema(
        operation_id="stock_move_in_bulk",
        summary="Move several stocks",
        request=StockRows,
        responses=StockRowResults,
        parameters=[idempotency_key(MAX_KEY_OF_ROWS)],
    )
    def post(self, request: Request) -> HttpResponse:
        """Change up to 100 stocks. A row that is refused keeps no other from being done; a retry does none twice."""
        read_query(request, NoQuery)
        wanted = StockRows(data=request.data)
        wanted.is_valid(raise_exception=True)
        key = read_idempotency_key(request, most=MAX_KEY_OF_ROWS)
        rows = enumerate(wanted.validated_data["rows"])
        return Response({"results": [self._row(row, key and f"{key}#{number}") for number, row in rows]})

    def _row(self, row: dict[str, Any], key: str | None) -> dict[str, Any]:
        try:
            product = product_of(row)
            movement = move(product, row, self.request.user, key)
        except (DomainError, Http404) as refusal:
            # Each row has its own answer; what is no refusal is nobody's row, and ends the request.
            answered = cast("Response", problem(refusal, {"request": self.request}))
            return {"status": answered.status_code, "problem": answered.data}
        return {"status": status_of(movement), "result": stock_body(product, movement)}


def product_of(row: dict[str, Any]) -> Product:
    return get_object_or_404(Product, **({"sku": row["sku"]} if "sku" in row else {"pk": row["product"]}))


def status_of(movement: StockMovement | None) -> int:
    return status.HTTP_201_CREATED if movement else status.HTTP_200_OK


def move(product: Product, change: dict[str, Any], by: Any, key: str | None) -> StockMovement | None:
    """Do what the change says: receive, correct or count."""
    details: dict[str, Any] = {"by": by, "note": change.get("note", ""), "key": key}
    if "set" in change:
        return product.count(change["set"], expected=change.get("expected"), **details)
    if change.get("reason") == Reason.RECEIVED:
        return product.receive(change["delta"], **details)
    return product.correct(change["delta"], **details)
