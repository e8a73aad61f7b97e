"""The customer's cart."""

from typing import Any

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from products.api.http.etags import respond
from products.api.http.idempotency import IDEMPOTENCY_KEY, read_idempotency_key
from products.api.http.query_params import read_query
from products.api.http.request import ApiRequest
from products.api.schemas.cart import CartLineRequest, CartResponse, cart_body
from products.api.schemas.orders import DetailsRequest, NoDetails, OrderResponse, with_kept_address
from products.api.schemas.pages import NoQuery
from products.api.views.orders import placed_response
from products.models import Cart, Product


class CartViewSet(ViewSet):
    """The cart of the user. It always exists, and may be empty."""

    request: ApiRequest

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        read_query(request, NoQuery)

    @property
    def cart(self) -> Cart:
        return Cart(self.request.user)

    @extend_schema(operation_id="cart_retrieve", summary="Read the cart", responses=CartResponse)
    def show(self, request: ApiRequest) -> HttpResponse:
        """Return the cart at current prices and stock, with every reason why it could not be ordered."""
        return respond(request, cart_body(self.cart.quote()))

    @extend_schema(
        operation_id="cart_describe", summary="Describe the cart", request=DetailsRequest, responses=CartResponse
    )
    def describe(self, request: ApiRequest) -> HttpResponse:
        """Set the reference, note, e-mail, phone or address of the order to be; what is left out stays."""
        serializer = DetailsRequest(data=request.data)
        serializer.is_valid(raise_exception=True)
        self.cart.describe(**with_kept_address(serializer.details, request.user))
        return Response(cart_body(self.cart.quote()))

    @extend_schema(operation_id="cart_destroy", summary="Empty the cart", request=None, responses={204: None})
    def empty(self, request: ApiRequest) -> HttpResponse:
        """Remove everything from the cart."""
        self.cart.empty()
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        operation_id="cart_line_update",
        summary="Set a quantity in the cart",
        request=CartLineRequest,
        responses=CartResponse,
    )
    def put_line(self, request: ApiRequest, product: int) -> HttpResponse:
        """Set the quantity of a product in the cart, whatever it was before. Returns the whole cart."""
        line = CartLineRequest(data=request.data)
        line.is_valid(raise_exception=True)
        self.cart.put(get_object_or_404(Product, pk=product), line.validated_data["quantity"])
        return Response(cart_body(self.cart.quote()))

    @extend_schema(
        operation_id="cart_line_destroy", summary="Remove a product from the cart", request=None, responses={204: None}
    )
    def remove_line(self, request: ApiRequest, product: int) -> HttpResponse:
        """Remove a product from the cart."""
        self.cart.remove(product)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(
        operation_id="cart_checkout",
        summary="Order the cart",
        request=NoDetails,
        responses={201: OrderResponse},
        parameters=[IDEMPOTENCY_KEY],
    )
    def checkout(self, request: ApiRequest) -> HttpResponse:
        """Place the cart as an order. If it is rejected, the error lists every reason, and the cart is unchanged."""
        NoDetails(data=request.data).is_valid(raise_exception=True)
        order, new = self.cart.place(key=read_idempotency_key(request))
        return placed_response(request, order, new=new)
