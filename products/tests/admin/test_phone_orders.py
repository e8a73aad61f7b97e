"""Orders that staff take on the phone."""

import re
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission, User

from products.models import Address, Order
from products.tests.side_by_side import just_before, on_postgresql

ADD = "/admin/products/order/add/"
CUSTOMERS = "/admin/products/order/customers/"


@pytest.fixture
def mug(a_product):
    return a_product(stock=5, sku="MUG", price="4.50", barcode="4006381333931")


def body(*lines, **values):
    """What the browser sends; a line is (SKU, quantity) or (SKU, quantity, price, discount)."""
    form = {"lines-TOTAL_FORMS": str(max(len(lines), 1)), "lines-INITIAL_FORMS": "0", "key": "k", "quote": "Quote"}
    for position, line in enumerate(lines):
        for name, value in zip(("sku", "quantity", "unit_price", "discount"), line, strict=False):
            form[f"lines-{position}-{name}"] = value
    return form | values


def place(browser, *lines, **values):
    """Quote the order, and place it as it was quoted."""
    quoted = browser.post(ADD, body(*lines, **values))
    form = body(*lines, **values, quoted=quoted.context["form"]["quoted"].value(), place="Place order")
    del form["quote"]
    return browser.post(ADD, form)


def test_an_order_is_quoted_before_it_is_placed(staff, client_of, alice, mug):
    answer = client_of(staff).post(ADD, body(("mug", "2"), customer="alice"))

    html = answer.content.decode()
    assert answer.context["may_place"] is True
    assert (answer.context["draft"].total, answer.context["form"]["quoted"].value()) == (Decimal("9.00"), "9.00")
    assert 'value="Place order"' in html
    assert not Order.objects.exists()


def test_an_order_is_placed_in_the_customer_s_name(staff, client_of, alice, mug, messages_of):
    details = {"reference": "PO 9", "email": "a@shop.example", "phone": "030 1234", "note": "Ring twice."}
    ship_to = {"ship_to_name": "Alice", "ship_to_line1": "Hauptstr. 1", "ship_to_city": "Berlin"}

    answer = place(client_of(staff), ("MUG", "2"), customer="alice", **details, **ship_to, ship_to_country="DE")

    order = Order.objects.get()
    assert (answer.status_code, answer.url) == (302, f"/admin/products/order/{order.pk}/change/")
    assert (order.customer, order.status, order.total) == (alice, "PLACED", Decimal("9.00"))
    assert {name: getattr(order, name) for name in details} == details
    assert order.ship_to["city"] == "Berlin"
    assert order.events.get().by == staff
    assert mug.refreshed().stock == 3


def test_a_second_click_places_no_second_order(staff, client_of, alice, mug):
    browser = client_of(staff)

    answers = [
        place(browser, ("MUG", "5"), customer="alice"),
        browser.post(ADD, body(("MUG", "5"), customer="alice", quoted="22.50", place="Place order")),
    ]

    assert [answer.status_code for answer in answers] == [302, 302]
    assert Order.objects.count() == 1
    assert mug.refreshed().stock == 0


def test_a_form_that_placed_an_order_already_places_no_other_one(staff, client_of, alice, mug):
    browser = client_of(staff)
    place(browser, ("MUG", "1"), customer="alice")

    answer = place(browser, ("MUG", "2"), customer="alice")

    [sentence] = answer.context["form"].non_field_errors()
    assert sentence.startswith("This form has placed another order already.")
    assert answer.context["form"]["key"].value() != "k"
    assert Order.objects.count() == 1


def test_a_line_is_found_by_its_barcode(staff, client_of, alice, mug):
    place(client_of(staff), ("4006381333931", "1"), customer="alice")

    assert [line.sku for line in Order.objects.get().lines.all()] == ["MUG"]


def test_every_refusal_stands_next_to_its_line(staff, client_of, alice, mug, a_product):
    gone = a_product(stock=1, sku="GONE")
    gone.retire()

    answer = client_of(staff).post(ADD, body(("MUG", "6"), ("", ""), ("NONE", "1"), ("GONE", "1"), customer="alice"))

    errors = [form.errors for form in answer.context["lines"].forms]
    assert errors == [
        {"__all__": ["MUG: 6 requested, 5 available."]},
        {},
        {"__all__": ["There is no such product."]},
        {"__all__": ["GONE is no longer sold."]},
    ]
    assert answer.context["may_place"] is False


def test_an_incomplete_line_and_a_wrong_number_are_refused(staff, client_of, alice, mug):
    answer = client_of(staff).post(
        ADD, body(("MUG", ""), ("", "2"), ("MUG", "x"), ("MUG", "0"), ("MUG", "10001"), customer="alice")
    )

    assert [list(form.errors) for form in answer.context["lines"].forms] == [["quantity"], ["sku"]] + [["quantity"]] * 3


