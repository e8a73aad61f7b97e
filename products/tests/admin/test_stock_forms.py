from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry

from products.models import Order, Product
from products.models.stock import MAX_STOCK


def page(product, name):
    return f"/admin/products/product/{product.pk}/{name}/"


def send(browser, product, name, said):
    """Open the form, fill it in and send it."""
    return browser.post(page(product, name), {"key": uuid4().hex} | said)


def last_movement(product):
    movement = product.movements.last()
    return movement.delta, movement.reason, movement.by, movement.note


def errors(answer):
    return answer.context["form"].errors


def test_receiving_adds_pieces_with_a_note_and_a_name(staff, desk, said, a_product):
    mug = a_product(stock=2, sku="MUG", name="Mug")

    answer = send(desk(staff), mug, "receive", {"quantity": "40", "note": "Delivery 17"})

    assert (answer.status_code, answer.url) == (302, page(mug, "change"))
    assert said(answer) == ["Received 40 of Mug (MUG). Stock is now 42."]
    assert mug.refreshed().stock == 42
    assert last_movement(mug) == (40, "RECEIVED", staff, "Delivery 17")
    assert mug.events.last().by == staff
    assert [(entry.user, entry.get_change_message()) for entry in LogEntry.objects.all()] == [
        (staff, "Received 40 of Mug (MUG). Stock is now 42.")
    ]


def test_correcting_takes_pieces_away_and_says_why(staff, desk, said, a_product):
    mug = a_product(stock=5, sku="MUG", name="Mug")

    answer = send(desk(staff), mug, "correct", {"delta": "-2", "note": "Broken"})

    assert said(answer) == ["Corrected Mug (MUG) by -2. Stock is now 3."]
    assert mug.refreshed().stock == 3
    assert last_movement(mug) == (-2, "CORRECTED", staff, "Broken")


def test_counting_makes_the_stock_what_was_counted(staff, desk, said, a_product):
    mug = a_product(stock=5, sku="MUG", name="Mug")

    answer = send(desk(staff), mug, "count", {"counted": "7", "expected": "5"})

    assert said(answer) == ["Counted Mug (MUG): +2. Stock is now 7."]
    assert mug.refreshed().stock == 7
    assert last_movement(mug) == (2, "COUNTED", staff, "")


def test_a_count_that_agrees_moves_nothing(staff, desk, said, a_product):
    mug = a_product(stock=5, sku="MUG", name="Mug")

    answer = send(desk(staff), mug, "count", {"counted": "5", "expected": "5"})

    assert said(answer) == ["Counted Mug (MUG). The stock of 5 is correct."]
    assert mug.movements.count() == 1


def test_a_count_begun_before_a_sale_does_not_bring_the_sold_pieces_back(staff, desk, alice, a_product):
    mug = a_product(stock=50, sku="MUG")
    opened = desk(staff).get(page(mug, "count")).context["form"]
    Order.objects.create(customer=alice, items=[(mug, 7)])

    answer = send(desk(staff), mug, "count", {"counted": "50", "expected": opened["expected"].value()})

    assert errors(answer) == {"__all__": ["The stock of MUG is now 43, not 50; count again."]}
    assert (mug.refreshed().stock, mug.movements.count()) == (43, 2)
    assert answer.context["summary"] == "In stock: 43."

    again = send(desk(staff), mug, "count", {"counted": "42", "expected": answer.context["form"]["expected"].value()})

    assert again.status_code == 302
    assert mug.refreshed().stock == 42


def test_nobody_counts_without_saying_what_they_saw(staff, desk, a_product):
    mug = a_product(stock=5)

    answer = send(desk(staff), mug, "count", {"counted": "7"})

    assert errors(answer) == {"expected": ["This field is required."]}
    assert mug.refreshed().stock == 5


@pytest.mark.parametrize(
    ("name", "form", "stock"),
    [
        ("receive", {"quantity": "40", "note": "Delivery 17"}, 45),
        ("correct", {"delta": "-2", "note": "Broken"}, 3),
        ("count", {"counted": "7", "expected": "5"}, 7),
    ],
)
def test_a_second_click_moves_nothing_more(staff, desk, said, a_product, name, form, stock):
    mug = a_product(stock=5)
    form = form | {"key": desk(staff).get(page(mug, name)).context["form"]["key"].value()}

    first = desk(staff).post(page(mug, name), form)
    second = desk(staff).post(page(mug, name), form)

    assert (second.status_code, said(second)) == (302, said(first))
    assert (mug.refreshed().stock, mug.movements.count()) == (stock, 2)


def test_a_page_that_was_sent_before_says_so_and_can_be_sent_again(staff, desk, a_product):
    mug = a_product()
    desk(staff).post(page(mug, "receive"), {"quantity": "40", "key": "one-page"})

    answer = desk(staff).post(page(mug, "receive"), {"quantity": "4", "key": "one-page"})

    assert errors(answer) == {
        "__all__": ["This form was already sent with different values. If you want both changes, send it again."]
    }
    assert mug.refreshed().stock == 40

    again = {"quantity": "4", "key": answer.context["form"]["key"].value()}
    assert desk(staff).post(page(mug, "receive"), again).status_code == 302
    assert mug.refreshed().stock == 44


