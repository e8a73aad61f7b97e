"""Races: what happens when several want something at the same moment."""

import itertools
import time
from collections import Counter
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from products.models import (
    Cancellation,
    Cart,
    Category,
    IdempotencyKeyConflict,
    IdempotentReplay,
    InsufficientStock,
    InvalidTransition,
    NotOverdue,
    Order,
    OrderLine,
    PaymentOverdue,
    Product,
    Status,
)
from products.reconciliation import differences
from products.tests.side_by_side import just_before, meanwhile, on_postgresql, side_by_side

pytestmark = pytest.mark.django_db(transaction=True)

MOMENT = timedelta(milliseconds=1)


@pytest.fixture(autouse=True)
def _the_ledger_is_right_in_the_end(db):
    yield
    assert list(Product.objects.out_of_balance()) == []


@pytest.fixture(params=["at once", "step by step", "either way"])
def way(request, monkeypatch):
    """How orders are placed: PostgreSQL can do it in one statement, and not all of them are."""
    if connection.vendor != "postgresql" and request.param != "step by step":
        pytest.skip("SQLite can do it step by step only")
    if request.param == "step by step":
        request.getfixturevalue("step_by_step")
    if request.param == "either way":
        turns = itertools.cycle([True, False])
        monkeypatch.setattr("products.ordering.single_statement.is_supported", lambda model: next(turns))


@pytest.fixture
def deadlocks():
    """How many deadlocks the database has had to settle since the beginning of the test."""

    def so_far():
        if connection.vendor != "postgresql":
            return 0
        wait_until_we_are_alone()
        return ask("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")

    before = so_far()
    return lambda: so_far() - before


def wait_until_we_are_alone():
    """A connection reports its deadlocks at the latest when it ends."""
    others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    while ask(f"{others} AND backend_type = 'client backend'"):
        time.sleep(0.01)


def ask(question):
    with connection.cursor() as cursor:
        cursor.execute(question)
        return cursor.fetchone()[0]


def kinds(outcomes):
    """How often each kind of outcome came."""
    return Counter(type(outcome) for outcome in outcomes)


def place(customer, *items, **values):
    return lambda: Order.objects.create(customer=customer, items=items, **values)


def place_once(customer, key, *items):
    return lambda: Order.objects.place_once(customer=customer, key=key, items=items)


def refreshed(order):
    return Order.objects.get(pk=order.pk)


# For the last pieces


@pytest.mark.parametrize(("quantity", "sold"), [(1, 20), (3, 6)])
def test_fifty_buyers_get_exactly_what_there_is(alice, a_product, quantity, sold, way):
    mug = a_product(stock=20)

    outcomes = side_by_side(*[place(alice, (mug, quantity))] * 50)

    assert kinds(outcomes) == {Order: sold, InsufficientStock: 50 - sold}
    assert Order.objects.count() == sold
    assert mug.refreshed().stock == 20 - sold * quantity


def test_the_second_buyer_of_the_last_piece_waits_for_the_first_and_is_refused(alice, bob, a_product):
    mug = a_product(stock=1)

    with transaction.atomic():
        Order.objects.create(customer=alice, items=[(mug, 1)])
        his = meanwhile(place(bob, (mug, 1)))
        assert his.waits()

    assert kinds([his.outcome()]) == {InsufficientStock: 1}
    assert [order.customer for order in Order.objects.all()] == [alice]
    assert mug.refreshed().stock == 0


def test_the_second_buyer_of_the_last_piece_gets_it_where_the_first_gives_up(alice, bob, a_product):
    mug = a_product(stock=1)

    with transaction.atomic():
        Order.objects.create(customer=alice, items=[(mug, 1)])
        his = meanwhile(place(bob, (mug, 1)))
        assert his.waits()
        transaction.set_rollback(True)

    assert kinds([his.outcome()]) == {Order: 1}
    assert [order.customer for order in Order.objects.all()] == [bob]
    assert mug.refreshed().stock == 0


