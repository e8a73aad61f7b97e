"""gunicorn as it is shipped, on a PostgreSQL that is frozen, restarted or locked under it."""

import contextlib
import http.client
import json
import os
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest
from django.conf import settings

from products.tests.freezing import frozen
from products.tests.postgres import PostgresServer, Standby
from products.tests.postgres_binaries import NoPostgres
from tests_http import failover_drill, replica_drill
from tests_http.server import Gunicorn

WORKERS, THREADS = 2, 4
DEADLINE = 5.0
METRICS_TOKEN = "for-prometheus-and-for-nobody-else"
NOTHING_CHANGED = "The database is temporarily unavailable; nothing was changed."
SLACK = 1.5  # seconds, on a machine that has other things to do

MAKE_A_CUSTOMER = """
from django.contrib.auth.models import User
from products.models import ApiToken, Product
mug = Product.objects.create(sku="MUG", name="Mug", price="4.50", stock=1_000_000)
print(ApiToken.objects.issue(User.objects.create_user("alice"))[1])
"""


@pytest.fixture(scope="module")
def database():
    with PostgresServer(tcp=True, durable=True, max_connections=40) as server:
        manage("migrate", url=server.url)
        yield server


@pytest.fixture(scope="module")
def token(database):
    return manage("shell", "--verbosity", "0", "--command", MAKE_A_CUSTOMER, url=database.url).strip()


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return tmp_path_factory.mktemp("shop") / "log"


@pytest.fixture(scope="module")
def shop(database, token, log, django_db_setup):
    with Gunicorn(
        workers=WORKERS, threads=THREADS, DATABASE_URL=database.url, log=log, METRICS_TOKEN=METRICS_TOKEN
    ) as server:
        yield Shop(server.address, token)


def id_of(answer):
    return answer[1]["X-Request-Id"]


def why(log, request_id):
    """Return what the log says about a 503: the lines with its request id, but for the request's own line."""
    lines = [line for line in log.read_text().splitlines() if f"[{request_id}]" in line]
    return [line.partition("] ")[2] for line in lines if "shop.requests" not in line]


def manage(*words, url):
    command = [sys.executable, "manage.py", *words]
    environment = os.environ | {"DATABASE_URL": url}
    return subprocess.run(
        command, cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, check=True
    ).stdout


class Shop:
    """The shop as its clients see it."""

    def __init__(self, address, token):
        self.address, self.token = address, token

    def ask(self, method="GET", path="/api/orders", body=None):
        """(status, headers, what the body says, seconds) on a connection of its own."""
        began = time.monotonic()
        connection = http.client.HTTPConnection(*self.address, timeout=30)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        connection.request(method, path, body and json.dumps(body), headers)
        answer = connection.getresponse()
        said = json.loads(answer.read())
        connection.close()
        return answer.status, answer.headers, said, time.monotonic() - began

    def scrape(self):
        """(status, the metrics, seconds)"""
        began = time.monotonic()
        connection = http.client.HTTPConnection(*self.address, timeout=30)
        connection.request("GET", "/metrics", headers={"Authorization": f"Bearer {METRICS_TOKEN}"})
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text, time.monotonic() - began

    def order(self):
        return self.ask("POST", body={"sku": "MUG", "quantity": 1})

    def probe(self):
        return self.ask(path="/health/ready")

    def at_once(self, number, ask):
        with ThreadPoolExecutor(number) as threads:
            return [each.result() for each in [threads.submit(ask) for _ in range(number)]]

    def warm_up(self):
        """Give every thread its connection."""
        while {answer[0] for answer in self.at_once(4 * WORKERS * THREADS, self.ask)} != {200}:
            time.sleep(0.1)


def test_metrics_are_told_while_the_database_is_frozen_but_for_those_of_the_database(shop, database):
    shop.warm_up()
    usual = shop.scrape()

    with frozen(database):
        status, text, seconds = shop.scrape()

    assert "shop_feed_position" in usual[1]
    assert (status, "shop_http_requests_total" in text, "shop_feed_position" in text) == (200, True, False)
    assert seconds < 2.5 + SLACK


def test_a_frozen_database_costs_every_request_its_deadline_and_no_more(shop, database, log):
    shop.warm_up()

    # Three times as many as there are threads, so that most of them wait in line.
    with frozen(database):
        answers = shop.at_once(3 * WORKERS * THREADS, shop.order)
        newcomer = shop.ask()
    thawed = time.monotonic()
    while shop.order()[0] != 201:
        time.sleep(0.1)

    assert {status for status, *_ in [*answers, newcomer]} == {503}
    assert {headers["Retry-After"] for _, headers, *_ in [*answers, newcomer]} == {"1"}
    assert {said["code"] for _, _, said, _ in answers} == {"unavailable"}
    assert max(seconds for *_, seconds in [*answers, newcomer]) < DEADLINE + SLACK
    assert time.monotonic() - thawed < 5
    assert [len(why(log, id_of(answer))) for answer in [*answers, newcomer]] == [1] * (len(answers) + 1)
    assert why(log, id_of(newcomer)) == [
        "database.unavailable: OperationalError, code None, nothing changed True: The database did not answer in time."
    ]


def test_while_the_database_hangs_probes_say_so(shop, database):
    shop.warm_up()

    with frozen(database):
        live, ready = shop.ask(path="/health/live"), shop.probe()

    assert (live[0], ready[0]) == (200, 503)
    assert ready[2]["checks"] == {"database": "out of reach", "migrations": "unknown"}
    assert live[3] < SLACK
    assert ready[3] < 2.5 + SLACK


