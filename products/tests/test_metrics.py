"""The business metrics: what is counted, and when."""

import pytest
from django.db import InterfaceError, OperationalError, transaction

from products import metrics
from products.metrics import REGISTRY, is_connection_error
from products.models import Cart, IdempotencyKeyConflict, IdempotentReplay, InsufficientStock, InvalidOrder, Order

ON_COMMIT = pytest.mark.django_db(transaction=True)


@pytest.fixture
def counted():
    """Return what was counted since the test began, without zeros: {"name" or "name label": number}."""

    def samples():
        return {
            " ".join([sample.name.removeprefix("shop_").removesuffix("_total"), *sample.labels.values()]): sample.value
            for family in REGISTRY.collect()
            for sample in family.samples
            if not sample.name.startswith("shop_http_")
        }

    before = samples()
    return lambda: {name: value - before[name] for name, value in samples().items() if value != before[name]}


@ON_COMMIT
def test_an_order_is_counted_with_its_pieces_when_it_is_committed(alice, a_product, counted):
    mug, lamp = a_product(stock=5), a_product(stock=5)

    with transaction.atomic():
        Order(customer=alice, items=[(mug, 2), (lamp, 1)]).save()
        before = counted()

    assert before == {}
    assert counted() == {"orders_placed": 1, "units_sold": 3}


@ON_COMMIT
def test_an_order_that_is_rolled_back_was_not_placed(alice, a_product, counted):
    mug = a_product(stock=5)

    with transaction.atomic():
        Order(customer=alice, items=[(mug, 2)]).save()
        transaction.set_rollback(True)

    assert (Order.objects.count(), counted()) == (0, {})


@ON_COMMIT
def test_a_retry_is_not_counted_as_an_order(alice, a_product, counted):
    mug = a_product(stock=5)
    for _ in range(3):
        Order.objects.place_once(customer=alice, items=[(mug, 2)], key="k")

    assert counted() == {"orders_placed": 1, "units_sold": 2, "orders_replayed": 2}


@ON_COMMIT
def test_a_cart_is_counted_when_it_is_placed(alice, a_product, counted):
    cart = Cart(alice)
    cart.put(a_product(stock=5), 4)
    before = counted()

    cart.place(key="k")
    with pytest.raises(InvalidOrder):
        cart.place()

    assert before == {}
    assert counted() == {"orders_placed": 1, "units_sold": 4, "orders_refused invalid_order": 1}


@ON_COMMIT
def test_later_transitions_are_not_counted_as_orders(alice, a_product, counted):
    order = Order.objects.create(customer=alice, items=[(a_product(stock=5), 1)])
    order.pay()
    order.cancel()

    assert counted() == {"orders_placed": 1, "units_sold": 1}


@ON_COMMIT
def test_a_rejection_is_counted_by_its_code_and_a_shortage_by_its_lines(alice, a_product, counted):
    short = [(a_product(stock=1), 2), (a_product(), 1), (a_product(stock=9), 9)]

    with pytest.raises(InsufficientStock):
        Order(customer=alice, items=short).save()
    with pytest.raises(InvalidOrder):
        Order(customer=alice, items=[]).save()

    assert counted() == {
        "orders_refused insufficient_stock": 1,
        "stock_shortages": 2,
        "orders_refused invalid_order": 1,
    }


@ON_COMMIT
def test_an_idempotency_key_conflict_is_counted_as_a_rejection(alice, a_product, counted):
    mug = a_product(stock=5)
    Order.objects.create(customer=alice, items=[(mug, 1)], idempotency_key="k")

    with pytest.raises(IdempotencyKeyConflict):
        Order(customer=alice, items=[(mug, 2)], idempotency_key="k").save()
    with pytest.raises(IdempotentReplay):
        Order(customer=alice, items=[(mug, 1)], idempotency_key="k").save()

    assert counted() == {
        "orders_placed": 1,
        "units_sold": 1,
        "orders_refused idempotency_key_reused": 1,
        "orders_replayed": 1,
    }


@pytest.mark.django_db
def test_logins_are_counted_by_outcome(client, django_user_model, settings, counted):
    settings.LOGINS_PER_NAME = 2
    django_user_model.objects.create_user("alice", password="right")

    for password in ("right", "wrong", "wrong", "right"):
        client.post("/api-token-auth", {"username": "alice", "password": password}, content_type="application/json")

    assert counted() == {"logins succeeded": 1, "logins failed": 2, "logins locked_out": 1}


class FromPostgres(Exception):
    def __init__(self, pgcode):
        self.pgcode = pgcode


def raised(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "lost"),
    [
        (raised(OperationalError("connection refused"), FromPostgres(None)), True),
        (raised(InterfaceError("connection already closed"), FromPostgres(None)), True),
        (raised(OperationalError("terminating connection"), FromPostgres("57P01")), True),
        (raised(OperationalError("connection failure"), FromPostgres("08006")), True),
        (raised(OperationalError("lock timeout"), FromPostgres("55P03")), False),
        (raised(OperationalError("statement timeout"), FromPostgres("57014")), False),
        (raised(OperationalError("database is locked"), ValueError()), False),
        (raised(OperationalError("unable to open database file"), ValueError()), True),
    ],
)
def test_database_errors_are_counted_as_connection_or_busy(error, lost, counted):
    metrics.count_database_error(error)

    assert is_connection_error(error) is lost
    assert counted() == {f"database_errors {'connection' if lost else 'busy'}": 1}
