"""Packing slips and pick lists, which the browser prints."""

import pytest

from products.models import Order
from products.order_numbers import format_number

ORDERS = "/admin/products/order/"
ADDRESS = {"name": "Alice <b>", "line1": "Hauptstr. 1", "postal_code": "10115", "city": "Berlin", "country": "DE"}


@pytest.fixture
def two_orders(alice, a_product):
    """Two paid orders, both for mugs and one also for a lamp, of which a mug is shipped and another cancelled."""
    lamp, mug = a_product(stock=9, sku="LAMP", name="Lamp"), a_product(stock=9, sku="MUG", name="Mug")
    first = Order.objects.create(customer=alice, items=[(mug, 4), (lamp, 1)], ship_to=ADDRESS, note="Ring twice.")
    second = Order.objects.create(customer=alice, items=[(mug, 2)])
    for order in (first, second):
        order.pay()
    first.ship(lines=[(mug, 1)], carrier="DHL", tracking_number="00340")
    first.cancel(lines=[(mug, 1)])
    return first, second


def lines(found):
    return [tuple(line) for line in found]


def selected(browser, action, orders):
    return browser.post(ORDERS, {"action": action, "_selected_action": [order.pk for order in orders]})


def test_the_slip_of_an_order_has_what_remains_to_be_shipped(staff, client_of, two_orders):
    answer = client_of(staff).get(f"{ORDERS}{two_orders[0].pk}/packing-slip/")

    [slip] = answer.context["slips"]
    html = answer.content.decode()
    assert lines(slip.lines) == [("MUG", "Mug", 2), ("LAMP", "Lamp", 1)]
    assert slip.pieces == 3
    for text in (format_number(two_orders[0].number), "Alice &lt;b&gt;<br>Hauptstr. 1", "Ring twice."):
        assert text in html


def test_the_slip_of_an_order_that_was_shipped_has_what_was_shipped(staff, client_of, two_orders):
    two_orders[0].ship()

    [slip] = client_of(staff).get(f"{ORDERS}{two_orders[0].pk}/packing-slip/").context["slips"]

    assert lines(slip.lines) == [("MUG", "Mug", 3), ("LAMP", "Lamp", 1)]


def test_the_slip_of_a_shipment_has_its_lines_and_what_follows(staff, client_of, two_orders):
    answer = client_of(staff).get(f"{ORDERS}{two_orders[0].pk}/shipments/1/packing-slip/")

    [slip] = answer.context["slips"]
    assert lines(slip.lines) == [("MUG", "Mug", 1)]
    assert lines(slip.later) == [("MUG", "Mug", 2), ("LAMP", "Lamp", 1)]
    assert "DHL 00340" in answer.content.decode()


def test_the_pick_list_sums_by_product_and_is_sorted_by_sku(staff, client_of, alice, a_product, two_orders):
    placed = Order.objects.create(customer=alice, items=[(a_product(stock=1), 1)])
    browser = client_of(staff)

    answer = browser.get(selected(browser, "print_pick_list", [*two_orders, placed]).url)

    first, second = (format_number(order.number) for order in two_orders)
    assert [(pick.sku, pick.quantity, pick.orders) for pick in answer.context["picks"]] == [
        ("LAMP", 1, [(first, 1)]),
        ("MUG", 4, [(first, 2), (second, 2)]),
    ]
    assert answer.context["left_out"] == [placed]
    assert f"placed order {format_number(placed.number)}" in answer.content.decode()


def test_a_line_of_which_all_is_shipped_is_not_picked(staff, client_of, two_orders):
    browser, order = client_of(staff), two_orders[0]
    order.ship(lines=[("LAMP", 1)])

    answer = browser.get(selected(browser, "print_pick_list", [order]).url)

    assert [(pick.sku, pick.quantity) for pick in answer.context["picks"]] == [("MUG", 2)]


def test_each_selected_order_has_a_packing_slip(staff, client_of, two_orders):
    browser = client_of(staff)

    answer = browser.get(selected(browser, "print_packing_slips", two_orders).url)

    assert [slip.order for slip in answer.context["slips"]] == list(two_orders)
    assert answer.content.decode().count('<section class="sheet">') == 2


def test_too_many_orders_are_not_printed_at_once(staff, client_of, messages_of, two_orders, monkeypatch):
    monkeypatch.setattr("products.admin.documents.MAX_PRINTED", 1)

    answer = selected(client_of(staff), "print_pick_list", two_orders)

    assert messages_of(answer) == ["At most 1 orders are printed at once."]


@pytest.mark.parametrize(
    "page",
    [
        "pick-list/",
        "pick-list/?orders=",
        "pick-list/?orders=x",
        "packing-slips/?orders=%00",
        "packing-slips/?orders=" + "K7QF3MXP." * 301,
        "00000000-0000-7000-8000-000000000000/packing-slip/",
        "00000000-0000-7000-8000-000000000000/shipments/1/packing-slip/",
    ],
)
def test_what_is_not_there_is_not_printed(staff, client_of, page):
    assert client_of(staff).get(f"{ORDERS}{page}").status_code == 404


def test_a_shipment_that_is_not_there_is_not_printed(staff, client_of, two_orders):
    assert client_of(staff).get(f"{ORDERS}{two_orders[0].pk}/shipments/9/packing-slip/").status_code == 404


@pytest.mark.parametrize("page", ["packing-slips/", "pick-list/", "{}/packing-slip/", "{}/shipments/1/packing-slip/"])
def test_printing_needs_the_permission_to_view_orders(client_of, staff_with, two_orders, page):
    answer = client_of(staff_with("view_product")).get(f"{ORDERS}{page.format(two_orders[0].pk)}")

    assert answer.status_code == 403


@pytest.mark.parametrize("page", ["packing-slips", "pick-list"])
def test_printing_takes_the_same_queries_for_one_order_and_for_twenty(
    staff, client_of, alice, many_products, django_assert_num_queries, page
):
    [mug] = many_products(1, stock=50)
    orders = [Order.objects.create(customer=alice, items=[(mug, 1)]) for _ in range(20)]
    browser = client_of(staff)

    for some in (orders[:1], orders):
        with django_assert_num_queries(6):
            browser.get(f"{ORDERS}{page}/", {"orders": ".".join(order.number for order in some)})
