"""Metrics of the requests, and /metrics, where Prometheus reads them together with those of the business."""

from collections.abc import Callable
from hmac import compare_digest

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector

from products import backlog
from products.metrics import REGISTRY
from shop import env
from shop.db.timeouts import limit_wait

PATIENCE = 2.5
"""Seconds that the database has for the gauges of what waits; a scrape without them is better than none."""

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
NO_ROUTE = "none"
"""The route of requests that reach no view: static files, unknown URLs, early refusals."""

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

requests = Counter("shop_http_requests", "Requests answered.", ["route", "method", "status"], registry=REGISTRY)
latency = Histogram(
    "shop_http_request_seconds",
    "Time from the request to its response.",
    ["route", "method"],
    buckets=BUCKETS,
    registry=REGISTRY,
)
database_time = Counter(
    "shop_http_database_seconds", "Time that the requests' statements took.", ["route", "method"], registry=REGISTRY
)
database_statements = Counter(
    "shop_http_database_statements", "Statements that the requests needed.", ["route", "method"], registry=REGISTRY
)

Recorders = tuple[Callable[[], None], Callable[[float], None], Callable[[float], None], Callable[[float], None]]
# Looking up a child by its labels costs more than counting, so each is looked up once. Routes, methods and statuses
# are all bounded.
_recorders: dict[tuple[str | None, str | None, int], Recorders] = {}


def count_request(
    route: str | None, method: str | None, status: int, seconds: float, database_seconds: float, statements: int
) -> None:
    """Count a request: its duration, the time it spent in the database, and its number of statements."""
    recorders = _recorders.get((route, method, status))
    if recorders is None:
        recorders = _look_up(route, method, status)
    count, observe, add_seconds, add_statements = recorders
    count()
    observe(seconds)
    if statements:
        add_seconds(database_seconds)
        add_statements(statements)


def _look_up(route: str | None, method: str | None, status: int) -> Recorders:
    known = method in METHODS
    labels = (route or NO_ROUTE, str(method) if known else "OTHER")
    recorders = (
        requests.labels(*labels, str(status)).inc,
        latency.labels(*labels).observe,
        database_time.labels(*labels).inc,
        database_statements.labels(*labels).inc,
    )
    if known:  # Invented methods must not fill the cache.
        _recorders[route, method, status] = recorders
    return recorders


@require_safe
def metrics_view(request: HttpRequest) -> HttpResponse:
    """Return the metrics of all workers to a client that sends settings.METRICS_TOKEN; 404 if none is set."""
    if not settings.METRICS_TOKEN:
        raise Http404
    given = request.headers.get("Authorization", "")
    if not compare_digest(given.encode(), f"Bearer {settings.METRICS_TOKEN}".encode()):
        return HttpResponse(status=401, headers={"WWW-Authenticate": 'Bearer realm="metrics"'})
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_PLAIN_0_0_4, headers={"Cache-Control": "no-store"})


def exposition() -> bytes:
    """Return the metrics as text: the gauges of the database's backlog, and the counters."""
    with limit_wait(PATIENCE):
        waiting = generate_latest(backlog.REGISTRY)
    return _counters() + waiting


def _counters() -> bytes:
    """Return the counters of all worker processes, or of this one if it is the only one.

    The files of workers that have exited stay until the master exits, or the sums would fall. Workers rarely exit.
    """
    directory = env.metrics_dir()
    if directory is None:
        return generate_latest(REGISTRY)
    registry = CollectorRegistry()
    MultiProcessCollector(registry, directory)  # type: ignore[no-untyped-call]
    return generate_latest(registry)
