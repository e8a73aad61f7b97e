from uuid import uuid4

import pytest
from django.contrib.admin.models import LogEntry
from django.db import transaction

from products.models import Order, Product
from products.models.stock import MAX_STOCK
from products.tests.side_by_side import meanwhile, on_postgresql


def page(product, name):
    return f"/admin/products/product/{product.pk}/{name}/"


def send(client, product, name, data):
    """Send the form of a stock action with a new idempotency key."""
    return client.post(page(product, name), {"key": uuid4().hex} | data)


def last_movement(product):
    movement = product.movements.last()
    return movement.delta, movement.reason, movement.by, movement.note


def errors(answer):
    return answer.context["form"].errors


def test_receiving_adds_stock_with_note_and_user(staff, client_of, messages_of, a_product):
    mug = a_product(stock=2, sku="MUG", name="Mug")

    answer = send(client_of(staff), mug, "receive", {"quantity": "40", "note": "Delivery 17"})

    assert (answer.status_code, answer.url) == (302, page(mug, "change"))
    assert messages_of(answer) == ["Received 40 of Mug (MUG). Stock is now 42."]
    assert mug.refreshed().stock == 42
    assert last_movement(mug) == (40, "RECEIVED", staff, "Delivery 17")
    assert mug.events.last().by == staff
    assert [(entry.user, entry.get_change_message()) for entry in LogEntry.objects.all()] == [
        (staff, "Received 40 of Mug (MUG). Stock is now 42.")
    ]


@pytest.mark.parametrize("values", [{"note": "a\x07b"}, {"note": "\u200b"}, {"key": "a\x07b"}])
def test_a_text_that_the_model_refuses_is_an_error_of_the_form(staff, client_of, a_product, values):
    mug = a_product(stock=2)

    answer = send(client_of(staff), mug, "receive", {"quantity": "40"} | values)

    assert answer.status_code == 200
    assert "U+" in errors(answer)["__all__"][0]
    assert mug.refreshed().stock == 2


def test_correcting_removes_stock_with_a_note(staff, client_of, messages_of, a_product):
    mug = a_product(stock=5, sku="MUG", name="Mug")

    answer = send(client_of(staff), mug, "correct", {"delta": "-2", "note": "Broken"})

    assert messages_of(answer) == ["Corrected Mug (MUG) by -2. Stock is now 3."]
    assert mug.refreshed().stock == 3
    assert last_movement(mug) == (-2, "CORRECTED", staff, "Broken")


def test_counting_sets_the_stock(staff, client_of, messages_of, a_product):
    mug = a_product(stock=5, sku="MUG", name="Mug")

    answer = send(client_of(staff), mug, "count", {"counted": "7", "expected": "5"})

    assert messages_of(answer) == ["Counted Mug (MUG): +2. Stock is now 7."]
    assert mug.refreshed().stock == 7
    assert last_movement(mug) == (2, "COUNTED", staff, "")


def test_a_count_that_equals_the_stock_moves_nothing(staff, client_of, messages_of, a_product):
    mug = a_product(stock=5, sku="MUG", name="Mug")

    answer = send(client_of(staff), mug, "count", {"counted": "5", "expected": "5"})

    assert messages_of(answer) == ["Counted Mug (MUG). The stock of 5 is correct."]
    assert mug.movements.count() == 1


def shown(answer):
    """Return what the page of a count says of the shelf, what it expects, and what its field has."""
    form = answer.context["form"]
    return form["counted"].help_text, form["expected"].value(), form["counted"].value()


def test_the_sold_pieces_that_wait_to_be_shipped_are_counted_with_the_others(staff, client_of, alice, a_product):
    mug = a_product(stock=20, sku="MUG")
    Order.objects.create(customer=alice, items=[(mug, 1)])
    Order.objects.create(customer=alice, items=[(mug, 2)]).pay()
    shipped, cancelled = (Order.objects.create(customer=alice, items=[(mug, 4)]) for _ in range(2))
    shipped.pay()
    shipped.ship()
    cancelled.cancel()
    Order.objects.create(customer=alice, items=[(mug, 5)], status=Order.Status.CART)

    page_of_mug = client_of(staff).get(page(mug, "count"))
    send(client_of(staff), mug, "count", {"counted": "15", "expected": "16"})

    assert shown(page_of_mug) == ("On the shelf: 13 free + 3 sold and waiting.", 16, None)
    assert mug.refreshed().stock == 12
    assert last_movement(mug) == (-1, "COUNTED", staff, "")


