"""Orders in parts: some lines are shipped, some cancelled, some returned, and some refunded."""

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError

from products.models import (
    IdempotencyKeyConflict,
    InvalidFulfilment,
    InvalidTransition,
    MoreThanRemains,
    Order,
    PricedItem,
    RefundTooLarge,
    Shipment,
    Status,
    StockMovement,
)
from products.reconciliation import differences

pytestmark = pytest.mark.django_db


@pytest.fixture
def mug(a_product):
    return a_product(stock=10, price="4.50", sku="MUG")


@pytest.fixture
def lamp(a_product):
    return a_product(stock=10, price="19.99", sku="LAMP")


@pytest.fixture
def order(alice, mug, lamp):
    """Three mugs and two lamps, paid: 53.48."""
    order = Order.objects.create(customer=alice, items=[(mug, 3), (lamp, 2)])
    order.pay()
    return order


@pytest.fixture(autouse=True)
def _everything_agrees():
    """Whatever a test did: stock, ledger, counters, rows, status and money agree."""
    yield
    assert list(differences()) == []


BEGINNINGS = {
    "cart": [],
    "placed": [],
    "paid": ["pay"],
    "shipped": ["pay", "ship"],
    "delivered": ["pay", "ship", "deliver"],
    "cancelled": ["cancel"],
    "returned": ["pay", "ship", "return_goods"],
}
"""The verbs that bring an order into a status."""


def counters(order):
    """What was done with each line: {SKU: (shipped, cancelled, returned, restocked)}."""
    rows = order.lines.order_by("id").values_list("sku", "shipped", "cancelled", "returned", "restocked")
    return {sku: tuple(numbers) for sku, *numbers in rows}


def told(order):
    """The newest event: its name, and the status before and after."""
    event = order.events.order_by("id").last()
    return event.kind, event.facts["from"], event.facts["to"]


def everything(order):
    rows = (order.shipments, order.cancellations, order.returns, order.refunds, order.events, order.lines)
    return [list(each.values()) for each in rows], list(StockMovement.objects.values())


# Ship


def test_an_order_is_shipped_in_parts_and_is_shipped_when_nothing_remains(order, mug, lamp, staff):
    first = order.ship(lines=[(mug, 2)], carrier="DHL", tracking_number="1", by=staff)

    assert (order.status, told(order)) == ("PAID", ("order.partly_shipped", "PAID", "PAID"))
    assert counters(order) == {"MUG": (2, 0, 0, 0), "LAMP": (0, 0, 0, 0)}

    second = order.ship(lines=[("MUG", 1), (lamp.pk, 2)], carrier="UPS", tracking_number="2", by=staff)

    assert (order.status, told(order)) == ("SHIPPED", ("order.shipped", "PAID", "SHIPPED"))
    assert counters(order) == {"MUG": (3, 0, 0, 0), "LAMP": (2, 0, 0, 0)}
    assert [
        (s.number, s.carrier, s.tracking_number, s.by, [(part.line.sku, part.quantity) for part in s.lines.all()])
        for s in order.shipments.all()
    ] == [
        (1, "DHL", "1", staff, [("MUG", 2)]),
        (2, "UPS", "2", staff, [("MUG", 1), ("LAMP", 2)]),
    ]
    assert (first, second) == tuple(order.shipments.all())
    assert (order.carrier, order.tracking_number) == ("UPS", "2")
    assert (mug.refreshed().stock, lamp.refreshed().stock) == (7, 8)


def test_without_lines_all_that_remains_is_shipped(order, mug):
    order.ship(lines=[(mug, 1)])

    shipment = order.ship()

    assert order.status == "SHIPPED"
    assert [(part.line.sku, part.quantity) for part in shipment.lines.all()] == [("MUG", 2), ("LAMP", 2)]


def test_the_event_says_which_lines(order, mug):
    order.ship(lines=[(mug, 2)])

    [line] = order.lines.filter(product=mug)
    assert order.events.order_by("id").last().facts == {
        "from": "PAID",
        "to": "PAID",
        "total": "53.48",
        "currency": "EUR",
        "shipment": 1,
        "lines": [{"line": str(line.pk), "product": mug.pk, "quantity": 2}],
        "parcel": {"carrier": "", "tracking_number": ""},
    }


