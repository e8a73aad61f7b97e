"""Two machines with the shop on one database: what is exact over both, and what each has for itself.

Each has a master, workers and a folder of figures of its own; nothing but the database connects them.
"""

import json
import secrets
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from threading import Barrier
from typing import Any

import pytest
from django.contrib.auth.models import User
from prometheus_client.parser import text_string_to_metric_families

from products.models import ApiToken, Order
from tests_http import clients
from tests_http.server import Gunicorn

pytestmark = pytest.mark.django_db(transaction=True)

METRICS_TOKEN = "metrics-" + secrets.token_urlsafe(32)
PASSWORD = "correct horse battery staple"
A_MINUTE = 6  # requests, at each machine
MACHINE: dict[str, Any] = {"workers": 1, "METRICS_TOKEN": METRICS_TOKEN, "SECRET_KEY": secrets.token_urlsafe(64)}


@pytest.fixture
def machines() -> Iterator[tuple[Gunicorn, Gunicorn]]:
    with Gunicorn(**MACHINE) as one, Gunicorn(**MACHINE) as other:
        yield one, other


def ask(server, *request, **named):
    """(status, headers, text) of the answer."""
    return clients.ask(server.address, *request, **named)


def at_once(requests):
    """The answers to requests, each the arguments of `ask`, that are sent at the same moment."""
    start = Barrier(len(requests))

    def send(request):
        start.wait(30)
        arguments, named = request
        return ask(*arguments, **named)

    with ThreadPoolExecutor(len(requests)) as threads:
        return list(threads.map(send, requests))


def log_in(name, password):
    return "POST", "/api-token-auth/", {"username": name, "password": password}


def orders_placed(server):
    status, _, text = ask(server, "GET", "/metrics", token=METRICS_TOKEN)
    assert status == 200
    families = text_string_to_metric_families(text)
    [placed] = [each.value for family in families for each in family.samples if each.name == "shop_orders_placed_total"]
    return placed


def test_wrong_passwords_are_counted_over_both_exactly(machines):
    tries = [((server, *log_in("nobody", "wrong")), {}) for server, _ in zip(cycle(machines), range(30), strict=False)]

    answers = at_once(tries)

    assert Counter(status for status, _, _ in answers) == {401: 10, 429: 20}


def test_a_key_that_both_get_at_once_places_one_order_and_each_counts_its_own(machines, a_product, tokens):
    [token], mug = tokens(1), a_product(stock=100)
    one, other = machines
    order = {"product": mug.pk, "quantity": 1}

    pairs = [
        at_once(
            [
                ((server, "POST", "/api/orders", order), {"token": token, "Idempotency_Key": f"key-{number}"})
                for server in machines
            ]
        )
        for number in range(20)
    ]
    ask(one, "POST", "/api/orders", order, token=token)

    assert {status for pair in pairs for status, _, _ in pair} == {201}
    assert [len({json.loads(text)["id"] for _, _, text in pair}) for pair in pairs] == [1] * 20
    placed = [["Idempotency-Replayed" not in headers for _, headers, _ in pair] for pair in pairs]
    assert [sum(pair) for pair in placed] == [1] * 20
    assert Order.objects.count() == 21
    assert orders_placed(one) == sum(first for first, _ in placed) + 1
    assert orders_placed(other) == sum(second for _, second in placed)


def test_a_token_made_at_one_works_at_the_other_until_either_revokes_it(machines, settings):
    settings.PASSWORD_HASHERS = ["shop.password_hashers.Argon2"]  # which the servers know
    User.objects.create_user("carol", password=PASSWORD)
    one, other = machines

    token = json.loads(ask(one, *log_in("carol", PASSWORD))[2])["token"]
    before = [ask(server, "GET", "/api/orders", token=token)[0] for server in machines]
    revoked = ask(other, "DELETE", "/api/tokens", token=token)[0]
    after = [ask(server, "GET", "/api/orders", token=token)[0] for server in machines]

    assert (before, revoked, after) == ([200, 200], 204, [401, 401])


def test_a_reader_of_the_feed_may_go_from_one_to_the_other(machines, a_product, tokens, staff):
    [token], mug, reader = tokens(1), a_product(stock=100), ApiToken.objects.issue(staff)[1]
    order = {"product": mug.pk, "quantity": 1}
    turns, position, stocks = cycle(machines), 0, []

    def read():
        nonlocal position
        path = f"/api/events?after={position}&limit=7&type=stock.sold"
        page = json.loads(ask(next(turns), "GET", path, token=reader)[2])
        position = page["position"]
        stocks.extend(event["data"]["stock"] for event in page["results"])
        return page["has_more"]

    with ThreadPoolExecutor(4) as threads:
        servers = [server for server, _ in zip(cycle(machines), range(40), strict=False)]
        answers = [threads.submit(ask, server, "POST", "/api/orders", order, token=token) for server in servers]
        while not all(answer.done() for answer in answers):
            read()
    while read():
        pass

    assert {answer.result()[0] for answer in answers} == {201}
    assert stocks == list(range(99, 59, -1))


def test_the_limit_of_requests_is_each_machines_own(tokens):
    [token] = tokens(1)
    limited = MACHINE | {"REQUESTS_PER_MINUTE": str(A_MINUTE)}

    with Gunicorn(**limited) as one, Gunicorn(**limited) as other:
        answers = [[ask(server, "GET", "/api/orders", token=token)[0] for _ in range(8)] for server in (one, other)]

    assert answers == [[200] * A_MINUTE + [429] * 2] * 2
