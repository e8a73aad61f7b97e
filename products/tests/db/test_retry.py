"""Trying again what the database has undone to settle a conflict. The database makes the conflicts here itself."""

from decimal import Decimal

import pytest
from django.db import OperationalError, connection, transaction

from products.db.errors import is_unavailable, was_rolled_back
from products.db.retry import MAX_PAUSE, MAX_TRIES, atomic_with_retry
from products.models import Event, Order, Product, Status
from products.tests.side_by_side import on_postgresql

pytestmark = [on_postgresql, pytest.mark.django_db(transaction=True)]

ALWAYS = 1_000_000


@pytest.fixture
def conflicts():
    """Let the first so many commits of an event fail as if somebody had been faster. A sequence is never undone."""

    def prepare(*, times=ALWAYS, code="40001", instead=None):
        does = instead or f"RAISE EXCEPTION 'conflict' USING ERRCODE = '{code}'"
        run(f"""
            CREATE SEQUENCE commits;
            CREATE FUNCTION conflict() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF nextval('commits') <= {times} THEN {does}; END IF;
                RETURN NULL;
            END $$;
            CREATE CONSTRAINT TRIGGER conflict AFTER INSERT ON products_event
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION conflict();
        """)

    yield prepare
    run("DROP TRIGGER conflict ON products_event; DROP FUNCTION conflict; DROP SEQUENCE commits")


def run(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)


def commits_tried():
    with connection.cursor() as cursor:
        cursor.execute("SELECT last_value FROM commits")
        return cursor.fetchone()[0]


@pytest.mark.parametrize("code", ["40001", "40P01", "55P03"])
def test_an_order_that_met_a_conflict_is_placed_once_at_the_next_try(alice, a_product, conflicts, code):
    mug, lamp = a_product(stock=3, price="4.50"), a_product(stock=1)
    conflicts(times=2, code=code)

    order, new = Order.objects.place_once(customer=alice, items=[(mug, 2), (lamp, 1)], key="k")

    assert (commits_tried(), new) == (3, True)
    assert (Order.objects.get(), order.total) == (order, Decimal("10.00"))
    assert [(line.product, line.quantity) for line in Order.objects.get().lines.all()] == [(mug, 2), (lamp, 1)]
    assert [m.delta for m in order.movements] == [-2, -1]
    assert [event.kind for event in order.events.all()] == ["order.placed"]
    assert not Product.objects.out_of_balance().exists()


def test_a_cart_that_met_a_conflict_is_placed_at_the_next_try(alice, a_product, conflicts):
    mug = a_product(stock=3)
    cart = Order.objects.create(customer=alice, status=Status.CART, items=[(mug, 2)])
    conflicts(times=1)

    cart.place(key="k")

    assert [(line.product, line.quantity) for line in Order.objects.get().lines.all()] == [(mug, 2)]
    assert mug.refreshed().stock == 1


def test_a_verb_that_met_a_conflict_is_done_once_at_the_next_try(alice, a_product, conflicts):
    mug = a_product(stock=3)
    order = Order.objects.create(customer=alice, items=[(mug, 2)])
    conflicts(times=1)

    order.cancel()

    assert [m.delta for m in order.movements] == [-2, 2]
    assert mug.refreshed().stock == 3


def test_a_new_product_that_met_a_conflict_receives_its_stock_once(db, conflicts):
    conflicts(times=1)

    mug = Product.objects.create(sku="MUG", name="Mug", price="4.50", stock=3)

    assert (mug.stock, mug.refreshed().stock) == (3, 3)
    assert [m.delta for m in mug.movements.all()] == [3]
    assert Event.objects.count() == 2


def test_a_conflict_that_does_not_end_is_passed_on_and_leaves_the_order_as_it_was(alice, a_product, conflicts):
    mug = a_product(stock=3)
    order = Order(customer=alice, items=[(mug, 2)])
    conflicts()

    with pytest.raises(OperationalError, match="conflict"):
        order.save()

    assert commits_tried() == MAX_TRIES
    assert (order.items, order._state.adding, list(Order.objects.all())) == ([(mug, 2)], True, [])
    assert mug.refreshed().stock == 3


def test_another_error_is_not_tried_again(alice, a_product, conflicts):
    mug = a_product(stock=3)
    conflicts(code="57014")  # query_canceled, as by statement_timeout

    with pytest.raises(OperationalError):
        Order.objects.create(customer=alice, items=[(mug, 2)])

    assert commits_tried() == 1


def test_a_commit_whose_connection_breaks_is_not_tried_again(alice, a_product, conflicts):
    mug = a_product(stock=3)
    conflicts(instead="PERFORM pg_terminate_backend(pg_backend_pid())")

    with pytest.raises(OperationalError) as raised:
        Order.objects.create(customer=alice, items=[(mug, 2)])

    assert commits_tried() == 1
    assert is_unavailable(raised.value)
    assert not was_rolled_back(raised.value)


def test_the_pause_before_a_retry_is_at_most_max_pause_and_doubles(monkeypatch):
    # The longest pause that the jitter can draw, noted and not slept.
    pauses = []
    monkeypatch.setattr("random.uniform", lambda shortest, longest: longest)
    monkeypatch.setattr("time.sleep", pauses.append)

    with pytest.raises(OperationalError):
        atomic_with_retry(lambda: run("DO $$ BEGIN RAISE EXCEPTION 'conflict' USING ERRCODE = '40001'; END $$"))

    assert pauses == [MAX_PAUSE, 2 * MAX_PAUSE, 4 * MAX_PAUSE]


def test_inside_a_transaction_of_the_callers_nothing_is_tried_again(conflicts):
    tries = []

    def meet_a_conflict():
        tries.append(1)
        run("DO $$ BEGIN RAISE EXCEPTION 'conflict' USING ERRCODE = '40001'; END $$")

    conflicts()
    with pytest.raises(OperationalError), transaction.atomic():
        atomic_with_retry(meet_a_conflict)

    assert tries == [1]
