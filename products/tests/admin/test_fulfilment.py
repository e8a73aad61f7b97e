"""The pages that ship, cancel, take back and refund some lines of an order, and correct its tracking."""

import re

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import call_command

from products.models import Order, Product
from products.tests.side_by_side import on_postgresql, side_by_side

ORDERS = "/admin/products/order/"


def page(order, name="change"):
    return f"{ORDERS}{order.pk}/{name}/"


@pytest.fixture
def an_order_of_two(alice, a_product):
    """A paid order of 6 mugs and 2 lamps."""
    mug, lamp = a_product(stock=9, sku="MUG", price="4.50"), a_product(stock=9, sku="LAMP", price="20.00")
    order = Order.objects.create(customer=alice, items=[(mug, 6), (lamp, 2)])
    order.pay()
    return order


def counters(order, name):
    return [getattr(line, name) for line in order.lines.all()]


def refreshed(order):
    return Order.objects.get(pk=order.pk)


def shown(form):
    """What the form proposes: {SKU: the values of its fields}."""
    return {row.line.sku: [field.value() for field in row.fields] for row in form.rows()}


def test_all_that_remains_is_proposed_to_be_shipped(staff, client_of, an_order_of_two):
    an_order_of_two.ship(lines=[("MUG", 2)])

    answer = client_of(staff).get(page(an_order_of_two, "ship"))

    assert shown(answer.context["form"]) == {"MUG": [4], "LAMP": [2]}
    assert len(re.findall(" autofocus", answer.content.decode())) == 1


def test_some_lines_are_shipped_with_their_tracking(staff, client_of, messages_of, an_order_of_two):
    order = an_order_of_two

    answer = client_of(staff).post(
        page(order, "ship"), {"q0": "2", "q1": "", "carrier": "DHL", "tracking_number": "00340", "key": "k"}
    )

    assert (answer.status_code, answer.url) == (302, page(order))
    assert counters(order, "shipped") == [2, 0]
    shipment = order.shipments.get()
    assert (shipment.carrier, shipment.tracking_number, shipment.by) == ("DHL", "00340", staff)
    assert refreshed(order).status == "PAID"


def test_shipping_leads_to_the_packing_slip_in_one_step(staff, client_of, an_order_of_two):
    order, browser = an_order_of_two, client_of(staff)

    answer = browser.post(page(order, "ship"), {"q0": "2", "q1": "0", "key": "k", "_print": "1"})
    slip = browser.get(answer.url).context["slips"][0]

    assert answer.url == f"{ORDERS}{order.pk}/shipments/1/packing-slip/"
    assert [tuple(line) for line in slip.lines] == [("MUG", "Product 1", 2)]
    assert [tuple(line) for line in slip.later] == [("MUG", "Product 1", 4), ("LAMP", "Product 2", 2)]