def test_a_line_can_be_named_by_itself_and_by_its_id(order):
    mugs, lamps = order.lines.all()

    order.ship(lines=[(mugs, 1), (lamps.pk, 1)])

    assert counters(order) == {"MUG": (1, 0, 0, 0), "LAMP": (1, 0, 0, 0)}


@pytest.mark.parametrize(
    ("lines", "violations"),
    [
        ([], [("empty", ())]),
        ([("RUG", 1), (999, 1)], [("unknown_line", (0,)), ("unknown_line", (1,))]),
        ([("MUG", 1), ("MUG", 1)], [("line_named_twice", (1,))]),
        ([("MUG", 0), ("LAMP", -1)], [("quantity_out_of_range", (0,)), ("quantity_out_of_range", (1,))]),
        ([("MUG", 1.0), ("LAMP", True)], [("quantity_out_of_range", (0,)), ("quantity_out_of_range", (1,))]),
    ],
)
@pytest.mark.parametrize("verb", ["ship", "cancel", "return_goods", "refund"])
def test_what_can_never_be_done_is_refused_with_every_line_at_fault(order, verb, lines, violations):
    before = everything(order)

    with pytest.raises(InvalidFulfilment) as refusal:
        getattr(order, verb)(lines=lines)

    assert [(each.code, each.positions) for each in refusal.value.violations] == violations
    assert everything(order) == before


@pytest.mark.parametrize("verb", ["ship", "cancel"])
def test_more_than_remains_is_refused_with_every_line_at_fault(order, mug, lamp, verb):
    order.ship(lines=[(mug, 1)])
    order.cancel(lines=[(mug, 1), (lamp, 1)])
    before = everything(order)

    with pytest.raises(MoreThanRemains) as refusal:
        getattr(order, verb)(lines=[(mug, 2), (lamp, 2)])

    assert [
        (each.facts["sku"], each.facts["requested"], each.facts["available"]) for each in refusal.value.violations
    ] == [
        ("MUG", 2, 1),
        ("LAMP", 2, 1),
    ]
    assert everything(order) == before


@pytest.mark.parametrize("lines", [{"MUG": 1}, "MUG", [("MUG",)], ["MUG"], [("MUG", 1, 1)], [(None, 1)], [(True, 1)]])
def test_what_is_no_line_at_all_is_the_mistake_of_the_caller(order, lines):
    with pytest.raises(TypeError, match="Write the lines as pairs"):
        order.ship(lines=lines)


def test_an_order_that_is_not_paid_is_not_shipped_in_parts(alice, mug):
    order = Order.objects.create(customer=alice, items=[(mug, 3)])

    with pytest.raises(InvalidTransition):
        order.ship(lines=[(mug, 1)])

    assert counters(order) == {"MUG": (0, 0, 0, 0)}


@pytest.mark.parametrize(
    ("verb", "begin", "refused"),
    [
        (verb, begin, begin in refusing)
        for verb, refusing in {
            "ship": ["cart", "placed", "shipped", "delivered", "cancelled", "returned"],
            "cancel": ["cart", "shipped", "delivered", "cancelled", "returned"],
            "return_goods": ["cart", "placed", "cancelled", "returned"],
        }.items()
        for begin in BEGINNINGS
    ],
)
def test_lines_are_fulfilled_in_some_statuses_only(alice, mug, verb, begin, refused):
    order = Order.objects.create(
        customer=alice, status=Status.CART if begin == "cart" else Status.PLACED, items=[(mug, 3)]
    )
    for name in BEGINNINGS[begin]:
        getattr(order, name)()

    with pytest.raises(InvalidTransition if refused else MoreThanRemains):
        getattr(order, verb)(lines=[("MUG", 4)])


def test_a_refused_part_leaves_the_object_as_it_was(order, mug):
    before = {name: value for name, value in vars(order).items() if name != "_state"}

    with pytest.raises(MoreThanRemains):
        order.ship(lines=[(mug, 4)], carrier="DHL")

    assert {name: value for name, value in vars(order).items() if name != "_state"} == before


def test_a_text_that_is_too_long_is_refused(order, mug):
    with pytest.raises(ValidationError):
        order.ship(lines=[(mug, 1)], carrier="x" * 101)
    with pytest.raises(ValidationError):
        order.cancel(lines=[(mug, 1)], reason="a\nb")

    assert counters(order)["MUG"] == (0, 0, 0, 0)