def test_an_order_without_lines_is_refused(staff, client_of, alice):
    answer = client_of(staff).post(ADD, body(customer="alice"))

    assert answer.context["form"].non_field_errors() == ["An order needs at least one line."]


def test_another_total_than_was_quoted_is_shown_first(staff, client_of, alice, mug):
    browser = client_of(staff)
    browser.post(ADD, body(("MUG", "1"), customer="alice"))
    mug.price = Decimal("5.00")
    mug.save()

    answer = browser.post(ADD, body(("MUG", "1"), customer="alice", quoted="4.50", place="Place order"))

    assert answer.context["form"].non_field_errors() == [
        "The total is 5.00 now. Look at the quote, and place the order again."
    ]
    assert not Order.objects.exists()


@pytest.mark.parametrize(
    ("customer", "sentence"),
    [
        ("", "Choose the customer."),
        ("ali", "Who is meant: alice?"),
        ("nobody", "There is no such active customer."),
        ("staff", "There is no such active customer."),
        ("a\x00b", "Null characters are not allowed."),
    ],
)
def test_a_customer_who_is_not_clear_is_asked_for(staff, client_of, alice, mug, customer, sentence):
    answer = client_of(staff).post(ADD, body(("MUG", "1"), customer=customer))

    assert sentence in answer.context["form"].errors["customer"]


def test_a_customer_is_chosen_by_e_mail(staff, client_of, alice, mug):
    User.objects.filter(pk=alice.pk).update(email="alice@shop.example")

    place(client_of(staff), ("MUG", "1"), customer="Alice@shop.example")

    assert Order.objects.get().customer == alice


def test_customers_are_suggested_by_name_and_e_mail(staff, client_of, staff_with, alice, bob):
    User.objects.filter(pk=alice.pk).update(email="a@shop.example", first_name="Alice", last_name="Liddell")

    suggested = client_of(staff).get(CUSTOMERS, {"q": "lidd ali"}).json()

    assert suggested == {"customers": [{"name": "alice", "label": "Alice Liddell a@shop.example"}]}
    assert client_of(staff).get(CUSTOMERS, {"q": "\0"}).json() == {"customers": []}
    assert client_of(staff_with("view_order")).get(CUSTOMERS, {"q": "a"}).status_code == 403


def test_a_new_customer_is_made_with_the_order(staff, client_of, mug):
    staff.user_permissions.add(Permission.objects.get(codename="add_user"))
    new = {"new_name": "Grace Brewster Hopper", "new_email": "grace@shop.example"}

    browser = client_of(staff)

    answers = [
        place(browser, ("MUG", "1"), **new),
        browser.post(ADD, body(("MUG", "1"), **new, quoted="4.50", place="Place order")),
        browser.post(ADD, body(("MUG", "1"), **new, quoted="4.50", place="Place order", key="another")),
    ]

    order = Order.objects.get()
    customer = order.customer
    assert [answer.status_code for answer in answers] == [302, 302, 200]
    assert list(answers[2].context["form"].errors) == ["new_email"]
    assert (customer.username, customer.email) == ("grace@shop.example", "grace@shop.example")
    assert (customer.first_name, customer.last_name) == ("Grace Brewster", "Hopper")
    assert not customer.has_usable_password()


def test_a_refused_order_makes_no_customer(staff, client_of, mug):
    staff.user_permissions.add(Permission.objects.get(codename="add_user"))

    form = body(("MUG", "9"), new_name="Grace", new_email="grace@shop.example", quoted="40.50", place="Place order")
    client_of(staff).post(ADD, form)

    assert not User.objects.filter(username="grace@shop.example").exists()


def test_a_new_customer_needs_the_permission_to_add_customers(staff, client_of, mug):
    form = body(("MUG", "1"), new_name="Grace", new_email="grace@shop.example", quoted="4.50", place="Place order")

    answer = client_of(staff).post(ADD, form)

    assert "new_email" not in answer.context["form"].fields
    assert answer.context["form"].errors == {"customer": ["Choose the customer."]}


@pytest.mark.parametrize(
    ("values", "errors"),
    [
        (
            {"customer": "alice", "new_name": "Grace", "new_email": "grace@shop.example"},
            {"customer": ["Choose a customer or enter a new one, not both."]},
        ),
        ({"new_name": "Grace"}, {"new_email": ["A new customer needs a name and an e-mail address."]}),
        ({"new_email": "grace@shop.example"}, {"new_name": ["A new customer needs a name and an e-mail address."]}),
    ],
)
def test_a_customer_is_either_chosen_or_described_in_full(staff, client_of, alice, mug, values, errors):
    staff.user_permissions.add(Permission.objects.get(codename="add_user"))

    answer = client_of(staff).post(ADD, body(("MUG", "1"), **values))

    assert answer.context["form"].errors == errors


