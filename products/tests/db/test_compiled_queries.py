"""Queries whose SQL is written once, and rows that are written as text: the same as what the ORM does."""

from decimal import Decimal
from threading import Thread

import pytest
from django.contrib.auth.models import User
from django.db import connection, models
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from products.db.bulk_sql import execute_batch, increment_sql, insert_sql
from products.db.compiled_queries import CompiledQuery, Param, compile_once
from products.models import ApiToken, Event, Order, OrderLine, Product, StockMovement
from products.tests.side_by_side import on_postgresql

pytestmark = pytest.mark.django_db


LONG_AGO = "2020-01-01T00:00:00Z"


def dearer_than_given():
    price = Param("price", models.DecimalField(max_digits=10, decimal_places=2))
    return Product.objects.filter(price__gt=price).order_by("pk").values_list("pk", "price", "created_at")


def test_a_kept_query_answers_for_each_value_what_the_orm_answers(a_product):
    for price in ("1.00", "2.50", "4.00"):
        a_product(price=price)

    for price in (Decimal("0.99"), Decimal("2.50"), Decimal("9.00")):
        by_the_orm = Product.objects.filter(price__gt=price).order_by("pk").values_list("pk", "price", "created_at")
        assert compile_once(dearer_than_given).rows({"price": price}) == list(by_the_orm)


def test_its_sql_is_written_once_and_its_values_are_sent_apart_from_it():
    query = compile_once(dearer_than_given)

    assert compile_once(dearer_than_given) is query
    assert query.sql.count("%s") == 1
    assert "0.99" not in query.sql


def test_a_value_is_never_a_part_of_the_statement(a_product):
    mug = a_product(sku="MUG")
    with_sku = CompiledQuery.compile(Product.objects.filter(sku=Param("sku", models.CharField())).values_list("pk"))

    assert with_sku.rows({"sku": "MUG"}) == [(mug.pk,)]
    assert with_sku.rows({"sku": "' OR '1' = '1"}) == []
    assert with_sku.rows({"sku": "%s"}) == []


def test_what_no_row_can_have_costs_no_statement():
    impossible = CompiledQuery.compile(Product.objects.filter(pk__in=[]).values_list("pk"))

    with CaptureQueriesContext(connection) as statements:
        assert impossible.rows({}) == []

    assert len(statements) == 0


@pytest.mark.django_db(transaction=True)
def test_another_thread_uses_its_own_connection(a_product):
    mug, seen = a_product(price="3.00"), []
    query = compile_once(dearer_than_given)

    def ask():
        seen.extend(query.rows({"price": Decimal("2.00")}))
        seen.append(connection.connection)
        connection.close()

    thread = Thread(target=ask)
    thread.start()
    thread.join()

    assert seen[0] == (mug.pk, Decimal("3.00"), mug.created_at)
    assert seen[1] is not connection.connection


def test_a_token_is_found_as_the_orm_would_find_it(alice):
    token, secret = ApiToken.objects.issue(alice, name="laptop")

    found = ApiToken.objects.find(secret)

    by_the_orm = ApiToken.objects.select_related("user").get(pk=token.pk)
    assert values_of(found) == values_of(by_the_orm)
    assert values_of(found.user) == values_of(by_the_orm.user)
    assert type(found.user) is User


def values_of(instance):
    return {field.attname: getattr(instance, field.attname) for field in instance._meta.concrete_fields}


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_nothing_is_prepared_on_the_connection(a_product):
    for _ in range(7):
        compile_once(dearer_than_given).rows({"price": Decimal("1.00")})

    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_prepared_statements")
        assert cursor.fetchone() == (0,)


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_no_request_leaves_anything_on_the_connection_that_a_pool_would_give_to_others(api, alice, staff, a_product):
    mug, customer, keeper = a_product(stock=99), api(alice), api(staff)

    def use_the_shop():
        order = customer.post("/api/orders", {"sku": mug.sku, "quantity": 1}, format="json").json()
        customer.put(f"/api/cart/lines/{mug.pk}", {"quantity": 2}, format="json")
        customer.post("/api/cart/checkout")
        for path in ("products", f"products/{mug.pk}", "products?search=product", "orders", f"orders/{order['id']}"):
            assert customer.get(f"/api/{path}").status_code == 200
        for path in ("orders", f"products/{mug.pk}/stock", f"products?changed_since={LONG_AGO}&count=true"):
            assert keeper.get(f"/api/{path}").status_code == 200

    def left():
        with connection.cursor() as cursor:
            cursor.execute("SELECT name, setting FROM pg_settings WHERE source = 'session' ORDER BY name")
            settings = cursor.fetchall()
            cursor.execute("SELECT name FROM pg_prepared_statements")
            return settings, cursor.fetchall()

    connection.close()
    before = left()  # of a new connection
    for _ in range(7):
        use_the_shop()

    assert left() == (before[0], [])