def test_a_sale_during_a_count_makes_it_neither_wrong_nor_stale(staff, client_of, messages_of, alice, a_product):
    mug = a_product(stock=20, sku="MUG", name="Mug")
    _, expected, _ = shown(client_of(staff).get(page(mug, "count")))
    Order.objects.create(customer=alice, items=[(mug, 3)])

    answer = send(client_of(staff), mug, "count", {"counted": "20", "expected": expected})

    assert messages_of(answer) == ["Counted Mug (MUG). The stock of 17 is correct."]
    assert (mug.refreshed().stock, mug.movements.count()) == (17, 2)


@pytest.mark.parametrize(
    ("change", "says", "shelf"),
    [
        (lambda mug, order: order.ship(), "17 pieces of MUG", ("On the shelf: 17 free + 0 sold and waiting.", 17)),
        (lambda mug, order: mug.receive(5), "25 pieces of MUG", ("On the shelf: 22 free + 3 sold and waiting.", 25)),
    ],
    ids=["shipped", "received"],
)
def test_a_count_of_a_shelf_that_has_changed_is_refused_until_it_is_entered_anew(
    staff, client_of, alice, a_product, change, says, shelf
):
    mug = a_product(stock=20, sku="MUG")
    order = Order.objects.create(customer=alice, items=[(mug, 3)])
    order.pay()
    key = client_of(staff).get(page(mug, "count")).context["form"]["key"].value()
    sent = {"counted": "20", "expected": "20", "key": key}
    change(mug, order)
    before = mug.movements.count()

    refused = [client_of(staff).post(page(mug, "count"), sent) for _ in range(2)]
    answer = refused[0]
    form = answer.context["form"]
    unseen = client_of(staff).post(page(mug, "count"), {name: form[name].value() or "" for name in form.fields})

    sentence = f"There should be {says} on the shelf now, and not 20; count again."
    assert [errors(answer) for answer in refused] == [{"__all__": [sentence]}] * 2
    assert shown(answer) == (*shelf, "")
    assert errors(unseen) == {"counted": ["This field is required."]}
    assert mug.movements.count() == before

    again = send(client_of(staff), mug, "count", {"counted": shelf[1] - 1, "expected": shelf[1]})

    assert again.status_code == 302
    assert last_movement(mug) == (-1, "COUNTED", staff, "")


def test_a_count_with_a_mistake_has_to_be_entered_anew_if_the_page_shows_another_shelf(staff, client_of, a_product):
    mug = a_product(stock=20)
    sent = {"counted": "20", "expected": "20", "note": "a\0b"}

    same = send(client_of(staff), mug, "count", sent)
    mug.receive(5)
    other = send(client_of(staff), mug, "count", sent)

    assert shown(same) == ("On the shelf: 20 free + 0 sold and waiting.", "20", "20")
    assert shown(other) == ("On the shelf: 25 free + 0 sold and waiting.", 25, "")


def test_a_count_of_fewer_pieces_than_are_sold_is_refused(staff, client_of, alice, a_product):
    mug = a_product(stock=5, sku="MUG")
    Order.objects.create(customer=alice, items=[(mug, 3)])

    answer = send(client_of(staff), mug, "count", {"counted": "2", "expected": "5"})

    assert errors(answer) == {"__all__": ["MUG: 3 sold pieces wait to be shipped, more than the 2 counted."]}
    assert (mug.refreshed().stock, mug.movements.count()) == (2, 2)


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_count_waits_for_a_sale_that_is_just_being_made(staff, client_of, messages_of, alice, a_product):
    mug = a_product(stock=20)
    sent = {"counted": "20", "expected": "20"}
    with transaction.atomic():
        Order.objects.create(customer=alice, items=[(mug, 3)])
        counting = meanwhile(lambda: send(client_of(staff), mug, "count", sent))
        assert counting.waits()

    assert messages_of(counting.outcome()) == [f"Counted {mug}. The stock of 17 is correct."]
    assert (mug.refreshed().stock, mug.movements.count()) == (17, 2)


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_count_that_waits_sees_what_is_shipped_before_its_turn(staff, client_of, alice, a_product):
    mug = a_product(stock=20, sku="MUG")
    order = Order.objects.create(customer=alice, items=[(mug, 3)])
    order.pay()
    with transaction.atomic():
        Product.objects.locked().get(pk=mug.pk)
        counting = meanwhile(lambda: send(client_of(staff), mug, "count", {"counted": "20", "expected": "20"}))
        assert counting.waits()
        order.ship()

    sentence = "There should be 17 pieces of MUG on the shelf now, and not 20; count again."
    assert errors(counting.outcome()) == {"__all__": [sentence]}
    assert mug.refreshed().stock == 17


