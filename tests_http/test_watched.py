"""Monitoring gunicorn with two workers: metrics have the sums of both, and the log has every line."""

import http.client
import json
import os
import re
import secrets
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from prometheus_client.parser import text_string_to_metric_families

from products.models import ApiToken, Product
from products.tests.waiting import until
from tests_http import clients
from tests_http.server import Gunicorn

pytestmark = pytest.mark.django_db(transaction=True)

METRICS_TOKEN = "metrics-" + secrets.token_urlsafe(32)
PASSWORD = "correct horse battery staple"
PRODUCTION = {
    "DEBUG": "false",
    "SECRET_KEY": secrets.token_urlsafe(64),
    "ALLOWED_HOSTS": "127.0.0.1",
    "TRUSTED_PROXIES": "1",
    "METRICS_TOKEN": METRICS_TOKEN,
}
SAFE_LINE = re.compile(r"[ -~]+")
NASTY = 'evil\n{"level":"CRITICAL"}\x1b[31m\u2028\u0085'


def ask(server, *request, **named):
    """(status, text) of the answer, on a connection of its own: so that both workers get some."""
    proxied = {"X_Forwarded_Proto": "https", "X_Forwarded_For": "203.0.113.9"}
    status, _, text = clients.ask(server.address, *request, **named, **proxied)
    return status, text


def figures(server):
    status, text = ask(server, "GET", "/metrics", token=METRICS_TOKEN)
    assert status == 200
    families = text_string_to_metric_families(text)
    return {(each.name, *sorted(each.labels.values())): each.value for family in families for each in family.samples}


def place(server, token, product, number):
    return ask(
        server, "POST", "/api/orders", {"product": product, "quantity": 2}, token=token, Idempotency_Key=f"k{number}"
    )


def folder_of(server):
    """Where this server's workers count."""
    maps = Path(f"/proc/{server.workers()[0]}/maps").read_text()
    return Path(re.search(r"(/\S*/shop-metrics-[^/]+)/", maps)[1])


@pytest.fixture
def mug(a_product):
    return a_product(stock=50)


@pytest.fixture
def alices_token(alice):
    return ApiToken.objects.issue(alice)[1]


def test_the_figures_are_those_of_both_workers_together_and_exact(mug, alices_token):
    with Gunicorn(workers=2, **PRODUCTION) as server, ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda number: place(server, alices_token, mug.pk, number % 30), range(60)))
        seen = [figures(server) for _ in range(6)]

    assert {status for status, _ in answers} == {201, 409}
    for each in seen:
        assert each["shop_orders_placed_total",] == 25
        assert each["shop_units_sold_total",] == 50
        assert each["shop_orders_replayed_total",] == 25
        assert each["shop_orders_refused_total", "insufficient_stock"] == 10
        assert each["shop_stock_shortages_total",] == 10
        assert each["shop_http_requests_total", "201", "POST", "api/orders"] == 50
        assert each["shop_http_requests_total", "409", "POST", "api/orders"] == 10
        assert each["shop_http_request_seconds_count", "POST", "api/orders"] == 60
    assert Product.objects.get(pk=mug.pk).stock == 0


def test_what_a_killed_worker_has_counted_stays_and_is_read_on(mug, alices_token):
    with Gunicorn(workers=2, **PRODUCTION) as server:
        for number in range(12):
            place(server, alices_token, mug.pk, number)
        for _ in range(2):
            victim = server.kill_a_worker()
            until(lambda gone=victim: gone not in server.workers() and len(server.workers()) == 2, 20)
        for number in range(12, 16):
            place(server, alices_token, mug.pk, number)
        after = figures(server)
        folder = folder_of(server)
        assert folder.is_dir()

    assert after["shop_orders_placed_total",] == 16
    assert not folder.exists()


def test_a_reload_begins_no_new_count(mug, alices_token):
    with Gunicorn(workers=2, **PRODUCTION) as server:
        place(server, alices_token, mug.pk, 1)
        [before, [master]] = server.workers(), [int(Path(f"/proc/{server.workers()[0]}/stat").read_text().split()[3])]
        os.kill(master, signal.SIGHUP)
        until(lambda: len(server.workers()) == 2 and not set(before) & set(server.workers()), 20)
        place(server, alices_token, mug.pk, 2)
        after = figures(server)

    assert after["shop_orders_placed_total",] == 2


