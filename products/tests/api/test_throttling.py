"""The rate limit of requests, and its headers."""

import sys

import pytest
from django.test import RequestFactory
from rest_framework.test import APIClient

from products.api import throttling
from products.api.throttling import FixedWindowCounter
from products.tests.side_by_side import side_by_side

pytestmark = pytest.mark.django_db

HEADERS = ("RateLimit-Policy", "RateLimit", "Retry-After")


class Clock:
    def __init__(self):
        self.now = 1_000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    clock = Clock()
    monkeypatch.setattr(throttling, "time", clock)
    return clock


@pytest.fixture
def impatient_threads():
    """Switch threads so often that a race is very likely to show."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.fixture(autouse=True)
def three_a_minute(settings, monkeypatch, clock):
    settings.REQUESTS_PER_MINUTE = 3
    monkeypatch.setattr(throttling, "counter", FixedWindowCounter())
    return settings


def said(answer):
    return answer.status_code, *(answer.get(name) for name in HEADERS)


def test_every_response_has_the_state_of_the_rate_limit(api, alice, clock):
    client = api(alice)

    answers = []
    for _ in range(4):
        answers.append(client.get("/api/products"))
        clock.now += 10

    policy = '"requests";q=3;w=60'
    assert [said(answer) for answer in answers] == [
        (200, policy, '"requests";r=2;t=60', None),
        (200, policy, '"requests";r=1;t=50', None),
        (200, policy, '"requests";r=0;t=40', None),
        (429, policy, '"requests";r=0;t=30', "30"),
    ]
    assert answers[3]["Content-Type"] == "application/problem+json"
    assert answers[3].json()["code"] == "throttled"
    assert answers[3]["Cache-Control"] == "no-store"


def test_the_rate_limit_is_reset_a_minute_after_the_first_request(api, alice, clock):
    client = api(alice)
    for _ in range(5):
        client.get("/api/products")

    clock.now += 59.5
    late = client.get("/api/products")
    clock.now += 0.5
    next_minute = client.get("/api/products")

    assert said(late) == (429, '"requests";q=3;w=60', '"requests";r=0;t=1', "1")
    assert said(next_minute) == (200, '"requests";q=3;w=60', '"requests";r=2;t=60', None)


def test_each_token_has_its_own_rate_limit(api, alice, bob):
    laptop, phone, other = api(alice), api(alice), api(bob)
    for _ in range(4):
        laptop.get("/api/products")

    answers = [client.get("/api/products").status_code for client in (laptop, phone, other)]

    assert answers == [429, 200, 200]


def test_requests_without_a_token_are_limited_by_ip_address(three_a_minute):
    three_a_minute.CATALOGUE_IS_PUBLIC = True

    answers = [APIClient().get("/api/products").status_code for _ in range(4)]
    elsewhere = APIClient().get("/api/products", REMOTE_ADDR="192.0.2.1").status_code

    assert (answers, elsewhere) == ([200, 200, 200, 429], 200)


@pytest.mark.parametrize("headers", [{}, {"HTTP_AUTHORIZATION": "Bearer shop_guess"}], ids=["no token", "a wrong one"])
def test_failed_authentication_is_counted_by_ip_address(api, alice, headers):
    client = api(alice)

    answers = [said(APIClient().get("/api/orders", **headers)) for _ in range(4)]

    policy = '"requests";q=3;w=60'
    assert answers == [
        (401, policy, '"requests";r=2;t=60', None),
        (401, policy, '"requests";r=1;t=60', None),
        (401, policy, '"requests";r=0;t=60', None),
        (429, policy, '"requests";r=0;t=60', "60"),
    ]
    # Whoever has a token is not kept out by a neighbour who guesses.
    assert client.get("/api/orders").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "extra", "status"),
    [
        ("put", "/api/orders", {}, 405),
        ("get", "/api/orders?x=1", {}, 400),
        ("get", "/api/products/999", {}, 404),
        ("get", "/api/orders", {"HTTP_ACCEPT": "text/html"}, 406),
        ("post", "/api/products", {}, 403),
    ],
)
def test_rejected_requests_are_counted_once_too(api, alice, method, path, extra, status):
    client = api(alice)

    statuses = [getattr(client, method)(path, **extra).status_code for _ in range(4)]

    assert statuses == [status, status, status, 429]


def test_logins_are_counted_by_ip_address_whatever_their_authorization_header(three_a_minute):
    client = APIClient()
    headers = [{}, {"HTTP_AUTHORIZATION": "Basic YTpi"}, {"HTTP_AUTHORIZATION": "Bearer shop_old"}, {}]
    body = {"username": "nobody", "password": "x"}

    answers = [client.post("/api-token-auth/", {} if "Basic" in str(each) else body, **each) for each in headers]

    assert [answer.status_code for answer in answers] == [401, 401, 401, 429]
    assert answers[3].json()["code"] == "throttled"


def test_counting_costs_no_query(api, alice, django_assert_num_queries):
    client = api(alice)

    with django_assert_num_queries(2):  # the token, the products
        client.get("/api/products")
    for _ in range(3):
        client.get("/api/products")
    with django_assert_num_queries(1):  # the token
        assert client.get("/api/products").status_code == 429


def test_without_a_limit_nothing_is_counted_and_no_header_sent(three_a_minute, api, alice):
    three_a_minute.REQUESTS_PER_MINUTE = 0
    client = api(alice)

    assert {said(client.get("/api/products")) for _ in range(9)} == {(200, None, None, None)}
    assert len(throttling.counter) == 0


def test_pages_outside_of_the_api_are_not_limited(client):
    assert {said(client.get("/admin/login/")) for _ in range(5)} == {(200, None, None, None)}


def test_memory_is_bounded_and_busy_clients_are_not_dropped(clock):
    counter = FixedWindowCounter(max_clients=100)
    for number in range(10_000):
        counter.increment(f"guest {number}")
        counter.increment("busy")

    assert len(counter) == 100
    assert counter.increment("busy")[0] == 10_001
    assert counter.increment("guest 9999")[0] == 2
    assert counter.increment("guest 0")[0] == 1


@pytest.mark.django_db(transaction=True)
def test_threads_lose_no_count(impatient_threads):
    counter = FixedWindowCounter()

    def many_times():
        for _ in range(20_000):
            counter.increment("key")

    assert side_by_side(*[many_times] * 8) == [None] * 8
    assert counter.increment("key")[0] == 160_001


def test_a_request_is_counted_once_however_often_it_is_consumed(three_a_minute):
    request = RequestFactory().get("/api/products")

    assert [throttling.count_request(request).used for _ in range(3)] == [1, 1, 1]