@pytest.mark.parametrize("how", ["fast", "crash"])
def test_after_a_restart_of_the_database_no_request_fails(shop, database, how):
    shop.warm_up()

    database.restart(how)
    answers = shop.at_once(4 * WORKERS * THREADS, shop.ask)

    assert [status for status, *_ in answers] == [200] * len(answers)


def test_without_a_database_a_request_that_writes_says_that_nothing_was_changed(shop, database, log):
    shop.warm_up()

    database.stop("crash")
    answer = shop.order()
    database.start()

    assert (answer[0], answer[2]["detail"]) == (503, NOTHING_CHANGED)
    [line] = why(log, id_of(answer))
    assert line.startswith("database.unavailable: OperationalError, code None, nothing changed True: ")
    # Which of the two depends on how fast the connection that was kept hears of the crash.
    assert line.endswith(("Connection refused", "terminating connection due to unexpected postmaster exit"))


def test_a_wrong_password_is_logged_as_such_and_not_shown(database, token, log):
    secret = "not-the-password-of-the-shop"
    url = database.url.replace(database.password, secret)

    with Gunicorn(workers=1, threads=1, DATABASE_URL=url, log=log) as server:
        answer = Shop(server.address, token).order()

    assert (answer[0], answer[2]["detail"]) == (503, NOTHING_CHANGED)
    [line] = why(log, id_of(answer))
    assert line.endswith('FATAL:  password authentication failed for user "shop"')
    assert secret not in log.read_text() + json.dumps(answer[2])


def test_a_row_that_is_locked_for_long_is_a_503_in_time_and_nothing_was_changed(shop, database, log):
    shop.warm_up()
    orders = len(shop.ask(path="/api/orders?limit=100")[2]["results"])

    with contextlib.closing(psycopg2.connect(database.url)) as other, other.cursor() as cursor:
        cursor.execute("SELECT 1 FROM products_product FOR UPDATE")
        answer = status, headers, said, seconds = shop.order()

    assert (status, headers["Retry-After"], said["code"]) == (503, "1", "unavailable")
    assert said["detail"] == NOTHING_CHANGED
    assert why(log, id_of(answer)) == [
        "database.unavailable: LockNotAvailable, code 55P03, nothing changed True:"
        " canceling statement due to lock timeout"
    ]
    assert seconds < DEADLINE + SLACK
    assert len(shop.ask(path="/api/orders?limit=100")[2]["results"]) == orders


def test_a_database_that_only_reads_is_a_503_for_who_writes(shop, database):
    shop.warm_up()
    with contextlib.closing(psycopg2.connect(database.url)) as other, other.cursor() as cursor:
        other.autocommit = True
        cursor.execute("ALTER SYSTEM SET default_transaction_read_only = on")
        cursor.execute("SELECT pg_reload_conf()")
    time.sleep(0.5)

    read, write, ready = shop.ask(), shop.order(), shop.probe()
    with contextlib.closing(psycopg2.connect(database.url)) as other, other.cursor() as cursor:
        other.autocommit = True
        cursor.execute("ALTER SYSTEM RESET default_transaction_read_only")
        cursor.execute("SELECT pg_reload_conf()")
    time.sleep(0.5)

    assert (read[0], write[0], write[1]["Retry-After"]) == (200, 503, "1")
    assert write[2]["detail"] == NOTHING_CHANGED
    assert (ready[0], ready[2]["checks"]["database"]) == (503, "read-only")
    assert (shop.order()[0], shop.probe()[0]) == (201, 200)


@pytest.fixture
def standby(database):
    try:
        server = Standby(database)
    except NoPostgres as missing:
        pytest.skip(str(missing))
    with server:
        yield server


def test_a_shop_that_was_pointed_at_a_standby_is_not_ready_and_says_so(standby, token, log):
    with Gunicorn(workers=1, threads=1, DATABASE_URL=standby.url, log=log) as server:
        shop = Shop(server.address, token)
        ready, read, write = shop.probe(), shop.ask(), shop.order()

    assert (ready[0], ready[1]["Retry-After"]) == (503, "1")
    assert ready[2]["checks"] == {"database": "standby", "migrations": "ok"}
    assert why(log, id_of(ready)) == [
        "Not ready: The database is a standby, which only reads."
        " Let DATABASE_URL name the primary, or promote this one."
    ]
    assert (read[0], write[0], write[2]["detail"]) == (200, 503, NOTHING_CHANGED)


def test_nobody_reads_what_is_older_than_their_own_orders_and_a_replica_that_is_killed_costs_nothing(
    database, django_db_setup, tmp_path
):
    log = tmp_path / "log"

    try:
        drill = replica_drill.run(database, 1.5, log)
    except NoPostgres as missing:
        pytest.skip(str(missing))

    assert drill.is_good, str(drill)
    reads = re.findall(r"GET /api/products/\d+ 200 in .* (\d+) queries", log.read_text())
    assert min(int(queries) for queries in reads) >= 2  # of the token on the primary, and of the product


def test_a_synchronous_standby_that_is_promoted_has_every_acknowledged_order_and_sells_on(database, django_db_setup):
    try:
        failover = failover_drill.fail_over(database, 3, synchronous=True)
    except NoPostgres as missing:
        pytest.skip(str(missing))

    assert failover.is_whole, str(failover)
    assert failover.before > 20
    assert failover.lost == 0
    assert failover.without_service < DEADLINE + SLACK
