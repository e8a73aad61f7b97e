"""Orders over HTTP."""

from typing import cast

from django.contrib.auth.models import User
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from products.api.bodies import event_body, order_body, quote_body
from products.api.conditions import answer
from products.api.order_lists import ORDERS, OrderPage
from products.api.pagination import KeysetPage
from products.api.requests import IDEMPOTENCY_KEY, address_of, read_idempotency_key, read_query
from products.api.schema import pages_of
from products.api.serializers.order_moves import EventAnswer
from products.api.serializers.orders import OrderAnswer, OrderQuery, OrderRequest, plain_items
from products.api.serializers.pages import NoQuery, PageQuery
from products.api.serializers.quotes import QuoteAnswer
from products.api.views.order_lookup import OrderLookup
from products.models import Order
from products.models.orders import OrderQuerySet
from products.policies import may_see_all_orders

FILTERS = ("status", "placed_after", "placed_before", "key", "customer")


class OrderViewSet(OrderLookup):
    """What customers ordered: each sees their own, staff with the permission to view orders all."""

    def get_queryset(self) -> OrderQuerySet:
        return Order.objects.visible_to(self.request.user).placed()

    @extend_schema(
        operation_id="orders_list", summary="List orders", parameters=[OrderQuery], responses=pages_of(OrderAnswer)
    )
    def list(self, request: Request) -> HttpResponse:
        """Orders, the newest first, a page at a time. All that is asked for has to be true of each."""
        query = read_query(request, OrderQuery)
        asked = {name: query[name] for name in FILTERS if name in query}
        if not may_see_all_orders(request.user):
            asked["owner"] = request.user.pk
        page = OrderPage(ORDERS, asked, ["-placed_at", "-id"], query)
        return page.respond(request, page.body_of)

    @extend_schema(operation_id="orders_retrieve", summary="Read an order", responses=OrderAnswer)
    def retrieve(self, request: Request, pk: str) -> HttpResponse:
        """One order with its lines."""
        read_query(request, NoQuery)
        return answer(request, order_body(self.get_object()))

    @extend_schema(
        operation_id="orders_create",
        summary="Place an order",
        request=OrderRequest,
        responses={201: OrderAnswer},
        parameters=[IDEMPOTENCY_KEY],
    )
    def create(self, request: Request) -> HttpResponse:
        """Place an order: checked, and its stock taken, whole or not at all."""
        read_query(request, NoQuery)
        order, new = Order.objects.place_once(
            customer=request.user, items=wanted_items(request), key=read_idempotency_key(request)
        )
        return placed(request, order, new=new)

    @extend_schema(
        operation_id="orders_quote",
        summary="Ask what an order would come to",
        request=OrderRequest,
        responses=QuoteAnswer,
    )
    @action(detail=False, methods=["post"])
    def quote(self, request: Request) -> HttpResponse:
        """The checks and prices of placing an order, with everything that speaks against it; nothing is written."""
        read_query(request, NoQuery)
        return Response(quote_body(Order.objects.quote(wanted_items(request)), request.data))

    @extend_schema(
        operation_id="orders_events_list",
        summary="Read an order's history",
        parameters=[PageQuery],
        responses=pages_of(EventAnswer),
    )
    @action(detail=True)
    def events(self, request: Request, pk: str) -> HttpResponse:
        """What happened to an order, the oldest first, a page at a time."""
        query, viewer = read_query(request, PageQuery), cast("User", request.user)
        names_people = may_see_all_orders(viewer)
        return KeysetPage(self.get_object().events.all(), ["id"], query).respond(
            request, lambda event: event_body(event, names_people=names_people, viewer=viewer.pk)
        )


def wanted_items(request: Request) -> list[tuple[int | str, int]]:
    """What the body asks for: [(product id or SKU, quantity), …]."""
    plain = plain_items(request.data)
    if plain is not None:
        return plain
    wanted = OrderRequest(data=request.data)
    wanted.is_valid(raise_exception=True)
    return wanted.items


def placed(request: Request, order: Order, *, new: bool) -> HttpResponse:
    """The answer to who has placed an order, now or with an earlier try of the same request."""
    headers = {"Location": address_of(request, f"/api/orders/{order.pk}")}
    if not new:
        headers["Idempotency-Replayed"] = "true"
    return answer(request, order_body(order), code=status.HTTP_201_CREATED, headers=headers)
