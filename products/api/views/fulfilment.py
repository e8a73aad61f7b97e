"""What was done with the lines of an order: its shipments, cancellations, returns and refunds."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.response import Response

from products.api.http.idempotency import IDEMPOTENCY_KEY, read_idempotency_key
from products.api.http.pagination import KeysetPage
from products.api.http.query_params import read_query
from products.api.http.request import ApiRequest
from products.api.permissions import staff_with
from products.api.schemas.fulfilment import (
    CancellationResponse,
    RefundRequest,
    RefundResponse,
    ReturnResponse,
    ShipmentResponse,
    TrackingCorrection,
    cancellation_body,
    refund_body,
    return_body,
    shipment_body,
)
from products.api.schemas.pages import NoQuery, PageQuery, page_of
from products.api.views.orders import OrderViewSet
from products.models import Shipment
from products.policies import CHANGE_ORDERS

MayChangeOrders = staff_with(CHANGE_ORDERS)


class FulfilmentViewSet(OrderViewSet):
    """The parts of one order, for those who see the order. Staff refund, and correct the tracking of a shipment."""

    def get_permissions(self) -> list[Any]:
        if self.action in ("refund", "correct_tracking"):
            return [MayChangeOrders()]
        return [*super().get_permissions()]

    @extend_schema(
        operation_id="orders_shipments_list",
        summary="List an order's shipments",
        parameters=[PageQuery],
        responses=page_of(ShipmentResponse),
    )
    def shipments(self, request: ApiRequest, pk: str) -> HttpResponse:
        """List the shipments of an order, oldest first, paginated."""
        query = read_query(request, PageQuery)
        order = self.get_object()
        return page_of_parts(order, order.shipments, query).respond(request, shipment_body)

    @extend_schema(
        operation_id="orders_shipments_partial_update",
        summary="Correct the tracking of a shipment",
        request=TrackingCorrection,
        responses=ShipmentResponse,
    )
    def correct_tracking(self, request: ApiRequest, pk: str, number: int) -> HttpResponse:
        """Correct carrier or tracking number of a shipment. The order's history keeps the old ones."""
        read_query(request, NoQuery)
        correction = TrackingCorrection(data=request.data)
        correction.is_valid(raise_exception=True)
        order = self.get_object()
        get_object_or_404(Shipment, order=order, number=number)
        shipment = order.correct_tracking(number, by=request.user, **correction.validated_data)
        return Response(shipment_body(order.shipments.with_lines().get(pk=shipment.pk)))

    @extend_schema(
        operation_id="orders_cancellations_list",
        summary="List an order's cancellations",
        parameters=[PageQuery],
        responses=page_of(CancellationResponse),
    )
    def cancellations(self, request: ApiRequest, pk: str) -> HttpResponse:
        """List the cancellations of an order and its lines, oldest first, paginated. One that expired has none."""
        query = read_query(request, PageQuery)
        order = self.get_object()
        return page_of_parts(order, order.cancellations, query).respond(request, cancellation_body)

    @extend_schema(
        operation_id="orders_returns_list",
        summary="List an order's returns",
        parameters=[PageQuery],
        responses=page_of(ReturnResponse),
    )
    def returns(self, request: ApiRequest, pk: str) -> HttpResponse:
        """List what came back of an order, oldest first, paginated."""
        query = read_query(request, PageQuery)
        order = self.get_object()
        return page_of_parts(order, order.returns, query).respond(request, return_body)

    @extend_schema(
        operation_id="orders_refunds_list",
        summary="List an order's refunds",
        parameters=[PageQuery],
        responses=page_of(RefundResponse),
    )
    def refunds(self, request: ApiRequest, pk: str) -> HttpResponse:
        """List what was paid back of an order, oldest first, paginated."""
        query = read_query(request, PageQuery)
        order = self.get_object()
        return page_of_parts(order, order.refunds, query).respond(request, refund_body)

    @extend_schema(
        operation_id="orders_refunds_create",
        summary="Refund an order",
        request=RefundRequest,
        responses={201: RefundResponse},
        parameters=[IDEMPOTENCY_KEY],
    )
    def refund(self, request: ApiRequest, pk: str) -> HttpResponse:
        """Record that an amount, or that of some lines, was paid back. The order's status stays."""
        read_query(request, NoQuery)
        body = RefundRequest(data=request.data)
        body.is_valid(raise_exception=True)
        key = read_idempotency_key(request)
        order = self.get_object()
        refund = order.refund(by=request.user, key=key, **body.arguments)
        headers = {"Idempotency-Replayed": "true"} if refund.replayed else None
        written = order.refunds.with_lines().get(pk=refund.pk)
        return Response(refund_body(written), status.HTTP_201_CREATED, headers=headers)


def page_of_parts(order: Any, rows: Any, query: dict[str, Any]) -> KeysetPage:
    """Return a page of what was done with parts of the order, each with its lines."""
    return KeysetPage(rows.with_lines(), ["number"], query, lines=order.line_count)
