"""The cart over HTTP."""

from typing import cast

from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from products.api.bodies import quote_body
from products.api.conditions import answer
from products.api.requests import IDEMPOTENCY_KEY, read_idempotency_key, read_query
from products.api.serializers.order_moves import NoDetails
from products.api.serializers.orders import OrderAnswer
from products.api.serializers.pages import NoQuery
from products.api.serializers.quotes import CartLineRequest, QuoteAnswer
from products.api.views.orders import placed
from products.models import Cart, Product


class CartViewSet(ViewSet):
    """What a customer has put aside and not ordered yet. It is always there, if only with nothing in it."""

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        super().initial(request, *args, **kwargs)
        read_query(request, NoQuery)

    @property
    def cart(self) -> Cart:
        return Cart(cast("User", self.request.user))

    @extend_schema(operation_id="cart_retrieve", summary="Read the cart", responses=QuoteAnswer)
    def show(self, request: Request) -> HttpResponse:
        """What is in the cart, at today's prices and stock, and everything that speaks against ordering it."""
        return answer(request, quote_body(self.cart.quote(), asked=None))

    @extend_schema(operation_id="cart_destroy", summary="Empty the cart", request=None, responses={204: None})
    def empty(self, request: Request) -> HttpResponse:
        """Take everything out of the cart."""
        self.cart.empty()
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        operation_id="cart_line_update", summary="Put into the cart", request=CartLineRequest, responses=QuoteAnswer
    )
    def put_line(self, request: Request, product: int) -> HttpResponse:
        """Have this many of a product in the cart, whatever it was before. Answers with the whole cart."""
        line = CartLineRequest(data=request.data)
        line.is_valid(raise_exception=True)
        self.cart.put(get_object_or_404(Product, pk=product), line.validated_data["quantity"])
        return Response(quote_body(self.cart.quote(), asked=None))

    @extend_schema(
        operation_id="cart_line_destroy", summary="Take out of the cart", request=None, responses={204: None}
    )
    def remove_line(self, request: Request, product: int) -> HttpResponse:
        """Take all pieces of a product out of the cart."""
        self.cart.remove(product)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        operation_id="cart_checkout",
        summary="Order what is in the cart",
        request=NoDetails,
        responses={201: OrderAnswer},
        parameters=[IDEMPOTENCY_KEY],
    )
    def checkout(self, request: Request) -> HttpResponse:
        """Place the cart as an order. What cannot be had is refused with every reason, and the cart stays as it was."""
        NoDetails(data=request.data).is_valid(raise_exception=True)
        order, new = self.cart.place(key=read_idempotency_key(request))
        return placed(request, order, new=new)
