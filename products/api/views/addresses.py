"""The addresses that a customer keeps."""

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.viewsets import GenericViewSet

from products.api.http.etags import IF_MATCH, check_if_match, etag_of, respond
from products.api.http.pagination import KeysetPage
from products.api.http.query_params import read_query
from products.api.http.request import ApiRequest
from products.api.schemas.addresses import AddressChange, AddressRequest, AddressResponse, address_body
from products.api.schemas.pages import NoQuery, PageQuery, page_of
from products.db.retry import atomic_with_retry
from products.models import Address
from products.models.addresses import AddressQuerySet


class AddressViewSet(GenericViewSet):
    """The user's own addresses. An order copies its address, so no change reaches an order."""

    request: ApiRequest
    serializer_class = AddressResponse
    lookup_value_converter = "int"

    def get_queryset(self) -> AddressQuerySet:
        return Address.objects.of(self.request.user)

    @extend_schema(summary="List your addresses", parameters=[PageQuery], responses=page_of(AddressResponse))
    def list(self, request: ApiRequest) -> HttpResponse:
        """List your addresses, oldest first, paginated."""
        page = KeysetPage(self.get_queryset(), ["id"], read_query(request, PageQuery))
        return page.respond(request, address_body)

    @extend_schema(summary="Read one of your addresses", responses=AddressResponse)
    def retrieve(self, request: ApiRequest, pk: int) -> HttpResponse:
        """Return one of your addresses."""
        read_query(request, NoQuery)
        return respond(request, address_body(self.get_object()))

    @extend_schema(summary="Keep an address", request=AddressRequest, responses={201: AddressResponse})
    def create(self, request: ApiRequest) -> HttpResponse:
        """Keep an address; at most 50."""
        read_query(request, NoQuery)
        serializer = AddressRequest(data=request.data)
        serializer.is_valid(raise_exception=True)
        address = Address(customer=request.user, **serializer.validated_data)
        atomic_with_retry(address.save)
        headers = {"Location": reverse("address-detail", [address.pk], request=request)}
        return respond(request, address_body(address), code=status.HTTP_201_CREATED, headers=headers)

    @extend_schema(
        summary="Change one of your addresses", request=AddressChange, responses=AddressResponse, parameters=[IF_MATCH]
    )
    def partial_update(self, request: ApiRequest, pk: int) -> HttpResponse:
        """Change one of your addresses, in the version that `If-Match` names if it is sent."""
        read_query(request, NoQuery)
        serializer = AddressChange(data=request.data)
        serializer.is_valid(raise_exception=True)

        def change() -> dict[str, Any]:
            address = self._get_unchanged()
            for name, value in serializer.validated_data.items():
                setattr(address, name, value)
            address.save()
            return address_body(address)

        return respond(request, atomic_with_retry(change))

    @extend_schema(summary="Remove one of your addresses", responses={204: None}, parameters=[IF_MATCH])
    def destroy(self, request: ApiRequest, pk: int) -> HttpResponse:
        """Remove one of your addresses. If it was the default, there is none until you choose another one."""
        read_query(request, NoQuery)
        atomic_with_retry(lambda: self._get_unchanged().delete())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _get_unchanged(self) -> Address:
        """Return the address, locked with all of the customer's, if it is in the version that If-Match names."""
        Address.objects.lock_all_of(self.request.user.pk)
        address: Address = self.get_object()
        check_if_match(self.request, etag_of(address_body(address)))
        return address