def test_orders_of_the_same_products_in_opposite_orders_never_deadlock(alice, a_product, deadlocks, way):
    products = [a_product(stock=1_000) for _ in range(10)]

    def order_several_times(turn):
        for first in range(6):
            some = products[first : first + 5][:: 1 if turn % 2 else -1]
            named = [product.sku if turn % 4 < 2 else product.pk for product in some]
            Order.objects.create(customer=alice, items=[(name, 1) for name in named])

    outcomes = side_by_side(*[lambda turn=turn: order_several_times(turn) for turn in range(16)])

    assert outcomes == [None] * 16
    assert deadlocks() == 0
    assert Order.objects.count() == 16 * 6
    assert sum(product.refreshed().stock for product in products) == 10 * 1_000 - 16 * 6 * 5


@on_postgresql
@pytest.mark.parametrize("move", ["place", "cancel"])
def test_products_are_locked_in_id_order_however_they_lie_in_the_database(alice, a_product, move, way):
    mug, lamp = a_product(stock=2), a_product(stock=2)
    order = Order.objects.create(customer=alice, items=[(lamp, 1), (mug, 1)])
    mug.receive(1)  # PostgreSQL writes the new version behind the others, and finds it there
    moves = {"place": place(alice, (lamp, 1), (mug, 1)), "cancel": order.cancel}

    with transaction.atomic():
        Product.objects.locked().get(pk=mug.pk)
        other = meanwhile(moves[move])
        assert other.waits()
        # It waits for the mug, so it must not hold the lamp yet.
        assert Product.objects.select_for_update(no_key=True, skip_locked=True).filter(pk=lamp.pk).exists()

    assert not isinstance(other.outcome(), Exception)


@on_postgresql
def test_filling_a_cart_does_not_hold_up_a_sale(alice, bob, a_product):
    mug = a_product(stock=1)

    with transaction.atomic():
        Order.objects.create(customer=alice, status=Status.CART, items=[(mug, 1)])
        connection.check_constraints()  # as the commit is going to: now the cart's line holds a lock on the mug
        his = meanwhile(place(bob, (mug, 1)))
        assert not his.waits()

    assert kinds([his.outcome()]) == {Order: 1}


def test_whatever_moves_the_stock_at_once_the_ledger_agrees(alice, staff, a_product, way):
    mug = a_product(stock=50)
    moves = [
        *[place(alice, (mug, 1))] * 10,
        *[lambda: mug.refreshed().receive(2, by=staff)] * 6,
        *[lambda: mug.refreshed().correct(-1, by=staff)] * 6,
        *[lambda: mug.refreshed().count(40, by=staff)] * 3,
    ]

    outcomes = side_by_side(*moves)

    assert [outcome for outcome in outcomes if isinstance(outcome, Exception)] == []
    stock, counted = 0, []
    for movement in mug.movements.order_by("id"):
        stock += movement.delta
        if movement.reason == "COUNTED":
            counted.append(stock)
    assert counted == [40] * len(counted)
    assert mug.refreshed().stock == stock


def test_a_count_waits_for_a_sale_that_is_going_on(alice, a_product):
    mug = a_product(stock=50)

    with transaction.atomic():
        Order.objects.create(customer=alice, items=[(mug, 1)])
        count = meanwhile(lambda: mug.refreshed().count(40))
        assert count.waits()

    assert count.outcome().delta == -9
    assert mug.refreshed().stock == 40


def test_a_stale_form_that_is_saved_while_pieces_are_sold_brings_none_of_them_back(alice, a_product):
    mug = a_product(stock=20)

    outcomes = side_by_side(*[place(alice, (mug, 1))] * 10, *[mug.save] * 10)

    assert kinds(outcomes) == {Order: 10, type(None): 10}
    assert mug.refreshed().stock == 10


