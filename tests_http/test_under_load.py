"""Sixteen client processes against gunicorn with two workers: what is sold, and what it is called."""

import threading
from collections import Counter

import pytest
from django.core.management import call_command

from products.models import Order, Product
from tests_http.clients import (
    NO_ANSWER,
    all_at_once,
    place_all,
    place_each_twice,
    place_until_answered,
)
from tests_http.server import Gunicorn

pytestmark = pytest.mark.django_db(transaction=True)

PROCESSES = 16


def shares(tokens, jobs):
    """Deal the jobs out to one process for each token."""
    return [(token, jobs[index :: len(tokens)]) for index, token in enumerate(tokens)]


def check_stock() -> None:
    """Raises SystemExit where a product's stock is not the sum of its movements."""
    call_command("check_stock")


def test_a_thousand_tries_for_two_hundred_pieces_sell_exactly_two_hundred(a_product, tokens):
    mug = a_product(stock=200)
    jobs = [(None, {"product": mug.pk, "quantity": 1})] * 1_000

    with Gunicorn(workers=2) as server:
        answers = all_at_once(place_all, server.address, shares(tokens(PROCESSES), jobs))

    assert Counter(answer.status for answer in answers) == {201: 200, 409: 800}
    assert mug.refreshed().stock == 0
    assert Order.objects.count() == 200
    check_stock()


def test_orders_for_the_same_goods_in_opposite_orders_do_not_deadlock(a_product, tokens):
    products = [a_product(stock=1_000) for _ in range(10)]
    forwards = [{"product": each.pk, "quantity": 1} for each in products]
    jobs = [(None, {"lines": lines}) for lines in (forwards[:5], forwards[4::-1], forwards[3:8], forwards[7:2:-1])]
    jobs = [(None, {"lines": lines["lines"]}) for _, lines in jobs] * 100

    with Gunicorn(workers=2) as server:
        answers = all_at_once(place_all, server.address, shares(tokens(PROCESSES), jobs))

    assert Counter(answer.status for answer in answers) == {201: 400}
    assert sum(Product.objects.values_list("stock", flat=True)) == 10 * 1_000 - 400 * 5
    check_stock()


def test_every_request_sent_twice_at_once_places_one_order_a_key(a_product, tokens):
    mug = a_product(stock=1_000)
    jobs = [(f"key-{number}", {"product": mug.pk, "quantity": 1}) for number in range(320)]

    with Gunicorn(workers=2) as server:
        answers = all_at_once(place_each_twice, server.address, shares(tokens(PROCESSES), jobs))

    assert Counter(answer.status for answer in answers) == {201: 640}
    assert Counter(answer.replayed for answer in answers) == {True: 320, False: 320}
    by_key = {key: {answer.body["id"] for answer in answers if answer.key == key} for key, _ in jobs}
    assert [len(orders) for orders in by_key.values()] == [1] * 320
    assert Order.objects.count() == 320
    assert mug.refreshed().stock == 680
    check_stock()


def test_a_retry_gets_its_order_although_the_last_piece_went_to_its_first_try(a_product, tokens):
    jobs = [(f"key-{number}", {"product": a_product(stock=1).pk, "quantity": 1}) for number in range(160)]

    with Gunicorn(workers=2) as server:
        answers = all_at_once(place_each_twice, server.address, shares(tokens(PROCESSES), jobs))

    assert Counter(answer.status for answer in answers) == {201: 320}
    assert Order.objects.count() == 160
    check_stock()


def test_workers_killed_under_load_lose_no_order_and_double_none(a_product, tokens):
    mug = a_product(stock=10_000)
    jobs = [(f"key-{number}", {"product": mug.pk, "quantity": 1}) for number in range(1_200)]
    over, killed = threading.Event(), []

    def kill_now_and_then(server: Gunicorn) -> None:
        # A new worker needs a moment to come up; killed sooner than that, nobody would ever be served.
        while not over.wait(0.5 if not killed else 2) and len(killed) < 5:
            killed.append(server.kill_a_worker())

    with Gunicorn(workers=2) as server:
        killer = threading.Thread(target=kill_now_and_then, args=(server,))
        killer.start()
        try:
            answers = all_at_once(place_until_answered, server.address, shares(tokens(PROCESSES), jobs))
        finally:
            over.set()
            killer.join()

    statuses = Counter(answer.status for answer in answers)
    assert len(killed) >= 2
    assert statuses[201] == 1_200
    assert set(statuses) <= {201, NO_ANSWER, 503}
    assert sorted(Order.objects.values_list("idempotency_key", flat=True)) == sorted(key for key, _ in jobs)
    placed = dict(Order.objects.values_list("idempotency_key", "pk"))
    assert {answer.key: answer.body["id"] for answer in answers if answer.status == 201} == {
        key: str(pk) for key, pk in placed.items()
    }
    assert mug.refreshed().stock == 10_000 - 1_200
    check_stock()