def test_a_count_requires_the_expected_stock(staff, client_of, a_product):
    mug = a_product(stock=5)

    answer = send(client_of(staff), mug, "count", {"counted": "7"})

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
def test_sending_a_form_twice_moves_stock_once(staff, client_of, messages_of, a_product, name, form, stock):
    mug = a_product(stock=5)
    form = form | {"key": client_of(staff).get(page(mug, name)).context["form"]["key"].value()}

    first = client_of(staff).post(page(mug, name), form)
    second = client_of(staff).post(page(mug, name), form)

    assert (second.status_code, messages_of(second)) == (302, messages_of(first))
    assert (mug.refreshed().stock, mug.movements.count()) == (stock, 2)


def test_a_form_sent_again_with_other_values_is_rejected_once(staff, client_of, a_product):
    mug = a_product()
    client_of(staff).post(page(mug, "receive"), {"quantity": "40", "key": "one-page"})

    answer = client_of(staff).post(page(mug, "receive"), {"quantity": "4", "key": "one-page"})

    assert errors(answer) == {
        "__all__": ["This form was already sent with different values. If you want both changes, send it again."]
    }
    assert mug.refreshed().stock == 40

    again = {"quantity": "4", "key": answer.context["form"]["key"].value()}
    assert client_of(staff).post(page(mug, "receive"), again).status_code == 302
    assert mug.refreshed().stock == 44


def test_a_correction_cannot_make_the_stock_negative(staff, client_of, a_product):
    mug = a_product(stock=5, sku="MUG")

    answer = send(client_of(staff), mug, "correct", {"delta": "-6", "note": "Stolen"})

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
def test_invalid_input_is_rejected_and_moves_nothing(staff, client_of, a_product, name, sent, refused):
    mug = a_product(stock=5)

    answer = send(client_of(staff), mug, name, sent)

    assert (answer.status_code, errors(answer)) == (200, refused)
    assert (mug.refreshed().stock, mug.movements.count()) == (5, 1)


@pytest.mark.parametrize("name", ["receive", "correct", "count"])
def test_opening_a_form_moves_nothing(staff, client_of, a_product, name):
    mug = a_product(stock=5)

    answer = client_of(staff).get(
        page(mug, name), {"quantity": 1, "delta": 1, "counted": 1, "expected": 5, "note": "x"}
    )

    assert (answer.status_code, errors(answer)) == (200, {})
    assert mug.refreshed().stock == 5


@pytest.mark.parametrize("name", ["receive", "correct", "count"])
@pytest.mark.parametrize("permissions", [["view_product", "change_product"], ["add_stockmovement"]])
def test_a_stock_action_needs_permission_to_view_the_product_and_to_adjust_stock(
    client_of, staff_with, a_product, permissions, name
):
    mug = a_product(stock=5)
    clerk = staff_with(*permissions)
    sent = {"quantity": "1", "delta": "1", "counted": "6", "expected": "5", "note": "x"}

    assert client_of(clerk).get(page(mug, name)).status_code == 403
    assert send(client_of(clerk), mug, name, sent).status_code == 403
    assert mug.refreshed().stock == 5


def test_a_stock_action_needs_no_permission_to_change_products(client_of, staff_with, a_product):
    mug = a_product(stock=5)
    clerk = staff_with("view_product", "add_stockmovement")

    answer = send(client_of(clerk), mug, "receive", {"quantity": "1"})

    assert answer.status_code == 302
    assert last_movement(mug) == (1, "RECEIVED", clerk, "")


def test_a_form_without_a_csrf_token_moves_nothing(staff, client_of, a_product):
    mug = a_product(stock=5)

    answer = send(client_of(staff, enforce_csrf_checks=True), mug, "receive", {"quantity": "1"})

    assert answer.status_code == 403
    assert mug.refreshed().stock == 5


@pytest.mark.parametrize("number", ["99", "99999999999999999999", "x", "1_2F0"])
def test_an_unknown_product_is_not_found(staff, client_of, number):
    assert client_of(staff).post(f"/admin/products/product/{number}/receive/", {"quantity": 1}).status_code == 404


def test_every_stock_action_is_in_the_ledger(staff, client_of, a_product):
    mug = a_product(stock=5)

    send(client_of(staff), mug, "receive", {"quantity": "10"})
    send(client_of(staff), mug, "correct", {"delta": "-4", "note": "Broken"})
    send(client_of(staff), mug, "count", {"counted": "9", "expected": "11"})

    assert [movement.delta for movement in mug.movements.all()] == [5, 10, -4, -2]
    assert list(Product.objects.out_of_balance()) == []


@pytest.mark.parametrize("action", ["receive", "correct", "count", "retire"])
def test_the_page_of_an_action_has_the_focus_in_one_place(staff, client_of, a_product, action):
    product = a_product()

    page = client_of(staff).get(f"/admin/products/product/{product.pk}/{action}/").content.decode()

    assert page.count(" autofocus") == 1
