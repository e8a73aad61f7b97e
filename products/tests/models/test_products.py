"""The catalogue: products, and the verbs that move their stock."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.db.models import F, ProtectedError

from products.models import (
    Category,
    CategoryInUse,
    IdempotencyKeyConflict,
    InsufficientStock,
    InvalidStockAdjustment,
    Order,
    Product,
    SkuTaken,
    StockHasMoved,
    Violation,
)
from products.models.stock import MAX_STOCK
from products.tests.side_by_side import side_by_side

pytestmark = pytest.mark.django_db


def ledger(product):
    return [(m.delta, m.reason, m.by, m.note) for m in product.movements.order_by("id")]


def events(product):
    return [(event.kind, event.by, event.facts) for event in product.events.order_by("id")]


# Stock


def test_a_new_product_receives_its_opening_stock(staff):
    mug = Product(sku="MUG", name="Mug", price="4.50", stock=3)
    mug.save(by=staff)

    assert (mug.stock, mug.refreshed().stock) == (3, 3)
    assert ledger(mug) == [(3, "RECEIVED", staff, "Opening stock")]
    assert events(mug) == [
        ("product.created", staff, {"price": "4.50"}),
        ("product.stock_moved", staff, {"delta": 3, "reason": "RECEIVED", "stock": 3}),
    ]


def test_a_new_product_without_stock_has_an_empty_ledger():
    mug = Product.objects.create(sku="MUG", name="Mug", price="4.50")

    assert mug.refreshed().stock == 0
    assert ledger(mug) == []


@pytest.mark.parametrize("opening", [-1, MAX_STOCK + 1])
def test_a_product_cannot_open_with_stock_that_cannot_be(opening):
    mug = Product(sku="MUG", name="Mug", price="4.50", stock=opening)

    with pytest.raises(InvalidStockAdjustment):
        mug.save()

    assert not Product.objects.exists()
    assert (mug.pk, mug.stock, mug._state.adding) == (None, opening, True)


def test_a_product_that_could_not_be_written_can_be_written_when_it_is_right(a_product):
    mug = a_product(sku="MUG")
    cup = Product(sku="MUG", name="Cup", price="4.50", stock=3)
    with pytest.raises(SkuTaken) as refusal:
        cup.save()
    assert refusal.value.violations[0].facts == {"product": mug.pk, "sku": "MUG"}

    cup.sku = "CUP"
    cup.save()

    assert Product.objects.get(sku="CUP").stock == 3
    assert [delta for delta, *_ in ledger(cup)] == [3]


def test_goods_come_in(a_product, staff):
    mug = a_product(stock=3)

    movement = mug.receive(200, by=staff, note="Delivery 7")

    assert (mug.stock, mug.refreshed().stock) == (203, 203)
    assert ledger(mug)[1:] == [(200, "RECEIVED", staff, "Delivery 7")]
    assert (movement.product, movement.delta, str(movement)) == (mug, 200, "+200 received")
    assert events(mug)[-1] == ("product.stock_moved", staff, {"delta": 200, "reason": "RECEIVED", "stock": 203})


def test_pieces_are_lost_and_found(a_product, staff):
    mug = a_product(stock=3)

    mug.correct(-2, by=staff, note="broken")
    mug.correct(1)

    assert mug.refreshed().stock == 2
    assert ledger(mug)[1:] == [(-2, "CORRECTED", staff, "broken"), (1, "CORRECTED", None, "")]


def test_pieces_are_counted(a_product, staff):
    mug = a_product(stock=3)

    mug.count(41, by=staff, note="Inventory")
    mug.count(0)

    assert mug.refreshed().stock == 0
    assert ledger(mug)[1:] == [(38, "COUNTED", staff, "Inventory"), (-41, "COUNTED", None, "")]


def test_a_count_that_agrees_moves_nothing(a_product):
    mug = a_product(stock=3)

    assert mug.count(3) is None

    assert mug.refreshed().stock == 3
    assert len(ledger(mug)) == 1


def test_a_count_that_knows_what_was_there_is_taken(a_product):
    mug = a_product(stock=3)

    mug.count(5, expected=3)

    assert mug.refreshed().stock == 5


def test_a_count_of_what_has_moved_since_is_refused(alice, a_product):
    mug = a_product(stock=3, sku="MUG")
    Order.objects.create(customer=alice, items=[(mug, 1)])

    with pytest.raises(StockHasMoved) as refusal:
        mug.count(3, expected=3)

    [violation] = refusal.value.violations
    assert violation.facts == {"product": mug.pk, "sku": "MUG", "expected": 3, "stock": 2}
    assert mug.refreshed().stock == 2


def test_a_count_of_the_shelf_includes_what_is_sold_and_not_yet_shipped(alice, staff, a_product):
    mug, lamp = a_product(stock=20), a_product(stock=5)
    Order.objects.create(customer=alice, items=[(mug, 3), (lamp, 1)])

    moved = mug.count_shelf(18, expected=mug.shelf().total, by=staff, note="Inventory", key="k")
    Order.objects.create(customer=alice, items=[(mug, 4)])
    again = mug.count_shelf(18, expected=20, by=staff, note="Inventory", key="k")

    assert (moved.replayed, again) == (False, moved)
    assert again.replayed
    assert ledger(mug)[1:] == [(-3, "SOLD", None, ""), (-2, "COUNTED", staff, "Inventory"), (-4, "SOLD", None, "")]
    assert (mug.refreshed().shelf(), mug.shelf().total) == ((11, 7), 18)
    assert mug.count_shelf(18, expected=18) is None


def test_a_count_of_another_shelf_than_the_expected_one_is_refused(alice, a_product):
    mug = a_product(stock=20, sku="MUG")
    mug.correct(-1)
    Order.objects.create(customer=alice, items=[(mug, 4)])

    with pytest.raises(StockHasMoved) as refusal:
        mug.count_shelf(20, expected=20)

    [violation] = refusal.value.violations
    assert violation.facts == {"product": mug.pk, "sku": "MUG", "expected": 20, "stock": 15, "waiting": 4}
    assert mug.refreshed().stock == 15


def test_the_key_of_a_count_of_the_shelf_is_for_no_other_count(alice, a_product):
    mug = a_product(stock=20)
    mug.count_shelf(19, expected=20, key="k")

    with pytest.raises(IdempotencyKeyConflict):
        mug.count_shelf(20, expected=20, key="k")

    assert mug.refreshed().stock == 19


@pytest.mark.django_db(transaction=True)
def test_of_two_products_that_get_one_key_at_once_one_is_adjusted(a_product, staff):
    mug, lamp = a_product(stock=20), a_product(stock=20)

    outcomes = side_by_side(*(lambda each=each: each.receive(1, by=staff, key="k") for each in (mug, lamp)))

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["IdempotencyKeyConflict", "StockMovement"]
    assert mug.refreshed().stock + lamp.refreshed().stock == 41


def test_verbs_go_by_what_is_there_and_not_by_what_somebody_has_in_hand(alice, a_product):
    mug = a_product(stock=3)
    stale = mug.refreshed()
    Order.objects.create(customer=alice, items=[(mug, 2)])

    stale.count(3)

    assert (stale.stock, mug.refreshed().stock) == (3, 3)
    assert ledger(mug)[-1][0] == 2


def test_more_than_there_is_cannot_be_taken_away(a_product):
    mug = a_product(stock=3, sku="MUG")

    with pytest.raises(InsufficientStock) as refusal:
        mug.correct(-4)

    facts = {"product": mug.pk, "sku": "MUG", "requested": 4, "available": 3}
    assert refusal.value.violations == (Violation("insufficient_stock", "MUG: 4 requested, 3 available.", facts=facts),)
    assert (mug.stock, mug.refreshed().stock) == (3, 3)
    assert len(ledger(mug)) == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda mug: mug.receive(0), "quantity_out_of_range"),
        (lambda mug: mug.receive(-1), "quantity_out_of_range"),
        (lambda mug: mug.receive(1.5), "quantity_out_of_range"),
        (lambda mug: mug.receive(Decimal(2)), "quantity_out_of_range"),
        (lambda mug: mug.receive(MAX_STOCK), "quantity_out_of_range"),
        (lambda mug: mug.correct(0), "nothing_moves"),
        (lambda mug: mug.correct(-0.5), "quantity_out_of_range"),
        (lambda mug: mug.correct(2**70), "quantity_out_of_range"),
        (lambda mug: mug.count(-1), "quantity_out_of_range"),
        (lambda mug: mug.count(MAX_STOCK + 1), "quantity_out_of_range"),
    ],
)
def test_a_change_that_cannot_be_is_refused(a_product, change, code):
    mug = a_product(stock=3)

    with pytest.raises(InvalidStockAdjustment) as refusal:
        change(mug)

    assert [violation.code for violation in refusal.value.violations] == [code]
    assert mug.refreshed().stock == 3
    assert len(ledger(mug)) == 1


def test_the_most_stock_fits(a_product):
    mug = a_product(stock=3)

    mug.count(MAX_STOCK)

    assert mug.refreshed().stock == MAX_STOCK


def test_saving_a_product_never_brings_sold_pieces_back(alice, a_product):
    mug = a_product(stock=3)
    stale = mug.refreshed()
    Order.objects.create(customer=alice, items=[(mug, 2)])

    stale.name = "Cup"
    stale.save()

    refreshed = mug.refreshed()
    assert (refreshed.name, refreshed.stock) == ("Cup", 1)


def test_a_product_can_be_saved_after_its_stock_has_moved_through_the_ledger(a_product):
    mug = a_product(stock=3)
    mug.receive(4)
    mug.name = "Cup"

    mug.save()

    assert (mug.refreshed().name, mug.refreshed().stock) == ("Cup", 7)


def test_a_product_loaded_without_its_stock_can_be_saved(a_product):
    mug = Product.objects.only("name").get(pk=a_product(stock=3).pk)
    mug.name = "Cup"

    mug.save()

    assert (mug.refreshed().name, mug.refreshed().stock) == ("Cup", 3)


def test_a_refreshed_product_can_be_saved_with_the_stock_that_it_shows_now(alice, a_product):
    mug = a_product(stock=3)
    Order.objects.create(customer=alice, items=[(mug, 2)])
    mug.refresh_from_db()
    mug.name = "Cup"

    mug.save()

    assert (mug.refreshed().name, mug.refreshed().stock) == ("Cup", 1)


def test_a_field_that_was_not_loaded_is_neither_loaded_nor_written(a_product):
    mug = Product.objects.only("name").get(pk=a_product().pk)
    mug.name = "Cup"

    mug.save()

    assert {"description", "price", "list_price"} <= mug.get_deferred_fields()
    assert mug.refreshed().name == "Cup"


def test_a_stock_that_is_not_written_keeps_no_other_field_from_being_written(a_product):
    mug = a_product(stock=3)
    mug.name, mug.stock = "Cup", 50

    mug.save(update_fields=["name"])

    assert (mug.refreshed().name, mug.refreshed().stock) == ("Cup", 3)


def test_a_new_product_takes_the_place_of_no_other_one(a_product):
    mug = a_product(stock=3, name="Mug")

    with pytest.raises(IntegrityError):
        Product(pk=mug.pk, sku="LAMP", name="Lamp", price="30.00").save()

    assert (mug.refreshed().name, mug.refreshed().stock) == ("Mug", 3)


def test_a_moment_that_is_assigned_as_text_is_no_change_where_it_is_the_same(a_product):
    mug = a_product()
    mug.created_at = mug.created_at.isoformat()

    mug.save()

    assert [kind for kind, _, _ in events(mug)] == ["product.created"]


def test_bringing_back_what_is_on_sale_changes_nothing(a_product):
    mug = a_product()
    before = mug.updated_at

    mug.bring_back()

    assert (mug.refreshed().updated_at, mug.retired_at) == (before, None)


def test_the_prices_in_force_are_those_of_the_events(a_product):
    mug = a_product(price="1.00")
    for name, value in {"price": 2, "list_price": 9, "name": "Cup", "tax_class": "standard"}.items():
        setattr(mug, name, value)
        mug.save()
    mug.price = 3
    mug.save()
    first, second = mug.events.filter(facts__has_key="new", facts__new__has_key="price").order_by("id")

    whole = mug.price_history(mug.created_at - timedelta(days=1))

    assert whole == [(1, mug.created_at, first.at), (2, first.at, second.at), (3, second.at, None)]
    assert mug.price_history(first.at) == [(2, first.at, second.at), (3, second.at, None)]
    assert mug.price_history(second.at) == [(3, second.at, None)]


REDUCED = {"sku": "MUG", "name": "Mug", "price": Decimal("4.50"), "list_price": Decimal("4.49")}


@pytest.mark.parametrize(
    "write",
    [
        lambda: Product(**REDUCED).full_clean(validate_constraints=False),
        lambda: Product(**REDUCED).save(),
        lambda: Product.objects.bulk_create([Product(**REDUCED)]),
        lambda: Product.objects.update_or_create(sku="LAMP", defaults={"list_price": Decimal("0.99")}),
        lambda: Product.objects.bulk_update(
            [Product(pk=product.pk, **REDUCED) for product in Product.objects.all()], ["price", "list_price"]
        ),
    ],
)
def test_a_list_price_below_the_price_is_refused_however_it_is_written(a_product, write):
    lamp = a_product(sku="LAMP", price="1.00")

    with pytest.raises(ValidationError) as error:
        write()

    assert error.value.message_dict == {"list_price": ["A list price is at least the price."]}
    assert (Product.objects.count(), lamp.refreshed().list_price) == (1, None)


def test_a_list_price_may_be_the_price(a_product):
    assert a_product(price="4.50", list_price="4.50").list_price == Decimal("4.50")


@pytest.mark.parametrize("price", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize(("name", "other"), [("price", "list_price"), ("list_price", "price")])
def test_what_is_no_price_is_named_once_and_compared_with_none(price, name, other):
    mug = Product(**REDUCED | {name: Decimal(price), other: Decimal("4.50")})

    with pytest.raises(ValidationError) as error:
        mug.full_clean(validate_constraints=False)

    assert error.value.message_dict == {name: [f"“{price}” value must be a decimal number."]}


CHANGED = {
    "sku": "CUP-9",
    "name": "Cup",
    "description": "Holds 200 ml.",
    "vendor": "Stoneworks",
    "barcode": "4006381333931",
    "weight": 410,
    "low_stock": 5,
    "tags": ["gift", "new"],
    "images": ["https://img.shop.example/1.jpg", "https://img.shop.example/2.jpg"],
    "price": Decimal("7.25"),
    "list_price": Decimal("9.00"),
    "tax_class": "standard",
    "retired_at": datetime(2026, 1, 31, 12, tzinfo=UTC),
    "created_at": datetime(2026, 1, 30, 12, tzinfo=UTC),
}
FOLLOWS = {"id", "stock", "updated_at", "search_text", "folded_sku", "category"}
"""Columns that are not the caller's to write, or (the category) are tested below."""