# Under the same key


def test_the_same_request_sent_twenty_times_at_once_makes_one_order(alice, a_product, way):
    mug = a_product(stock=1)

    outcomes = side_by_side(*[place_once(alice, "k", (mug, 1))] * 20)

    order = Order.objects.get()
    assert sorted(outcomes, key=lambda outcome: not outcome[1]) == [(order, True)] + [(order, False)] * 19
    assert mug.refreshed().stock == 0


def test_a_retry_waits_for_its_first_try_and_gets_its_order_although_that_took_the_last_piece(alice, a_product):
    mug = a_product(stock=1)

    with transaction.atomic():
        first, _ = place_once(alice, "k", (mug, 1))()
        retry = meanwhile(place_once(alice, "k", (mug, 1)))
        assert retry.waits()

    assert retry.outcome() == (first, False)
    assert list(Order.objects.all()) == [first]


def test_a_retry_whose_first_try_is_undone_places_the_order(alice, a_product):
    mug = a_product(stock=1)

    with transaction.atomic():
        first, _ = place_once(alice, "k", (mug, 1))()
        retry = meanwhile(place_once(alice, "k", (mug, 1)))
        assert retry.waits()
        transaction.set_rollback(True)

    order, new = retry.outcome()
    assert (Order.objects.get(), new) == (order, True)
    assert order != first


def test_the_same_key_for_different_products_at_once_makes_one_order(alice, a_product, way):
    products = [a_product(stock=1) for _ in range(10)]

    outcomes = side_by_side(*[place_once(alice, "k", (product, 1)) for product in products])

    assert kinds(outcomes) == {tuple: 1, IdempotencyKeyConflict: 9}
    [placed] = [outcome for outcome in outcomes if isinstance(outcome, tuple)]
    assert placed == (Order.objects.get(), True)
    assert sum(product.refreshed().stock for product in products) == 9


def test_the_same_key_for_another_product_waits_for_the_first_request_and_is_refused(alice, a_product):
    mug, lamp = a_product(stock=1), a_product(stock=1)

    with transaction.atomic():
        place_once(alice, "k", (mug, 1))()
        other = meanwhile(place_once(alice, "k", (lamp, 1)))
        assert other.waits()

    assert kinds([other.outcome()]) == {IdempotencyKeyConflict: 1}
    assert Order.objects.count() == 1
    assert lamp.refreshed().stock == 1


# The same order


def test_of_two_who_cancel_at_once_one_is_refused_and_the_stock_comes_back_once(alice, a_product):
    mug = a_product(stock=2)
    order = Order.objects.create(customer=alice, items=[(mug, 2)])

    outcomes = side_by_side(*[lambda: refreshed(order).cancel()] * 5)

    assert kinds(outcomes) == {Cancellation: 1, InvalidTransition: 4}
    assert [m.delta for m in order.movements] == [-2, 2]
    assert mug.refreshed().stock == 2


# Each pair of verbs: who comes second waits, looks again, and finds that it cannot be done any more.
@pytest.mark.parametrize(
    ("status", "first", "second"),
    [
        ("PLACED", "cancel", "cancel"),
        ("PLACED", "cancel", "pay"),
        ("PLACED", "pay", "pay"),
        ("PLACED", "pay", "expire"),
        ("PLACED", "cancel", "expire"),
        ("PAID", "cancel", "ship"),
        ("PAID", "ship", "cancel"),
        ("SHIPPED", "return_goods", "deliver"),
        ("SHIPPED", "return_goods", "return_goods"),
    ],
)
def test_the_second_verb_waits_for_the_first_and_is_refused(alice, a_product, status, first, second):
    mug = a_product(stock=2)
    order = Order.objects.create(customer=alice, items=[(mug, 2)])
    for verb in {"PLACED": [], "PAID": ["pay"], "SHIPPED": ["pay", "ship"]}[status]:
        getattr(order, verb)()
    stale = refreshed(order)

    with transaction.atomic():
        getattr(order, first)()
        later = meanwhile(getattr(stale, second))
        assert later.waits()

    assert kinds([later.outcome()]) == {InvalidTransition: 1}
    assert refreshed(order).status == order.status == order.events.last().facts["to"]
    assert mug.refreshed().stock == (2 if first in ("cancel", "return_goods") else 0)


