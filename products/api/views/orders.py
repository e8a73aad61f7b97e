"""Orders: placing and quoting them, their lists and history, and the transitions of their status."""

import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models import Count, QuerySet
from django.http import Http404, HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.viewsets import GenericViewSet

from products.api.http.changes import complete_until
from products.api.http.etags import IF_MATCH, check_if_match, etag_of, respond
from products.api.http.fields import StrictSerializer
from products.api.http.idempotency import IDEMPOTENCY_KEY, read_idempotency_key
from products.api.http.pagination import MAX_LINES_ON_PAGE, KeysetPage
from products.api.http.query_params import read_query
from products.api.http.request import ApiRequest
from products.api.list_query import Filters, ListPage, ListQuery
from products.api.permissions import STATUS_OF_ACTION, MayChangeOrderStatus
from products.api.schemas.cart import QuoteResponse, quote_body
from products.api.schemas.fulfilment import CancellationRequest, PartsRequest, ReturnRequest, ShipmentRequest
from products.api.schemas.orders import (
    LINE,
    ORDER,
    EventResponse,
    NoDetails,
    OrderQuery,
    OrderRequest,
    OrderResponse,
    PaymentRequest,
    event_body,
    order_body,
    order_row_body,
    parse_simple_order,
    with_bounded_lines,
    with_kept_address,
)
from products.api.schemas.pages import NoQuery, PageQuery, page_of
from products.audit_log import SecurityEvent, record
from products.db.compiled_queries import Param, Row, compile_once
from products.db.retry import atomic_with_retry
from products.models import Address, Order, OrderLine
from products.models.customers import customers
from products.models.orders import OrderQuerySet
from products.policies import may_order_for, may_see_all_orders, may_set_prices

ROWS_OF_ACTION = {"ship": "shipments", "cancel": "cancellations", "return_goods": "returns"}
"""What each action writes a row of, by the names that an order has for them."""

TAKES_LINES = {"create", "quote", "ship", "cancel", "return_goods", "refund"}
"""The actions whose bodies may have the lines of an order, and so may be larger than others."""

SHOWS_LINES = {"events", "shipments", "cancellations", "returns", "refunds"}
"""The lists of which every row may show all lines of the order."""

FILTERS = ("status", "placed_after", "placed_before", "changed_since", "key", "number", "reference", "customer")


def transition(name: str, details: type[StrictSerializer]) -> Callable[[Any], Any]:
    """Declare an action that changes an order's status, and document it."""
    document = extend_schema(
        operation_id=f"orders_{name}",
        summary=f"{name.capitalize()} an order",
        request=details,
        responses=OrderResponse,
        parameters=[IF_MATCH, IDEMPOTENCY_KEY] if issubclass(details, PartsRequest) else [IF_MATCH],
    )
    route = action(detail=True, methods=["post"], url_path=name, permission_classes=[MayChangeOrderStatus])
    return lambda method: document(route(method))


