"""The access log: one line and one set of metrics per request."""

import logging
from collections.abc import Callable
from contextlib import ExitStack
from time import perf_counter
from typing import Any, cast

from django.db import connections
from django.http import HttpRequest, HttpResponse

from products.api.http.request import ShopRequest
from products.client_ip import client_ip
from shop.observability.metrics import count_request

logger = logging.getLogger("shop.requests")

# Machines request these every few seconds; at INFO they would bury the other lines.
MONITORING = ("/health/", "/metrics")
# The health middleware answers before URLs are resolved.
HEALTH_ROUTES = {"/health/live": "health/live", "/health/ready": "health/ready"}
TEXT = "%(method)s %(path)s %(status)s in %(ms)s ms, %(queries)s queries in %(db_ms)s ms"


class StatementTimer:
    """Count and time SQL statements: a wrapper for `connection.execute_wrapper()`, which sees no COMMIT."""

    __slots__ = ("count", "seconds")

    def __init__(self) -> None:
        self.count, self.seconds = 0, 0.0

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        began = perf_counter()
        try:
            return execute(sql, params, many, context)
        finally:
            self.seconds += perf_counter() - began
            self.count += 1


class AccessLogMiddleware:
    """Time the request and its SQL statements, count them, and write the request's line."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        statements = StatementTimer()
        began = perf_counter()
        with ExitStack() as stack:
            for connection in connections.all():
                stack.enter_context(connection.execute_wrapper(statements))
            response = self.get_response(request)
        seconds = perf_counter() - began
        route = route_of(request)
        count_request(route, request.method, response.status_code, seconds, statements.seconds, statements.count)
        level = level_of(request.path_info, response.status_code)
        if logger.isEnabledFor(level):
            facts = facts_of(cast(ShopRequest, request), response, route, seconds, statements)
            logger.log(level, TEXT, facts, extra={"facts": facts})
        return response


def route_of(request: HttpRequest) -> str | None:
    """Return the URL pattern that matched, or None. Never the path: clients can invent any number of those."""
    if request.resolver_match:
        return request.resolver_match.route
    return HEALTH_ROUTES.get(request.path_info.removesuffix("/"))


def level_of(path: str, status: int) -> int:
    """Return the level of a request's line."""
    if status >= 500:
        return logging.WARNING
    return logging.DEBUG if path.startswith(MONITORING) else logging.INFO


def facts_of(
    request: ShopRequest, response: HttpResponse, route: str | None, seconds: float, statements: StatementTimer
) -> dict[str, object]:
    """Return the facts of a request for its line, without query string, headers, cookies and body."""
    return {
        "event": "request",
        "user": request.auth.user_id if request.auth else request.session_user_id,
        "token": request.auth and request.auth.pk,
        "method": request.method,
        "route": route,
        "path": request.path,
        "status": response.status_code,
        "ms": round(seconds * 1_000, 3),
        "db_ms": round(statements.seconds * 1_000, 3),
        "queries": statements.count,
        "address": client_ip(request),
    }