def test_a_second_click_ships_nothing_more(staff, client_of, an_order_of_two):
    order, browser = an_order_of_two, client_of(staff)
    form = {"q0": "6", "q1": "2", "key": "k"}

    answers = [browser.post(page(order, "ship"), form) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [302, 302]
    assert order.shipments.count() == 1
    assert refreshed(order).status == "SHIPPED"
    assert LogEntry.objects.filter(object_id=str(order.pk)).count() == 1


def test_a_sent_form_with_other_values_is_another_request(staff, client_of, an_order_of_two):
    order, browser = an_order_of_two, client_of(staff)
    browser.post(page(order, "ship"), {"q0": "1", "key": "k"})

    answer = browser.post(page(order, "ship"), {"q0": "2", "key": "k"})

    [sentence] = answer.context["form"].non_field_errors()
    assert sentence.startswith("This form was already sent with different values.")
    assert answer.context["form"]["key"].value() != "k"
    assert order.shipments.count() == 1


def test_what_is_too_much_is_said_next_to_its_line(staff, client_of, an_order_of_two):
    order = an_order_of_two
    order.ship(lines=[("LAMP", 2)])  # by somebody else, since the page was opened

    answer = client_of(staff).post(page(order, "ship"), {"q0": "7", "q1": "2", "key": "k"})

    assert answer.context["form"].errors == {
        "q0": ["MUG: 7 requested, 6 can still be shipped."],
        "q1": ["LAMP: 2 requested, 0 can still be shipped."],
    }
    assert [row.left for row in answer.context["form"].rows()] == [6, 0]
    assert "MUG: 7 requested, 6 can still be shipped." in answer.content.decode()


@pytest.mark.parametrize("quantity", ["-1", "x", "1.5", "10001", "1" * 5000])
def test_what_is_no_quantity_is_refused(staff, client_of, an_order_of_two, quantity):
    answer = client_of(staff).post(page(an_order_of_two, "ship"), {"q0": quantity, "key": "k"})

    assert list(answer.context["form"].errors) == ["q0"]
    assert not an_order_of_two.shipments.exists()


@pytest.mark.parametrize("name", ["ship", "cancel", "return", "refund"])
def test_no_quantity_at_all_is_refused(staff, client_of, an_order_of_two, name):
    order = an_order_of_two
    order.ship(lines=[("MUG", 1)])

    answer = client_of(staff).post(page(order, name), {"q0": "", "q1": "0", "key": "k"})

    assert answer.context["form"].non_field_errors() == ["Enter a quantity for at least one line."]


def test_some_lines_are_cancelled_with_a_reason(staff, client_of, an_order_of_two):
    order = an_order_of_two

    client_of(staff).post(page(order, "cancel"), {"q0": "0", "q1": "2", "reason": "out of production", "key": "k"})

    assert counters(order, "cancelled") == [0, 2]
    assert order.cancellations.get().reason == "out of production"
    assert Product.objects.get(sku="LAMP").stock == 9


def test_a_cart_is_cancelled_as_a_whole(staff, client_of, alice, a_product):
    mug = a_product(stock=9, sku="MUG")
    cart = Order.objects.cart_of(alice)
    cart.items = [(mug, 2)]
    cart.save()

    asked = client_of(staff).get(page(cart, "cancel"))
    client_of(staff).post(page(cart, "cancel"), {"reason": "Nobody came back.", "q0": "1"})

    assert shown(asked.context["form"]) == {}
    assert refreshed(cart).status == "CANCELLED"
    assert mug.refreshed().stock == 9


def test_some_of_what_comes_back_goes_on_the_shelf(staff, client_of, an_order_of_two):
    order = an_order_of_two
    order.ship()
    browser = client_of(staff)

    proposed = shown(browser.get(page(order, "return")).context["form"])
    browser.post(page(order, "return"), {"q0": "3", "r0": "1", "q1": "2", "r1": "", "key": "k"})

    assert proposed == {"MUG": [6, None], "LAMP": [2, None]}
    assert counters(order, "returned") == [3, 2]
    assert counters(order, "restocked") == [1, 2]


def test_more_on_the_shelf_than_came_back_is_refused_at_the_line(staff, client_of, an_order_of_two):
    order = an_order_of_two
    order.ship()

    answer = client_of(staff).post(page(order, "return"), {"q0": "1", "r0": "2", "key": "k"})

    assert answer.context["form"].errors == {"q0": ["MUG: from none to all of the 1 pieces go back into stock."]}


def test_what_came_back_is_proposed_to_be_refunded(staff, client_of, messages_of, an_order_of_two):
    order = an_order_of_two
    order.ship()
    order.return_goods(lines=[("MUG", 2)])
    browser = client_of(staff)

    proposed = shown(browser.get(page(order, "refund")).context["form"])
    answers = [browser.post(page(order, "refund"), {"q0": "2", "reference": "R-7", "key": "k"}) for _ in range(2)]

    assert proposed == {"MUG": [2], "LAMP": [None]}
    assert messages_of(answers[0]) == ["Refunded 9.00 EUR."]
    assert [(refund.amount, refund.reference) for refund in order.refunds.all()] == [(9, "R-7")]


def test_an_amount_is_refunded_instead_of_pieces(staff, client_of, an_order_of_two):
    order = an_order_of_two

    client_of(staff).post(page(order, "refund"), {"q0": "6", "amount": "5.00", "key": "k"})

    refund = order.refunds.get()
    assert (refund.amount, refund.lines.count()) == (5, 0)


@pytest.mark.parametrize(("amount", "sentence"), [("67.01", "67.01 EUR requested, 67.00 EUR paid"), ("1.001", "")])
def test_an_amount_that_cannot_be_refunded_is_refused_at_its_field(staff, client_of, an_order_of_two, amount, sentence):
    answer = client_of(staff).post(page(an_order_of_two, "refund"), {"amount": amount, "key": "k"})

    [error] = answer.context["form"].errors["amount"]
    assert sentence in error
    assert not an_order_of_two.refunds.exists()


def test_tracking_is_corrected_per_shipment_and_the_history_keeps_the_old_one(staff, client_of, an_order_of_two):
    order = an_order_of_two
    order.ship(lines=[("MUG", 1)], carrier="DHL", tracking_number="1")
    order.ship(lines=[("MUG", 1)], carrier="DHL", tracking_number="2")

    client_of(staff).post(
        page(order, "tracking"),
        {
            "carrier_1": "DHL",
            "initial-carrier_1": "DHL",
            "tracking_number_1": "11",
            "initial-tracking_number_1": "1",
        },
    )

    assert [each.tracking_number for each in order.shipments.all()] == ["11", "2"]
    assert order.events.latest("id").facts["tracking_number"] == {"from": "1", "to": "11"}


def test_a_text_that_cannot_be_printed_corrects_no_shipment(staff, client_of, an_order_of_two):
    order = an_order_of_two
    for number in ("1", "2"):
        order.ship(lines=[("MUG", 1)], tracking_number=number)

    answer = client_of(staff).post(page(order, "tracking"), {"tracking_number_2": "22", "tracking_number_1": "a\x07b"})

    assert list(answer.context["form"].errors) == ["tracking_number_1"]
    assert [each.tracking_number for each in order.shipments.all()] == ["1", "2"]


def test_tracking_that_somebody_else_has_changed_is_not_overwritten(staff, client_of, an_order_of_two):
    order = an_order_of_two
    order.ship(carrier="DHL", tracking_number="1")
    order.correct_tracking(1, tracking_number="2")

    answer = client_of(staff).post(
        page(order, "tracking"), {"tracking_number_1": "3", "initial-tracking_number_1": "1"}
    )

    assert answer.context["form"].errors == {
        "tracking_number_1": ["Somebody else has changed this to “2”; open this page again."]
    }


def test_names_of_products_are_escaped(staff, client_of, alice, a_product):
    mug = a_product(stock=1, name="<script>alert(1)</script>")
    order = Order.objects.create(customer=alice, items=[(mug, 1)])
    order.pay()

    html = client_of(staff).get(page(order, "ship")).content.decode()

    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html


@pytest.mark.parametrize("lines", [1, 20])
def test_a_page_takes_the_same_queries_for_one_line_and_for_twenty(
    staff, client_of, alice, many_products, django_assert_num_queries, lines
):
    order = Order.objects.create(customer=alice, items=[(mug, 1) for mug in many_products(lines, stock=1)])
    order.pay()
    browser = client_of(staff)

    with django_assert_num_queries(6):
        answer = browser.get(page(order, "ship"))

    assert len(list(answer.context["form"].rows())) == lines


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_two_who_ship_and_cancel_the_same_order_under_load_keep_the_books(staff, client_of, alice, a_product, capsys):
    mug = a_product(stock=1_000, sku="MUG")
    orders = [Order.objects.create(customer=alice, items=[(mug, 3)]) for _ in range(6)]
    for order in orders:
        order.pay()

    def use(name, quantity):
        def post():
            browser = client_of(staff)
            return [
                browser.post(page(order, name), {"q0": quantity, "key": name, "carrier": "DHL"}).status_code
                for order in orders
            ]

        return post

    def buy():
        return [Order.objects.create(customer=alice, items=[(mug, 1)]).status for _ in range(20)]

    shipped, cancelled, *bought = side_by_side(use("ship", "2"), use("cancel", "2"), buy, buy)

    # Of three pieces, two can be shipped or cancelled, but not both: one of the two is refused.
    assert [sorted(codes) for codes in zip(shipped, cancelled, strict=True)] == [[200, 302]] * 6
    assert bought == [["PLACED"] * 20] * 2
    done = [refreshed(order).lines.get() for order in orders]
    assert [line.shipped + line.cancelled for line in done] == [2] * 6
    call_command("check_stock")
