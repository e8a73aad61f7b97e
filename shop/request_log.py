"""One line in the log for each request, and its figures for /metrics."""

import logging
from collections.abc import Callable
from time import perf_counter
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connections
from django.http import HttpRequest, HttpResponse

from products.client_ip import client_ip
from shop.metrics import count_request

logger = logging.getLogger("shop.requests")

# Asked every few seconds by machines, so that a line for each would bury the others.
BY_MACHINES = ("/health/", "/metrics")
# By a middleware, before there is a route.
ANSWERED_EARLY = {"/health/live": "health/live", "/health/ready": "health/ready"}
TEXT = "%(method)s %(path)s %(status)s in %(ms)s ms, %(queries)s queries in %(db_ms)s ms"


class Statements:
    """Counts and times what is asked of the database; COMMIT and connecting are no statements to Django."""

    __slots__ = ("number", "seconds")

    def __init__(self) -> None:
        self.number, self.seconds = 0, 0.0

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        began = perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.seconds += perf_counter() - began
            self.number += 1


class RequestLog:
    """Time the request, and what it asks of the database; then count it and write its line."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        statements = Statements()
        # What connection.execute_wrapper() does, at half its price.
        wrappers = connections[DEFAULT_DB_ALIAS].execute_wrappers
        wrappers.append(statements)
        began = perf_counter()
        try:
            response = self.get_response(request)
        finally:
            wrappers.remove(statements)
        seconds = perf_counter() - began
        route = route_of(request)
        count_request(route, request.method, response.status_code, seconds, statements.seconds, statements.number)
        level = level_of(request.path, response.status_code)
        if logger.isEnabledFor(level):
            write(level, facts_of(request, response, route, seconds, statements))
        # Or Django writes a second line for an error, outside of all middleware, where nobody knows the request's id.
        response._has_been_logged = True  # type: ignore[attr-defined]
        return response


def route_of(request: HttpRequest) -> str | None:
    """The pattern, None where none fits; and never the path, of which there are as many as somebody makes up."""
    if request.resolver_match:
        return request.resolver_match.route
    return ANSWERED_EARLY.get(request.path.removesuffix("/"))


def level_of(path: str, status: int) -> int:
    if status >= 500:
        return logging.WARNING
    return logging.DEBUG if path.startswith(BY_MACHINES) else logging.INFO


def facts_of(
    request: HttpRequest, response: HttpResponse, route: str | None, seconds: float, statements: Statements
) -> dict[str, object]:
    """What is said of a request; nothing of its query string, headers, cookies or body."""
    token = getattr(request, "auth", None)
    # Whoever was asked for by then: request.user itself would ask the database only to write this line.
    user = getattr(request, "_cached_user", None)
    return {
        "event": "request",
        "user": token.user_id if token else user and user.pk,
        "token": token and token.pk,
        "method": request.method,
        "route": route,
        "path": request.path,
        "status": response.status_code,
        "ms": round(seconds * 1_000, 3),
        "db_ms": round(statements.seconds * 1_000, 3),
        "queries": statements.number,
        "address": client_ip(request),
    }


def write(level: int, facts: dict[str, object]) -> None:
    # Made by hand, since logger.log() looks for its caller through the stack, for every line anew.
    record = logging.LogRecord(logger.name, level, __file__, 0, TEXT, (facts,), None, "write")
    record.facts = facts
    logger.handle(record)
