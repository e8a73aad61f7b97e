"""Money that arrives after the deadline: staff may accept it while the stock is still there."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from products.models import InsufficientStock, InvalidTransition, Order, PaymentOverdue
from products.reconciliation import differences

pytestmark = pytest.mark.django_db


@pytest.fixture
def mug(a_product):
    return a_product(stock=3, price="4.50", sku="MUG")


@pytest.fixture
def lamp(a_product):
    return a_product(stock=1, price="9.00", sku="LAMP")


@pytest.fixture
def expired(alice, mug, lamp):
    """Two mugs and a lamp that nobody paid in time; one more mug was cancelled before."""
    long_ago = timezone.now() - timedelta(hours=1)
    order = Order.objects.create(customer=alice, items=[(mug, 3), (lamp, 1)], pay_by=long_ago)
    order.cancel(lines=[(mug, 1)])
    order.expire()
    return order


def counters(order):
    return [(line.sku, line.cancelled, line.restocked) for line in order.lines.order_by("id")]


def test_an_expired_order_counts_its_pieces_as_cancelled(expired, mug, lamp):
    assert counters(expired) == [("MUG", 3, 3), ("LAMP", 1, 1)]
    assert (mug.refreshed().stock, lamp.refreshed().stock) == (3, 1)
    assert list(differences()) == []


def test_a_late_payment_takes_the_stock_again(expired, mug, lamp, staff):
    expired.pay(reference="INV-7", late=True, by=staff)

    assert (expired.status, expired.paid, expired.payment_reference) == ("PAID", Decimal("18.00"), "INV-7")
    assert counters(expired) == [("MUG", 1, 1), ("LAMP", 0, 0)]
    assert (mug.refreshed().stock, lamp.refreshed().stock) == (1, 0)
    assert [(m.delta, m.reason, m.part) for m in expired.movements.filter(product=mug)] == [
        (-3, "SOLD", 0),
        (1, "CANCELLED", 1),
        (2, "EXPIRED", 0),
        (-2, "SOLD", 1),
    ]
    event = expired.events.order_by("id").last()
    assert (event.kind, event.by, event.facts["from"], event.facts["to"]) == ("order.paid", staff, "EXPIRED", "PAID")
    assert list(differences()) == []


@pytest.mark.parametrize("verbs", [["cancel"], ["ship"], ["ship", "return_goods"]])
def test_an_order_that_was_paid_late_lives_on(expired, mug, lamp, verbs):
    expired.pay(late=True)

    for verb in verbs:
        getattr(expired, verb)()

    taken_mugs, taken_lamps = (2, 1) if verbs == ["ship"] else (0, 0)
    assert (mug.refreshed().stock, lamp.refreshed().stock) == (3 - taken_mugs, 1 - taken_lamps)
    assert list(differences()) == []


def test_a_late_payment_is_refused_where_the_stock_is_gone(expired, bob, mug, lamp):
    Order.objects.create(customer=bob, items=[(mug, 2), (lamp, 1)])

    with pytest.raises(InsufficientStock) as refusal:
        expired.pay(late=True)

    assert [each.facts for each in refusal.value.violations] == [
        {"product": mug.pk, "sku": "MUG", "requested": 2, "available": 1},
        {"product": lamp.pk, "sku": "LAMP", "requested": 1, "available": 0},
    ]
    assert (expired.status, expired.paid) == ("EXPIRED", 0)
    assert counters(expired) == [("MUG", 3, 3), ("LAMP", 1, 1)]
    assert list(differences()) == []


def test_a_late_payment_expires_what_others_have_not_paid_in_time_either(expired, bob, lamp):
    other = Order.objects.create(customer=bob, items=[(lamp, 1)], pay_by=timezone.now() - timedelta(seconds=1))

    expired.pay(late=True)

    assert (expired.status, Order.objects.get(pk=other.pk).status) == ("PAID", "EXPIRED")


def test_money_after_the_deadline_of_an_order_that_has_not_expired_yet_can_be_accepted(alice, mug):
    order = Order.objects.create(customer=alice, items=[(mug, 1)], pay_by=timezone.now() - timedelta(seconds=1))
    with pytest.raises(PaymentOverdue):
        order.pay()

    order.pay(late=True)

    assert (order.status, order.movements.count()) == ("PAID", 1)


def test_a_payment_that_nobody_accepts_as_late_is_refused(expired):
    with pytest.raises(InvalidTransition) as refusal:
        expired.pay()

    assert refusal.value.allowed == []
    expired.status = "PAID"
    with pytest.raises(InvalidTransition):
        expired.save()


def test_a_late_payment_is_accepted_once(expired):
    expired.pay(late=True)

    with pytest.raises(InvalidTransition):
        expired.pay(late=True)
