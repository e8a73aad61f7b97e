"""What happens to requests while servers restart. `python -m tests_http.restarts` measures for longer."""

import signal
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.core.management import call_command

from products.models import ApiToken, Order
from tests_http import restarts
from tests_http.clients import all_at_once, place_for_a_while
from tests_http.sample_shop import SampleShop
from tests_http.server import Gunicorn, url_of_the_test_database

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def shop(alice, a_product):
    return SampleShop(url_of_the_test_database(), ApiToken.objects.issue(alice)[1], a_product(stock=1_000_000).pk)


def test_two_servers_behind_nginx_restart_without_a_failed_request(shop, tmp_path):
    load = restarts.run("sockets", shop, tmp_path, seconds=4)

    assert load.failed == {}
    assert Order.objects.count() == load.results["POST", 201] > 100
    call_command("check_stock")


def test_replacing_the_workers_under_load_loses_no_order(a_product, tokens):
    order = {"product": a_product(stock=100_000).pk, "quantity": 1}
    shares = [(token, [(f"of-{number}", order)]) for number, token in enumerate(tokens(4))]

    with Gunicorn() as server, ThreadPoolExecutor(1) as thread:
        old = server.workers()
        orders = thread.submit(all_at_once, place_for_a_while, server.address, shares)
        for _ in range(3):
            time.sleep(3)
            server.tell(signal.SIGHUP)
        answers = orders.result(120)
        new = server.workers()

    assert set(Counter(answer.status for answer in answers)) == {201}
    assert Order.objects.count() == len(answers)
    assert not set(old) & set(new)


def test_a_lone_server_loses_requests_but_no_acknowledged_order(shop, tmp_path):
    load = restarts.run("lone", shop, tmp_path, seconds=4)

    acknowledged, unanswered = load.results["POST", 201], load.results["POST", restarts.NO_ANSWER]
    assert unanswered > 0
    assert acknowledged <= Order.objects.count() <= acknowledged + unanswered
    call_command("check_stock")