def test_an_assigned_status_waits_for_a_verb_and_is_refused(alice, a_product):
    mug = a_product(stock=2)
    order = Order.objects.create(customer=alice, items=[(mug, 2)])
    stale = refreshed(order)
    stale.status = Status.CANCELLED

    with transaction.atomic():
        order.cancel()
        later = meanwhile(stale.save)
        assert later.waits()

    assert kinds([later.outcome()]) == {type(None): 1}  # cancelled it is already
    assert [movement.delta for movement in order.movements] == [-2, 2]
    assert order.events.count() == 2


def test_an_order_that_is_paid_and_cancelled_at_once_is_cancelled_in_the_end(alice, a_product):
    mug = a_product(stock=1)

    for _ in range(10):
        order = Order.objects.create(customer=alice, items=[(mug, 1)])
        paid, cancelled = side_by_side(lambda order=order: refreshed(order).pay(), order.cancel)

        history = [event.facts["to"] for event in order.events.order_by("id")]
        assert isinstance(cancelled, Cancellation)
        assert history == ["PLACED", *(["PAID"] if paid is None else []), "CANCELLED"]
        assert refreshed(order).status == "CANCELLED"
        assert mug.refreshed().stock == 1


def test_an_order_that_is_paid_and_expired_at_its_deadline_is_one_of_both(alice, a_product):
    mug = a_product(stock=10)

    for _ in range(10):
        order = Order.objects.create(customer=alice, items=[(mug, 1)], pay_by=timezone.now() + 10 * MOMENT)
        paid, expired = side_by_side(lambda order=order: refreshed(order).pay(), order.expire)

        assert isinstance(paid, None | PaymentOverdue | InvalidTransition)
        assert isinstance(expired, None | NotOverdue | InvalidTransition)
        assert [event.facts["to"] for event in order.events.order_by("id")] == [
            "PLACED",
            *(["PAID"] if paid is None else []),
            *(["EXPIRED"] if expired is None else []),
        ]
        assert paid is not None or expired is not None


def test_an_overdue_order_that_many_expire_at_once_gives_its_stock_back_once(alice, a_product):
    mug = a_product(stock=2)
    order = Order.objects.create(customer=alice, items=[(mug, 2)], pay_by=timezone.now() - MOMENT)

    outcomes = side_by_side(*[lambda: Order.objects.overdue().expire()] * 8)

    assert sorted(outcomes) == [0] * 7 + [1]
    assert [m.reason for m in order.movements] == ["SOLD", "EXPIRED"]
    assert mug.refreshed().stock == 2


# Carts


def test_a_cart_that_is_opened_many_times_at_once_is_one_cart(alice):
    outcomes = side_by_side(*[lambda: Order.objects.cart_of(alice)] * 10)

    assert outcomes == [Order.objects.get()] * 10


@pytest.mark.parametrize(("key", "refusal"), [(None, InvalidTransition), ("k", IdempotentReplay)])
def test_a_cart_that_is_checked_out_twice_at_once_is_one_order(alice, a_product, key, refusal):
    mug = a_product(stock=10)
    cart = Order.objects.create(customer=alice, status=Status.CART, items=[(mug, 2)])

    outcomes = side_by_side(*[lambda: refreshed(cart).place(key=key)] * 5)

    assert kinds(outcomes) == {type(None): 1, refusal: 4}
    assert [(order.status, order.idempotency_key) for order in Order.objects.all()] == [("PLACED", key)]
    assert mug.refreshed().stock == 8


