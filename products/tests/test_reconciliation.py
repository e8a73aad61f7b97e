"""`manage.py check_stock`: what was made wrong past the triggers is found, and named."""

import io
from datetime import timedelta
from decimal import Decimal

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, models
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from products.models import Event, Order, PricedItem, Reason, Status, StockMovement
from products.testing import triggers_lifted
from products.tests.rewriting import rewrite

pytestmark = pytest.mark.django_db


@pytest.fixture
def mug(a_product):
    return a_product(stock=100, sku="MUG", price="0.10")


@pytest.fixture
def order(alice, mug):
    """Three mugs for 0.30, which no binary fraction is."""
    return Order.objects.create(customer=alice, items=[(mug, 3)])


@pytest.fixture
def line(order):
    return order.lines.get()


@pytest.fixture
def found():
    """What the command finds; it fails if that is anything."""

    def check():
        out = io.StringIO()
        try:
            call_command("check_stock", stdout=out)
        except CommandError as failed:
            counts, status = str(failed), failed.returncode
        else:
            counts, status = out.getvalue().splitlines()[-1], 0
        sentences = [line for line in out.getvalue().splitlines() if line != counts]
        assert counts.endswith(f" Differences: {len(sentences)}.")
        assert status == (1 if sentences else 0)
        return sentences

    return check


def execute(statement, *parameters):
    with triggers_lifted(), connection.cursor() as cursor:
        cursor.execute(statement, parameters)


def test_a_shop_with_orders_in_every_status_has_no_differences(found, alice, bob, mug, a_product):
    lamp = a_product(stock=50, price="19.99")
    verbs = [[], ["pay"], ["pay", "ship"], ["pay", "ship", "deliver"], ["cancel"], ["pay", "ship", "return_goods"]]
    for each in verbs:
        placed = Order.objects.create(customer=alice, items=[(mug, 3), (lamp, 2)])
        for verb in each:
            getattr(placed, verb)()
    Order.objects.create(customer=bob, items=[(mug, 1)], pay_by=timezone.now() - timedelta(hours=1)).expire()
    Order.objects.create(customer=bob, status=Status.CART, items=[(mug, 1)]).cancel()
    Order.objects.create(customer=bob, status=Status.CART, items=[(mug, 1)]).place()
    Order.objects.create(customer=bob, status=Status.CART, items=[(mug, 1)])
    mug.correct(-2)

    assert found() == []


def test_a_line_that_was_rewritten_is_found(found, order):
    execute("UPDATE products_orderline SET quantity = 5")

    assert found() == [
        f"Order {order.pk}: its line for 5 of MUG took 3 from the stock.",
        f"Order {order.pk}: the total is 0.30, but its lines, shipping and tax add up to 0.50.",
    ]


def test_a_status_that_was_rewritten_is_found(found, order):
    execute("UPDATE products_order SET status = 'CANCELLED'")

    assert found() == [
        f"Order {order.pk}: it is CANCELLED, but its newest event says PLACED.",
        f"Order {order.pk}: it is CANCELLED, but by the counters of its lines it is PLACED.",
    ]


def test_an_order_that_was_woken_up_again_is_found(found, order):
    order.cancel()
    execute("UPDATE products_order SET status = 'PAID'")

    assert found() == [
        f"Order {order.pk}: it is PAID, but its newest event says CANCELLED.",
        f"Order {order.pk}: it is PAID, but by the counters of its lines it is CANCELLED.",
    ]


def test_an_order_that_was_made_a_cart_again_is_found(found, order):
    execute("UPDATE products_order SET status = 'CART', placed_at = NULL")

    assert found() == [
        f"Order {order.pk}: its line for 3 of MUG took 3 from the stock.",
        f"Order {order.pk}: it is CART, but its newest event says PLACED.",
    ]


def test_a_total_that_was_rewritten_is_found(found, order):
    execute("UPDATE products_order SET total = 0")

    assert found() == [f"Order {order.pk}: the total is 0.00, but its lines, shipping and tax add up to 0.30."]


def test_a_currency_that_was_rewritten_is_found(found, order):
    execute("UPDATE products_order SET currency = 'USD'")

    assert found() == [f"Order {order.pk}: its currency is USD, but its newest event says EUR."]


def test_a_customer_who_was_swapped_is_found(found, order, alice, bob):
    rewrite(order, customer=bob)

    assert found() == [f"Order {order.pk}: it belongs to user {bob.pk}, but user {alice.pk} placed it."]