# Cancel


@pytest.mark.parametrize("pays", [True, False])
def test_cancelled_lines_are_back_in_stock_at_once(alice, mug, lamp, pays):
    order = Order.objects.create(customer=alice, items=[(mug, 3), (lamp, 2)])
    if pays:
        order.pay()
    before = order.status

    cancellation = order.cancel(lines=[(mug, 2)], reason="changed my mind", by=alice)

    assert (order.status, told(order)) == (before, ("order.partly_cancelled", before, before))
    assert counters(order) == {"MUG": (0, 2, 0, 2), "LAMP": (0, 0, 0, 0)}
    assert mug.refreshed().stock == 9
    assert (cancellation.number, cancellation.reason, cancellation.by) == (1, "changed my mind", alice)
    assert [(m.delta, m.reason, m.part) for m in order.movements.filter(product=mug)] == [
        (-3, "SOLD", 0),
        (2, "CANCELLED", 1),
    ]


def test_an_order_whose_last_line_is_cancelled_is_cancelled(order, mug, lamp):
    order.cancel(lines=[(mug, 3)])

    order.cancel(lines=[(lamp, 2)])

    assert (order.status, told(order)) == ("CANCELLED", ("order.cancelled", "PAID", "CANCELLED"))
    assert (mug.refreshed().stock, lamp.refreshed().stock) == (10, 10)


def test_an_order_whose_rest_is_cancelled_is_shipped(order, mug, lamp):
    order.ship(lines=[(mug, 3)])

    order.cancel()

    assert (order.status, told(order)) == ("SHIPPED", ("order.shipped", "PAID", "SHIPPED"))
    assert counters(order) == {"MUG": (3, 0, 0, 0), "LAMP": (0, 2, 0, 2)}
    assert (mug.refreshed().stock, lamp.refreshed().stock) == (7, 10)


def test_an_order_whose_shipped_part_came_back_before_its_rest_was_cancelled_is_returned(order, mug):
    order.ship(lines=[(mug, 3)])
    order.return_goods(lines=[(mug, 3)])
    assert order.status == "PAID"

    order.cancel()

    assert order.status == "RETURNED"
    assert [event.kind for event in order.events.order_by("id")][-2:] == ["order.shipped", "order.returned"]


def test_what_was_cancelled_need_not_be_paid(alice, mug, lamp):
    order = Order.objects.create(customer=alice, items=[(mug, 3), (lamp, 2)])
    order.cancel(lines=[(mug, 1)])

    order.pay()

    assert (order.paid, order.total) == (Decimal("48.98"), Decimal("53.48"))


# Return


def test_what_is_due_after_a_part_was_cancelled_may_be_nothing_at_all(alice, mug, lamp):
    items = [PricedItem(mug, 3, discount=mug.price * 3), (lamp, 1)]
    order = Order.objects.create(customer=alice, items=items)
    order.cancel(lines=[(lamp, 1), (mug, 1)])

    order.pay()

    order.refresh_from_db()
    assert (order.status, order.paid, list(differences())) == ("PAID", 0, [])


@pytest.mark.parametrize("is_included", [True, False])
def test_what_is_due_contains_the_tax_of_what_is_left(alice, mug, lamp, settings, is_included):
    settings.TAX_RATES, settings.PRICES_INCLUDE_TAX = {"standard": Decimal("20.000")}, is_included
    order = Order.objects.create(customer=alice, items=[(mug, 1), (lamp, 1)])
    order.cancel(lines=[(lamp, 1)])

    order.pay()

    order.refresh_from_db()
    assert (order.paid, list(differences())) == (mug.price if is_included else mug.price * Decimal("1.2"), [])


def test_goods_come_back_in_parts_and_some_of_them_go_on_the_shelf(order, mug, lamp):
    order.ship()
    order.deliver()

    order.return_goods(lines=[(mug, 2, 1), (lamp, 1)])

    assert (order.status, told(order)) == ("DELIVERED", ("order.partly_returned", "DELIVERED", "DELIVERED"))
    assert counters(order) == {"MUG": (3, 0, 2, 1), "LAMP": (2, 0, 1, 1)}
    assert (mug.refreshed().stock, lamp.refreshed().stock) == (8, 9)

    returned = order.return_goods()

    assert order.status == "RETURNED"
    assert counters(order) == {"MUG": (3, 0, 3, 2), "LAMP": (2, 0, 2, 2)}
    assert (mug.refreshed().stock, lamp.refreshed().stock) == (9, 10)
    assert (returned.number, [(part.quantity, part.restocked) for part in returned.lines.all()]) == (
        2,
        [(1, 1), (1, 1)],
    )


