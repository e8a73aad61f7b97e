"""The history of an order: who, when, what, and the old and the new values."""

import pytest

from products.models import Order

ORDERS = "/admin/products/order/"


@pytest.fixture
def a_story(alice, staff, a_product):
    mug = a_product(stock=9, sku="MUG", price="4.50")
    order = Order.objects.create(customer=alice, items=[(mug, 3)])
    order.pay(by=staff)
    order.ship(lines=[(mug, 2)], carrier="DHL", tracking_number="1", by=staff)
    order.correct_tracking(1, tracking_number="2", by=staff)
    order.cancel(lines=[(mug, 1)], by=alice)
    order.return_goods(lines=[(mug, 2, 1)], by=staff)
    order.refund(lines=[(mug, 2)], by=staff)
    return order


def told(answer):
    return [
        (str(entry.who), entry.what, entry.details, [tuple(change) for change in entry.changes])
        for entry in answer.context["history"]
    ]


def test_an_order_s_page_tells_its_history_newest_first(staff, client_of, a_story):
    answer = client_of(staff).get(f"{ORDERS}{a_story.pk}/change/")

    assert told(answer) == [
        ("staff", "Refunded", ["refund 1", "9.00 EUR", "2 x MUG"], []),
        ("staff", "Returned", ["return 1", "2 x MUG, 1 back on the shelf"], [("status", "shipped", "returned")]),
        ("alice", "Shipped", ["cancellation 1", "1 x MUG, 1 back on the shelf"], [("status", "paid", "shipped")]),
        ("staff", "Tracking corrected", ["shipment 1"], [("tracking number", "1", "2")]),
        ("staff", "Partly shipped", ["shipment 1", "2 x MUG"], []),
        ("staff", "Paid", [], [("status", "placed", "paid")]),
        ("alice", "Placed", [], [("status", "", "placed")]),
    ]


def test_the_history_page_has_the_same_history(staff, client_of, a_story):
    browser = client_of(staff)

    answer = browser.get(f"{ORDERS}{a_story.pk}/history/")

    assert told(answer) == told(browser.get(f"{ORDERS}{a_story.pk}/change/"))
    assert "Tracking number: 1 → 2" in answer.content.decode()


def test_a_long_history_has_pages(staff, client_of, a_story, monkeypatch):
    monkeypatch.setattr("products.admin.orders.EVENTS_ON_PAGE", 3)
    browser = client_of(staff)

    page = browser.get(f"{ORDERS}{a_story.pk}/change/")
    pages = [browser.get(f"{ORDERS}{a_story.pk}/history/", {"page": number}) for number in ("1", "3", "x")]

    assert (len(told(page)), page.context["further_history"]) == (3, True)
    assert [told(answer)[0][1] for answer in pages] == ["Refunded", "Placed", "Refunded"]


def test_the_history_needs_the_permission_to_view_orders(client_of, staff_with, a_story):
    assert client_of(staff_with("view_product")).get(f"{ORDERS}{a_story.pk}/history/").status_code == 403


@pytest.mark.parametrize("number", ["x", "00000000-0000-7000-8000-000000000000"])
def test_an_unknown_order_has_no_history(staff, client_of, number):
    assert client_of(staff).get(f"{ORDERS}{number}/history/").status_code == 404