def test_saving_a_product_writes_every_column_that_a_caller_may_set(a_product, a_category):
    mug = a_product(stock=3)
    assert CHANGED.keys() | FOLLOWS == {field.name for field in Product._meta.concrete_fields}
    for name, value in CHANGED.items():
        setattr(mug, name, value)
    mug.category = a_category

    mug.save()

    refreshed = mug.refreshed()
    assert {name: getattr(refreshed, name) for name in CHANGED} == CHANGED
    assert (refreshed.category, refreshed.stock) == (a_category, 3)
    (kind, by, facts), retired = events(mug)[-2:]
    # The tax class is assigned, and stays the only one that there is.
    told = sorted({*CHANGED, "category"} - {"tax_class", "retired_at"})
    assert (kind, by, facts["fields"], retired[0]) == ("product.changed", None, told, "product.retired")


@pytest.mark.parametrize(
    "write",
    [
        lambda mug: mug.save(),
        lambda mug: mug.save(force_update=True),
        lambda mug: mug.save(update_fields=["stock"]),
        lambda mug: Product.objects.update(stock=50),
        lambda mug: mug.save(update_fields=["name", "stock"]),
        lambda mug: Product.objects.update(stock=F("stock") + 1),
        lambda mug: Product.objects.bulk_update([mug], ["stock"]),
        lambda mug: Product.objects.update_or_create(sku=mug.sku, defaults={"stock": 50}),
    ],
)
def test_whoever_tries_to_write_the_stock_is_told_of_the_verbs(a_product, write):
    mug = a_product(stock=3)
    mug.stock = 50

    with pytest.raises(TypeError) as error:
        write(mug)

    assert str(error.value) == "Stock moves through receive(), correct(), count() and orders, which write the ledger."
    assert mug.refreshed().stock == 3


