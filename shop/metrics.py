"""What the shop counts about its requests, and /metrics, where Prometheus reads that and what the business counts."""

from collections.abc import Callable
from hmac import compare_digest
from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from prometheus_client.multiprocess import MultiProcessCollector

from products.metrics import REGISTRY
from shop import env
from shop.metrics_files import FigureFiles

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
NO_ROUTE = "none"
"""Where no address fits, or no view was reached: static files, unknown URLs, what is refused before."""

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

requests = Counter("shop_http_requests", "Requests answered.", ["route", "method", "status"], registry=REGISTRY)
latency = Histogram(
    "shop_http_request_seconds",
    "From the request to its answer.",
    ["route", "method"],
    buckets=BUCKETS,
    registry=REGISTRY,
)
database_seconds = Counter(
    "shop_http_database_seconds", "Time that the requests' statements took.", ["route", "method"], registry=REGISTRY
)
statements = Counter(
    "shop_http_database_statements", "Statements that the requests needed.", ["route", "method"], registry=REGISTRY
)

Counting = tuple[Callable[[], None], Callable[[float], None], Callable[[float], None], Callable[[float], None]]
# Looking a child up by its labels costs more than counting, so each is looked up once. Routes, methods and statuses
# are all bounded.
_counting: dict[tuple[str | None, str | None, int], Counting] = {}


def count_request(
    route: str | None, method: str | None, status: int, seconds: float, in_database: float, number: int
) -> None:
    """Count a request, by the pattern of its route: the seconds that it took, those in the database, and statements."""
    counting = _counting.get((route, method, status))
    if counting is None:
        counting = _look_up(route, method, status)
    count, observe, add_seconds, add_statements = counting
    count()
    observe(seconds)
    if number:
        add_seconds(in_database)
        add_statements(number)


def _look_up(route: str | None, method: str | None, status: int) -> Counting:
    known = method in METHODS
    labels = (route or NO_ROUTE, str(method) if known else "OTHER")
    counting = (
        requests.labels(*labels, str(status)).inc,
        latency.labels(*labels).observe,
        database_seconds.labels(*labels).inc,
        statements.labels(*labels).inc,
    )
    if known:  # or whoever makes methods up would make this grow
        _counting[route, method, status] = counting
    return counting


@require_safe
def metrics_view(request: HttpRequest) -> HttpResponse:
    """The figures of all workers as Prometheus reads them, for whoever shows settings.METRICS_TOKEN.

    Where none is set there is nothing here.
    """
    if not settings.METRICS_TOKEN:
        raise Http404
    shown = request.headers.get("Authorization", "")
    if not compare_digest(shown.encode(), f"Bearer {settings.METRICS_TOKEN}".encode()):
        return HttpResponse(status=401, headers={"WWW-Authenticate": 'Bearer realm="metrics"'})
    return HttpResponse(exposition(), content_type=CONTENT_TYPE_PLAIN_0_0_4, headers={"Cache-Control": "no-store"})


def exposition() -> bytes:
    """The figures as text: those of all the workers where there are several, else our own."""
    folder = env.shared_figures()
    if folder is None:
        return generate_latest(REGISTRY)
    of_all = CollectorRegistry()
    MultiProcessCollector(of_all, folder)
    with FigureFiles(Path(folder)).settled():
        return generate_latest(of_all)
