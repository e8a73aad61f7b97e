"""Concurrent requests for one cart, in real threads."""

from collections import Counter
from functools import partial

import pytest
from django.db import transaction

from products.models import Order, Product, Status
from products.ordering import cart as ordering_cart
from products.tests.side_by_side import meanwhile, on_postgresql, side_by_side

pytestmark = [on_postgresql, pytest.mark.django_db(transaction=True)]

ROUNDS = 10


@pytest.fixture
def tab(api, alice):
    """Return another client with a token of alice's."""
    return lambda: api(alice)


def put(client, product, quantity):
    return client.put(f"/api/cart/lines/{product.pk}", {"quantity": quantity}, format="json")


def checkout(client, key=None):
    return client.post("/api/cart/checkout", **({"HTTP_IDEMPOTENCY_KEY": key} if key else {}))


def contents(order):
    return sorted(order.lines.values_list("product", "quantity"))


def test_two_concurrent_first_lines_are_in_one_cart(tab, a_product):
    for _ in range(ROUNDS):
        mug, lamp, tabs = a_product(), a_product(), [tab(), tab()]

        answers = side_by_side(partial(put, tabs[0], mug, 1), partial(put, tabs[1], lamp, 2))

        assert [answer.status_code for answer in answers] == [200, 200]
        assert contents(Order.objects.get()) == sorted([(mug.pk, 1), (lamp.pk, 2)])
        Order.objects.get().lines.all().delete()
        Order.objects.all().delete()


def test_two_concurrent_puts_of_one_product_make_one_line(tab, a_product):
    mug, lamp = a_product(), a_product()
    put(tab(), lamp, 1)
    for _ in range(ROUNDS):
        tabs = [tab(), tab()]

        answers = side_by_side(partial(put, tabs[0], mug, 1), partial(put, tabs[1], mug, 2))

        assert [answer.status_code for answer in answers] == [200, 200]
        assert contents(Order.objects.get()) in [[(mug.pk, 1), (lamp.pk, 1)], [(mug.pk, 2), (lamp.pk, 1)]]
        assert tab().delete(f"/api/cart/lines/{mug.pk}").status_code == 204


def test_two_at_once_do_not_get_past_the_most_lines(tab, alice, a_product, monkeypatch):
    monkeypatch.setattr(ordering_cart, "MAX_LINES", 5)  # instead of 2,000, which take long
    cart = Order.objects.cart_of(alice)
    for _ in range(4):
        cart.lines.create(product=a_product(), quantity=1)
    mug, lamp, tabs = a_product(), a_product(), [tab(), tab()]

    answers = side_by_side(partial(put, tabs[0], mug, 1), partial(put, tabs[1], lamp, 1))

    assert sorted(answer.status_code for answer in answers) == [200, 400]
    assert cart.lines.count() == 5


def test_a_line_put_during_a_checkout_is_in_the_order_or_in_the_next_cart(tab, alice, a_product):
    mug, lamp = a_product(stock=99), a_product(stock=99)
    for _ in range(ROUNDS):
        tab().delete("/api/cart")
        put(tab(), mug, 1)
        tabs = [tab(), tab()]

        placed, added = side_by_side(partial(checkout, tabs[0]), partial(put, tabs[1], lamp, 1))

        assert (placed.status_code, added.status_code) == (201, 200)
        ordered = [(line["product"], line["quantity"]) for line in placed.json()["lines"]]
        kept = [(line["product"], line["quantity"]) for line in tab().get("/api/cart").json()["lines"]]
        assert (ordered, kept) in [([(mug.pk, 1)], [(lamp.pk, 1)]), ([(mug.pk, 1), (lamp.pk, 1)], [])]
        assert contents(Order.objects.get(pk=placed.json()["id"])) == ordered
    assert not Product.objects.out_of_balance().exists()


def test_a_late_change_of_the_cart_does_not_change_the_placed_order(tab, alice, a_product):
    mug = a_product(stock=9)
    for change in (
        lambda client: put(client, mug, 7),
        lambda client: client.delete(f"/api/cart/lines/{mug.pk}"),
        lambda client: client.delete("/api/cart"),
    ):
        client = tab()
        put(client, mug, 1)
        cart = Order.objects.cart_of(alice)
        with transaction.atomic():
            cart.place()
            changing = meanwhile(partial(change, client))
            assert changing.waits()

        assert changing.outcome().status_code in (200, 204, 404)
        assert contents(cart) == [(mug.pk, 1)]
        client.delete("/api/cart")
    assert not Product.objects.out_of_balance().exists()


def test_one_key_sent_twice_at_once_places_one_order(tab, a_product):
    mug = a_product(stock=ROUNDS)
    for number in range(ROUNDS):
        tabs = [tab(), tab()]
        put(tabs[0], mug, 1)

        answers = side_by_side(*(partial(checkout, client, f"key-{number}") for client in tabs))

        assert [answer.status_code for answer in answers] == [201, 201]
        assert answers[0].json() == answers[1].json()
        assert Counter("Idempotency-Replayed" in answer for answer in answers) == {True: 1, False: 1}
    assert Order.objects.placed().count() == ROUNDS
    assert mug.refreshed().stock == 0
    assert not Product.objects.out_of_balance().exists()


@pytest.mark.parametrize("keys", [(None, None), ("monday", "tuesday")])
def test_of_two_checkouts_of_one_cart_the_second_finds_it_empty(tab, a_product, keys):
    mug = a_product(stock=99)
    for number in range(ROUNDS):
        tabs = [tab(), tab()]
        put(tabs[0], mug, 1)

        answers = side_by_side(
            *(partial(checkout, client, key and f"{key}-{number}") for client, key in zip(tabs, keys, strict=True))
        )

        assert sorted(answer.status_code for answer in answers) == [201, 400]
        [refused] = [answer.json() for answer in answers if answer.status_code == 400]
        assert [error["code"] for error in refused["errors"]] == ["empty"]
    assert Order.objects.placed().count() == ROUNDS
    assert mug.refreshed().stock == 99 - ROUNDS


def test_a_cart_that_many_fill_and_empty_and_place_at_once_is_never_an_error(tab, a_product):
    products = [a_product(stock=999) for _ in range(4)]

    def shop(product, client):
        steps = [
            partial(put, client, product, 1),
            partial(checkout, client),
            partial(client.delete, f"/api/cart/lines/{product.pk}"),
            partial(client.delete, "/api/cart"),
        ]
        return lambda: [step().status_code for _ in range(20) for step in steps]

    results = side_by_side(*(shop(product, tab()) for product in products * 2))

    statuses = Counter(status for result in results for status in result)
    assert set(statuses) <= {200, 201, 204, 400, 404}
    assert Order.objects.filter(status=Status.CART).count() <= 1
    assert Order.objects.placed().count() == statuses[201] > 0
    assert not Product.objects.out_of_balance().exists()
