"""Placing an order: what it takes, what it writes, and what it refuses."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from products.models import Event, InsufficientStock, InvalidOrder, Order, OrderLine, Product, StockMovement, Violation
from products.ordering.validation import MAX_ID, MAX_LINES
from products.tests.side_by_side import on_postgresql
from products.tests.statements import SINGLE_STATEMENT, STEP_BY_STEP, verbs

pytestmark = pytest.mark.django_db

QUANTITY_RANGE = {"minimum": 1, "maximum": 10_000}


def nothing_was_written() -> bool:
    return not (
        Order.objects.exists()
        or OrderLine.objects.exists()
        or StockMovement.objects.exclude(line=None).exists()
        or Event.objects.exclude(order=None).exists()
    )


def test_placing_an_order_takes_its_stock(alice, a_product):
    mug = a_product(stock=3, price="4.50")

    order = Order(customer=alice, items=[(mug, 2)])
    order.save()

    assert mug.refreshed().stock == 1
    assert order.total == Decimal("9.00")
    assert [m.delta for m in order.movements.all()] == [-2]


def test_placing_an_order_writes_everything_about_it(alice, a_product, settings):
    settings.CURRENCY = "CHF"
    mug = a_product(sku="MUG", name="Mug", stock=3, price="4.50")
    lamp = a_product(sku="LAMP", name="Lamp", stock=1, price="30.00")
    before = timezone.now()

    order = Order.objects.create(customer=alice, items=[(mug, 2), (lamp, 1)])

    written = Order.objects.get()
    assert written == order
    assert (written.customer, written.status, written.currency) == (alice, Order.Status.PLACED, "CHF")
    assert (written.total, written.idempotency_key, written.pay_by) == (Decimal("39.00"), None, None)
    assert before <= written.created_at <= written.placed_at <= timezone.now()
    assert [(line.sku, line.name, line.quantity, line.unit_price, line.amount) for line in written.lines.all()] == [
        ("MUG", "Mug", 2, Decimal("4.50"), Decimal("9.00")),
        ("LAMP", "Lamp", 1, Decimal("30.00"), Decimal("30.00")),
    ]
    assert [(m.product, m.delta, m.reason, m.line.order, m.by) for m in written.movements] == [
        (mug, -2, "SOLD", order, None),
        (lamp, -1, "SOLD", order, None),
    ]
    assert [(event.kind, event.by, event.product) for event in written.events.all()] == [("order.placed", alice, None)]
    assert (mug.refreshed().stock, lamp.refreshed().stock) == (1, 0)
    assert not Product.objects.out_of_balance().exists()


def test_a_placed_order_carries_its_lines_without_another_query(alice, a_product, django_assert_num_queries):
    mug = a_product(stock=3)

    order = Order.objects.create(customer=alice, items=[(mug, 2)])

    with django_assert_num_queries(0):
        assert [(line.product_id, line.quantity) for line in order.placed_lines] == [(mug.pk, 2)]


def test_the_lines_of_a_placed_order_can_be_queried(alice, a_product):
    mug, lamp = a_product(stock=9), a_product(stock=9)
    Order.objects.create(customer=alice, items=[(mug, 2)])

    order = Order.objects.create(customer=alice, items=[(mug, 2), (lamp, 1)])

    assert [line.product for line in order.lines.filter(quantity=2)] == [mug]
    assert order.lines.order_by("-id")[0].product == lamp
    assert order.lines.count() == 2


def test_the_last_piece_can_be_sold(alice, a_product):
    mug = a_product(stock=2)

    Order.objects.create(customer=alice, items=[(mug, 2)])

    assert mug.refreshed().stock == 0


def test_a_product_is_named_by_itself_by_its_id_or_by_its_sku(alice, a_product):
    mug, lamp, rug = a_product(stock=1), a_product(stock=1, sku="LAMP"), a_product(stock=1)

    order = Order.objects.create(customer=alice, items=[(mug, 1), ("LAMP", 1), (rug.pk, 1)])

    assert [line.product for line in order.lines.all()] == [mug, lamp, rug]


def test_a_sku_of_digits_is_not_an_id(alice, a_product):
    mug = a_product(stock=1)
    decoy = a_product(stock=1, sku=str(mug.pk))

    order = Order.objects.create(customer=alice, items=[(str(mug.pk), 1)])

    assert [line.product for line in order.lines.all()] == [decoy]


def test_lines_of_the_same_product_are_summed(alice, a_product):
    mug, lamp = a_product(sku="MUG", stock=9, price="4.50"), a_product(stock=1)

    order = Order.objects.create(customer=alice, items=[(mug, 2), (lamp, 1), ("MUG", 3), (mug.pk, 4)])

    assert [(line.product, line.quantity) for line in order.lines.all()] == [(mug, 9), (lamp, 1)]
    assert [m.delta for m in order.movements] == [-9, -1]
    assert mug.refreshed().stock == 0


def test_lines_of_the_same_product_are_short_together(alice, a_product):
    mug = a_product(sku="MUG", stock=3)

    with pytest.raises(InsufficientStock) as refusal:
        Order.objects.create(customer=alice, items=[(mug, 2), (mug, 2)])

    facts = {"product": mug.pk, "sku": "MUG", "requested": 4, "available": 3}
    assert refusal.value.violations == (
        Violation("insufficient_stock", "MUG: 4 requested, 3 available.", (0, 1), facts),
    )
    assert nothing_was_written()


def test_the_most_lines_stay_in_the_order_in_which_they_were_named(alice, many_products):
    products = many_products(MAX_LINES, stock=1)
    backwards = products[::-1]

    order = Order.objects.create(customer=alice, items=[(product, 1) for product in backwards])

    assert [line.product_id for line in Order.objects.get(pk=order.pk).lines.all()] == [p.pk for p in backwards]


def test_what_is_on_record_counts_and_not_what_the_caller_has_in_hand(alice, a_product):
    mug = a_product(sku="MUG", stock=1, price="4.50")
    mug.price, mug.stock, mug.sku = Decimal("0.01"), 100, "OTHER"

    order = Order.objects.create(customer=alice, items=[(mug, 1)])

    assert order.total == Decimal("4.50")
    assert order.lines.get().sku == "MUG"
    assert mug.refreshed().stock == 0


def test_a_placed_order_keeps_the_price_it_was_placed_at(alice, a_product):
    mug = a_product(sku="MUG", name="Mug", stock=2, price="4.50")
    order = Order.objects.create(customer=alice, items=[(mug, 2)])

    mug.price, mug.name, mug.sku = Decimal("5.00"), "Cup", "CUP"
    mug.save()

    line = Order.objects.get().lines.get()
    assert (line.sku, line.name, line.unit_price) == ("MUG", "Mug", Decimal("4.50"))
    assert Order.objects.get().total == order.total == Decimal("9.00")


def test_something_for_nothing_can_be_ordered(alice, a_product):
    sticker = a_product(stock=1, price="0.00")

    order = Order.objects.create(customer=alice, items=[(sticker, 1)])

    assert (order.total, sticker.refreshed().stock) == (Decimal("0.00"), 0)


# What is refused


def test_every_short_line_is_named(alice, a_product):
    mug, lamp, rug = a_product(sku="MUG", stock=3), a_product(sku="LAMP"), a_product(stock=5)

    with pytest.raises(InsufficientStock) as refusal:
        Order.objects.create(customer=alice, items=[(mug, 4), (rug, 5), (lamp, 1)])

    assert refusal.value.violations == (
        Violation(
            "insufficient_stock",
            "MUG: 4 requested, 3 available.",
            (0,),
            {"product": mug.pk, "sku": "MUG", "requested": 4, "available": 3},
        ),
        Violation(
            "insufficient_stock",
            "LAMP: 1 requested, 0 available.",
            (2,),
            {"product": lamp.pk, "sku": "LAMP", "requested": 1, "available": 0},
        ),
    )
    assert str(refusal.value) == "MUG: 4 requested, 3 available. LAMP: 1 requested, 0 available."
    assert refusal.value.acceptable == [(mug.pk, 3), (rug.pk, 5)]
    assert refusal.value.overdue == []
    assert nothing_was_written()
    assert [p.refreshed().stock for p in (mug, lamp, rug)] == [3, 0, 5]


def test_what_is_said_to_be_acceptable_is(alice, a_product):
    mug, lamp = a_product(stock=3), a_product(stock=1)
    with pytest.raises(InsufficientStock) as refusal:
        Order.objects.create(customer=alice, items=[(mug, 4), (lamp, 1)])

    order = Order.objects.create(customer=alice, items=refusal.value.acceptable)

    assert [(line.product, line.quantity) for line in order.lines.all()] == [(mug, 3), (lamp, 1)]


def test_every_problem_is_named_before_any_shortage(alice, a_product):
    mug, lamp = a_product(sku="MUG", stock=1), a_product(sku="LAMP", stock=1)
    lamp.retire()

    with pytest.raises(InvalidOrder) as refusal:
        Order.objects.create(customer=alice, items=[(mug, 2), (lamp, 1), (mug, 0), ("NONE", 1), (MAX_ID, 10_001)])

    assert refusal.value.violations == (
        Violation("quantity_out_of_range", "A quantity is a whole number from 1 to 10000.", (2,), QUANTITY_RANGE),
        Violation("unknown_product", "There is no such product.", (3,), {"sku": "NONE"}),
        Violation("unknown_product", "There is no such product.", (4,), {"product": MAX_ID}),
        Violation("quantity_out_of_range", "A quantity is a whole number from 1 to 10000.", (4,), QUANTITY_RANGE),
        Violation("retired_product", "LAMP is no longer sold.", (1,), {"product": lamp.pk, "sku": "LAMP"}),
    )
    assert nothing_was_written()


@pytest.mark.parametrize("items", [[], None, ()])
def test_an_order_of_nothing_is_refused(alice, items):
    with pytest.raises(InvalidOrder) as refusal:
        Order.objects.create(customer=alice, items=items)

    assert refusal.value.violations == (Violation("empty", "An order needs at least one line."),)
    assert nothing_was_written()


@pytest.mark.parametrize("quantity", [0, -1, 10_001, 2**70, True, 1.0, "1", None])
def test_a_quantity_is_a_whole_number_from_1_to_10000(alice, a_product, quantity):
    mug = a_product(stock=20_000)

    with pytest.raises(InvalidOrder) as refusal:
        Order.objects.create(customer=alice, items=[(mug, quantity)])

    assert [(p.code, p.positions, p.facts) for p in refusal.value.violations] == [
        ("quantity_out_of_range", (0,), QUANTITY_RANGE)
    ]
    assert nothing_was_written()


def test_the_most_of_one_product_can_be_ordered(alice, a_product):
    mug = a_product(stock=10_000)

    order = Order.objects.create(customer=alice, items=[(mug, 10_000)])

    assert order.lines.get().quantity == 10_000


def test_more_than_the_most_of_one_product_is_refused_in_pieces_too(alice, a_product):
    mug = a_product(stock=20_000)

    with pytest.raises(InvalidOrder) as refusal:
        Order.objects.create(customer=alice, items=[(mug, 6_000), (mug, 4_001)])

    assert [(p.code, p.positions) for p in refusal.value.violations] == [("quantity_out_of_range", (0, 1))]


@pytest.mark.parametrize(
    "product", [0, -1, MAX_ID, MAX_ID + 1, "", "NONE", "no sku", "N\0NE", "\ud800", "x" * 65, "MUG\n"]
)
def test_what_is_not_in_the_catalogue_is_refused(alice, a_product, product):
    a_product(sku="MUG", stock=1)

    with pytest.raises(InvalidOrder) as refusal:
        Order.objects.create(customer=alice, items=[(product, 1)])

    facts = {"sku": product} if isinstance(product, str) else {"product": product}
    assert refusal.value.violations == (Violation("unknown_product", "There is no such product.", (0,), facts),)
    assert nothing_was_written()


def test_a_product_that_was_never_written_is_refused(alice):
    with pytest.raises(InvalidOrder) as refusal:
        Order.objects.create(customer=alice, items=[(Product(sku="MUG"), 1)])

    assert [(p.code, p.facts) for p in refusal.value.violations] == [("unknown_product", {"product": None})]


def test_more_lines_than_the_most_are_refused(alice, a_product):
    mug = a_product(stock=1_000)

    with pytest.raises(InvalidOrder) as refusal:
        Order.objects.create(customer=alice, items=[(mug, 1)] * (MAX_LINES + 1))

    assert refusal.value.violations == (Violation("too_many_lines", "An order has at most 2,000 lines."),)


def test_a_total_that_does_not_fit_is_refused(alice, a_product):
    gold, silver = (a_product(stock=10_000, price="99999999.99") for _ in range(2))

    with pytest.raises(InvalidOrder) as refusal:
        Order.objects.create(customer=alice, items=[(gold, 10_000), (silver, 10_000)])

    assert [p.code for p in refusal.value.violations] == ["total_too_large"]
    assert nothing_was_written()


def test_the_largest_total_fits(alice, a_product):
    gold = a_product(stock=10_000, price="99999999.99")

    Order.objects.create(customer=alice, items=[(gold, 10_000)])

    assert Order.objects.get().total == Decimal("999999999900.00")


def test_the_lines_of_a_placed_order_cannot_be_changed(alice, a_product):
    mug = a_product(stock=3)
    order = Order.objects.create(customer=alice, items=[(mug, 1)])

    order.items = [(mug, 3)]
    with pytest.raises(InvalidOrder) as refusal:
        order.save()

    assert refusal.value.violations == (
        Violation("lines_are_frozen", "The lines of a placed order cannot be changed."),
    )
    assert [line.quantity for line in Order.objects.get().lines.all()] == [1]
    assert mug.refreshed().stock == 2


def test_writing_a_placed_order_again_takes_nothing_again(alice, a_product):
    mug = a_product(stock=3)
    order = Order.objects.create(customer=alice, items=[(mug, 2)])

    order.carrier = "DHL"
    order.save()

    assert Order.objects.get().carrier == "DHL"
    assert mug.refreshed().stock == 1
    assert [event.kind for event in order.events.all()] == ["order.placed"]


def test_writing_some_fields_only_does_not_move_the_order(alice, a_product):
    mug = a_product(stock=3)
    order = Order.objects.create(customer=alice, items=[(mug, 2)])

    order.carrier, order.status = "DHL", Order.Status.CANCELLED
    order.save(update_fields=["carrier"])

    assert [(o.carrier, o.status) for o in Order.objects.all()] == [("DHL", "PLACED")]
    assert mug.refreshed().stock == 1


def test_a_move_writes_the_whole_order_whatever_fields_are_named(alice, a_product):
    mug = a_product(stock=3, price="4.50")
    cart = Order.objects.create(customer=alice, status=Order.Status.CART, items=[(mug, 2)])

    cart.status = Order.Status.PLACED
    cart.save(update_fields=["status"])

    written = Order.objects.get()
    assert (written.status, written.total, written.currency) == ("PLACED", Decimal("9.00"), "EUR")
    assert written.placed_at is not None


def test_an_order_that_was_refused_can_be_placed_when_there_is_more(alice, a_product):
    mug = a_product(stock=1)
    order = Order(customer=alice, items=[(mug, 2)])
    with pytest.raises(InsufficientStock):
        order.save()

    mug.receive(1)
    order.save()

    assert [(o, o.status) for o in Order.objects.all()] == [(order, "PLACED")]
    assert mug.refreshed().stock == 0


def test_orders_are_found_by_customer_and_the_newest_comes_first(alice, bob, a_product):
    mug = a_product(stock=3)
    first = Order.objects.create(customer=alice, items=[(mug, 1)])
    Order.objects.create(customer=bob, items=[(mug, 1)])
    second = Order.objects.create(customer=alice, items=[(mug, 1)])
    Order.objects.create(customer=alice, status=Order.Status.CART)

    assert list(Order.objects.of(alice).placed()) == [second, first]


def test_placing_knows_no_deadline_of_its_own_unless_the_shop_has_one(alice, a_product, settings):
    settings.PAY_WITHIN = timedelta(minutes=30)
    mug = a_product(stock=2)
    chosen = timezone.now() + timedelta(days=7)

    by_the_shop = Order.objects.create(customer=alice, items=[(mug, 1)])
    by_the_caller = Order.objects.create(customer=alice, items=[(mug, 1)], pay_by=chosen)

    assert by_the_shop.pay_by == by_the_shop.placed_at + timedelta(minutes=30)
    assert by_the_caller.pay_by == chosen


# What it costs


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("key", [None, "k"])
@pytest.mark.parametrize("lines", [1, 10])
def test_placing_takes_as_many_statements_for_many_lines_as_for_one(alice, a_product, lines, key):
    items = [(a_product(stock=1), 1) for _ in range(lines)]

    with CaptureQueriesContext(connection) as statements:
        Order.objects.place_once(customer=alice, items=items, key=key)

    assert verbs(statements) == (SINGLE_STATEMENT if connection.vendor == "postgresql" else STEP_BY_STEP)


@on_postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("lines", [1, 10])
def test_what_an_order_writes_step_by_step_crosses_to_the_database_at_once(alice, a_product, lines, step_by_step):
    items = [(a_product(stock=1), 1) for _ in range(lines)]

    with CaptureQueriesContext(connection) as statements:
        Order.objects.create(customer=alice, items=items)

    assert verbs(statements) == STEP_BY_STEP
    assert len(statements) == 4  # BEGIN, the products, all that is written, COMMIT