def test_a_stock_that_was_assigned_is_not_forgotten_when_other_fields_are_refreshed(a_product):
    mug = a_product(stock=3)
    mug.stock = 50
    mug.refresh_from_db(fields=["name"])

    with pytest.raises(TypeError, match=r"^Stock moves through receive\(\)"):
        mug.save()

    mug.refresh_from_db()
    mug.save()
    assert (mug.stock, mug.refreshed().stock) == (3, 3)


# The rest of a product


def test_what_staff_change_is_told(a_product, a_category, staff):
    mug = a_product(price="4.50")

    mug.price, mug.category = "5.00", a_category
    mug.save(by=staff)

    refreshed = mug.refreshed()
    assert (refreshed.price, refreshed.category) == (Decimal("5.00"), a_category)
    assert refreshed.updated_at > refreshed.created_at
    facts = {
        "fields": ["category", "price"],
        "old": {"category": None, "price": "4.50"},
        "new": {"category": a_category.pk, "price": "5.00"},
    }
    assert events(mug)[-1] == ("product.changed", staff, facts)


@pytest.mark.parametrize("price", ["4.50", "4.5", Decimal("4.5")])
def test_saving_what_has_not_changed_tells_nothing(a_product, price):
    mug = a_product(price="4.50")

    mug.price = price
    mug.save()

    assert [kind for kind, *_ in events(mug)] == ["product.created"]