def test_staff_may_place_the_cart_of_a_customer(found, alice, staff, mug):
    cart = Order.objects.create(customer=alice, status=Status.CART, items=[(mug, 1)])
    cart.place(by=staff)

    assert found() == []


@pytest.mark.parametrize(("days", "words"), [(1, "after its stock was taken."), (-1, "before it was created.")])
def test_a_moment_that_was_rewritten_is_found(found, order, days, words):
    rewrite(order, placed_at=order.placed_at + timedelta(days=days))

    [sentence] = found()

    assert sentence.startswith(f"Order {order.pk}: it was placed at ")
    assert sentence.endswith(words)


def test_a_stock_that_was_written_in_bulk_is_found(found, mug):
    execute("UPDATE products_product SET stock = 0")

    assert found() == ["MUG: stock is 0, but its movements add up to 100."]


def test_a_line_that_was_added_later_is_found(found, order, a_product):
    lamp = a_product(sku="LAMP")
    with triggers_lifted():
        line = order.lines.model(order=order, product=lamp, quantity=1, sku="LAMP", name="Lamp", unit_price=0)
        models.Model.save(line, force_insert=True)

    assert found() == [f"Order {order.pk}: its line for 1 of LAMP took 0 from the stock."]


@pytest.mark.parametrize("lost", [{"sku": ""}, {"unit_price": None}])
def test_a_line_that_lost_its_snapshot_is_found(found, order, line, lost):
    rewrite(line, **lost)

    assert [sentence for sentence in found() if sentence.endswith("has no SKU or no price.")]


def test_lines_that_are_gone_are_found(found, order):
    execute("DELETE FROM products_stockmovement WHERE line_id IS NOT NULL")
    execute("DELETE FROM products_orderline")

    assert found() == [
        "MUG: stock is 97, but its movements add up to 100.",
        f"Order {order.pk}: it has no lines, and its total is 0.30.",
    ]


def test_stock_that_came_back_for_another_reason_is_found(found, order):
    order.cancel()
    execute("UPDATE products_stockmovement SET reason = 'EXPIRED' WHERE reason = 'CANCELLED'")

    assert found() == [
        f"Order {order.pk}: its line for 3 of MUG gave 3 back by expiring, and the order is CANCELLED.",
        f"Order {order.pk}: its line for 3 of MUG has 0 back by cancelling, but its cancellations add up to 3.",
    ]


def test_stock_that_came_back_and_was_taken_again_is_found(found, order, line, mug):
    order.cancel()
    StockMovement(product=mug, line=line, delta=-1, reason=Reason.EXPIRED).write_row()
    execute("UPDATE products_product SET stock = 99")

    assert found() == [f"Order {order.pk}: its line for 3 of MUG counts 3 cancelled, but 2 came back so."]


def test_stock_that_was_taken_of_another_product_is_found(found, order, a_product):
    rewrite(order.lines.get(), product=a_product())

    assert found() == [f"Order {order.pk}: its line for 3 of MUG moved the stock of another product."]


def test_stock_of_another_product_that_also_came_back_is_said_once(found, order, a_product):
    order.cancel()
    rewrite(order.lines.get(), product=a_product())

    assert found() == [f"Order {order.pk}: its line for 3 of MUG moved the stock of another product."]


def test_stock_that_came_back_and_was_never_taken_is_said_once(found, order):
    order.cancel()
    execute("DELETE FROM products_stockmovement WHERE reason = 'SOLD'")

    assert found() == [
        "MUG: stock is 100, but its movements add up to 103.",
        f"Order {order.pk}: its line for 3 of MUG took 0 from the stock.",
    ]


def test_an_order_without_its_event_is_found(found, order):
    execute("DELETE FROM products_event WHERE order_id IS NOT NULL")

    assert found() == [f"Order {order.pk}: it is PLACED, but no event says so."]


def test_an_old_order_whose_events_were_purged_is_in_order(found, order):
    long_ago = timezone.now() - timedelta(days=800)
    rewrite(order, created_at=long_ago, placed_at=long_ago)
    with triggers_lifted():
        models.QuerySet(Event).update(at=long_ago)
        models.QuerySet(StockMovement).update(at=long_ago)
    Event.objects.all().purge()

    assert found() == []


def test_it_takes_so_many_statements_however_much_there_is(alice, mug):
    counts = []
    for _ in (1, 2):
        for _ in range(3):
            Order.objects.create(customer=alice, items=[(mug, 1)]).cancel()
        execute("UPDATE products_order SET total = 0, status = 'PAID'")
        with CaptureQueriesContext(connection) as captured, pytest.raises(CommandError):
            call_command("check_stock")
        counts.append(len(captured))

    assert counts == [9, 9]  # one of them writes the result


