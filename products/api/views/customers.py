"""Customers, for staff: the users that are not staff themselves."""

from typing import Any

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.reverse import reverse
from rest_framework.viewsets import GenericViewSet

from products.api.http.etags import IF_MATCH, check_if_match, etag_of, respond
from products.api.http.pagination import KeysetPage
from products.api.http.query_params import read_query
from products.api.http.request import ApiRequest
from products.api.permissions import staff_with
from products.api.schemas.customers import (
    CustomerChange,
    CustomerQuery,
    CustomerResponse,
    NewCustomer,
    customer_body,
)
from products.api.schemas.pages import NoQuery, page_of
from products.audit_log import SecurityEvent, record
from products.db.retry import atomic_with_retry
from products.models.customers import change_customer, customers, make_customer
from products.policies import ADD_CUSTOMERS, CHANGE_CUSTOMERS, VIEW_CUSTOMERS


class CustomerViewSet(GenericViewSet):
    """Customers. Staff and superusers are not among them: their accounts are changed in the admin only."""

    request: ApiRequest
    serializer_class = CustomerResponse
    lookup_value_converter = "int"
    staff_permissions = {
        "create": staff_with(ADD_CUSTOMERS),
        "partial_update": staff_with(CHANGE_CUSTOMERS),
    }

    def get_permissions(self) -> list[Any]:
        return [self.staff_permissions.get(self.action, staff_with(VIEW_CUSTOMERS))()]

    def get_queryset(self) -> QuerySet[User]:
        # Locked before it is read, so that If-Match is compared with what is changed.
        return customers().select_for_update(no_key=True) if self.action == "partial_update" else customers()

    @extend_schema(summary="List customers", parameters=[CustomerQuery], responses=page_of(CustomerResponse))
    def list(self, request: ApiRequest) -> HttpResponse:
        """List customers, newest first, filtered and paginated."""
        query = read_query(request, CustomerQuery)
        found = self.get_queryset()
        if "search" in query:
            found = found.filter(Q(username__istartswith=query["search"]) | Q(email__istartswith=query["search"]))
        if "is_active" in query:
            found = found.filter(is_active=query["is_active"])
        return KeysetPage(found, ["-id"], query).respond(request, customer_body)

    @extend_schema(summary="Read a customer", responses=CustomerResponse)
    def retrieve(self, request: ApiRequest, pk: int) -> HttpResponse:
        """Return one customer."""
        read_query(request, NoQuery)
        return respond(request, customer_body(self.get_object()))

    @extend_schema(summary="Make a customer", request=NewCustomer, responses={201: CustomerResponse})
    def create(self, request: ApiRequest) -> HttpResponse:
        """Make a customer. If the user name is taken, 409 says so; that may be by an earlier try."""
        read_query(request, NoQuery)
        serializer = NewCustomer(data=request.data)
        serializer.is_valid(raise_exception=True)
        user = make_customer(**serializer.validated_data)
        record(SecurityEvent.ACCOUNT_MADE, request, user=request.user.pk, account=user.pk)
        headers = {"Location": reverse("customer-detail", [user.pk], request=request)}
        return respond(request, customer_body(user), code=status.HTTP_201_CREATED, headers=headers)

    @extend_schema(
        summary="Change a customer", request=CustomerChange, responses=CustomerResponse, parameters=[IF_MATCH]
    )
    def partial_update(self, request: ApiRequest, pk: int) -> HttpResponse:
        """Change a customer, or close the account (`is_active`), in the version that `If-Match` names if it is sent."""
        read_query(request, NoQuery)
        serializer = CustomerChange(data=request.data)
        serializer.is_valid(raise_exception=True)
        change = serializer.validated_data

        def save() -> tuple[dict[str, Any], bool]:
            user: User = self.get_object()
            check_if_match(request, etag_of(customer_body(user)))
            was_active = user.is_active
            change_customer(user, change)
            return customer_body(user), was_active

        body, was_active = atomic_with_retry(save)
        if body["is_active"] != was_active:
            event = SecurityEvent.ACCOUNT_CLOSED if was_active else SecurityEvent.ACCOUNT_OPENED
            record(event, request, user=request.user.pk, account=body["id"])
        return respond(request, body)