def test_a_retired_product_is_not_on_sale_but_keeps_its_stock_and_history(a_product, staff):
    mug = a_product(stock=3)

    mug.retire(by=staff)
    mug.retire(by=staff)

    refreshed = mug.refreshed()
    assert (refreshed.stock, refreshed.retired_at) == (3, mug.retired_at)
    assert list(Product.objects.on_sale()) == []
    assert list(Product.objects.retired()) == [mug]
    assert len(ledger(mug)) == 1
    moment = refreshed.retired_at.isoformat()
    facts = {"fields": ["retired_at"], "old": {"retired_at": None}, "new": {"retired_at": moment}}
    assert events(mug)[2:] == [("product.retired", staff, facts)]


def test_a_retired_product_can_be_brought_back(a_product, staff):
    mug = a_product()
    mug.retire()
    moment = mug.refreshed().retired_at.isoformat()

    mug.bring_back(by=staff)
    mug.bring_back(by=staff)

    assert list(Product.objects.on_sale()) == [mug]
    assert list(Product.objects.retired()) == []
    facts = {"fields": ["retired_at"], "old": {"retired_at": moment}, "new": {"retired_at": None}}
    assert events(mug)[-1] == ("product.brought_back", staff, facts)
    assert len(events(mug)) == 3


def test_retiring_writes_nothing_else_that_is_in_hand(a_product):
    mug = a_product(name="Mug")

    mug.name = "Cup"
    mug.retire()

    assert mug.refreshed().name == "Mug"