def test_a_free_order_whose_lines_are_gone_is_found_too(found, alice, a_product):
    order = Order.objects.create(customer=alice, items=[(a_product(stock=1, price="0.00"), 1)])
    execute("DELETE FROM products_stockmovement WHERE line_id IS NOT NULL")
    execute("DELETE FROM products_orderline")

    assert found()[1:] == [f"Order {order.pk}: it has no lines, and its total is 0.00."]


@pytest.mark.parametrize("days", [0, 800])
def test_a_cart_that_was_given_a_moment_is_found(found, alice, days):
    cart, moment = Order.objects.cart_of(alice), timezone.now() - timedelta(days=days)
    rewrite(cart, created_at=moment, placed_at=moment)

    assert f"Order {cart.pk}: it is a cart, and was placed at {moment:%Y-%m-%dT%H:%M:%SZ}." in found()


def test_an_empty_cart_with_a_total_is_found(found, alice):
    cart = Order.objects.cart_of(alice)
    rewrite(cart, total=5)

    assert found() == [f"Order {cart.pk}: it has no lines, and its total is 5.00."]


def test_an_old_order_whose_events_were_purged_is_found_for_another_reason_only(found, order):
    long_ago = timezone.now() - timedelta(days=800)
    rewrite(order, placed_at=long_ago)
    with triggers_lifted():
        models.QuerySet(Event).update(at=long_ago)
    Event.objects.all().purge()

    assert found() == [
        f"Order {order.pk}: it was placed at {long_ago:%Y-%m-%dT%H:%M:%SZ}, before it was created.",
    ]


# Counters, rows and money


@pytest.fixture
def fulfilled(order):
    """Of three mugs, one was cancelled and two shipped; one came back, and is on the shelf again."""
    order.pay()
    order.cancel(lines=[("MUG", 1)])
    order.ship()
    order.return_goods(lines=[("MUG", 1)])
    order.refund(lines=[("MUG", 1)])
    return order


@pytest.mark.parametrize(
    ("statement", "sentences"),
    [
        (
            "UPDATE products_orderline SET shipped = 1",
            [
                "its line for 3 of MUG has 1 shipped, but its shipments add up to 2.",
                "it is SHIPPED, but by the counters of its lines it is PAID.",
            ],
        ),
        (
            "UPDATE products_orderline SET cancelled = 0, restocked = 1",
            [
                "its line for 3 of MUG counts 0 cancelled, but 1 came back so.",
                "it is SHIPPED, but by the counters of its lines it is PAID.",
            ],
        ),
        (
            "UPDATE products_orderline SET returned = 2",
            [
                "its line for 3 of MUG has 2 returned, but its returns add up to 1.",
                "it is SHIPPED, but by the counters of its lines it is RETURNED.",
            ],
        ),
        (
            "UPDATE products_orderline SET restocked = 1",
            ["its line for 3 of MUG counts 1 restocked, but 1 are cancelled and 1 came back by a return."],
        ),
        ("DELETE FROM products_shipmentline", ["its line for 3 of MUG has 2 shipped, but its shipments add up to 0."]),
        (
            "DELETE FROM products_cancellationline",
            ["its line for 3 of MUG has 1 back by cancelling, but its cancellations add up to 0."],
        ),
        (
            "UPDATE products_returnline SET restocked = 0",
            ["its line for 3 of MUG has 1 back by returning, but its restocked pieces of its returns add up to 0."],
        ),
        ("UPDATE products_order SET paid = 9.00", ["9.00 was paid of 0.30."]),
        ("UPDATE products_order SET paid = 0, refunded = 0", ["it is SHIPPED, and nothing was paid.", None]),
        ("UPDATE products_order SET refunded = 0.05", ["0.05 was refunded, but its refunds add up to 0.10."]),
        ("UPDATE products_refund SET amount = 0.01", ["0.10 was refunded, but its refunds add up to 0.01."]),
    ],
)
def test_a_counter_that_was_rewritten_is_found(found, fulfilled, statement, sentences):
    assert found() == []

    execute(statement)

    for sentence, expected in zip(found(), sentences, strict=True):
        assert expected is None or sentence == f"Order {fulfilled.pk}: {expected}"


def test_money_for_an_order_that_is_not_paid_is_found(found, order):
    execute("UPDATE products_order SET paid = 0.30")

    assert f"Order {order.pk}: it is PLACED, and 0.30 was paid." in found()


