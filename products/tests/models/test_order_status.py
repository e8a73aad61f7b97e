"""The life of an order: every move of the table is allowed, and no other."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from products.models import TRANSITIONS, InvalidOrder, InvalidTransition, Order, Product, Status, Violation
from products.models.order_status import LATE_PAYMENT, RESTOCKS

pytestmark = pytest.mark.django_db

VERBS = {
    Status.PLACED: "place",
    Status.PAID: "pay",
    Status.SHIPPED: "ship",
    Status.DELIVERED: "deliver",
    Status.CANCELLED: "cancel",
    Status.EXPIRED: "expire",
    Status.RETURNED: "return_goods",
}
WAY_TO = {
    Status.CART: [],
    Status.PLACED: ["place"],
    Status.PAID: ["place", "pay"],
    Status.SHIPPED: ["place", "pay", "ship"],
    Status.DELIVERED: ["place", "pay", "ship", "deliver"],
    Status.CANCELLED: ["place", "cancel"],
    Status.EXPIRED: ["place", "expire"],
    Status.RETURNED: ["place", "pay", "ship", "return_goods"],
}
ALL_MOVES = [(before, after) for before in Status for after in VERBS]
# A late payment has to be accepted by name: see test_late_payments.py.
ALLOWED = [move for move in ALL_MOVES if move[1] in TRANSITIONS.get(move[0], ()) and move != LATE_PAYMENT]
FORBIDDEN = [move for move in ALL_MOVES if move not in ALLOWED]
HOLDS_STOCK = {Status.PLACED, Status.PAID, Status.SHIPPED, Status.DELIVERED}


@pytest.fixture
def mug(a_product):
    return a_product(stock=3)


@pytest.fixture
def an_order(alice, mug):
    """Make an order of 2 mugs and bring it to a status by its verbs."""

    def make(status):
        order = Order.objects.create(customer=alice, status=Status.CART, items=[(mug, 2)])
        for verb in WAY_TO[status]:
            if verb == "expire":
                let_the_deadline_pass(order)
            getattr(order, verb)()
        return order

    return make


def let_the_deadline_pass(order):
    Order.objects.filter(pk=order.pk).update(pay_by=timezone.now() - timedelta(seconds=1))


def everything(order, mug):
    """All that a move could change."""
    refreshed = Order.objects.values().get(pk=order.pk)
    return refreshed, mug.refreshed().stock, order.movements.count(), order.events.count()


def test_every_status_has_a_way_to_it_and_every_move_is_tried():
    assert list(WAY_TO) == list(Status)
    assert len(ALLOWED) + len(FORBIDDEN) == 8 * 7
    assert len(ALLOWED) + 1 == sum(len(moves) for before, moves in TRANSITIONS.items() if before is not None)


@pytest.mark.parametrize(("before", "after"), ALLOWED)
def test_an_order_can_move(an_order, mug, before, after):
    order = an_order(before)
    if after == Status.EXPIRED:
        let_the_deadline_pass(order)
    events = order.events.count()

    getattr(order, VERBS[after])()

    assert Order.objects.get().status == order.status == after
    assert mug.refreshed().stock == (1 if after in HOLDS_STOCK else 3)
    assert [event.kind for event in order.events.order_by("id")][events:] == [f"order.{after.lower()}"]
    given_back = [m.reason for m in order.movements if m.delta > 0]
    assert given_back == ([RESTOCKS[after]] if after in RESTOCKS and before in HOLDS_STOCK else [])
    assert not Product.objects.out_of_balance().exists()


@pytest.mark.parametrize(("before", "after"), FORBIDDEN)
def test_an_order_cannot_move(an_order, mug, before, after):
    order = an_order(before)
    as_it_was = everything(order, mug)

    with pytest.raises(InvalidTransition) as refusal:
        getattr(order, VERBS[after])()

    detail = f"An order that is {before} cannot become {after}."
    assert refusal.value.violations == (Violation("forbidden_move", detail, facts={"from": before, "to": after}),)
    assert order.status == before
    assert everything(order, mug) == as_it_was


@pytest.mark.parametrize(("before", "after"), [(before, after) for before, after in FORBIDDEN if before != after])
def test_writing_a_status_is_no_way_around_the_table(an_order, mug, before, after):
    order = an_order(before)
    as_it_was = everything(order, mug)

    order.status = after
    with pytest.raises(InvalidTransition):
        order.save()

    assert everything(order, mug) == as_it_was


@pytest.mark.parametrize(("before", "after"), ALLOWED)
def test_writing_a_status_brings_what_its_verb_brings(an_order, mug, before, after):
    order = an_order(before)
    if after == Status.EXPIRED:
        let_the_deadline_pass(order)
        order.refresh_from_db()

    order.status = after
    order.save()

    assert Order.objects.get().status == after
    assert mug.refreshed().stock == (1 if after in HOLDS_STOCK else 3)
    assert order.events.last().kind == f"order.{after.lower()}"
    assert not Product.objects.out_of_balance().exists()


@pytest.mark.parametrize("status", [status for status in Status if status not in TRANSITIONS[None]])
def test_an_order_does_not_begin_in_the_middle_of_its_life(alice, mug, status):
    with pytest.raises(InvalidTransition) as refusal:
        Order.objects.create(customer=alice, status=status, items=[(mug, 1)])

    assert str(refusal.value) == f"An order that is new cannot become {status}."
    assert not Order.objects.exists()


def test_an_order_does_not_take_a_status_that_there_is_not(an_order, mug):
    order = an_order(Status.PLACED)

    order.status = "LOST"
    with pytest.raises(InvalidTransition):
        order.save()

    assert Order.objects.get().status == Status.PLACED


def test_each_verb_writes_what_it_is_told(an_order, staff):
    order = an_order(Status.PLACED)

    order.pay(reference="INV-7", by=staff)
    order.ship(carrier="DHL", tracking_number="00340", by=staff)

    written = Order.objects.get()
    assert (written.payment_reference, written.carrier, written.tracking_number) == ("INV-7", "DHL", "00340")
    assert [(event.kind, event.by) for event in order.events.order_by("id")] == [
        ("order.placed", order.customer),
        ("order.paid", staff),
        ("order.shipped", staff),
    ]


def test_cancelling_puts_every_line_back_on_the_shelf(alice, a_product):
    mug, lamp = a_product(stock=3), a_product(stock=1)
    order = Order.objects.create(customer=alice, items=[(mug, 2), (lamp, 1)])

    order.cancel(by=alice)

    assert (mug.refreshed().stock, lamp.refreshed().stock) == (3, 1)
    assert [(m.product, m.delta, m.reason) for m in order.movements] == [
        (mug, -2, "SOLD"),
        (lamp, -1, "SOLD"),
        (mug, 2, "CANCELLED"),
        (lamp, 1, "CANCELLED"),
    ]
    assert order.events.last().by == alice


def test_an_order_of_a_product_that_was_retired_since_can_still_be_cancelled(an_order, mug):
    order = an_order(Status.PLACED)
    mug.retire()

    order.cancel()

    assert mug.refreshed().stock == 3


def test_a_verb_looks_again_at_what_others_have_done_since(an_order, mug):
    order = an_order(Status.PLACED)
    stale = Order.objects.get()
    order.cancel()

    with pytest.raises(InvalidTransition) as refusal:
        stale.cancel()

    assert refusal.value.violations[0].facts == {"from": "CANCELLED", "to": "CANCELLED"}
    assert mug.refreshed().stock == 3


def test_writing_what_was_read_long_ago_does_not_turn_the_order_back(an_order, mug):
    order = an_order(Status.PLACED)
    stale = Order.objects.get()
    order.cancel()

    stale.carrier = "DHL"
    with pytest.raises(InvalidTransition):
        stale.save()

    assert [(o.status, o.carrier) for o in Order.objects.all()] == [("CANCELLED", "")]


def test_a_refused_verb_leaves_the_object_as_it_was(an_order):
    order = an_order(Status.PLACED)
    before = {name: value for name, value in vars(order).items() if name != "_state"}

    with pytest.raises(InvalidTransition):
        order.ship(carrier="DHL")

    assert {name: value for name, value in vars(order).items() if name != "_state"} == before
    assert Order.objects.get().carrier == ""


def test_an_empty_cart_cannot_be_placed_but_can_be_cancelled(alice):
    cart = Order.objects.cart_of(alice)

    with pytest.raises(InvalidOrder):
        cart.place()
    cart.cancel()

    assert [(o.status, o.placed_at) for o in Order.objects.all()] == [("CANCELLED", None)]


# Fields by name


@pytest.mark.parametrize("fields", [None, ["status"]])
def test_an_assigned_status_writes_all_that_it_brings(an_order, fields):
    order = an_order(Status.PAID)
    order.status, order.carrier = Status.SHIPPED, "DHL"

    order.save(update_fields=fields)

    written = Order.objects.get()
    assert (written.status, written.carrier, order.shipments.get().carrier) == (Status.SHIPPED, "DHL", "DHL")
    assert [event.kind for event in order.events.order_by("id")][-1] == "order.shipped"


@pytest.mark.parametrize("name", ["total", "paid", "pay_by"])
def test_a_value_that_is_not_written_keeps_no_other_one_from_being_written(an_order, name):
    order = an_order(Status.PAID)
    before = getattr(order, name)
    setattr(order, name, timezone.now() if name == "pay_by" else 1)
    order.carrier = "DHL"

    order.save(update_fields=["carrier"])

    written = Order.objects.get()
    assert (getattr(written, name), written.carrier) == (before, "DHL")


def test_a_field_that_was_not_loaded_is_neither_loaded_nor_written(an_order):
    order = Order.objects.only("status", "carrier").get(pk=an_order(Status.PLACED).pk)
    order.carrier = "DHL"

    order.save()

    assert {
        "total",
        "discount",
        "reference",
        "payment_reference",
        "pay_by",
        "ship_to_city",
    } <= order.get_deferred_fields()
    assert Order.objects.get().carrier == "DHL"


def test_a_frozen_value_that_is_assigned_as_text_is_the_same_value(an_order):
    order = an_order(Status.PLACED)
    order.total, order.placed_at, order.carrier = "2.00", order.placed_at.isoformat(), "DHL"

    order.save()

    assert Order.objects.get().carrier == "DHL"


def test_a_customer_is_saved_before_the_order(mug):
    with pytest.raises(ValueError, match=r"^Save the customer before the order\.$"):
        Order(customer=User(username="nobody"), items=[(mug, 1)]).save()


def test_a_cart_that_is_cancelled_by_assigning_its_status_has_nothing_done_with_its_lines(an_order, mug):
    cart = an_order(Status.CART)
    cart.status = Status.CANCELLED

    cart.save()

    assert (Order.objects.get().status, cart.cancellations.count(), mug.refreshed().stock) == ("CANCELLED", 0, 3)
    assert [(line.cancelled, line.restocked) for line in cart.lines.all()] == [(0, 0)]


@pytest.mark.parametrize("status", [Status.PLACED, Status.SHIPPED, Status.CANCELLED])
def test_the_lines_of_a_placed_order_are_not_assigned_anew(an_order, mug, status):
    order = an_order(status)
    order.items = [(mug, 1)]

    with pytest.raises(InvalidOrder, match=r"^The lines of a placed order cannot be changed\.$") as refusal:
        order.save()

    assert [violation.code for violation in refusal.value.violations] == ["lines_are_frozen"]
    assert [line.quantity for line in order.lines.all()] == [2]