def test_products_are_found_by_what_is_in_stock(a_product):
    mug, _ = a_product(stock=1), a_product()

    assert list(Product.objects.in_stock()) == [mug]


def test_a_product_with_a_history_cannot_be_deleted(alice, a_product):
    mug = a_product(stock=1)
    Order.objects.create(customer=alice, items=[(mug, 1)])

    with pytest.raises(ProtectedError):
        mug.delete()

    assert Product.objects.get() == mug


def test_a_category_with_products_cannot_be_deleted(a_product, a_category):
    a_product(category=a_category)

    with pytest.raises(CategoryInUse):
        a_category.delete()
    with pytest.raises(ProtectedError):
        Category.objects.all().delete()

    assert Category.objects.get() == a_category


@pytest.mark.parametrize("sku", ["", " MUG", "MUG ", "MUG\n", "MUG\tBLUE", "MUG\u200b", "\u3164", "x" * 65])
def test_a_sku_is_one_line_that_can_be_seen_and_has_no_space_around_it(sku):
    with pytest.raises(ValidationError) as refusal:
        Product(sku=sku, name="Mug", price="4.50").full_clean()

    assert list(refusal.value.message_dict) == ["sku"]


@pytest.mark.parametrize("price", ["-0.01", "0.001", "100000000.00", "NaN", "a lot"])
def test_a_price_is_an_amount_of_money(price):
    with pytest.raises(ValidationError) as refusal:
        Product(sku="MUG", name="Mug", price=price).full_clean()

    assert list(refusal.value.message_dict) == ["price"]


def test_things_say_what_they_are(alice, a_product, a_category):
    mug = a_product(sku="MUG", name="Mug", stock=2)
    order = Order.objects.create(customer=alice, items=[(mug, 2)])

    assert (str(mug), str(a_category)) == ("Mug (MUG)", "Kitchen")
    assert str(order) == f"placed order {order.number[:4]}-{order.number[4:]}"
    assert str(order.lines.get()) == "2 x MUG"
    assert [str(movement) for movement in order.movements] == ["-2 sold"]
    assert [str(event) for event in order.events.all()] == ["order.placed"]


def test_products_made_in_bulk_have_no_stock_and_are_found_all_the_same():
    with pytest.raises(TypeError, match="receive"):
        Product.objects.bulk_create([Product(sku="MUG", name="Mug", price=1, stock=5)])

    Product.objects.bulk_create(Product(sku=f"P-{number}", name="Mug", price=1) for number in range(2))

    assert [product.stock for product in Product.objects.search("mug")] == [0, 0]