def test_more_than_there_is_cannot_be_taken_away(staff, desk, a_product):
    mug = a_product(stock=5, sku="MUG")

    answer = send(desk(staff), mug, "correct", {"delta": "-6", "note": "Stolen"})

    assert (answer.status_code, errors(answer)) == (200, {"__all__": ["MUG: 6 requested, 5 available."]})
    assert answer.context["form"]["note"].value() == "Stolen"
    assert (mug.refreshed().stock, mug.movements.count()) == (5, 1)
    assert LogEntry.objects.count() == 0


@pytest.mark.parametrize(
    ("name", "sent", "refused"),
    [
        ("receive", {"quantity": "0"}, {"quantity": ["Ensure this value is greater than or equal to 1."]}),
        ("receive", {"quantity": "1.5"}, {"quantity": ["Enter a whole number."]}),
        ("receive", {"quantity": ""}, {"quantity": ["This field is required."]}),
        ("receive", {"quantity": MAX_STOCK}, {"__all__": [f"The stock of a product is at most {MAX_STOCK} pieces."]}),
        ("receive", {"quantity": 10**30}, {"quantity": [f"Ensure this value is less than or equal to {MAX_STOCK}."]}),
        ("receive", {"quantity": "1", "note": "a\0b"}, {"note": ["Null characters are not allowed."]}),
        ("correct", {"delta": "0", "note": "?"}, {"__all__": ["A correction by 0 changes nothing."]}),
        ("correct", {"delta": "-1"}, {"note": ["This field is required."]}),
        ("count", {"counted": "-1", "expected": 5}, {"counted": ["Ensure this value is greater than or equal to 0."]}),
    ],
)
def test_what_cannot_be_is_refused_in_words_and_moves_nothing(staff, desk, a_product, name, sent, refused):
    mug = a_product(stock=5)

    answer = send(desk(staff), mug, name, sent)

    assert (answer.status_code, errors(answer)) == (200, refused)
    assert (mug.refreshed().stock, mug.movements.count()) == (5, 1)


@pytest.mark.parametrize("name", ["receive", "correct", "count"])
def test_opening_a_form_moves_nothing(staff, desk, a_product, name):
    mug = a_product(stock=5)

    answer = desk(staff).get(page(mug, name), {"quantity": 1, "delta": 1, "counted": 1, "expected": 5, "note": "x"})

    assert (answer.status_code, errors(answer)) == (200, {})
    assert mug.refreshed().stock == 5


@pytest.mark.parametrize("name", ["receive", "correct", "count"])
@pytest.mark.parametrize("permissions", [["view_product", "change_product"], ["add_stockmovement"]])
def test_stock_moves_only_by_those_who_may_see_the_product_and_move_stock(desk, a_clerk, a_product, permissions, name):
    mug = a_product(stock=5)
    clerk = a_clerk(*permissions)
    sent = {"quantity": "1", "delta": "1", "counted": "6", "expected": "5", "note": "x"}

    assert desk(clerk).get(page(mug, name)).status_code == 403
    assert send(desk(clerk), mug, name, sent).status_code == 403
    assert mug.refreshed().stock == 5


def test_who_may_move_stock_need_not_be_allowed_to_change_products(desk, a_clerk, a_product):
    mug = a_product(stock=5)
    clerk = a_clerk("view_product", "add_stockmovement")

    answer = send(desk(clerk), mug, "receive", {"quantity": "1"})

    assert answer.status_code == 302
    assert last_movement(mug) == (1, "RECEIVED", clerk, "")


def test_a_form_of_another_site_moves_nothing(staff, desk, a_product):
    mug = a_product(stock=5)

    answer = send(desk(staff, enforce_csrf_checks=True), mug, "receive", {"quantity": "1"})

    assert answer.status_code == 403
    assert mug.refreshed().stock == 5


@pytest.mark.parametrize("number", ["99", "99999999999999999999", "x", "1_2F0"])
def test_an_unknown_product_is_not_found(staff, desk, number):
    assert desk(staff).post(f"/admin/products/product/{number}/receive/", {"quantity": 1}).status_code == 404


def test_everything_that_moved_is_in_the_ledger(staff, desk, a_product):
    mug = a_product(stock=5)

    send(desk(staff), mug, "receive", {"quantity": "10"})
    send(desk(staff), mug, "correct", {"delta": "-4", "note": "Broken"})
    send(desk(staff), mug, "count", {"counted": "9", "expected": "11"})

    assert [movement.delta for movement in mug.movements.all()] == [5, 10, -4, -2]
    assert list(Product.objects.out_of_balance()) == []
