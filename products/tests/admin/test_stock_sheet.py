"""The stock sheet: many products, received, corrected or counted at once."""

from uuid import uuid4

import pytest
from django.db import connection

from products.admin.stock_sheet import MAX_ROWS
from products.models import Order, Product
from products.models.stock import MAX_STOCK
from products.reconciliation import differences
from products.tests.side_by_side import on_postgresql, side_by_side

SHEET = "/admin/products/product/sheet/"
LOOKUP = f"{SHEET}lookup/"


def sheet_of(mode, *rows, **values):
    """Return a sheet as a browser sends it; a row is a code, a number and what a count was shown."""
    data = {"mode": mode, "note": "Delivery 17", "key": str(uuid4()), "form-TOTAL_FORMS": len(rows)}
    data |= {"form-INITIAL_FORMS": 0} | values
    for position, row in enumerate(rows):
        for name, value in zip(("code", "number", "expected"), row, strict=False):
            data[f"form-{position}-{name}"] = value
    return data


def errors(answer):
    """Return what the page says is wrong: of the sheet, and of each row."""
    context = answer.context
    sheet = [*context["form"].non_field_errors(), *context["form"]["note"].errors, *context["sheet"].non_form_errors()]
    rows = [[sentence for errors in row.errors.values() for sentence in errors] for row in context["sheet"]]
    return sheet, rows


def moved(product):
    return [(m.delta, m.reason, m.by, m.note) for m in product.movements.order_by("id")]


@pytest.fixture
def shelf(a_product):
    return a_product(sku="MUG", name="Mug", stock=5), a_product(sku="Größe", barcode="96385074"), a_product(sku="LAMP")


def test_a_delivery_is_received_by_sku_and_barcode(staff, client_of, messages_of, shelf):
    mug, cup, _ = shelf

    answer = client_of(staff).post(SHEET, sheet_of("receive", ["mug", "20"], ["", ""], ["0000096385074", "3"]))

    assert (answer.status_code, answer.url) == (302, f"{SHEET}?mode=receive")
    assert messages_of(answer) == ["Received 2 products: MUG +20, Größe +3."]
    assert moved(mug)[1:] == [(20, "RECEIVED", staff, "Delivery 17")]
    assert moved(cup) == [(3, "RECEIVED", staff, "Delivery 17")]
    event = mug.events.last()
    assert (event.kind, event.by, event.facts) == (
        "product.stock_moved",
        staff,
        {"delta": 20, "reason": "RECEIVED", "stock": 25},
    )
    assert list(Product.objects.out_of_balance()) == []


def test_stocks_are_corrected_with_a_reason(staff, client_of, shelf):
    mug, _, lamp = shelf
    rows = ["MUG", "-2"], ["LAMP", "1"]

    refused = client_of(staff).post(SHEET, sheet_of("correct", *rows, note=""))
    client_of(staff).post(SHEET, sheet_of("correct", *rows, note="Broken"))

    assert errors(refused) == (["Write the reason for the correction."], [[], []])
    assert moved(mug)[1:] == [(-2, "CORRECTED", staff, "Broken")]
    assert moved(lamp) == [(1, "CORRECTED", staff, "Broken")]


def test_a_count_is_compared_with_the_shelf_that_was_shown(staff, client_of, messages_of, alice, shelf):
    mug, cup, _ = shelf
    cup.receive(3)
    Order.objects.create(customer=alice, items=[(mug, 2)])

    answer = client_of(staff).post(SHEET, sheet_of("count", ["MUG", "4", "5"], ["Größe", "3", "3"]))

    assert messages_of(answer) == ["Counted 2 products: MUG -1, Größe agrees."]
    assert (mug.refreshed().stock, cup.refreshed().stock) == (2, 3)
    assert moved(mug)[-1] == (-1, "COUNTED", staff, "Delivery 17")


def test_a_count_that_was_shown_no_shelf_is_shown_it_first(staff, client_of, alice, shelf):
    mug, *_ = shelf
    Order.objects.create(customer=alice, items=[(mug, 2)])

    answer = client_of(staff).post(SHEET, sheet_of("count", ["MUG", "4"]))

    [row] = answer.context["sheet"]
    assert errors(answer) == ([], [["Compare this with what you counted, and send the sheet again."]])
    assert row.described == "Mug. On the shelf: 3 free + 2 sold and waiting."
    assert (row["number"].value(), row["expected"].value()) == ("4", "5")
    assert mug.refreshed().stock == 3