def walk(server, mug):
    """Everything that a customer does, well and badly; what was secret in it."""
    alice, bob = (User.objects.create_user(name) for name in ("walking-alice", "walking-bob"))
    for user in (alice, bob):
        user.set_password(PASSWORD)
        user.save()
    token = json.loads(ask(server, "POST", "/api-token-auth/", {"username": "walking-alice", "password": PASSWORD})[1])[
        "token"
    ]
    another = ApiToken.objects.issue(bob)[1]
    key, address = "key-" + secrets.token_hex(8), "/api/orders"
    order = json.loads(
        ask(server, "POST", address, {"product": mug, "quantity": 1}, token=token, Idempotency_Key=key)[1]
    )
    ask(server, "POST", address, {"product": mug, "quantity": 2}, token=token, Idempotency_Key=key)
    ask(server, "POST", address, {"product": mug, "quantity": 9_999}, token=token)
    ask(server, "GET", f"{address}/{order['id']}", token=another)
    ask(server, "GET", f"{address}?key={key}", token=token)
    ask(server, "GET", f"/api/products?search={PASSWORD.split()[0]}&{token}=1", token=token)
    ask(server, "GET", "/api/products", token=f"{token}x")
    ask(server, "GET", "/api/products", Cookie=f"sessionid={key}", X_Api_Key=token)
    ask(server, "POST", "/api-token-auth", {"username": PASSWORD, "password": "walking-alice"})
    ask(server, "POST", "/api-token-auth", {"username": NASTY, "password": NASTY})
    ask(server, "GET", "/api/evil%0A%7B%22level%22:%22CRITICAL%22%7D%1B%5B31m%E2%80%A8%C2%85", token=token)
    ask(server, "GET", "/api/products", X_Request_Id="evil\x85evil", User_Agent="evil\x1b[31m")
    ask(server, "GET", "/metrics", token=METRICS_TOKEN)
    ask(server, "GET", "/metrics", token=token)
    garbage = http.client.HTTPConnection(*server.address, timeout=30)
    garbage.sock = garbage.connect() or garbage.sock
    garbage.sock.sendall(f"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization Bearer {token}\r\n\r\n".encode())
    garbage.sock.recv(1_000)
    garbage.close()
    ask(server, "DELETE", "/api/tokens", token=token)
    basic = "Basic d2Fsa2luZy1ib2I6d3Jvbmc="
    ask(server, "POST", "/api-token-auth", Authorization=basic)
    return [PASSWORD, token, another, key, METRICS_TOKEN, basic, PRODUCTION["SECRET_KEY"], "wrong", "search="]


def test_every_line_is_json_and_no_secret_is_in_any(mug, tmp_path, settings):
    settings.PASSWORD_HASHERS = ["shop.password_hashers.Argon2"]  # which the server knows
    with Gunicorn(workers=2, log=tmp_path / "log", **PRODUCTION) as server:
        hidden = walk(server, mug.pk)

    text = (tmp_path / "log").read_text()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [secret for secret in hidden if secret in text] == []
    assert all(SAFE_LINE.fullmatch(line) for line in text.splitlines())
    assert {line["level"] for line in lines} <= {"INFO", "WARNING", "ERROR"}
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"]) for line in lines)
    assert {line["logger"] for line in lines} >= {"gunicorn.error", "shop.requests", "products.audit_log"}
    events = [line["event"] for line in lines if line["logger"] == "products.audit_log"]
    assert events == [
        "login.succeeded",
        "token.made",
        "key.reused",
        "order.foreign",
        "login.failed",
        "token.all_revoked",
        "login.failed",
    ]
    ids = {line["request_id"]: line for line in lines if line["logger"] == "shop.requests"}
    assert all(line["request_id"] in ids for line in lines if line["logger"] == "products.audit_log")
    assert {line["address"] for line in ids.values()} <= {"203.0.113.9", "127.0.0.1"}
