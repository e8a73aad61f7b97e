import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone

from products.admin import OrderAdmin
from products.models import BulkJob, Order, PricedItem
from products.order_numbers import format_number

ORDERS = "/admin/products/order/"
ACTIONS = ["pay", "pay-late", "ship", "deliver", "cancel", "return", "refund", "tracking"]


def page(order, name="change"):
    return f"{ORDERS}{order.pk}/{name}/"


def offered(answer):
    return [action.label for action in answer.context["object_actions"]]


def refreshed(order):
    return Order.objects.get(pk=order.pk)


def test_an_order_is_paid_shipped_and_delivered_from_its_page(staff, client_of, messages_of, an_order):
    order = an_order()

    paid = client_of(staff).post(page(order, "pay"), {"reference": "TRANSFER-17"})
    shipped = client_of(staff).post(page(order, "ship"), {"carrier": "Parcel Post", "tracking_number": "PP1"})
    delivered = client_of(staff).post(page(order, "deliver"))

    assert (paid.status_code, paid.url) == (302, page(order))
    assert [messages_of(answer) for answer in (paid, shipped, delivered)] == [
        [f"Order {format_number(order.number)} is paid."],
        [f"Order {format_number(order.number)} is shipped."],
        [f"Order {format_number(order.number)} is delivered."],
    ]
    done = refreshed(order)
    assert (done.status, done.payment_reference) == ("DELIVERED", "TRANSFER-17")
    assert (done.carrier, done.tracking_number) == ("Parcel Post", "PP1")
    assert [(event.kind, event.by.username) for event in order.events.order_by("id")] == [
        ("order.placed", "alice"),
        ("order.paid", "staff"),
        ("order.shipped", "staff"),
        ("order.delivered", "staff"),
    ]
    assert [entry.user for entry in LogEntry.objects.filter(object_id=str(order.pk))] == [staff] * 3


def test_a_reference_with_control_characters_is_refused_in_the_form(staff, client_of, an_order):
    order = an_order()

    answer = client_of(staff).post(page(order, "pay"), {"reference": "a\x07b"})

    [sentence] = answer.context["form"].errors["__all__"]
    assert sentence == "Control characters cannot be printed; remove U+0007 (control character)."
    assert refreshed(order).status == "PLACED"


def test_cancelling_puts_the_stock_back(staff, client_of, a_product, an_order):
    mug = a_product(stock=3)
    order = an_order(mug, 2)

    client_of(staff).post(page(order, "cancel"))

    assert (refreshed(order).status, mug.refreshed().stock) == ("CANCELLED", 3)
    assert [movement.delta for movement in order.movements] == [-2, 2]


def test_returned_goods_can_be_sold_again(staff, client_of, a_product, an_order):
    mug = a_product(stock=3)
    order = an_order(mug, 2)
    order.pay()
    order.ship()

    client_of(staff).post(page(order, "return"))

    assert (refreshed(order).status, mug.refreshed().stock) == ("RETURNED", 3)


def test_a_page_offers_the_transitions_that_are_allowed(staff, client_of, an_order):
    order, browser = an_order(), client_of(staff)

    assert offered(browser.get(page(order))) == ["Mark as paid", "Cancel"]
    order.pay()
    assert offered(browser.get(page(order))) == ["Ship", "Cancel", "Refund"]
    order.ship()
    assert offered(browser.get(page(order))) == ["Mark as delivered", "Return", "Refund", "Correct tracking"]
    order.deliver()
    assert offered(browser.get(page(order))) == ["Return", "Refund", "Correct tracking"]
    order.return_goods()
    order.refund(amount=order.paid)
    assert offered(browser.get(page(order))) == ["Correct tracking"]


def test_cancelling_a_cancelled_order_shows_an_error(staff, client_of, a_product, an_order):
    mug = a_product(stock=3)
    order = an_order(mug, 2)
    client_of(staff).post(page(order, "cancel"))

    answer = client_of(staff).post(page(order, "cancel"))

    assert answer.status_code == 200
    assert answer.context["form"].errors == {"__all__": ["An order that is CANCELLED cannot become CANCELLED."]}
    assert answer.context["summary"] == "alice, cancelled, 2.00 EUR."
    assert mug.refreshed().stock == 3


def test_a_payment_past_the_deadline_is_rejected(staff, client_of, an_order):
    order = an_order()
    Order.objects.filter(pk=order.pk).update(pay_by=timezone.now() - timedelta(minutes=1))

    answer = client_of(staff).post(page(order, "pay"), {"reference": "LATE"})

    assert list(answer.context["form"].errors) == ["__all__"]
    assert "had to be paid by" in answer.content.decode()
    assert (refreshed(order).status, refreshed(order).payment_reference) == ("PLACED", "")