# Rows that are written as text


@pytest.fixture
def scene(alice, a_product):
    """Two orders of one line each, so that what is unique per order can be there twice."""
    mug = a_product(stock=5, price="2.50")
    return alice, mug, [Order.objects.create(customer=alice, items=[(mug, 2)]) for _ in range(2)]


def an_order(scene, number):
    alice, _, _ = scene
    moment = timezone.now()
    return Order(
        customer=alice,
        number=f"AAAA000{number}",
        status="PAID",
        total=Decimal("5.00"),
        currency="EUR",
        idempotency_key=f"key-{number}",
        request_digest="digest",
        payment_reference="a reference",
        carrier="Ümlaut & Söhne",
        tracking_number="'; --",
        created_at=moment,
        placed_at=moment,
        pay_by=moment,
    )


def a_line(scene, number):
    alice, mug, _ = scene
    order = Order(customer=alice, status="CANCELLED", currency="EUR")
    order.save_base(force_insert=True)
    return OrderLine(order=order, product=mug, quantity=2, sku="MUG", name="Mug", unit_price=Decimal("2.50"))


def a_movement(scene, number):
    alice, mug, orders = scene
    line = orders[number].lines.get()
    return StockMovement(product=mug, delta=-2, reason="RETURNED", line=line, by=alice, note="%s", at=timezone.now())


def an_event(scene, number):
    alice, _, orders = scene
    facts = {"from": None, "to": "PAID", "total": "5.00", "said": "it's"}
    return Event(kind="order.paid", order=orders[0], by=alice, facts=facts, at=timezone.now())


@pytest.mark.parametrize("make", [an_order, a_line, a_movement, an_event])
def test_a_row_that_is_written_as_text_is_the_row_that_the_orm_writes(scene, make):
    by_the_orm, as_text = make(scene, 0), make(scene, 1)

    by_the_orm.save_base(force_insert=True)  # past Order.save(), which is the door
    execute_batch(insert_sql(type(as_text), [vars(as_text)]))

    [first, second] = [values_of(row) for row in type(as_text).objects.order_by("-pk")[:2]][::-1]
    apart = {
        "id",
        "number",
        "idempotency_key",
        "line_id",
        "order_id",
        "at",
        "created_at",
        "placed_at",
        "pay_by",
        "updated_at",
    }
    assert {name: first[name] for name in first.keys() - apart} == {name: second[name] for name in first.keys() - apart}
    given = values_of(as_text)
    assert {name: second[name] for name in given if given[name] is not None} == {
        name: value for name, value in given.items() if value is not None
    }


def test_several_rows_of_the_ledger_are_written_and_summed_in_two_statements(a_product):
    mug, lamp, bowl = (a_product(stock=5) for _ in range(3))
    deltas = {mug.pk: 3, lamp.pk: -2}

    execute_batch(
        increment_sql(Product, "stock", deltas),
        insert_sql(
            StockMovement, [{"product_id": pk, "delta": delta, "reason": "COUNTED"} for pk, delta in deltas.items()]
        ),
    )

    assert [each.refreshed().stock for each in (mug, lamp, bowl)] == [8, 3, 5]
    assert not Product.objects.out_of_balance().exists()


def test_an_order_is_left_as_save_would_leave_it(alice, a_product):
    mug = a_product(stock=5, price="2.50")

    order = Order.objects.create(customer=alice, items=[(mug, 2)], idempotency_key="k")

    refreshed = Order.objects.get(pk=order.pk)
    assert values_of(order) == values_of(refreshed)
    assert [values_of(line) for line in order.placed_lines] == [values_of(line) for line in refreshed.lines.all()]
    assert [values_of(line) for line in order.lines.all()] == [values_of(line) for line in refreshed.lines.all()]
    assert (order._state.adding, order._state.db) == (refreshed._state.adding, refreshed._state.db)
    order.pay()
    order.save()
    assert refreshed.items is None
    assert [event.kind for event in order.events.order_by("pk")] == ["order.placed", "order.paid"]


def test_an_order_of_nobody_on_record_is_refused(a_product):
    mug = a_product(stock=1)

    with pytest.raises(ValueError, match="Save the customer before"):
        Order(customer=User(username="nobody yet"), items=[(mug, 1)]).save()

    assert mug.refreshed().stock == 1
