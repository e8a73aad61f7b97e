"""Webhooks: the addresses that what happens is posted to, for staff."""

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.viewsets import GenericViewSet

from products.api.http.etags import respond
from products.api.http.pagination import KeysetPage
from products.api.http.query_params import read_query
from products.api.http.request import ApiRequest
from products.api.permissions import staff_with
from products.api.schemas.pages import NoQuery, PageQuery, page_of
from products.api.schemas.webhooks import (
    DeliveriesQuery,
    NewWebhook,
    RedeliveryRequest,
    WebhookChange,
    WebhookDeliveryResponse,
    WebhookResponse,
    WebhookTestResponse,
    WebhookWithSecretResponse,
    answer_body,
    delivery_body,
    webhook_body,
)
from products.audit_log import SecurityEvent, record
from products.db.retry import atomic_with_retry
from products.models import WebhookEndpoint
from products.policies import ADD_WEBHOOKS, CHANGE_WEBHOOKS, DELETE_WEBHOOKS, VIEW_WEBHOOKS
from products.webhooks.deliveries import redeliver, redeliver_after
from products.webhooks.endpoints import change_endpoint, make_endpoint, rotate, send_test

LOCKING = {"partial_update", "rotate"}


class WebhookViewSet(GenericViewSet):
    """Webhooks: addresses of other systems."""

    request: ApiRequest
    serializer_class = WebhookResponse
    lookup_value_converter = "int"
    staff_permissions = {
        "list": staff_with(VIEW_WEBHOOKS),
        "retrieve": staff_with(VIEW_WEBHOOKS),
        "deliveries": staff_with(VIEW_WEBHOOKS),
        "create": staff_with(ADD_WEBHOOKS),
        "destroy": staff_with(DELETE_WEBHOOKS),
    }

    def get_permissions(self) -> list[Any]:
        other = VIEW_WEBHOOKS if self.action in (None, "metadata") else CHANGE_WEBHOOKS
        return [self.staff_permissions.get(self.action, staff_with(other))()]

    def get_queryset(self) -> QuerySet[WebhookEndpoint]:
        endpoints = WebhookEndpoint.objects.all()
        return endpoints.select_for_update(no_key=True) if self.action in LOCKING else endpoints

    @extend_schema(summary="List webhooks", parameters=[PageQuery], responses=page_of(WebhookResponse))
    def list(self, request: ApiRequest) -> HttpResponse:
        """List the endpoints, paginated; never their secrets."""
        return KeysetPage(self.get_queryset(), ["id"], read_query(request, PageQuery)).respond(request, webhook_body)

    @extend_schema(summary="Read a webhook", responses=WebhookResponse)
    def retrieve(self, request: ApiRequest, pk: int) -> HttpResponse:
        """Return one endpoint, without its secret."""
        read_query(request, NoQuery)
        return respond(request, webhook_body(self.get_object()))

    @extend_schema(summary="Add a webhook", request=NewWebhook, responses={201: WebhookWithSecretResponse})
    def create(self, request: ApiRequest) -> HttpResponse:
        """Add an endpoint. The response has its secret, which is not shown again; a retry adds another endpoint."""
        read_query(request, NoQuery)
        serializer = NewWebhook(data=request.data)
        serializer.is_valid(raise_exception=True)
        endpoint, secret = make_endpoint(by=request.user, **serializer.validated_data)
        record(SecurityEvent.WEBHOOK_MADE, request, user=request.user.pk, webhook=endpoint.pk)
        headers = {"Location": reverse("webhook-detail", [endpoint.pk], request=request)}
        body = {**webhook_body(endpoint), "secret": secret}
        return respond(request, body, code=status.HTTP_201_CREATED, headers=headers)

    @extend_schema(summary="Change a webhook", request=WebhookChange, responses=WebhookResponse)
    def partial_update(self, request: ApiRequest, pk: int) -> HttpResponse:
        """Change address or types, or switch it on or off. Switched on, it gets what was left."""
        read_query(request, NoQuery)
        serializer = WebhookChange(data=request.data)
        serializer.is_valid(raise_exception=True)

        def change() -> dict[str, Any]:
            endpoint: WebhookEndpoint = self.get_object()
            change_endpoint(endpoint, serializer.validated_data, by=request.user)
            return webhook_body(endpoint)

        body = atomic_with_retry(change)
        record(SecurityEvent.WEBHOOK_CHANGED, request, user=request.user.pk, webhook=pk)
        return respond(request, body)

    @extend_schema(summary="Remove a webhook", responses={204: None})
    def destroy(self, request: ApiRequest, pk: int) -> HttpResponse:
        """Remove an endpoint with its deliveries."""
        read_query(request, NoQuery)
        self.get_object().delete()
        record(SecurityEvent.WEBHOOK_REMOVED, request, user=request.user.pk, webhook=pk)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(summary="Rotate the secret of a webhook", request=None, responses=WebhookWithSecretResponse)
    @action(methods=["POST"], detail=True)
    def rotate(self, request: ApiRequest, pk: int) -> HttpResponse:
        """Make a new secret, which is not shown again. For a day, the previous one signs as well."""
        read_query(request, NoQuery)

        def change() -> dict[str, Any]:
            endpoint: WebhookEndpoint = self.get_object()
            secret = rotate(endpoint)
            return {**webhook_body(endpoint), "secret": secret}

        body = atomic_with_retry(change)
        record(SecurityEvent.WEBHOOK_ROTATED, request, user=request.user.pk, webhook=pk)
        return respond(request, body)

    @extend_schema(summary="Test a webhook", request=None, responses=WebhookTestResponse)
    @action(methods=["POST"], detail=True)
    def test(self, request: ApiRequest, pk: int) -> HttpResponse:
        """Post an event of the type `webhook.test` at once, and return what came of it within 5 seconds."""
        read_query(request, NoQuery)
        return Response(answer_body(send_test(self.get_object(), by=request.user)))

    @extend_schema(
        summary="List the deliveries of a webhook",
        parameters=[DeliveriesQuery],
        responses=page_of(WebhookDeliveryResponse),
    )
    @action(detail=True)
    def deliveries(self, request: ApiRequest, pk: int) -> HttpResponse:
        """List the deliveries of an endpoint, newest first, with every attempt."""
        query = read_query(request, DeliveriesQuery)
        found = self.get_object().deliveries.select_related("entry").prefetch_related("log")
        if "state" in query:
            found = found.filter(state=query["state"])
        return KeysetPage(found, ["-id"], query).respond(request, delivery_body)

    @extend_schema(summary="Deliver once more", request=RedeliveryRequest, responses=WebhookResponse)
    @action(methods=["POST"], detail=True)
    def redeliver(self, request: ApiRequest, pk: int) -> HttpResponse:
        """Deliver one delivery once more, or everything after a position of the feed, as far as it is still there."""
        read_query(request, NoQuery)
        serializer = RedeliveryRequest(data=request.data)
        serializer.is_valid(raise_exception=True)
        endpoint = self.get_object()
        if "delivery" in serializer.validated_data:
            redeliver(get_object_or_404(endpoint.deliveries, pk=serializer.validated_data["delivery"]))
        else:
            redeliver_after(endpoint, serializer.validated_data["after"])
        endpoint.refresh_from_db()
        return respond(request, webhook_body(endpoint))