def test_what_is_broken_comes_back_without_stock(order, mug):
    order.ship()

    order.return_goods(lines=[(mug, 3, 0)])

    assert counters(order)["MUG"] == (3, 0, 3, 0)
    assert mug.refreshed().stock == 7


@pytest.mark.parametrize("restocked", [-1, 3, 1.0, True])
def test_no_more_goes_on_the_shelf_than_came_back(order, mug, restocked):
    order.ship()

    with pytest.raises(InvalidFulfilment) as refusal:
        order.return_goods(lines=[(mug, 2, restocked)])

    assert [each.code for each in refusal.value.violations] == ["restock_out_of_range"]


def test_only_what_was_shipped_comes_back(order, mug, lamp):
    order.ship(lines=[(mug, 2)])

    with pytest.raises(MoreThanRemains) as refusal:
        order.return_goods(lines=[(mug, 3), (lamp, 1)])

    assert [each.facts["available"] for each in refusal.value.violations] == [2, 0]
    assert str(refusal.value) == (
        "MUG: 3 requested, 2 can still be returned. LAMP: 1 requested, 0 can still be returned."
    )


def test_the_rest_is_shipped_after_a_part_came_back(order, mug):
    order.ship(lines=[(mug, 3)])
    order.return_goods(lines=[(mug, 3)])

    order.ship()

    assert order.status == "SHIPPED"


# Refund


def test_an_amount_is_refunded(order, staff):
    refund = order.refund(amount="10.00", reference="R-1", by=staff)

    assert (order.paid, order.refunded, order.status) == (Decimal("53.48"), Decimal("10.00"), "PAID")
    assert (refund.number, refund.amount, refund.reference, refund.by) == (1, Decimal("10.00"), "R-1", staff)
    assert told(order) == ("order.refunded", "PAID", "PAID")
    assert Order.objects.get().refunded == Decimal("10.00")


def test_lines_are_refunded_with_their_amount(order, mug, lamp):
    refund = order.refund(lines=[(mug, 2), (lamp, 1)])

    assert refund.amount == order.refunded == Decimal("28.99")
    assert [(part.quantity, part.amount) for part in refund.lines.all()] == [
        (2, Decimal("9.00")),
        (1, Decimal("19.99")),
    ]


@pytest.mark.parametrize("is_included", [True, False])
def test_the_refund_of_a_line_is_its_share_with_discounts_and_taxes(alice, mug, settings, is_included):
    settings.TAX_RATES, settings.PRICES_INCLUDE_TAX = {"standard": Decimal(20)}, is_included
    order = Order.objects.create(customer=alice, items=[(mug, 4)], discount=Decimal("3.00"))
    order.pay()
    [line] = order.lines.all()
    gross = line.amount if is_included else line.amount + line.tax
    assert line.amount == Decimal("15.00")

    refund = order.refund(lines=[(mug, 1)])

    assert refund.amount == gross / 4


def test_a_line_is_refunded_piece_by_piece_to_the_cent(alice, mug, lamp):
    items = [PricedItem(mug, 3, Decimal("10.00"), Decimal("10.00")), (lamp, 1)]
    order = Order.objects.create(customer=alice, items=items)
    order.pay()

    amounts = [order.refund(lines=[(mug, 1)]).amount for _ in range(3)]

    assert amounts == [Decimal("6.67"), Decimal("6.66"), Decimal("6.67")]
    order.refresh_from_db()
    assert (order.refunded, list(differences())) == (Decimal("20.00"), [])


def test_no_more_money_is_refunded_than_was_paid(order):
    order.refund(amount="50.00")

    with pytest.raises(RefundTooLarge) as refusal:
        order.refund(amount="3.49")

    assert str(refusal.value) == "3.49 EUR requested, 3.48 EUR paid and not refunded."
    order.refund(amount="3.48")
    assert order.refunded == order.paid