def test_a_cart_is_not_changed_while_it_is_placed(alice, a_product):
    mug, lamp = a_product(stock=1), a_product(stock=1)
    cart = Order.objects.create(customer=alice, status=Status.CART, items=[(mug, 1)])
    elsewhere = refreshed(cart)
    elsewhere.items = [(lamp, 1)]

    with transaction.atomic():
        cart.place()
        change = meanwhile(elsewhere.save)
        assert change.waits()

    assert kinds([change.outcome()]) == {InvalidTransition: 1}
    assert [line.product for line in refreshed(cart).lines.all()] == [mug]


# For the stock of an overdue order


def test_of_those_who_want_what_an_overdue_order_holds_as_many_get_it_as_there_is(alice, bob, a_product, way):
    mug = a_product(stock=3)
    overdue = Order.objects.create(customer=bob, items=[(mug, 3)], pay_by=timezone.now() - MOMENT)

    outcomes = side_by_side(*[place(alice, (mug, 1))] * 10)

    assert kinds(outcomes) == {Order: 3, InsufficientStock: 7}
    assert refreshed(overdue).status == Status.EXPIRED
    assert [m.reason for m in overdue.movements] == ["SOLD", "EXPIRED"]
    assert mug.refreshed().stock == 0


def test_who_finds_an_overdue_order_just_being_expired_gets_its_stock(alice, bob, a_product):
    mug = a_product(stock=1)
    overdue = Order.objects.create(customer=bob, items=[(mug, 1)], pay_by=timezone.now() - MOMENT)
    expiries = []

    def expire_it_meanwhile():
        expiries.append(meanwhile(refreshed(overdue).expire))
        expiries[0].waits()

    # Short of stock, the order is about to ask who is overdue. Were the mug not locked, nobody would be any more.
    with just_before('"pay_by" <', expire_it_meanwhile):
        order = Order.objects.create(customer=alice, items=[(mug, 1)])

    assert kinds([expiries[0].outcome()]) in ({type(None): 1}, {InvalidTransition: 1})  # whoever was faster in the end
    assert [m.reason for m in overdue.movements] == ["SOLD", "EXPIRED"]
    assert (refreshed(overdue).status, refreshed(order).status) == (Status.EXPIRED, Status.PLACED)
    assert mug.refreshed().stock == 0


def test_who_finds_an_overdue_order_just_being_paid_for_is_refused(alice, bob, a_product):
    mug = a_product(stock=1)
    order = Order.objects.create(customer=bob, items=[(mug, 1)], pay_by=timezone.now() + timedelta(seconds=1))

    with transaction.atomic():
        order.pay()
        time.sleep(1.1)
        hers = meanwhile(place(alice, (mug, 1)))
        assert hers.waits()

    assert kinds([hers.outcome()]) == {InsufficientStock: 1}
    assert refreshed(order).status == Status.PAID
    assert mug.refreshed().stock == 0


@on_postgresql
@pytest.mark.parametrize(
    "write",
    [
        lambda lines, line, lamp: lines.create(product=lamp, quantity=1),
        lambda lines, line, lamp: lines.bulk_create([OrderLine(order=line.order, product=lamp, quantity=1)]),
        lambda lines, line, lamp: line.save(),
        lambda lines, line, lamp: OrderLine(order=line.order, product=lamp, quantity=1).save(),
    ],
)
def test_no_line_gets_into_a_cart_that_is_just_being_placed(alice, a_product, write):
    mug, lamp = a_product(stock=5), a_product(stock=5)
    Cart(alice).put(mug, 1)
    line = OrderLine.objects.select_related("order").get()

    with transaction.atomic():
        Order.objects.cart_of(alice).place()
        adding = meanwhile(lambda: write(line.order.lines, line, lamp))
        assert adding.waits()

    assert isinstance(adding.outcome(), TypeError)
    assert list(differences()) == []