class OrderViewSet(GenericViewSet):
    """Customers see their own orders; staff with the permission to view orders see all.

    A transition that the order's status does not allow is rejected, even if the status changed only just before.
    """

    request: ApiRequest
    serializer_class = OrderResponse
    lookup_value_converter = "uuid"

    @property
    def max_body_size(self) -> int:
        """How many bytes a body may have (products.api.http.parsers)."""
        takes_lines = self.action in TAKES_LINES
        return settings.ORDER_BODY_MAX_SIZE if takes_lines else settings.DATA_UPLOAD_MAX_MEMORY_SIZE

    def get_queryset(self) -> OrderQuerySet:
        orders = Order.objects.visible_to(self.request.user).placed()
        if self.action in SHOWS_LINES:
            return orders.with_line_count()
        return orders.locked().with_lines() if self.action in STATUS_OF_ACTION else orders

    def get_object(self) -> Any:
        """Return the order in the URL. Raises Http404 if it does not exist or belongs to another customer."""
        try:
            return super().get_object()
        except Http404:
            pk = self.kwargs["pk"]
            # Queried before every 404, so that its duration does not reveal which orders exist.
            if Order.objects.placed().filter(pk=pk).exists():
                record(SecurityEvent.FOREIGN_ORDER, self.request, user=self.request.user.pk, order=pk)
            raise

    @extend_schema(
        operation_id="orders_list",
        summary="List orders",
        parameters=[OrderQuery],
        responses=page_of(OrderResponse, since="placed_after"),
    )
    def list(self, request: ApiRequest) -> HttpResponse:
        """List orders, newest first, filtered and paginated. All given filters must match."""
        query = read_query(request, OrderQuery)
        filters = {name: query[name] for name in FILTERS if name in query}
        if not may_see_all_orders(request.user):
            filters["owner"] = request.user.pk
        page = OrderPage(ORDERS, filters, ["-placed_at", "-id"], query)
        # A client that asks for a period reads it once, and does not continue from its end.
        since = "changed_since" if "changed_since" in query else "placed_after"
        until = {} if "placed_before" in query else complete_until(query, since)
        return page.respond(request, page.body_of, **until)

    @extend_schema(operation_id="orders_retrieve", summary="Read an order", responses=OrderResponse)
    def retrieve(self, request: ApiRequest, pk: str) -> HttpResponse:
        """Return one order with its lines."""
        read_query(request, NoQuery)
        return respond(request, order_body(self.get_object()))

    @extend_schema(
        operation_id="orders_create",
        summary="Place an order",
        request=OrderRequest,
        responses={201: OrderResponse},
        parameters=[IDEMPOTENCY_KEY],
    )
    def create(self, request: ApiRequest) -> HttpResponse:
        """Place an order: check it and take its stock, all or nothing."""
        read_query(request, NoQuery)
        requested, key = requested_order(request), read_idempotency_key(request)
        if key and refers_to_others(requested, request.user):
            # Before the lookup: the customer or address may have been deleted since the first try.
            earlier = Order.objects.placed_by_same_request(key, **requested)
            if earlier is not None:
                return placed_response(request, earlier, new=False)
        order, new = Order.objects.place_once(key=key, placed_by=request.user, **looked_up(requested, request.user))
        return placed_response(request, order, new=new)

    @extend_schema(
        operation_id="orders_quote",
        summary="Quote an order",
        request=OrderRequest,
        responses=QuoteResponse,
    )
    @action(detail=False, methods=["post"])
    def quote(self, request: ApiRequest) -> HttpResponse:
        """Return what an order would come to, and every reason why it could not be placed. Nothing is written."""
        read_query(request, NoQuery)
        requested = looked_up(requested_order(request), request.user)
        return Response(quote_body(Order.objects.quote(**requested), request.data))

    @extend_schema(
        operation_id="orders_events_list",
        summary="Read an order's history",
        parameters=[PageQuery],
        responses=page_of(EventResponse),
    )
    @action(detail=True)
    def events(self, request: ApiRequest, pk: str) -> HttpResponse:
        """List the events of an order, oldest first, paginated."""
        query, viewer = read_query(request, PageQuery), request.user
        shows_users, order = may_see_all_orders(viewer), self.get_object()
        return KeysetPage(order.events.all(), ["id"], query, lines=order.line_count).respond(
            request, lambda event: event_body(event, shows_users=shows_users, viewer=viewer.pk)
        )

    @transition("cancel", CancellationRequest)
    def cancel(self, request: ApiRequest, pk: str) -> HttpResponse:
        """Cancel lines that are not shipped, or all that remains, and put their stock back.

        Customers may cancel their own. An order of which nothing was shipped is CANCELLED then, another one SHIPPED.
        """
        return self._fulfil(request, CancellationRequest, Order.cancel)

    @transition("pay", PaymentRequest)
    def pay(self, request: ApiRequest, pk: str) -> HttpResponse:
        """Record the payment. Not possible after the order's `pay_by`."""
        return self._change_status(request, PaymentRequest, Order.pay)

    @transition("ship", ShipmentRequest)
    def ship(self, request: ApiRequest, pk: str) -> HttpResponse:
        """Record the shipment of some lines, or of all that remains. The order is SHIPPED when nothing remains."""
        return self._fulfil(request, ShipmentRequest, Order.ship)

    @transition("deliver", NoDetails)
    def deliver(self, request: ApiRequest, pk: str) -> HttpResponse:
        """Record the delivery."""
        return self._change_status(request, NoDetails, Order.deliver)

    @transition("return", ReturnRequest)
    def return_goods(self, request: ApiRequest, pk: str) -> HttpResponse:
        """Record that lines came back, or all that was shipped, and put back into stock what can be sold again.

        The order is RETURNED when all that was shipped is back.
        """
        return self._fulfil(request, ReturnRequest, Order.return_goods)

    def _change_status(
        self, request: ApiRequest, details_class: type[StrictSerializer], verb: Callable[..., None]
    ) -> HttpResponse:
        read_query(request, NoQuery)
        # Reads the body now, because a slow client must not hold the lock.
        details = details_class(data=request.data)

        def change_status() -> dict[str, Any]:
            order = self.get_object()
            details.is_valid(raise_exception=True)
            check_if_match(request, etag_of(order_body(order)))
            verb(order, by=request.user, **details.validated_data)
            return order_body(order)

        return respond(request, atomic_with_retry(change_status))

    def _fulfil(self, request: ApiRequest, parts_class: type[PartsRequest], verb: Callable[..., Any]) -> HttpResponse:
        read_query(request, NoQuery)
        parts, key = parts_class(data=request.data), read_idempotency_key(request)

        def fulfil() -> tuple[dict[str, Any], bool]:
            order = self.get_object()
            parts.is_valid(raise_exception=True)
            # A retry names the version before its first try.
            if key is None or not getattr(order, ROWS_OF_ACTION[self.action]).filter(idempotency_key=key).exists():
                check_if_match(request, etag_of(order_body(order)))
            row = verb(order, by=request.user, key=key, **parts.arguments)
            return order_body(order), row.replayed

        body, is_replay = atomic_with_retry(fulfil)
        return respond(request, body, headers={"Idempotency-Replayed": "true"} if is_replay else None)