def test_a_sale_during_a_count_makes_it_not_stale_and_a_shipment_has_it_entered_anew(
    staff, client_of, alice, shelf, messages_of
):
    mug, _, lamp = shelf
    lamp.receive(9)
    sent = sheet_of("count", ["LAMP", "8", "9"], ["MUG", "5", "5"])
    order = Order.objects.create(customer=alice, items=[(mug, 3)])
    order.pay()
    order.ship()

    answers = [client_of(staff).post(SHEET, sent) for _ in range(2)]

    sentence = "There should be 2 pieces of MUG on the shelf now, and not 5; count again."
    assert [errors(answer) for answer in answers] == [([], [[], [sentence]])] * 2
    good, stale = answers[0].context["sheet"]
    assert (good["number"].value(), good["expected"].value()) == ("8", "9")
    assert (stale["number"].value(), stale["expected"].value()) == ("", "2")
    assert (lamp.refreshed().stock, mug.refreshed().stock) == (9, 2)


@pytest.mark.parametrize(
    ("mode", "row", "sentence"),
    [
        ("receive", ["CUP", "1"], "There is no product with the SKU or barcode CUP."),
        (
            "receive",
            ["4006381333931", "1"],
            "Several products have the barcode 4006381333931; write the SKU of one: A, B.",
        ),
        ("receive", ["OLD", "1"], "OLD is retired; bring it back before you receive it."),
        ("receive", ["mug", "1"], "MUG is in row 1 already."),
        ("receive", ["LAMP", "0"], "Receive at least one piece."),
        ("receive", ["LAMP", "-1"], "Receive at least one piece."),
        ("receive", ["LAMP", "1.5"], "Enter a whole number."),
        ("receive", ["LAMP", ""], "How many pieces?"),
        ("receive", ["", "1"], "Which product?"),
        ("receive", ["LAMP", MAX_STOCK + 1], f"Ensure this value is less than or equal to {MAX_STOCK}."),
        ("correct", ["LAMP", "0"], "A correction by 0 changes nothing."),
        ("correct", ["LAMP", "-1"], "LAMP: 1 requested, 0 available."),
        ("count", ["LAMP", "-1", "0"], "A count cannot be negative."),
        ("receive", ["a\0b", "1"], "Null characters are not allowed."),
        ("receive", ["x" * 65, "1"], "Ensure this value has at most 64 characters (it has 65)."),
    ],
)
def test_a_row_that_is_wrong_is_told_and_none_is_booked(staff, client_of, shelf, a_product, mode, row, sentence):
    mug, *_ = shelf
    for sku in "AB":
        a_product(sku=sku, barcode="4006381333931")
    a_product(sku="OLD").retire()

    answer = client_of(staff).post(SHEET, sheet_of(mode, ["MUG", "1", "5"], row))

    assert (answer.status_code, errors(answer)) == (200, ([], [[], [sentence]]))
    assert answer.context["sheet"][0]["number"].value() == "1"
    assert mug.refreshed().stock == 5


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({}, "Enter a SKU or scan a barcode, and a number of pieces."),
        ({"form-TOTAL_FORMS": 10_001}, f"A sheet has at most {MAX_ROWS} rows. Book these products in several sheets."),
        (
            {"note": "a\x07b", "form-0-code": "MUG", "form-0-number": "1"},
            "Control characters cannot be printed; remove",
        ),
    ],
)
def test_a_sheet_that_is_wrong_is_told(staff, client_of, shelf, values, sentence):
    answer = client_of(staff).post(SHEET, sheet_of("receive", ["", ""]) | values)

    [said] = errors(answer)[0]
    assert said.startswith(sentence)
    assert "Nothing was booked." in answer.content.decode()


def test_a_sheet_that_is_sent_twice_is_booked_once(staff, client_of, messages_of, alice, shelf):
    mug, cup, _ = shelf
    sent = sheet_of("count", ["MUG", "4", "5"], ["Größe", "0", "0"])

    first = client_of(staff).post(SHEET, sent)
    cup.receive(7)  # what agreed then has no movement, and is not looked at again
    second = client_of(staff).post(SHEET, sent)

    assert (second.status_code, messages_of(second)) == (302, messages_of(first))
    assert (len(moved(mug)), cup.refreshed().stock) == (2, 7)


def test_a_sheet_that_is_sent_again_with_another_row_is_rejected_once(staff, client_of, shelf):
    mug, _, lamp = shelf
    sent = sheet_of("receive", ["MUG", "20"])
    client_of(staff).post(SHEET, sent)

    answer = client_of(staff).post(SHEET, sent | sheet_of("receive", ["MUG", "20"], ["LAMP", "1"], key=sent["key"]))

    sentence = "This sheet was already booked with other rows. If you want these too, send it again."
    assert errors(answer) == ([sentence], [[], []])
    assert answer.context["form"]["key"].value() != sent["key"]
    assert (mug.refreshed().stock, lamp.refreshed().stock) == (25, 0)