def test_no_piece_is_refunded_twice(order, mug):
    order.refund(lines=[(mug, 2)])

    with pytest.raises(MoreThanRemains):
        order.refund(lines=[(mug, 2)])

    assert order.refunded == Decimal("9.00")


def test_what_was_never_paid_is_not_refunded(alice, mug):
    order = Order.objects.create(customer=alice, items=[(mug, 1)])

    with pytest.raises(RefundTooLarge):
        order.refund(lines=[(mug, 1)])


@pytest.mark.parametrize("amount", [0, -1, "0.00", "1.001"])
def test_a_refund_is_of_an_amount_of_the_currency(order, amount):
    with pytest.raises(InvalidFulfilment):
        order.refund(amount=amount)


@pytest.mark.parametrize("amount", ["1.00001", "much", 10**13])
def test_what_is_no_amount_is_refused(order, amount):
    with pytest.raises(ValidationError):
        order.refund(amount=amount)


@pytest.mark.parametrize("values", [{"reference": "x" * 201}, {"reference": "a\nb"}, {"key": "x" * 256}, {"key": ""}])
def test_a_refund_with_a_text_that_cannot_be_is_refused(order, values):
    with pytest.raises(ValidationError):
        order.refund(amount="1.00", **values)

    assert not order.refunds.exists()


def test_an_amount_and_lines_are_not_refunded_together(order, mug):
    with pytest.raises(TypeError):
        order.refund(amount=1, lines=[(mug, 1)])
    with pytest.raises(TypeError):
        order.refund()


def test_a_cancelled_order_is_refunded(order):
    order.cancel()

    order.refund(amount=order.paid)

    assert (order.status, order.refunded) == ("CANCELLED", Decimal("53.48"))


@pytest.mark.parametrize("name", ["paid", "refunded"])
def test_money_moves_by_the_verbs_only(order, alice, name):
    with pytest.raises(TypeError, match="moves by the verbs"):
        Order.objects.update(**{name: 1})
    with pytest.raises(TypeError, match="moves by the verbs"):
        Order(customer=alice, items=[("MUG", 1)], **{name: 1}).save()
    setattr(order, name, 1)
    with pytest.raises(TypeError, match="moves by the verbs"):
        order.save()


# Keys


def in_parts(order, verb, quantity, key):
    return getattr(order, verb)(lines=[("MUG", quantity)], key=key)


@pytest.mark.parametrize("verb", ["ship", "cancel", "return_goods", "refund"])
def test_the_same_request_with_the_same_key_is_done_once(order, verb):
    order.ship(lines=[("MUG", 2)])
    first = in_parts(order, verb, 1, "k")
    before = everything(order)

    again = in_parts(order, verb, 1, "k")

    assert (again.pk, again.replayed, first.replayed) == (first.pk, True, False)
    assert everything(order) == before


@pytest.mark.parametrize("verb", ["ship", "cancel", "return_goods", "refund"])
def test_another_request_with_the_same_key_is_refused(order, verb):
    order.ship(lines=[("MUG", 1)])
    in_parts(order, verb, 1, "k")
    before = everything(order)

    with pytest.raises(IdempotencyKeyConflict):
        in_parts(order, verb, 2, "k")

    assert everything(order) == before


@pytest.mark.parametrize(
    ("verb", "values", "other"),
    [
        ("ship", {"carrier": "DHL"}, {"carrier": "UPS"}),
        ("cancel", {"reason": "lost"}, {"reason": "broken"}),
        ("return_goods", {"lines": [("MUG", 1, 1)]}, {"lines": [("MUG", 1, 0)]}),
        ("refund", {"amount": "1.00"}, {"amount": "2.00"}),
        ("refund", {"amount": "1.00", "reference": "R-1"}, {"amount": "1.00", "reference": "R-2"}),
        ("refund", {"amount": "4.50"}, {"lines": [("MUG", 1)]}),
    ],
)
def test_other_details_with_the_same_key_are_another_request(order, verb, values, other):
    order.ship(lines=[("MUG", 1)])
    first = getattr(order, verb)(key="k", **values)

    with pytest.raises(IdempotencyKeyConflict):
        getattr(order, verb)(key="k", **other)

    assert getattr(order, verb)(key="k", **values) == first


