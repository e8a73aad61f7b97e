"""The feed of events."""

import threading
import time
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import connections
from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ErrorDetail
from rest_framework.views import APIView

from products.api.errors import InvalidQuery
from products.api.http.etags import respond
from products.api.http.query_params import read_query
from products.api.http.request import ApiRequest
from products.api.permissions import staff_with
from products.api.schemas.events import MAX_LIMIT, EventTypesResponse, FeedQuery, FeedResponse, type_body
from products.api.schemas.pages import NoQuery
from products.db.replica import stay_on_primary
from products.feed.reading import AheadOfFeed, Page, read_page
from products.feed.types import TYPES
from products.policies import VIEW_EVENTS

POLL = 0.25
"""Seconds between two looks for a new event while a request waits for one."""

_waiting = threading.Semaphore(settings.EVENT_WAITERS)
"""A request that waits occupies a thread of the server, which others need."""


class FeedView(APIView):
    """What happened in the shop, in the order in which it became visible."""

    request: ApiRequest
    permission_classes = [staff_with(VIEW_EVENTS)]

    @extend_schema(
        operation_id="events_list",
        summary="Read the feed of events",
        parameters=[FeedQuery],
        responses=FeedResponse,
    )
    def get(self, request: ApiRequest) -> HttpResponse:
        """Return the events after a position. Continue with the `position` of the page; nothing is ever skipped.

        Events arrive at least once and in order: those of one order or one product as they happened. The last stock
        that is told of a product is its stock.
        """
        query = read_query(request, FeedQuery)
        stay_on_primary()  # which numbers the events
        page = _read(query)
        if not page.payloads and query.get("wait") and _waiting.acquire(blocking=False):
            try:
                page = _wait_for_page(query, query["wait"])
            finally:
                _waiting.release()
        return respond(request, {"position": page.position, "has_more": page.has_more, "results": page.payloads})


class EventTypesView(APIView):
    """The types of events."""

    request: ApiRequest
    permission_classes = [staff_with(VIEW_EVENTS)]

    @extend_schema(operation_id="event_types_list", summary="List the types of events", responses=EventTypesResponse)
    def get(self, request: ApiRequest) -> HttpResponse:
        """Return every type with an example and a JSON Schema."""
        read_query(request, NoQuery)
        return respond(request, {"results": [type_body(each) for each in TYPES.values()]})


def _read(query: Mapping[str, Any]) -> Page:
    try:
        return read_page(query.get("after", 0), query.get("limit", MAX_LIMIT), types=query.get("type"))
    except AheadOfFeed as error:
        raise InvalidQuery({"after": [ErrorDetail(str(error), "ahead_of_feed")]}) from error


def _wait_for_page(query: Mapping[str, Any], seconds: float) -> Page:
    """Return the next page, or an empty one after so many seconds. No connection to the database is held meanwhile."""
    deadline = time.monotonic() + seconds
    while True:
        connections.close_all()
        time.sleep(max(0.0, min(POLL, deadline - time.monotonic())))
        page = _read(query)
        if page.payloads or time.monotonic() >= deadline:
            return page