def test_more_rows_keep_what_was_entered(staff, client_of, shelf):
    sent = sheet_of("count", ["MUG", "x", "5"]) | {"more": "More rows"}

    answer = client_of(staff).post(SHEET, sent)

    rows = [[row[name].value() for name in ("code", "number", "expected")] for row in answer.context["sheet"]]
    assert (rows[0], len(rows)) == (["MUG", "x", "5"], 11)
    assert errors(answer) == ([], [[]] * 11)
    assert [answer.context["form"][name].value() for name in ("mode", "key")] == ["count", sent["key"]]


def test_a_row_says_what_the_shop_knows_of_its_product(staff, client_of, alice, shelf):
    mug, *_ = shelf
    Order.objects.create(customer=alice, items=[(mug, 2)])
    browser = client_of(staff)

    assert browser.get(LOOKUP, {"code": "mug "}).json() == {
        "stock": "Mug. In stock: 3.",
        "shelf": "Mug. On the shelf: 3 free + 2 sold and waiting.",
        "expected": 5,
    }
    assert browser.get(LOOKUP, {"code": "x\0"}).json()["problem"].startswith("There is no product")
    assert browser.get(LOOKUP).json() == {"problem": "Which product?"}


@pytest.mark.parametrize("rows", [1, 40])
@pytest.mark.parametrize(("mode", "queries"), [("receive", 12), ("count", 14)])
def test_a_sheet_takes_the_same_queries_for_one_row_and_for_forty(
    staff, client_of, many_products, django_assert_num_queries, mode, queries, rows
):
    sent = sheet_of(mode, *([product.sku, "3", "5"] for product in many_products(rows, stock=5)))
    browser = client_of(staff)
    browser.get(SHEET)

    # PostgreSQL gets the stock and the events in one round trip.
    with django_assert_num_queries(queries - (connection.vendor == "postgresql")):
        answer = browser.post(SHEET, sent)

    assert answer.status_code == 302


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_of_two_who_count_a_shelf_at_once_one_is_booked_while_orders_come_in(
    staff, client_of, api, alice, bob, a_product
):
    mug, lamp = a_product(sku="MUG", stock=100), a_product(sku="LAMP", stock=100)
    bob.is_staff = bob.is_superuser = True
    bob.save()
    counters = [client_of(user) for user in (staff, bob)]
    lines = [{"product": product.pk, "quantity": 1} for product in (lamp, mug)]
    customers = [api(user) for user in (alice, bob)]
    buyers = [lambda c=c: c.post("/api/orders", {"lines": lines}, format="json") for c in customers]

    for missing in range(1, 6):
        shown = 101 - missing
        rows = ["MUG", shown - 1, shown], ["LAMP", shown - 1, shown]
        sheets = [sheet_of("count", *rows), sheet_of("count", *reversed(rows))]
        counts = [lambda c=c, sheet=sheet: c.post(SHEET, sheet) for c, sheet in zip(counters, sheets, strict=True)]
        answers = side_by_side(*counts, *buyers * 2)

        assert [answer.status_code for answer in answers[2:]] == [201] * 4
        [refused] = [answer for answer in answers[:2] if answer.status_code == 200]
        sentence = "There should be {} pieces of {} on the shelf now, and not {}; count again."
        assert {told for row in errors(refused)[1] for told in row} == {
            sentence.format(shown - 1, sku, shown) for sku in ("MUG", "LAMP")
        }

    assert [product.refreshed().shelf() for product in (mug, lamp)] == [(75, 20)] * 2
    assert list(differences()) == []


@pytest.mark.parametrize("address", [SHEET, LOOKUP])
@pytest.mark.parametrize("permissions", [["view_product", "change_product"], ["add_stockmovement"]])
def test_the_sheet_needs_permission_to_view_products_and_to_adjust_stock(
    client_of, staff_with, shelf, permissions, address
):
    browser = client_of(staff_with(*permissions))

    assert browser.get(address).status_code == 403
    assert browser.post(SHEET, sheet_of("receive", ["MUG", "20"])).status_code == 403
    assert shelf[0].refreshed().stock == 5


def test_the_list_offers_the_sheet_to_those_who_may_use_it(client_of, staff, staff_with):
    products = "/admin/products/product/"

    assert SHEET in client_of(staff).get(products).content.decode()
    assert SHEET not in client_of(staff_with("view_product")).get(products).content.decode()
