"""Orders over HTTP."""

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from products.api.bodies import order_body
from products.api.pagination import KeysetPage
from products.api.requests import read_idempotency_key, read_query
from products.api.schema import pages_of
from products.api.serializers.orders import OrderAnswer, OrderRequest
from products.api.serializers.pages import NoQuery, PageQuery
from products.models import Order
from products.models.order_queries import OrderQuerySet


class OrderViewSet(GenericViewSet):
    """What customers ordered: each sees their own, staff with the permission to view orders all."""

    serializer_class = OrderAnswer
    lookup_value_converter = "uuid"

    def get_queryset(self) -> OrderQuerySet:
        return Order.objects.visible_to(self.request.user).placed().with_lines()

    @extend_schema(parameters=[PageQuery], responses=pages_of(OrderAnswer))
    def list(self, request: Request) -> Response:
        """Orders, the newest first, a page at a time."""
        page = KeysetPage(self.get_queryset(), ["-placed_at", "-id"], read_query(request, PageQuery))
        return page.respond(request, order_body)

    def retrieve(self, request: Request, pk: str) -> Response:
        """One order with its lines."""
        read_query(request, NoQuery)
        return Response(order_body(self.get_object()))

    @extend_schema(
        request=OrderRequest,
        responses={201: OrderAnswer},
        parameters=[
            OpenApiParameter(
                "Idempotency-Key",
                location=OpenApiParameter.HEADER,
                description="Your name for this request; sent again, it answers with the same order.",
            )
        ],
    )
    def create(self, request: Request) -> Response:
        """Place an order: checked, and its stock taken, whole or not at all."""
        read_query(request, NoQuery)
        wanted = OrderRequest(data=request.data)
        wanted.is_valid(raise_exception=True)
        order, new = Order.objects.place_once(
            customer=request.user, items=wanted.items, key=read_idempotency_key(request)
        )
        headers = {"Location": request.build_absolute_uri(f"/api/orders/{order.pk}")}
        if not new:
            headers["Idempotency-Replayed"] = "true"
        return Response(order_body(order), status.HTTP_201_CREATED, headers=headers)