def test_no_field_of_an_order_can_be_edited(staff, client_of, an_order):
    order, browser = an_order(), client_of(staff)

    answers = [
        browser.post(page(order), {"status": "DELIVERED", "carrier": "x", "pay_by_0": "2030-01-01"}),
        browser.get(page(order, "delete")),
        browser.post(page(order, "delete"), {"post": "yes"}),
        browser.post(ORDERS, {"action": "delete_selected", "_selected_action": [order.pk], "post": "yes"}),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403, 302]
    assert [(found.pk, found.status, found.carrier) for found in Order.objects.all()] == [(order.pk, "PLACED", "")]
    html = browser.get(page(order)).content.decode()
    assert re.findall(r'<(?!input type="hidden")(?:input|select|textarea)[^>]* name="([^"]+)"', html) == []


def test_the_page_shows_the_lines_as_they_were_ordered(staff, client_of, a_product, an_order):
    mug = a_product(stock=5, name="Mug", price="4.50")
    order = an_order(mug, 2)
    mug.name = "Large mug"
    mug.save()

    html = client_of(staff).get(page(order)).content.decode()

    assert all(f"<p>{shown}</p>" in html for shown in ["Mug", "2", "4.50", "9.00"])
    assert "Large mug" in html


def test_a_cart_shows_its_lines(staff, client_of, alice, a_product):
    cart = Order.objects.cart_of(alice)
    cart.items = [(a_product(name="Mug"), 2)]
    cart.save()

    answer = client_of(staff).get(page(cart))

    assert (answer.status_code, "Mug" in answer.content.decode()) == (200, True)
    assert offered(answer) == ["Cancel"]


@pytest.mark.parametrize("name", ACTIONS)
def test_a_user_with_view_permission_cannot_change_the_status(client_of, staff_with, an_order, name):
    order = an_order()
    clerk = staff_with("view_order")

    assert offered(client_of(clerk).get(page(order))) == []
    assert client_of(clerk).get(page(order, name)).status_code == 403
    assert client_of(clerk).post(page(order, name)).status_code == 403
    assert refreshed(order).status == "PLACED"


def test_a_user_with_view_permission_has_no_bulk_actions(client_of, staff_with, an_order):
    order = an_order()

    answer = client_of(staff_with("view_order")).post(
        ORDERS, {"action": "pay_selected", "_selected_action": [order.pk]}
    )

    list_page = client_of(User.objects.get(username="clerk")).get(ORDERS)
    offers = [name for name, _ in list_page.context["action_form"].fields["action"].choices]
    assert not BulkJob.objects.exists()
    assert answer.status_code == 302
    assert offers == ["", "print_pick_list", "print_packing_slips"]
    assert refreshed(order).status == "PLACED"


@pytest.mark.parametrize("name", ACTIONS)
def test_the_status_changes_only_by_a_post_with_a_csrf_token(staff, client_of, an_order, name):
    order = an_order()

    assert client_of(staff).get(page(order, name)).status_code == 200
    assert client_of(staff, enforce_csrf_checks=True).post(page(order, name)).status_code == 403
    assert refreshed(order).status == "PLACED"


def test_an_order_is_found_by_its_id_its_customer_and_its_references(staff, client_of, bob, a_product, an_order):
    order = an_order()
    order.pay(reference="TRANSFER-17")
    order.ship(tracking_number="PP1")
    Order.objects.create(customer=bob, items=[(a_product(stock=1), 1)])
    browser = client_of(staff)

    for wanted in [str(order.pk), order.pk.hex, f" {order.pk} ", "alice", "transfer-17", "PP1"]:
        assert list(browser.get(ORDERS, {"q": wanted}).context["cl"].result_list) == [order], wanted
    assert list(browser.get(ORDERS, {"q": "nothing like it"}).context["cl"].result_list) == []


@pytest.mark.parametrize("number", ["99", "x", "00000000-0000-7000-8000-000000000000"])
def test_an_unknown_order_is_not_found(staff, client_of, number):
    assert client_of(staff).post(f"{ORDERS}{number}/cancel/").status_code == 404


def test_an_order_is_found_by_what_people_say_on_the_phone(staff, client_of, alice, a_product):
    mug = a_product(stock=9)
    parts = {"name": "Alice Example", "line1": "Hauptstr. 1", "city": "Berlin", "country": "DE"}
    details = {"reference": "PO 4711", "email": "alice@shop.example", "ship_to": parts}
    wanted = Order.objects.create(customer=alice, items=[(mug, 1)], **details)
    Order.objects.create(customer=alice, items=[(mug, 1)], reference="PO 9")

    for said in (
        format_number(wanted.number),
        wanted.number.lower(),
        "PO 4711",
        "Alice@shop.example",
        "example",
        str(wanted.pk),
    ):
        answer = client_of(staff).get(ORDERS, {"q": said})
        assert [order.pk for order in answer.context["cl"].result_list] == [wanted.pk], said


