import re
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.utils import timezone

from products.models import Order, Status

ORDERS = "/admin/products/order/"
VERBS = ["pay", "ship", "deliver", "cancel", "return"]


def page(order, name="change"):
    return f"{ORDERS}{order.pk}/{name}/"


def offered(answer):
    return [verb.label for verb in answer.context["object_actions"]]


def now(order):
    return Order.objects.get(pk=order.pk)


def test_an_order_is_paid_shipped_and_delivered_from_its_page(staff, desk, said, an_order):
    order = an_order()

    paid = desk(staff).post(page(order, "pay"), {"reference": "TRANSFER-17"})
    shipped = desk(staff).post(page(order, "ship"), {"carrier": "Parcel Post", "tracking_number": "PP1"})
    delivered = desk(staff).post(page(order, "deliver"))

    assert (paid.status_code, paid.url) == (302, page(order))
    assert [said(answer) for answer in (paid, shipped, delivered)] == [
        [f"Order {order.pk} is paid."],
        [f"Order {order.pk} is shipped."],
        [f"Order {order.pk} is delivered."],
    ]
    done = now(order)
    assert (done.status, done.payment_reference) == ("DELIVERED", "TRANSFER-17")
    assert (done.carrier, done.tracking_number) == ("Parcel Post", "PP1")
    assert [(event.kind, event.by.username) for event in order.events.order_by("id")] == [
        ("order.placed", "alice"),
        ("order.paid", "staff"),
        ("order.shipped", "staff"),
        ("order.delivered", "staff"),
    ]
    assert [entry.user for entry in LogEntry.objects.filter(object_id=str(order.pk))] == [staff] * 3


def test_cancelling_gives_the_stock_back(staff, desk, a_product, an_order):
    mug = a_product(stock=3)
    order = an_order(mug, 2)

    desk(staff).post(page(order, "cancel"))

    assert (now(order).status, mug.refreshed().stock) == ("CANCELLED", 3)
    assert [movement.delta for movement in order.movements] == [-2, 2]


def test_what_comes_back_is_sold_again(staff, desk, a_product, an_order):
    mug = a_product(stock=3)
    order = an_order(mug, 2)
    order.pay()
    order.ship()

    desk(staff).post(page(order, "return"))

    assert (now(order).status, mug.refreshed().stock) == ("RETURNED", 3)


def test_a_page_offers_the_moves_that_are_left(staff, desk, an_order):
    order, browser = an_order(), desk(staff)

    assert offered(browser.get(page(order))) == ["Mark as paid", "Cancel order"]
    order.pay()
    assert offered(browser.get(page(order))) == ["Mark as shipped", "Cancel order"]
    order.ship()
    assert offered(browser.get(page(order))) == ["Mark as delivered", "Return goods"]
    order.deliver()
    assert offered(browser.get(page(order))) == ["Return goods"]
    order.return_goods()
    assert offered(browser.get(page(order))) == []


def test_of_two_who_cancel_the_same_order_the_second_is_told(staff, desk, a_product, an_order):
    mug = a_product(stock=3)
    order = an_order(mug, 2)
    desk(staff).post(page(order, "cancel"))

    answer = desk(staff).post(page(order, "cancel"))

    assert answer.status_code == 200
    assert answer.context["form"].errors == {"__all__": ["An order that is CANCELLED cannot become CANCELLED."]}
    assert answer.context["summary"] == "alice, cancelled, 2.00 EUR."
    assert mug.refreshed().stock == 3


def test_a_payment_that_comes_too_late_is_refused(staff, desk, an_order):
    order = an_order()
    Order.objects.filter(pk=order.pk).update(pay_by=timezone.now() - timedelta(minutes=1))

    answer = desk(staff).post(page(order, "pay"), {"reference": "LATE"})

    assert list(answer.context["form"].errors) == ["__all__"]
    assert "had to be paid by" in answer.content.decode()
    assert (now(order).status, now(order).payment_reference) == ("PLACED", "")


def test_many_are_moved_at_once_and_each_refusal_is_told(staff, desk, said, an_order):
    placed, paid, cancelled = an_order(), an_order(), an_order()
    paid.pay(reference="TRANSFER-17")
    cancelled.cancel()

    answer = desk(staff).post(
        ORDERS, {"action": "pay_selected", "_selected_action": [placed.pk, paid.pk, cancelled.pk]}
    )

    assert said(answer) == [
        f"cancelled order {cancelled.pk}: An order that is CANCELLED cannot become PAID.",
        f"paid order {paid.pk}: An order that is PAID cannot become PAID.",
        "Mark as paid: 1 of 3.",
    ]
    assert [now(order).status for order in (placed, paid, cancelled)] == ["PAID", "PAID", "CANCELLED"]
    assert now(paid).payment_reference == "TRANSFER-17"
    assert placed.events.last().by == staff


