"""The shop through PgBouncer with the shipped configuration: more threads than connections.

`make scale-test` measures the same for longer.
"""

import urllib.request
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import call_command
from django.db import connection

from benchmarks.shop import LIMITS, PgBouncer, PgBouncerNotFound, find_pgbouncer
from products.models import Order
from products.tests.side_by_side import on_postgresql
from tests_http.clients import place_all
from tests_http.server import Gunicorn

THREADS, POOL_SIZE = 20, 5


@pytest.fixture
def pgbouncer():
    """PgBouncer in front of the tests' database, whose role has the limits of time there."""
    place = connection.settings_dict
    if place["PASSWORD"] or place["USER"] != "shop":
        pytest.skip("the tests' PostgreSQL does not trust the role shop, for which PgBouncer is set up")
    try:
        find_pgbouncer()
    except PgBouncerNotFound as missing:
        pytest.skip(str(missing))
    with connection.cursor() as cursor:
        cursor.execute(LIMITS.replace("ROLE shop", f"ROLE shop IN DATABASE {place['NAME']}"))
    with PgBouncer((place["HOST"], int(place["PORT"] or 5432)), pool_size=POOL_SIZE) as pgbouncer:
        yield pgbouncer
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER ROLE shop IN DATABASE {place['NAME']} RESET ALL")


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_many_threads_order_on_few_connections_without_an_error(pgbouncer, a_product, tokens):
    mug = a_product(stock=1_000)
    url = pgbouncer.url(connection.settings_dict["NAME"])
    order = (None, {"product": mug.pk, "quantity": 1})

    with (
        Gunicorn(workers=2, threads=THREADS // 2, database_url=url, BEHIND_PGBOUNCER="true") as server,
        ThreadPoolExecutor(THREADS) as clients,
    ):
        ready = urllib.request.urlopen("http://{}:{}/health/ready".format(*server.address)).status
        jobs = [clients.submit(place_all, server.address, token, [order] * 10) for token in tokens(THREADS)]
        statuses = Counter(answer.status for job in jobs for answer in job.result())
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) - 1 FROM pg_stat_activity WHERE datname = current_database()")
            [connections] = cursor.fetchone()

    assert ready == 200
    assert statuses == {201: THREADS * 10}
    assert connections <= POOL_SIZE
    assert Order.objects.count() == THREADS * 10
    call_command("check_stock")
