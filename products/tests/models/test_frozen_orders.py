"""What was agreed when an order was placed stays: the database refuses, and Python says what to do instead."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.core import serializers
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.utils import timezone

from products.db import triggers
from products.models import (
    TRANSITIONS,
    Cart,
    Event,
    InvalidTransition,
    Order,
    OrderLine,
    Product,
    Reason,
    Status,
    StockMovement,
)
from products.models.orders import CUSTOMER_DETAILS, FROZEN_FIELDS, SET_BY_PLACING
from products.tests.asynchronous import finish
from products.tests.rewriting import rewrite
from products.tests.side_by_side import on_postgresql

pytestmark = pytest.mark.django_db

VERBS_BEFORE = {
    Status.PLACED: [],
    Status.PAID: ["pay"],
    Status.SHIPPED: ["pay", "ship"],
    Status.DELIVERED: ["pay", "ship", "deliver"],
    Status.CANCELLED: ["cancel"],
    Status.RETURNED: ["pay", "ship", "return_goods"],
}


@pytest.fixture
def mug(a_product):
    return a_product(stock=10, price="4.50", sku="MUG")


@pytest.fixture
def lamp(a_product):
    return a_product(stock=10, price="9.00", sku="LAMP")


@pytest.fixture
def order(alice, mug):
    """Two mugs, placed."""
    return Order.objects.create(customer=alice, items=[(mug, 2)], idempotency_key="k")


@pytest.fixture
def in_status(alice, mug):
    """An order in a status, brought there by the verbs."""

    def bring(status):
        if status == Status.CART:
            return Order.objects.create(customer=alice, status=Status.CART, items=[(mug, 1)])
        if status == Status.EXPIRED:
            order = Order.objects.create(customer=alice, items=[(mug, 1)], pay_by=timezone.now() - timedelta(hours=1))
            order.expire()
            return order
        order = Order.objects.create(customer=alice, items=[(mug, 1)])
        for verb in VERBS_BEFORE[status]:
            getattr(order, verb)()
        return order

    return bring


def execute(statement, *parameters):
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def everything():
    models = (Order, OrderLine, StockMovement, Event, Product)
    return [list(model.objects.order_by("pk").values()) for model in models]


# The database


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE products_orderline SET quantity = 5",
        "UPDATE products_orderline SET sku = 'OTHER'",
        "UPDATE products_orderline SET name = 'Other'",
        "UPDATE products_orderline SET unit_price = 0.01",
        "UPDATE products_orderline SET unit_price = NULL",
        "UPDATE products_orderline SET product_id = (SELECT id FROM products_product WHERE sku = 'LAMP')",
        "UPDATE products_orderline SET order_id = (SELECT id FROM products_order WHERE status = 'CART')",
        "DELETE FROM products_orderline",
    ],
)
def test_the_database_refuses_to_change_the_lines_of_a_placed_order(order, bob, lamp, change):
    Order.objects.cart_of(bob)
    before = everything()

    with pytest.raises(IntegrityError, match=r"^The lines of a placed order are frozen: product, quantity, SKU, name"):
        execute(change)

    assert everything() == before


@pytest.mark.parametrize(
    "change",
    [
        "order_id = (SELECT id FROM products_order WHERE status = 'PLACED')",
        "unit_price = 0.01",
        "id = '00000000000000000000000000000001'",
    ],
)
def test_the_database_refuses_to_make_the_line_of_a_cart_one_of_a_placed_order(order, bob, lamp, change):
    Cart(bob).put(lamp, 1)
    before = everything()

    with pytest.raises(IntegrityError, match=r"^The lines of a placed order are frozen"):
        execute(f"UPDATE products_orderline SET {change} WHERE unit_price IS NULL")

    assert everything() == before


def test_the_database_refuses_a_line_more_once_the_stock_is_taken(order, lamp):
    before = everything()

    with pytest.raises(IntegrityError, match=r"^No line can be added to an order whose stock has been taken"):
        models_insert(OrderLine(order=order, product=lamp, quantity=1, sku="LAMP", name="Lamp", unit_price=9))

    assert everything() == before


def models_insert(row):
    """Insert past our own querysets and save()."""
    with transaction.atomic():
        row.save_base(raw=True, force_insert=True)


@pytest.mark.parametrize(
    "change",
    [
        "total = 0",
        "currency = 'USD'",
        "customer_id = (SELECT id FROM auth_user WHERE username = 'bob')",
        "placed_at = created_at",
        "placed_at = NULL",
        "created_at = '2001-01-01T00:00:00Z'",
        "idempotency_key = NULL",
        "request_digest = 'other'",
        "id = '00000000000000000000000000000001'",
    ],
)
@pytest.mark.parametrize("status", [Status.PLACED, Status.DELIVERED, Status.CANCELLED])
def test_the_database_refuses_to_change_what_was_agreed(bob, in_status, status, change):
    in_status(status)
    before = everything()
    if change == "idempotency_key = NULL":
        change = "idempotency_key = 'another'"

    with pytest.raises(
        IntegrityError, match=r"^Id, number, customer, amounts, currency, .* of a placed order are frozen"
    ):
        execute(f"UPDATE products_order SET {change}")

    assert everything() == before


@pytest.mark.parametrize("before", list(Status))
def test_the_database_moves_a_status_along_the_transitions_only(in_status, before):
    order = in_status(before)

    for after in set(Status) - {before} - TRANSITIONS.get(before, set()):
        with pytest.raises(IntegrityError, match=r"^The status of an order changes only as TRANSITIONS allows"):
            execute("UPDATE products_order SET status = %s", after.value)
        order.refresh_from_db()
        assert order.status == before


def test_the_triggers_know_the_same_transitions_as_the_code():
    assert set(triggers.TRANSITIONS) == {
        (before.value, after.value) for before, ends in TRANSITIONS.items() if before for after in ends
    }


def test_the_triggers_freeze_the_same_columns_as_the_code():
    columns = {Order._meta.get_field(name).column for name in FROZEN_FIELDS}

    assert set(triggers.FROZEN_COLUMNS) == columns | {"id"}


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.CART, Status.PLACED}))
def test_the_database_refuses_another_deadline_once_it_does_not_matter_any_more(in_status, status):
    in_status(status)

    with pytest.raises(IntegrityError, match=r"^The payment deadline \(pay_by\) of an order changes only while"):
        execute("UPDATE products_order SET pay_by = '2030-01-01T00:00:00Z'")


def test_the_database_refuses_to_delete_a_placed_order(order):
    with pytest.raises(IntegrityError, match=r"^A placed order is never deleted; cancel\(\) it"):
        execute("DELETE FROM products_order")


@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite knows REPLACE")
def test_a_placed_order_cannot_be_replaced_either(order):
    before = everything()
    columns = ", ".join(field.column for field in Order._meta.concrete_fields)
    values = columns.replace("total", "0")

    with pytest.raises(IntegrityError, match=r"^A placed order is never deleted"):
        execute(f"REPLACE INTO products_order ({columns}) SELECT {values} FROM products_order")

    assert everything() == before


@on_postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("table", ["products_order", "products_orderline"])
def test_the_database_refuses_to_empty_the_orders(order, table):
    before = everything()

    with pytest.raises(IntegrityError, match=r"is append-only"):
        execute(f"TRUNCATE {table} CASCADE")

    assert everything() == before


@pytest.mark.parametrize(
    ("model", "values"),
    [
        (OrderLine, {"quantity": 5}),
        (Order, {"total": "0.00"}),
        (Order, {"status": "PAID", "placed_at": None}),
        (StockMovement, {"delta": 99}),
        (Event, {"kind": "order.paid"}),
    ],
)
def test_a_fixture_cannot_write_over_them_either(order, model, values):
    before = everything()
    [data] = serializers.serialize("python", [model.objects.latest("pk")])
    [fixture] = serializers.deserialize("python", [data | {"fields": data["fields"] | values}])

    with pytest.raises(IntegrityError, match=r"frozen|TRANSITIONS|append-only"), transaction.atomic():
        fixture.save()

    assert everything() == before


def test_a_cart_is_free_until_it_is_placed(alice, mug, lamp):
    cart = Cart(alice)
    cart.put(mug, 1)
    cart.put(lamp, 1)
    cart.put(mug, 3)
    cart.remove(lamp.pk)

    order, _ = cart.place()

    assert [(line.sku, line.quantity) for line in order.lines.all()] == [("MUG", 3)]
    assert mug.refreshed().stock == 7


def test_the_lines_of_a_cart_can_be_written_in_bulk(alice, mug, lamp):
    cart = Cart(alice)
    cart.put(mug, 1)
    cart.put(lamp, 1)

    OrderLine.objects.filter(product=mug).update(quantity=2)
    OrderLine.objects.bulk_update([changed(OrderLine.objects.get(product=lamp), quantity=4)], ["quantity"])

    assert dict(OrderLine.objects.values_list("product__sku", "quantity")) == {"MUG": 2, "LAMP": 4}


@pytest.mark.parametrize("values", [{"unit_price": 1}, {"sku": "OTHER"}, {"quantity": 2, "name": "Other"}])
def test_the_snapshot_of_a_line_is_not_written_even_in_a_cart(alice, mug, values):
    Cart(alice).put(mug, 1)

    with pytest.raises(TypeError, match=r"^The lines of a placed order are frozen"):
        OrderLine.objects.update(**values)


@pytest.mark.parametrize("values", [{"unit_price": 1}, {"sku": "OTHER"}, {"name": "Other"}])
@pytest.mark.parametrize("write", [lambda line: line.save(), lambda line: OrderLine.objects.bulk_create([line])])
def test_the_line_of_a_cart_is_not_given_a_snapshot_when_it_is_made(alice, mug, write, values):
    line = OrderLine(order=Order.objects.cart_of(alice), product=mug, quantity=1, **values)

    with pytest.raises(TypeError, match=r"^The lines of a placed order are frozen"):
        write(line)

    assert not OrderLine.objects.exists()


@pytest.mark.parametrize("arguments", [[None, False, True, ["quantity"], ["id"]], [None, True, True]])
def test_the_lines_of_a_cart_are_not_written_over_in_bulk(alice, mug, arguments):
    Cart(alice).put(mug, 1)
    line = changed(OrderLine.objects.get(), quantity=2)

    with pytest.raises(TypeError, match=r"^The lines of a placed order are frozen"):
        OrderLine.objects.bulk_create([line], *arguments)

    assert OrderLine.objects.get().quantity == 1


@pytest.mark.parametrize("status", [Status.PLACED, Status.PAID])
def test_what_is_not_agreed_can_still_be_written(in_status, status):
    order = in_status(status)

    Order.objects.filter(pk=order.pk).update(tracking_number="00340434161094015902")
    order.refresh_from_db()
    order.carrier = "Parcel Post"
    order.save()

    order.refresh_from_db()
    assert (order.status, order.carrier, order.tracking_number) == (status, "Parcel Post", "00340434161094015902")


@pytest.mark.parametrize(
    "write",
    [
        lambda order: Order.objects.update(pay_by=timezone.now()),
        lambda order: Order.objects.bulk_update([changed(order, pay_by=timezone.now())], ["pay_by"]),
        lambda order: changed(order, pay_by=timezone.now()).save(),
    ],
)
def test_the_deadline_of_a_paid_order_is_not_written_from_python(order, write):
    order.pay()
    before = everything()

    with pytest.raises(TypeError, match=r"^pay_by can be changed only while the order is PLACED"):
        write(order)

    assert everything() == before


@pytest.mark.parametrize("name", ["id", "pk"])
def test_an_order_keeps_its_id(order, name):
    with pytest.raises(TypeError, match=rf"^{name} of a placed order cannot be changed"):
        Order.objects.update(**{name: "00000000-0000-0000-0000-000000000001"})


def test_a_cart_has_a_deadline_that_can_be_moved(alice):
    cart, tomorrow = Order.objects.cart_of(alice), timezone.now() + timedelta(days=1)
    cart.pay_by = tomorrow
    cart.save()

    Order.objects.update(pay_by=tomorrow + timedelta(days=1))

    cart.refresh_from_db()
    assert cart.pay_by == tomorrow + timedelta(days=1)


def test_the_deadline_of_a_placed_order_can_be_moved(order):
    later = timezone.now() + timedelta(days=2)

    Order.objects.filter(pk=order.pk).update(pay_by=later)

    order.refresh_from_db()
    assert order.pay_by == later


# Python says it first, and names the verb


@pytest.mark.parametrize(
    "write",
    [
        lambda order, lamp: order.lines.update(quantity=5),
        lambda order, lamp: OrderLine.objects.filter(order=order).update(unit_price=0),
        lambda order, lamp: OrderLine.objects.bulk_update([changed(order.lines.get(), quantity=5)], ["quantity"]),
        lambda order, lamp: changed(order.lines.get(), quantity=5).save(),
        lambda order, lamp: changed(order.lines.get(), quantity=5).save(update_fields=["quantity"]),
        lambda order, lamp: order.lines.get().delete(),
        lambda order, lamp: order.lines.all().delete(),
        lambda order, lamp: order.lines.create(product=lamp, quantity=1),
        lambda order, lamp: OrderLine.objects.create(order_id=order.pk, product=lamp, quantity=1),
        lambda order, lamp: OrderLine.objects.bulk_create([OrderLine(order=order, product=lamp, quantity=1)]),
        lambda order, lamp: order.lines.bulk_create([OrderLine(order=order, product=lamp, quantity=1)]),
        lambda order, lamp: finish(order.lines.abulk_create([OrderLine(order=order, product=lamp, quantity=1)])),
        lambda order, lamp: finish(changed(order.lines.get(), quantity=5).asave()),
        lambda order, lamp: finish(order.lines.aupdate_or_create(sku="MUG", defaults={"quantity": 5})),
        lambda order, lamp: finish(order.lines.all().adelete()),
        lambda order, lamp: order.lines.set([]),
        lambda order, lamp: order.lines.update(quantity=F("quantity") + 3),
        lambda order, lamp: order.lines.get_or_create(product=lamp, quantity=1),
        lambda order, lamp: order.lines.update_or_create(sku="MUG", defaults={"quantity": 5}),
        lambda order, lamp: order.lines.add(order.lines.get()),
        lambda order, lamp: order.lines.add(OrderLine(product=lamp, quantity=1), bulk=False),
        lambda order, lamp: lamp.order_lines.add(order.lines.get()),
        lambda order, lamp: finish(order.lines.aupdate(quantity=5)),
        lambda order, lamp: finish(order.lines.acreate(product=lamp, quantity=1)),
    ],
)
def test_the_lines_of_a_placed_order_are_not_written_from_python(order, lamp, write):
    before = everything()

    # Django's add(bulk=False) works in a transaction without a savepoint.
    with (
        pytest.raises(TypeError, match=r"^The lines of a placed order are frozen: cancel\(\) or"),
        transaction.atomic(),
    ):
        write(order, lamp)

    assert everything() == before


def test_a_refused_bulk_update_of_lines_leaves_the_transaction_as_it_is(order):
    line = changed(order.lines.get(), quantity=5)
    before = everything()

    with pytest.raises(TypeError, match=r"^The lines of a placed order are frozen"):
        OrderLine.objects.bulk_update([line], ["quantity"])

    assert everything() == before  # which no query could tell in a transaction that is broken


@pytest.mark.parametrize(
    "write",
    [
        lambda order: Order.objects.filter(pk=order.pk).update(status="CANCELLED"),
        lambda order: Order.objects.bulk_update([changed(order, status="CANCELLED")], ["status"]),
        lambda order: order.customer.orders.update(status="CANCELLED"),
        lambda order: finish(Order.objects.aupdate(status="CANCELLED")),
        lambda order: finish(Order.objects.abulk_update([changed(order, status="CANCELLED")], ["status"])),
    ],
)
def test_a_status_is_not_written_but_moved_by_a_verb(order, mug, write):
    before = everything()

    with pytest.raises(TypeError, match=r"^The status of an order moves by its verbs.*cancel\(\)"):
        write(order)

    assert everything() == before
    order.refresh_from_db()
    order.cancel()
    assert mug.refreshed().stock == 10


VALUES = {
    "discount": 1,
    "shipping": 1,
    "total": 1,
    "shipping_tax_rate": 19,
    "shipping_tax": 1,
    "tax": 1,
    "prices_include_tax": False,
    "imported_number": "OLD-1",
    "currency": "USD",
    "placed_at": "2001-01-01T00:00Z",
    "created_at": "2001-01-01T00:00Z",
    "idempotency_key": "another",
    "request_digest": "another",
}


def test_the_values_above_are_of_all_that_is_frozen_but_the_details():
    assert {*VALUES} == {*FROZEN_FIELDS} - {"customer", "number", *CUSTOMER_DETAILS}


@pytest.mark.parametrize("name", list(VALUES))
@pytest.mark.parametrize(
    "write",
    [
        lambda order, name: Order.objects.filter(pk=order.pk).update(**{name: VALUES[name]}),
        lambda order, name: order.customer.orders.update(**{name: VALUES[name]}),
        lambda order, name: Order.objects.bulk_update([changed(order, **{name: VALUES[name]})], [name]),
        lambda order, name: changed(order, **{name: VALUES[name]}).save(),
        lambda order, name: changed(order, **{name: VALUES[name]}).save(update_fields=[name]),
        lambda order, name: changed(order, status="PAID", **{name: VALUES[name]}).save(),
    ],
)
def test_what_was_agreed_is_not_written_from_python(order, name, write):
    before = everything()

    with pytest.raises(
        TypeError, match=rf"^{name} of a placed order cannot be changed: cancel\(\) it, or return_goods"
    ):
        write(order, name)

    assert everything() == before


@pytest.mark.parametrize(
    "write",
    [
        lambda order, bob: changed(order, customer=bob).save(),
        lambda order, bob: Order.objects.update(customer=bob),
        lambda order, bob: Order.objects.update(customer_id=bob.pk),
        lambda order, bob: bob.orders.add(order),
        lambda order, bob: bob.orders.set([order]),
    ],
)
def test_a_placed_order_stays_its_customer_s(order, bob, write):
    before = everything()

    with pytest.raises(TypeError, match=r"^customer(_id)? of a placed order cannot be changed"):
        write(order, bob)

    assert everything() == before


def test_an_order_that_is_saved_asynchronously_is_held_to_the_same(order):
    with pytest.raises(TypeError, match=r"^total of a placed order cannot be changed"):
        finish(changed(order, total=0).asave())


@pytest.mark.parametrize(
    "values",
    [
        {"total": "1.00"},
        {"currency": "USD"},
        {"placed_at": timezone.now()},
        {"request_digest": "another"},
        {"tax": 1},
        {"shipping_tax": 1},
        {"shipping_tax_rate": 0},
        {"prices_include_tax": False},
        {"imported_number": "OLD-1"},
    ],
)
@pytest.mark.parametrize("status", [Status.PLACED, Status.CART])
def test_what_placing_sets_cannot_be_given(alice, mug, values, status):
    before = everything()

    with pytest.raises(TypeError, match=r"^Placing an order sets its total, taxes, currency, placed_at and"):
        Order.objects.create(customer=alice, items=[(mug, 1)], status=status, **values)

    assert everything() == before


@pytest.mark.parametrize("name", SET_BY_PLACING)
def test_a_cart_is_given_no_total_and_no_taxes_either(alice, name):
    cart = Order.objects.cart_of(alice)
    setattr(cart, name, VALUES[name])

    with pytest.raises(TypeError, match=r"^Placing an order sets its total"):
        cart.save()


def test_orders_are_not_made_in_bulk(alice, mug):
    orders = [Order(customer=alice, items=[(mug, 1)])]

    for write in (
        lambda: Order.objects.bulk_create(orders),
        lambda: alice.orders.bulk_create(orders),
        lambda: Order.objects.bulk_create(
            orders, update_conflicts=True, unique_fields=["id"], update_fields=["status"]
        ),
    ):
        with pytest.raises(TypeError, match=r"^Orders are placed one by one"):
            write()

    assert mug.refreshed().stock == 10


def test_a_cart_that_was_placed_meanwhile_is_a_refused_move_and_no_mistake(alice, mug):
    Cart(alice).put(mug, 1)
    stale = Order.objects.get()
    Cart(alice).place()

    with pytest.raises(InvalidTransition):
        stale.save()


def test_an_order_that_has_moved_meanwhile_is_a_refused_move_and_no_mistake(order):
    stale = Order.objects.get(pk=order.pk)
    order.cancel()
    stale.carrier = "Parcel Post"

    with pytest.raises(InvalidTransition):
        stale.save()


@pytest.mark.parametrize(
    "write",
    [
        lambda order: order.movements.update(delta=-1),
        lambda order: StockMovement.objects.bulk_update([changed(order.movements.get(), delta=-1)], ["delta"]),
        lambda order: order.movements.get().save(),
        lambda order: order.movements.get().delete(),
        lambda order: order.movements.delete(),
        lambda order: StockMovement.objects.create(product_id=1, delta=5, reason=Reason.RECEIVED),
        lambda order: Product.objects.get().movements.create(delta=5, reason=Reason.RECEIVED),
        lambda order: Product.objects.get().movements.update(delta=5),
        lambda order: Product.objects.get().movements.add(order.movements.get()),
        lambda order: StockMovement.objects.bulk_create([StockMovement(product_id=1, delta=5, reason="RECEIVED")]),
        lambda order: finish(order.movements.aupdate(delta=-1)),
        lambda order: finish(order.movements.adelete()),
        lambda order: finish(order.movements.get().asave()),
        lambda order: finish(order.movements.get().adelete()),
        lambda order: finish(StockMovement.objects.abulk_create([order.movements.get()])),
    ],
)
def test_the_ledger_is_written_by_the_verbs_alone(order, write):
    before = everything()

    with pytest.raises(TypeError, match=r"^The stock ledger is append-only and written by the verbs: receive\(\)"):
        write(order)

    assert everything() == before


@pytest.mark.parametrize(
    "write",
    [
        lambda order: order.events.update(kind="order.paid"),
        lambda order: order.events.get().save(),
        lambda order: order.events.get().delete(),
        lambda order: order.events.all().delete(),
        lambda order: order.events.add(order.events.get()),
        lambda order: Event.objects.bulk_update([changed(order.events.get(), kind="order.paid")], ["kind"]),
        lambda order: finish(order.events.aupdate(kind="order.paid")),
        lambda order: finish(order.events.all().adelete()),
        lambda order: finish(order.events.get().asave()),
        lambda order: finish(order.events.get().adelete()),
    ],
)
def test_events_are_not_rewritten_from_python(order, write):
    before = everything()

    with pytest.raises(TypeError, match=r"^Events are append-only: none is changed, and purge\(\) deletes"):
        write(order)

    assert everything() == before


def changed(row, **values):
    for name, value in values.items():
        setattr(row, name, value)
    return row


# What comes back is what was taken


@pytest.mark.parametrize("verbs", [["cancel"], ["pay", "cancel"], ["pay", "ship", "return_goods"], ["expire"]])
def test_what_comes_back_is_what_the_ledger_says_was_taken(order, mug, verbs):
    [line] = order.lines.all()
    rewrite(line, quantity=5)
    if "expire" in verbs:
        Order.objects.filter(pk=order.pk).update(pay_by=timezone.now() - timedelta(hours=1))

    for verb in verbs:
        getattr(order, verb)()

    assert mug.refreshed().stock == 10
    assert [movement.delta for movement in order.movements] == [-2, 2]


def test_what_comes_back_comes_back_to_the_product_that_was_taken(order, mug, lamp):
    [line] = order.lines.all()
    rewrite(line, product=lamp)

    order.cancel()

    assert (mug.refreshed().stock, lamp.refreshed().stock) == (10, 10)


@pytest.mark.parametrize("half", [1.5, Decimal("1.5")])
@pytest.mark.parametrize(
    "write",
    [
        lambda lines, line, lamp, half: lines.create(product=lamp, quantity=half),
        lambda lines, line, lamp, half: lines.bulk_create([OrderLine(order=line.order, product=lamp, quantity=half)]),
        lambda lines, line, lamp, half: lines.update(quantity=half),
        lambda lines, line, lamp, half: lines.set_quantity(half),
        lambda lines, line, lamp, half: lines.bulk_update([OrderLine(pk=line.pk, quantity=half)], ["quantity"]),
    ],
)
def test_half_a_piece_is_not_cut_to_none(bob, mug, lamp, write, half):
    Cart(bob).put(mug, 2)
    line = OrderLine.objects.get(order__customer=bob)

    with pytest.raises(ValidationError, match="Pieces are counted in whole numbers"):
        write(line.order.lines, line, lamp, half)

    assert [each.quantity for each in OrderLine.objects.filter(order__customer=bob)] == [2]