def test_an_order_s_page_shows_its_details(staff, client_of, alice, a_product):
    parts = {"name": "A <b>", "line1": "Hauptstr. 1", "city": "Berlin", "country": "DE"}
    order = Order.objects.create(customer=alice, items=[(a_product(stock=1), 1)], note="Ring twice.", ship_to=parts)

    answer = client_of(staff).get(page(order))

    shown = answer.content.decode()
    assert OrderAdmin(Order, admin.site).address(Order(customer=alice)) == "-"
    for text in ("A &lt;b&gt;<br>\nHauptstr. 1<br>\nBerlin<br>\nDE<br>", "Ring twice.", format_number(order.number)):
        assert text in shown


# Parts


def test_an_order_s_page_shows_what_was_done_with_its_lines(staff, client_of, alice, a_product):
    mug = a_product(stock=9, sku="MUG", price="4.50")
    order = Order.objects.create(customer=alice, items=[(mug, 6)])
    order.pay()
    order.ship(lines=[(mug, 3)], carrier="DHL", tracking_number="00340", by=staff)
    order.cancel(lines=[(mug, 2)], reason="out of production")
    order.return_goods(lines=[(mug, 1, 0)])
    order.refund(amount="5.00", reference="R-7")

    shown = client_of(staff).get(page(order)).content.decode()

    for text in ("3 x MUG", "DHL", "00340", "2 x MUG", "out of production", "1 x MUG", "R-7", "27.00"):
        assert text in shown
    fields = client_of(staff).get(page(order)).context["inline_admin_formsets"]
    assert all(not each.has_add_permission and not each.has_change_permission for each in fields)


def test_the_page_shows_discounts_taxes_and_what_was_done(staff, client_of, settings, alice, a_product):
    settings.TAX_RATES = {"standard": Decimal("19.000")}
    mug = a_product(stock=9, sku="MUG", price="4.50")
    items = [PricedItem(mug, 6, discount=Decimal("2.00"))]
    order = Order.objects.create(customer=alice, items=items, discount=Decimal("1.00"))
    order.pay()
    order.ship(lines=[(mug, 2)])
    order.cancel(lines=[(mug, 1)])
    order.refund(amount=Decimal("4.50"))

    html = client_of(staff).get(page(order)).content.decode()

    for shown in ["3.00", "24.00", "3.83 (19 %)", "2 shipped, 1 cancelled, 1 restocked", "2 x MUG", "1 x MUG", "4.50"]:
        assert f"<p>{shown}</p>" in html


def test_the_rest_is_shipped_from_the_page(staff, client_of, alice, a_product):
    mug = a_product(stock=9, sku="MUG")
    order = Order.objects.create(customer=alice, items=[(mug, 6)])
    order.pay()
    order.ship(lines=[(mug, 2)])

    client_of(staff).post(page(order, "ship"), {"carrier": "DHL"})

    assert refreshed(order).status == "SHIPPED"
    assert [line.shipped for line in order.lines.all()] == [6]


def test_a_late_payment_is_accepted_from_the_page(staff, client_of, alice, a_product):
    mug = a_product(stock=3)
    order = Order.objects.create(customer=alice, items=[(mug, 2)], pay_by=timezone.now() - timedelta(hours=1))
    order.expire()
    browser = client_of(staff)

    assert offered(browser.get(page(order))) == ["Accept late payment"]
    browser.post(page(order, "pay-late"), {"reference": "INV-7"})

    assert (refreshed(order).status, refreshed(order).payment_reference) == ("PAID", "INV-7")
    assert mug.refreshed().stock == 1


@pytest.mark.parametrize("action", ["pay", "ship", "cancel", "refund"])
def test_the_page_of_an_action_has_the_focus_in_one_place(staff, client_of, an_order, action):
    order = an_order()
    if action != "pay":
        order.pay()

    page = client_of(staff).get(f"/admin/products/order/{order.pk}/{action}/").content.decode()

    assert page.count(" autofocus") == 1


# Requests made by hand


@pytest.mark.parametrize("query", [{"placed_at__year": 10**30}, {"customer__id__exact": 10**30}])
def test_a_filter_that_fits_no_column_is_no_error_of_the_server(staff, client_of, query):
    answer = client_of(staff).get(reverse("admin:products_order_changelist"), query)

    assert answer.status_code in (200, 302, 400)


def test_an_action_for_what_is_no_id_is_a_bad_request(staff, client_of):
    form = {"action": "deliver_selected", "_selected_action": "x", "index": "0"}

    assert client_of(staff).post(reverse("admin:products_order_changelist"), form).status_code == 400