@pytest.mark.parametrize(
    ("action", "verbs", "after"),
    [
        ("pay_selected", [], Status.PAID),
        ("ship_selected", ["pay"], Status.SHIPPED),
        ("deliver_selected", ["pay", "ship"], Status.DELIVERED),
    ],
)
def test_the_daily_moves_can_be_made_for_many(staff, desk, said, an_order, action, verbs, after):
    orders = [an_order(), an_order()]
    for order in orders:
        for verb in verbs:
            getattr(order, verb)()

    answer = desk(staff).post(ORDERS, {"action": action, "_selected_action": [order.pk for order in orders]})

    assert said(answer) == [f"Mark as {after.label}: 2 of 2."]
    assert [now(order).status for order in orders] == [after, after]


def test_what_cannot_be_undone_is_not_offered_for_many(staff, desk, an_order):
    an_order()

    choices = desk(staff).get(ORDERS).context["action_form"].fields["action"].choices

    assert [name for name, _ in choices] == ["", "pay_selected", "ship_selected", "deliver_selected"]


def test_nothing_of_an_order_is_written_by_hand(staff, desk, an_order):
    order, browser = an_order(), desk(staff)

    answers = [
        browser.get(f"{ORDERS}add/"),
        browser.post(f"{ORDERS}add/", {"customer": order.customer_id}),
        browser.post(page(order), {"status": "DELIVERED", "carrier": "x", "pay_by_0": "2030-01-01"}),
        browser.get(page(order, "delete")),
        browser.post(page(order, "delete"), {"post": "yes"}),
        browser.post(ORDERS, {"action": "delete_selected", "_selected_action": [order.pk], "post": "yes"}),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403, 403, 403, 302]
    assert [(found.pk, found.status, found.carrier) for found in Order.objects.all()] == [(order.pk, "PLACED", "")]
    html = browser.get(page(order)).content.decode()
    assert re.findall(r'<(?!input type="hidden")(?:input|select|textarea)[^>]* name="([^"]+)"', html) == []


def test_the_page_shows_the_lines_as_they_were_bought(staff, desk, a_product, an_order):
    mug = a_product(stock=5, name="Mug", price="4.50")
    order = an_order(mug, 2)
    mug.name = "Large mug"
    mug.save()

    html = desk(staff).get(page(order)).content.decode()

    assert all(f"<p>{shown}</p>" in html for shown in ["Mug", "2", "4.50", "9.00", "order.placed"])
    assert "Large mug" in html


def test_a_cart_shows_what_is_in_it(staff, desk, alice, a_product):
    cart = Order.objects.cart_of(alice)
    cart.items = [(a_product(name="Mug"), 2)]
    cart.save()

    answer = desk(staff).get(page(cart))

    assert (answer.status_code, "Mug" in answer.content.decode()) == (200, True)
    assert offered(answer) == ["Cancel order"]


@pytest.mark.parametrize("name", VERBS)
def test_who_may_only_look_moves_nothing(desk, a_clerk, an_order, name):
    order = an_order()
    clerk = a_clerk("view_order")

    assert offered(desk(clerk).get(page(order))) == []
    assert desk(clerk).get(page(order, name)).status_code == 403
    assert desk(clerk).post(page(order, name)).status_code == 403
    assert now(order).status == "PLACED"


def test_who_may_only_look_has_no_actions(desk, a_clerk, an_order):
    order = an_order()

    answer = desk(a_clerk("view_order")).post(ORDERS, {"action": "pay_selected", "_selected_action": [order.pk]})

    assert answer.status_code == 200
    assert answer.context["action_form"] is None
    assert now(order).status == "PLACED"


@pytest.mark.parametrize("name", VERBS)
def test_only_a_post_of_this_site_moves_an_order(staff, desk, an_order, name):
    order = an_order()

    assert desk(staff).get(page(order, name)).status_code == 200
    assert desk(staff, enforce_csrf_checks=True).post(page(order, name)).status_code == 403
    assert now(order).status == "PLACED"


def test_an_order_is_found_by_its_id_its_customer_and_its_references(staff, desk, bob, a_product, an_order):
    order = an_order()
    order.pay(reference="TRANSFER-17")
    order.ship(tracking_number="PP1")
    Order.objects.create(customer=bob, items=[(a_product(stock=1), 1)])
    browser = desk(staff)

    for wanted in [str(order.pk), order.pk.hex, f" {order.pk} ", "alice", "transfer-17", "PP1"]:
        assert list(browser.get(ORDERS, {"q": wanted}).context["cl"].result_list) == [order], wanted
    assert list(browser.get(ORDERS, {"q": "nothing like it"}).context["cl"].result_list) == []


@pytest.mark.parametrize("number", ["99", "x", "00000000-0000-7000-8000-000000000000"])
def test_an_unknown_order_is_not_found(staff, desk, number):
    assert desk(staff).post(f"{ORDERS}{number}/cancel/").status_code == 404