def test_nothing_is_paid_where_all_that_costs_was_cancelled(found, settings, alice, mug, a_product):
    settings.TAX_RATES, settings.PRICES_INCLUDE_TAX = {"standard": Decimal("20.000")}, False
    order = Order.objects.create(customer=alice, items=[(mug, 10), (a_product(stock=1, price="0.00"), 1)])
    order.cancel(lines=[(mug, 10)])
    order.pay()
    rewrite(order, paid=0)

    assert found() == []


def test_a_free_order_that_counts_as_paid_is_no_other_difference(found, alice, a_product):
    order = Order.objects.create(customer=alice, items=[(a_product(stock=1, price="0.00"), 1)])
    order.pay()
    rewrite(order, total=1)

    assert found() == [
        f"Order {order.pk}: the total is 1.00, but its lines, shipping and tax add up to 0.00.",
        f"Order {order.pk}: it is PAID, and nothing was paid.",
    ]


def test_an_order_that_is_paid_with_nothing_is_found_for_its_refunds_only(found, alice, a_product):
    order = Order.objects.create(customer=alice, items=[(a_product(stock=1, price="1.00"), 1)])
    order.pay()
    order.refund(amount="1.00")
    rewrite(order, total=0, paid=0, refunded=0)

    assert found()[1:] == [f"Order {order.pk}: 0.00 was refunded, but its refunds add up to 1.00."]


@pytest.mark.parametrize(
    ("statement", "sentences"),
    [
        ("UPDATE products_order SET shipping = NULL", []),
        (
            "UPDATE products_order SET shipping = 1.00",
            ["the total is 0.30, but its lines, shipping and tax add up to 1.30."],
        ),
        (
            "UPDATE products_order SET tax = 0.05",
            ["its tax is 0.05, but that of its lines and shipping adds up to 0.00."],
        ),
        ("UPDATE products_order SET tax = 0.05, shipping_tax = 0.05", []),
        (
            "UPDATE products_order SET tax = 0.05, shipping_tax = 0.05, prices_include_tax = false",
            ["the total is 0.30, but its lines, shipping and tax add up to 0.35."],
        ),
        (
            "UPDATE products_order SET discount = 0.01",
            ["its discount is 0.01, but the shares of its lines add up to 0.00."],
        ),
        (
            "UPDATE products_orderline SET discount = 0.01",
            ["the total is 0.30, but its lines, shipping and tax add up to 0.29."],
        ),
        (
            "UPDATE products_orderline SET discount_share = 0.01",
            [
                "the total is 0.30, but its lines, shipping and tax add up to 0.29.",
                "its discount is 0.00, but the shares of its lines add up to 0.01.",
            ],
        ),
        (
            "UPDATE products_orderline SET tax = 0.05, tax_rate = 19",
            ["its tax is 0.00, but that of its lines and shipping adds up to 0.05."],
        ),
    ],
)
def test_a_figure_that_was_rewritten_is_found(found, order, statement, sentences):
    execute(statement)

    assert found() == [f"Order {order.pk}: {sentence}" for sentence in sentences]


@pytest.mark.parametrize(
    ("currency", "price"), [("JPY", "0.5"), ("KWD", "0.0005"), ("CLF", "0.0001"), ("EUR", "0.005")]
)
def test_a_total_is_compared_as_it_is_rounded(found, settings, alice, mug, currency, price):
    settings.CURRENCY, settings.PRICE_DECIMALS = currency, 4
    item = PricedItem(mug, 3, Decimal(price))

    Order.objects.create(customer=alice, items=[item])

    assert found() == []


@pytest.mark.parametrize("verbs", [[], ["cancel"]])
def test_the_discount_of_a_cart_has_no_shares_yet(found, alice, mug, verbs):
    cart = Order.objects.create(customer=alice, status=Status.CART, items=[(mug, 3)], discount=Decimal("0.05"))
    for verb in verbs:
        getattr(cart, verb)()

    assert found() == []


def test_the_tax_of_a_cart_is_found(found, alice, mug):
    cart = Order.objects.create(customer=alice, status=Status.CART, items=[(mug, 3)])
    rewrite(cart, tax=1)

    assert found() == [f"Order {cart.pk}: its tax is 1.00, but that of its lines and shipping adds up to 0.00."]


def test_an_order_that_was_fulfilled_before_there_were_rows_is_in_order(found, order, alice, mug):
    order.pay()
    order.ship()
    order.return_goods()
    Order.objects.create(customer=alice, items=[(mug, 1)]).cancel()
    for table in ("shipment", "return", "cancellation"):
        execute(f"DELETE FROM products_{table}line")
        execute(f"DELETE FROM products_{table}")

    assert found() == []