# Two products with one name


def test_of_products_that_are_made_under_one_sku_at_once_one_is(db):
    def make():
        return Product.objects.create(sku="MUG", name="Mug", price="4.50", stock=3)

    outcomes = side_by_side(*[make] * 5)

    assert sum(isinstance(outcome, Product) for outcome in outcomes) == 1
    assert not any(isinstance(outcome, IntegrityError) for outcome in outcomes)
    assert [product.stock for product in Product.objects.all()] == [3]


# Two changes of one product


@on_postgresql
@pytest.mark.parametrize(
    "write",
    [
        lambda mug: mug.save(),
        lambda mug: mug.save(update_fields=["description"]),
        lambda mug: Product.objects.bulk_update([mug], ["description"]),
    ],
)
def test_a_change_that_waits_for_another_one_searches_in_what_that_one_wrote(a_product, write):
    mug = a_product(name="Mug")
    later = Product.objects.defer("name").get(pk=mug.pk)
    later.description = "Blue"

    with transaction.atomic():
        mug.name = "Cup"
        mug.save()
        writing = meanwhile(lambda: write(later))
        assert writing.waits()

    assert writing.outcome() in (None, 1)
    assert Product.objects.search("cup blue").get() == mug


def told_prices(product):
    changes = product.events.filter(kind="product.changed").order_by("id")
    return [(event.facts["old"]["price"], event.facts["new"]["price"]) for event in changes]


@on_postgresql
@pytest.mark.parametrize(
    "write",
    [
        lambda mug: mug.save(),
        lambda mug: Product.objects.update(price=mug.price),
        lambda mug: Product.objects.bulk_update([mug], ["price"]),
        lambda mug: Product.objects.bulk_create(
            [mug], update_conflicts=True, unique_fields=["id"], update_fields=["price"]
        ),
    ],
)
def test_a_price_that_waits_for_another_one_is_told_as_the_change_of_that_one(a_product, write):
    later = a_product(price="1.00")
    later.price, later.stock = Decimal("3.00"), 0

    with transaction.atomic():
        Product.objects.update(price=2)
        writing = meanwhile(lambda: write(later))
        assert writing.waits()

    assert not isinstance(writing.outcome(), Exception)
    assert told_prices(later) == [("1.00", "2.00"), ("2.00", "3.00")]


@on_postgresql
def test_no_price_is_changed_without_telling(a_product):
    mug, lamp = a_product(price="1.00"), a_product(price="9.00")
    others = Product.objects.filter(pk=lamp.pk)

    with just_before('UPDATE "products_product"', lambda: meanwhile(lambda: others.update(price=1)).outcome()):
        Product.objects.filter(price=1).update(price=2)

    assert (told_prices(mug), told_prices(lamp)) == ([("1.00", "2.00")], [("9.00", "1.00")])
    assert [product.price for product in Product.objects.order_by("pk")] == [2, 1]


@on_postgresql
@pytest.mark.parametrize(
    "change",
    [
        lambda category: category.save(),
        lambda category: Category.objects.filter(pk=category.pk).update(slug="living"),
        lambda category: Category.objects.bulk_update([category], ["slug"]),
    ],
)
def test_a_changed_category_locks_its_products_in_id_order(a_product, a_category, change):
    mug, lamp = a_product(category=a_category), a_product(category=a_category)
    # PostgreSQL writes the new version behind the others and, as an index has the price, finds it there.
    Product.objects.filter(pk=mug.pk).update(price=2)
    a_category.slug = "living"

    with transaction.atomic():
        Product.objects.locked().get(pk=mug.pk)
        other = meanwhile(lambda: change(a_category))
        assert other.waits()
        # It waits for the mug, so it must not hold the lamp yet.
        assert Product.objects.select_for_update(no_key=True, skip_locked=True).filter(pk=lamp.pk).exists()

    assert other.outcome() in (None, 1)