def requested_order(request: ApiRequest) -> dict[str, Any]:
    """Return the requested order by the names that Order takes, with nothing but the id of another customer and of a
    kept address. Raises ValidationError, and PermissionDenied for an order in somebody else's name.
    """
    user, body = request.user, with_bounded_lines(request.data)
    items = parse_simple_order(body)
    if items is not None:
        return {"items": items, "customer": user}
    serializer = OrderRequest(data=body)
    serializer.is_valid(raise_exception=True)
    if serializer.sets_prices and not may_set_prices(user):
        raise PermissionDenied
    customer_id = serializer.validated_data.get("customer", user.pk)
    if not may_order_for(user, customer_id):
        raise PermissionDenied
    customer = user if customer_id == user.pk else User(pk=customer_id)
    return {"items": serializer.items, "customer": customer, **serializer.details, **serializer.terms}


def refers_to_others(requested: dict[str, Any], user: Any) -> bool:
    """Return whether the requested order refers to another customer or to a kept address."""
    return requested["customer"] is not user or isinstance(requested.get("ship_to"), Address)


def looked_up(requested: dict[str, Any], user: Any) -> dict[str, Any]:
    """Return the requested order with the customer and the address that it refers to. Raises ValidationError."""
    customer = requested["customer"]
    if customer is not user:
        customer = customers().filter(pk=customer.pk, is_active=True).first()
        if customer is None:
            raise ValidationError({"customer": ["There is no such active customer."]}, "unknown_customer")
    return with_kept_address(requested, customer) | {"customer": customer}


def placed_response(request: ApiRequest, order: Order, *, new: bool) -> HttpResponse:
    """Return the response to a request that placed an order, or that repeats the one that did."""
    headers = {"Location": reverse("order-detail", [order.pk], request=request)}
    if not new:
        headers["Idempotency-Replayed"] = "true"
    return respond(request, order_body(order), code=status.HTTP_201_CREATED, headers=headers)


# --- The list of orders: one statement for a page of orders, and one for their lines ---------------------------


def filtered(filters: Filters) -> "QuerySet[Order, Any]":
    """Return the placed orders that match the filters; only those of `owner`, if that is given."""
    conditions = dict(filters)
    owner = conditions.pop("owner", None)
    orders = Order.objects.placed().narrowed(**conditions)
    return orders if owner is None else orders.filter(customer=owner)


ORDERS = ListQuery(
    Order,
    filtered,
    ORDER.row,
    ORDER.columns,
    params={
        "owner": models.BigAutoField(),
        "placed_after": models.DateTimeField(),
        "placed_before": models.DateTimeField(),
        "changed_since": models.DateTimeField(),
        "key": models.CharField(),
        "number": models.CharField(),
        "reference": models.CharField(),
    },
)


class OrderPage(ListPage):
    """A page of orders with their lines. It ends early where these are more than MAX_LINES_ON_PAGE."""

    def fetch(self) -> list[Any]:
        orders = super().fetch()
        ids = [order.id for order in orders]
        rows = fetch_lines(ids)
        if len(rows) > MAX_LINES_ON_PAGE:
            self.limit = number_that_fits(ids[: self.limit])
            rows = fetch_lines(ids[: self.limit])
        self.lines = lines_by_order(rows)
        return orders

    def body_of(self, order: Any) -> dict[str, Any]:
        return order_row_body(order, self.lines[order.id])


def lines_by_order(rows: Iterable[Row]) -> dict[str, list[Any]]:
    """Return the lines of each order."""
    lines: dict[str, list[Any]] = defaultdict(list)
    for row in rows:
        line: Any = LINE.row(*row)
        lines[line.order_id].append(line)
    return lines


def fetch_lines(order_ids: Sequence[str]) -> list[Row]:
    """Return the lines of these orders, each order's as they were requested; one more than a page may have, at most."""
    return compile_once(lines_of_orders, len(order_ids)).rows(dict(enumerate(order_ids))) if order_ids else []


def lines_of_orders(number: int) -> "QuerySet[OrderLine, Any]":
    ids: list[Any] = [Param(position, OrderIdField()) for position in range(number)]
    # Not by the key alone, in whose index PostgreSQL would look for the first lines of all because of the limit.
    lines = OrderLine.objects.filter(order__id__in=ids).order_by("order_id", "pk")
    return lines.values_list(*LINE.columns)[: MAX_LINES_ON_PAGE + 1]


def number_that_fits(order_ids: Sequence[str]) -> int:
    """Return how many of these orders, from the first on, have no more lines together than a page may have."""
    lines = OrderLine.objects.filter(order__in=[UUID(str(pk)) for pk in order_ids]).order_by()
    numbers = {str(order): number for order, number in lines.values_list("order").annotate(Count("pk"))}
    totals = itertools.accumulate(numbers[str(pk)] for pk in order_ids)
    return max(1, sum(total <= MAX_LINES_ON_PAGE for total in totals))


class OrderIdField(models.UUIDField):
    """An order's id as text, which PostgreSQL needs not be converted to a UUID first."""

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if connection.features.has_native_uuid_field:
            return value
        return super().get_db_prep_value(value, connection, prepared)