def test_an_address_is_either_chosen_or_typed(staff, client_of, alice, mug):
    kept = Address.objects.create(customer=alice, name="Alice", line1="Hauptstr. 1", city="Berlin", country="DE")

    answer = client_of(staff).post(
        ADD, body(("MUG", "1"), customer="alice", address=str(kept.pk), ship_to_city="Hamburg")
    )

    assert answer.context["form"].errors["address"] == ["Choose a kept address or type another one, not both."]


@on_postgresql
def test_an_order_whose_stock_is_sold_meanwhile_is_refused_at_its_line(staff, client_of, alice, bob, mug):
    def sell_the_rest():
        Order.objects.create(customer=bob, items=[(mug, 5)])

    browser = client_of(staff)
    browser.post(ADD, body(("MUG", "2"), customer="alice"))

    with just_before("FOR NO KEY UPDATE", sell_the_rest):
        answer = browser.post(ADD, body(("MUG", "2"), customer="alice", quoted="9.00", place="Place order"))

    assert [form.errors for form in answer.context["lines"].forms] == [{"__all__": ["MUG: 2 requested, 0 available."]}]
    assert not Order.objects.filter(customer=alice).exists()


def test_a_kept_address_can_be_chosen(staff, client_of, alice, mug):
    kept = Address.objects.create(customer=alice, name="Alice", line1="Hauptstr. 1", city="Berlin", country="DE")
    browser = client_of(staff)

    quoted = browser.post(ADD, body(("MUG", "1"), customer="alice"))
    place(browser, ("MUG", "1"), customer="alice", address=str(kept.pk))

    assert quoted.context["form"].offers_addresses
    assert Order.objects.get().ship_to["line1"] == "Hauptstr. 1"


def test_an_address_of_somebody_else_cannot_be_chosen(staff, client_of, alice, bob, mug):
    other = Address.objects.create(customer=bob, name="Bob", line1="Nebenstr. 1", city="Berlin", country="DE")

    answer = client_of(staff).post(ADD, body(("MUG", "1"), customer="alice", address=str(other.pk)))

    assert list(answer.context["form"].errors) == ["address"]


def test_an_incomplete_address_is_refused_at_its_fields(staff, client_of, alice, mug):
    answer = client_of(staff).post(ADD, body(("MUG", "1"), customer="alice", ship_to_city="Berlin"))

    assert set(answer.context["form"].errors) == {"ship_to_line1", "ship_to_country", "ship_to_name"}


def test_staff_who_may_set_prices_sell_at_their_own(staff, client_of, alice, mug):
    place(client_of(staff), ("MUG", "2", "4.00", "1.00"), customer="alice", discount="2.00", shipping="3.00")

    order = Order.objects.get()
    assert (order.discount, order.shipping, order.total) == (Decimal("2.00"), Decimal("3.00"), Decimal("8.00"))


def test_others_have_no_fields_for_prices_and_cannot_send_them(client_of, staff_with, alice, mug):
    clerk = staff_with("add_order", "view_order")
    browser = client_of(clerk)

    place(browser, ("MUG", "2", "0.01", "1.00"), customer="alice", discount="2.00", shipping="0")

    assert not re.search('unit_price|name="discount"', browser.get(ADD).content.decode())
    assert Order.objects.get().total == Decimal("9.00")


def test_more_lines_keep_what_was_typed(staff, client_of, mug):
    form = body(("MUG", "2"), more="More lines")

    answer = client_of(staff).post(ADD, form)

    assert len(answer.context["lines"].forms) == 7
    assert answer.context["lines"].forms[0]["sku"].value() == "MUG"
    assert answer.context["show_errors"] is False
    assert 'class="errorlist"' not in answer.content.decode()


@pytest.mark.parametrize("total", ["x", "-1", "99999", "9" * 5000, ""])
@pytest.mark.parametrize("button", ["more", "quote"])
def test_a_number_of_lines_that_no_form_has_is_no_error_of_ours(staff, client_of, alice, mug, total, button):
    form = body(("MUG", "1"), customer="alice", **{"lines-TOTAL_FORMS": total, button: "1"})

    assert client_of(staff).post(ADD, form).status_code == 200


@pytest.mark.parametrize("permissions", [[], ["view_order"], ["add_order"], ["change_order", "view_order"]])
def test_a_phone_order_needs_its_permissions(client_of, staff_with, permissions):
    browser = client_of(staff_with(*permissions))

    assert [browser.get(ADD).status_code, browser.post(ADD, body()).status_code] == [403, 403]


@pytest.mark.parametrize("lines", [1, 20])
def test_a_quote_takes_the_same_queries_for_one_line_and_for_twenty(
    staff, client_of, alice, many_products, django_assert_max_num_queries, lines
):
    products = many_products(lines, stock=1)
    browser = client_of(staff)

    with django_assert_max_num_queries(12):
        browser.post(ADD, body(*[(product.sku, "1") for product in products], customer="alice"))