@pytest.mark.parametrize("verb", ["ship", "cancel", "refund"])
def test_a_key_is_of_one_order(order, alice, mug, verb):
    another = Order.objects.create(customer=alice, items=[(mug, 3)])
    another.pay()

    rows = [in_parts(each, verb, 1, "k") for each in (order, another)]

    assert [(row.order_id, row.replayed) for row in rows] == [(order.pk, False), (another.pk, False)]


@pytest.mark.parametrize("verb", ["ship", "refund"])
def test_a_retry_shows_the_lines_as_they_are_by_then(order, verb):
    in_parts(order, verb, 1, "k")
    Order.objects.get(pk=order.pk).ship(lines=[("LAMP", 2)])

    in_parts(order, verb, 1, "k")

    assert order.placed_lines is None


def test_a_retry_of_what_brought_the_order_to_its_end_is_no_transition(order):
    order.ship(carrier="DHL", key="k")

    again = order.ship(carrier="DHL", key="k")

    assert (again.number, again.replayed, order.status) == (1, True, "SHIPPED")


def test_a_key_of_a_refused_request_can_be_used_again(order):
    with pytest.raises(MoreThanRemains):
        in_parts(order, "ship", 4, "k")

    assert in_parts(order, "ship", 3, "k").number == 1


# Tracking


def test_tracking_is_corrected_and_the_history_knows_both(order, mug, staff):
    order.ship(lines=[(mug, 1)], carrier="DHL", tracking_number="1")

    shipment = order.correct_tracking(1, tracking_number="2", by=staff)

    assert (shipment.carrier, shipment.tracking_number) == ("DHL", "2")
    assert (order.carrier, order.tracking_number) == ("DHL", "2")
    event = order.events.order_by("id").last()
    assert (event.kind, event.by) == ("order.tracking_corrected", staff)
    assert event.facts["shipment"] == 1
    assert event.facts["tracking_number"] == {"from": "1", "to": "2"}
    assert "carrier" not in event.facts


def test_the_order_shows_the_tracking_of_its_newest_shipment(order, mug):
    order.ship(lines=[(mug, 1)], tracking_number="1")
    order.ship(lines=[(mug, 1)], tracking_number="2")

    order.correct_tracking(1, tracking_number="3")

    assert Order.objects.get().tracking_number == "2"
    assert [s.tracking_number for s in order.shipments.all()] == ["3", "2"]


def test_what_is_right_already_is_no_event(order, mug):
    order.ship(lines=[(mug, 1)], tracking_number="1")
    events = order.events.count()

    order.correct_tracking(1, tracking_number="1")

    assert order.events.count() == events


@pytest.mark.parametrize("text", ["a\x00b", "a\ud800", "a\nb", "x" * 101])
def test_a_tracking_number_is_one_printable_line(order, mug, text):
    order.ship(lines=[(mug, 1)], tracking_number="1")

    with pytest.raises(ValidationError):
        order.correct_tracking(1, tracking_number=text)

    assert order.shipments.get().tracking_number == "1"


def test_a_shipment_that_there_is_not_is_not_corrected(order):
    with pytest.raises(Shipment.DoesNotExist):
        order.correct_tracking(1, tracking_number="1")
    with pytest.raises(TypeError, match="number cannot be corrected"):
        order.correct_tracking(1, number=2)


# The rest of the shop


def test_the_shelf_holds_what_is_neither_shipped_nor_cancelled(order, mug):
    order.ship(lines=[(mug, 1)])
    order.cancel(lines=[(mug, 1)])

    assert mug.shelf() == (8, 1)


def test_an_assigned_status_does_all_that_remains(order, mug):
    order.ship(lines=[(mug, 1)])

    order.status, order.carrier = Status.SHIPPED, "DHL"
    order.save()

    assert counters(order) == {"MUG": (3, 0, 0, 0), "LAMP": (2, 0, 0, 0)}
    assert order.shipments.get(number=2).carrier == "DHL"


@pytest.mark.parametrize("write", ["save", "delete"])
def test_rows_are_written_by_the_verbs_only(order, mug, write):
    shipment = order.ship(lines=[(mug, 1)])

    with pytest.raises(TypeError, match="are written by the verbs"):
        getattr(shipment, write)()
    with pytest.raises(TypeError, match="are written by the verbs"):
        order.shipments.update(number=3)
    with pytest.raises(TypeError, match="are written by the verbs"):
        Shipment.objects.bulk_create([Shipment(order=order, number=2)])
