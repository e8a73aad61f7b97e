"""/metrics and the metrics of each request."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from products import backlog
from products.metrics import REGISTRY
from shop.observability.metrics import NO_ROUTE, _recorders

pytestmark = pytest.mark.django_db

TOKEN = "for-prometheus-and-for-nobody-else"


@pytest.fixture
def scrape(client, settings):
    """Read /metrics: {(name, labels as a frozenset of pairs): value}."""
    settings.METRICS_TOKEN = TOKEN

    def read():
        text = client.get("/metrics", HTTP_AUTHORIZATION=f"Bearer {TOKEN}").content.decode()
        families = list(text_string_to_metric_families(text))
        return {
            (each.name, frozenset(each.labels.items())): each.value for family in families for each in family.samples
        }

    return read


@pytest.fixture
def counted(scrape):
    """Return a function of a name and labels: the increase of a metric since the test began."""
    before = scrape()
    return lambda name, **labels: (
        scrape().get((name, frozenset(labels.items())), 0) - before.get((name, frozenset(labels.items())), 0)
    )


def test_without_a_token_of_its_own_there_are_no_metrics(client):
    answers = [client.get("/metrics"), client.get("/metrics", HTTP_AUTHORIZATION="Bearer ")]

    assert [answer.status_code for answer in answers] == [404, 404]


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", TOKEN, "Bearer ü"]
)
def test_only_whoever_has_the_token_reads_them(client, settings, header):
    settings.METRICS_TOKEN = TOKEN

    answer = client.get("/metrics", HTTP_AUTHORIZATION=header)

    assert (answer.status_code, answer.content) == (401, b"")
    assert answer["WWW-Authenticate"] == 'Bearer realm="metrics"'


def test_a_customers_or_staffs_token_does_not_open_them(api, staff, settings):
    settings.METRICS_TOKEN = TOKEN

    assert api(staff).get("/metrics").status_code == 401


@pytest.mark.parametrize("path", ["/metrics", "/metrics/"])
def test_they_are_text_as_prometheus_reads_it(client, settings, path):
    settings.METRICS_TOKEN = TOKEN

    answer = client.get(path, HTTP_AUTHORIZATION=f"Bearer {TOKEN}")

    assert answer.status_code == 200
    assert answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer["Cache-Control"] == "no-store"
    assert {each.name for each in text_string_to_metric_families(answer.content.decode())} == {
        each.name for registry in (REGISTRY, backlog.REGISTRY) for each in registry.collect()
    }


def test_they_are_only_read(client, settings):
    settings.METRICS_TOKEN = TOKEN

    assert client.post("/metrics", HTTP_AUTHORIZATION=f"Bearer {TOKEN}").status_code == 405


def test_reading_them_often_is_no_offence(settings, scrape):
    settings.REQUESTS_PER_MINUTE = 1

    assert all(len(scrape()) > 1 for _ in range(3))


def test_a_request_is_counted_by_route_method_and_status(api, alice, a_product, counted):
    client = api(alice)
    for pk in (a_product().pk, a_product().pk, 4711):
        client.get(f"/api/products/{pk}")

    where = {"route": "api/products/<int:pk>", "method": "GET"}
    assert counted("shop_http_requests_total", **where, status="200") == 2
    assert counted("shop_http_requests_total", **where, status="404") == 1
    assert counted("shop_http_request_seconds_count", **where) == 3
    assert counted("shop_http_request_seconds_bucket", **where, le="+Inf") == 3
    assert 0 < counted("shop_http_request_seconds_sum", **where) < 10


def test_what_is_asked_of_the_database_is_counted_with_its_time(api, alice, counted):
    api(alice).get("/api/products")

    where = {"route": "api/products", "method": "GET"}
    assert counted("shop_http_database_statements_total", **where) == 2
    assert 0 < counted("shop_http_database_seconds_total", **where) < 10


def test_unknown_addresses_and_methods_that_somebody_made_up_make_no_new_series(client, counted, scrape):
    series = len(scrape())
    for number in range(20):
        client.get(f"/api/made-up-{number}")
        client.generic(f"METHOD{number}", "/api/products")

    assert counted("shop_http_requests_total", route=NO_ROUTE, method="GET", status="404") == 20
    assert counted("shop_http_requests_total", route="api/products", method="OTHER", status="401") == 20
    assert len(scrape()) < series + 100
    assert not any(str(method).startswith("METHOD") for _, method, _ in _recorders)
