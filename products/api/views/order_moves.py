"""Moving orders along over HTTP."""

from collections.abc import Callable
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request

from products.api.bodies import order_body
from products.api.conditions import IF_MATCH, answer, check_if_match, etag_of
from products.api.fields import StrictSerializer
from products.api.permissions import MayChangeOrderStatus
from products.api.requests import read_query
from products.api.serializers.order_moves import NoDetails, PaymentRequest, ShipmentRequest
from products.api.serializers.orders import OrderAnswer
from products.api.serializers.pages import NoQuery
from products.api.views.order_lookup import OrderLookup
from products.db.retry import atomic_with_retry
from products.models import Order
from products.models.orders import OrderQuerySet


def describes(move: str, details: type[StrictSerializer]) -> Callable[[Any], Any]:
    return extend_schema(
        operation_id=f"orders_{move}",
        summary=f"{move.capitalize()} an order",
        request=details,
        responses=OrderAnswer,
        parameters=[IF_MATCH],
    )


class OrderMoveViewSet(OrderLookup):
    """What becomes of an order. A move that its status does not allow is refused, also when it was made just before."""

    permission_classes = [MayChangeOrderStatus]

    def get_queryset(self) -> OrderQuerySet:
        return Order.objects.visible_to(self.request.user).placed().locked().with_lines()

    @describes("cancel", NoDetails)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> HttpResponse:
        """Nobody wants it any more, and its stock goes back: for its customer, and for staff, until it is shipped."""
        return self._move(request, NoDetails, Order.cancel)

    @describes("pay", PaymentRequest)
    @action(detail=True, methods=["post"])
    def pay(self, request: Request, pk: str) -> HttpResponse:
        """The money is there. Not past the order's `pay_by`."""
        return self._move(request, PaymentRequest, Order.pay)

    @describes("ship", ShipmentRequest)
    @action(detail=True, methods=["post"])
    def ship(self, request: Request, pk: str) -> HttpResponse:
        """The parcel has left."""
        return self._move(request, ShipmentRequest, Order.ship)

    @describes("deliver", NoDetails)
    @action(detail=True, methods=["post"])
    def deliver(self, request: Request, pk: str) -> HttpResponse:
        """The parcel has arrived."""
        return self._move(request, NoDetails, Order.deliver)

    @describes("return", NoDetails)
    @action(detail=True, methods=["post"], url_path="return")
    def return_goods(self, request: Request, pk: str) -> HttpResponse:
        """The goods came back, and go back on the shelf."""
        return self._move(request, NoDetails, Order.return_goods)

    def _move(self, request: Request, details: type[StrictSerializer], verb: Callable[..., None]) -> HttpResponse:
        read_query(request, NoQuery)
        # The body is read here and not behind the lock, which a slow client would hold.
        said = details(data=request.data)

        def look_and_move() -> dict[str, Any]:
            order = self.get_object()
            said.is_valid(raise_exception=True)
            check_if_match(request, etag_of(order_body(order)))
            verb(order, by=request.user, **said.validated_data)
            return order_body(order)

        return answer(request, atomic_with_retry(look_and_move))
