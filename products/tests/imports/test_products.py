"""Importing products: what would change, applying it in sets, and undoing it."""

from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.db import transaction

from products.imports import product_changes, products
from products.imports.product_changes import WrongState, apply_set, undo_set
from products.imports.product_files import read
from products.imports.products import NotPermitted, store
from products.models import (
    Category,
    Event,
    ImportState,
    Order,
    Product,
    ProductImport,
    ProductImportRow,
    RowKind,
    RowState,
    StockMovement,
)
from products.tests.side_by_side import meanwhile, on_postgresql, side_by_side

pytestmark = pytest.mark.django_db


@pytest.fixture
def an_import(staff):
    def make(text, by=staff, **options):
        data = text.encode()
        return store(read(data), data, "file.csv", by=by, **options)

    return make


def apply_all(batch, by=None):
    while apply_set(batch, by, trusted=by is None):
        pass
    batch.refresh_from_db()


def undo_all(batch, by=None):
    while undo_set(batch, by, trusted=by is None):
        pass
    batch.refresh_from_db()


def told(batch):
    return {row.sku: (row.kind, row.state, row.changes, row.reasons) for row in batch.rows.all()}


def figures():
    columns = [field.attname for field in Product._meta.concrete_fields if field.name != "updated_at"]
    return list(Product.objects.order_by("pk").values(*columns))


def test_a_preview_is_the_difference(an_import, a_product, a_category):
    mugs = Category.objects.create(slug="mugs", name="Mugs", parent=a_category)
    mug = a_product(sku="Mug", name="Mug", price="4.50", stock=5)
    a_product(sku="LAMP", name="Lamp")

    batch = an_import(
        "sku,name,price,category,tags,stock,expected,retired\n"
        'MUG,Stone mug,4.5,kitchen / MUGS,"Red, red,Tea",7,5,yes\n'
        "lamp,Lamp,1,,,,,\n"
        "BOWL,Bowl,3,mugs,,2,,no\n"
    )

    assert told(batch) == {
        "MUG": (
            RowKind.CHANGED,
            RowState.WAITING,
            {
                "name": ["Mug", "Stone mug"],
                "category": [None, mugs.pk],
                "tags": [[], ["red", "tea"]],
                "retired_at": [None, "now"],
                "stock": [5, 7],
            },
            [],
        ),
        "lamp": (RowKind.UNCHANGED, RowState.WAITING, {}, []),
        "BOWL": (
            RowKind.NEW,
            RowState.WAITING,
            {"name": [None, "Bowl"], "price": [None, "3.00"], "category": [None, mugs.pk], "stock": [0, 2]},
            [],
        ),
    }
    assert (batch.new, batch.changed, batch.unchanged, batch.bad) == (1, 1, 1, 0)
    assert mug.refreshed().name == "Mug"


def test_a_slug_names_its_category_whatever_others_are_called(an_import, a_product, a_category):
    Category.objects.create(slug="other-kitchen", name="kitchen")
    a_product(sku="MUG")

    batch = an_import("sku,category\nMUG,kitchen\n")

    assert told(batch)["MUG"] == (RowKind.CHANGED, RowState.WAITING, {"category": [None, a_category.pk]}, [])


def test_every_bad_row_is_named_with_all_its_reasons(an_import, a_product, monkeypatch):
    monkeypatch.setattr(products, "SET", 2)
    a_product(sku="MUG", price="4.50", stock=5)

    batch = an_import(
        "sku,name,price,list_price,barcode,stock,expected,category,retired\n"
        ",Bowl,3,,,,,,\n"
        "MUG,,x,,123,9,4,nowhere,\n"
        "mug,Mug,5,4,,,3,,\n"
        "NEW,New,1.23456,,,1.5,,,maybe\n"
        "\u200bODD,Odd,1,,,,,,\n"
        "NAMELESS,,,,,,,,\n"
    )

    assert {row.line: row.reasons for row in batch.rows.all()} == {
        2: ["sku: it is missing."],
        3: [
            "name: it is missing.",
            "price: 'x' is no number such as 12.50, without a sign and with a point.",
            "category: there is no category 'nowhere'.",
            "barcode: A barcode is a GTIN: 8, 12, 13 or 14 digits.",
            "stock: 4 expected, and there are 5.",
        ],
        4: [
            "sku: line 3 has it already.",
            "list_price: A list price is at least the price.",
            "expected: it is about the stock, which is missing.",
        ],
        5: [
            "stock: '1.5' is no whole number of pieces.",
            "retired: 'maybe' is neither yes nor no.",
            "price: An amount in EUR has at most 2 decimals.",
        ],
        6: ["sku: Remove U+200B (zero width space), which cannot be seen."],
        7: ["name: it is missing.", "price: it is missing."],
    }
    assert batch.bad == 6


def test_only_the_columns_of_the_file_are_written_and_an_empty_cell_empties(an_import, a_product):
    mug = a_product(sku="MUG", price="4.50", list_price="5.00", vendor="Potters", description="Of stone", weight=250)

    apply_all(an_import("sku,list_price,vendor\nMUG,,\n"))

    changed = mug.refreshed()
    assert (changed.list_price, changed.vendor) == (None, "")
    assert (changed.price, changed.description, changed.weight) == (Decimal("4.50"), "Of stone", 250)


def test_what_is_applied_is_what_the_models_own_ways_would_have_written(an_import, a_product, staff):
    mug = a_product(sku="MUG", name="Mug", price="4.50", stock=5)

    apply_all(an_import("sku,name,price,stock\nMUG,Blue mug,5,3\nBOWL,Bowl,3,2\n", note="June"), staff)

    bowl = Product.objects.get(sku="BOWL")
    assert [(each.name, each.price, each.stock) for each in (mug.refreshed(), bowl)] == [
        ("Blue mug", Decimal("5.00"), 3),
        ("Bowl", Decimal("3.00"), 2),
    ]
    assert [each.sku for each in Product.objects.search("blue")] == ["MUG"]
    number = ProductImport.objects.get().pk
    assert list(StockMovement.objects.order_by("pk").values_list("delta", "reason", "by", "note"))[1:] == [
        (-2, "COUNTED", staff.pk, f"Import {number}: June"),
        (2, "RECEIVED", staff.pk, f"Import {number}: June"),
    ]
    assert not Product.objects.out_of_balance().exists()
    assert [period.price for period in mug.refreshed().price_history(mug.created_at)] == [
        Decimal("4.50"),
        Decimal("5.00"),
    ]
    events = Event.objects.filter(by=staff).order_by("product", "kind").values_list("product", "kind")
    assert list(events) == [
        (mug.pk, "product.changed"),
        (mug.pk, "product.stock_moved"),
        (bowl.pk, "product.created"),
        (bowl.pk, "product.stock_moved"),
    ]


def test_a_row_whose_product_has_changed_since_is_refused_and_named(an_import, a_product, alice):
    mug, lamp = a_product(sku="MUG", price="4.50", stock=5), a_product(sku="LAMP", price="1.00", stock=5)
    batch = an_import("sku,name,price,stock\nMUG,Mug,5,7\nLAMP,Lamp,2,5\nBOWL,Bowl,3,\n")
    mug.price = "4.75"
    mug.save()
    Order.objects.create(customer=alice, items=[(mug, 1)])
    a_product(sku="bowl")

    apply_all(batch)

    reasons = {row.sku: (row.state, row.reasons) for row in batch.rows.all()}
    assert reasons["LAMP"] == (RowState.APPLIED, [])
    assert reasons["BOWL"] == (RowState.REFUSED, ["sku: somebody has made a product with this SKU."])
    assert reasons["MUG"][0] == RowState.REFUSED
    assert {reason for reason in reasons["MUG"][1] if "name" not in reason} == {
        "price: it is 4.75 by now, and was 4.50 when the file was read.",
        "stock: it is 4 by now, and was 5 when the file was read.",
    }
    assert (mug.refreshed().price, mug.refreshed().stock) == (Decimal("4.75"), 4)
    assert lamp.refreshed().price == Decimal("2.00")


def test_a_row_that_breaks_a_rule_by_now_is_refused_and_the_others_are_applied(an_import, a_product, settings):
    settings.TAX_RATES = {"standard": Decimal(19), "books": Decimal(7)}
    mug, novel = a_product(sku="MUG", price="4.50", stock=5), a_product(sku="NOVEL", tax_class="books")
    batch = an_import("sku,price,stock\nMUG,5,6\nNOVEL,9,1\n")
    settings.TAX_RATES = {"standard": Decimal(19)}

    apply_all(batch)

    assert {row.sku: (row.state, row.reasons) for row in batch.rows.all()} == {
        "MUG": (RowState.APPLIED, []),
        "NOVEL": (RowState.REFUSED, ["There is no such tax class; TAX_RATES has standard."]),
    }
    assert (mug.refreshed().price, mug.refreshed().stock) == (Decimal("5.00"), 6)
    assert (novel.refreshed().price, novel.refreshed().stock) == (Decimal("1.00"), 0)


def test_an_undone_import_restores_every_figure(an_import, a_product, a_category):
    a_product(sku="MUG", name="Mug", price="4.50", stock=5, category=a_category, tags=["red"], vendor="Potters")
    retired = a_product(sku="LAMP", name="Lamp", stock=1)
    retired.retire()
    before = figures()
    batch = an_import(
        "sku,name,price,stock,category,tags,vendor,retired\n"
        "MUG,Cup,5,9,,blue,,yes\n"
        "LAMP,Lamp,2,0,kitchen,,Lights,no\n"
        "BOWL,Bowl,3,4,,,,\n"
    )

    apply_all(batch)
    undo_all(batch)

    *restored, bowl = figures()
    assert restored == before
    assert (bowl["sku"], bowl["stock"], bowl["retired_at"] is not None) == ("BOWL", 0, True)
    assert {row.state for row in batch.rows.all()} == {RowState.UNDONE}
    assert batch.state == ImportState.UNDONE
    assert not Product.objects.out_of_balance().exists()
    with pytest.raises(WrongState, match="is undone, so it cannot be undone"):
        undo_set(batch, trusted=True)


def test_undoing_leaves_alone_what_somebody_else_has_changed(an_import, a_product, alice):
    mug = a_product(sku="MUG", name="Mug", price="4.50", stock=0)
    batch = an_import("sku,name,price,stock\nMUG,Cup,5,2\n")
    apply_all(batch)
    mug = mug.refreshed()
    mug.price = "6.00"
    mug.save()
    Order.objects.create(customer=alice, items=[(mug, 1)])

    undo_all(batch)

    [row] = batch.rows.all()
    assert (row.state, row.reasons) == (
        RowState.KEPT,
        [
            "price: it is 6.00 by now, and not 5.00 as imported; left as it is.",
            "stock: MUG: 2 requested, 1 available.",
        ],
    )
    assert (mug.refreshed().name, mug.refreshed().price, mug.refreshed().stock) == ("Mug", Decimal("6.00"), 1)


def test_a_row_whose_category_was_removed_since_is_refused(an_import, a_product, a_category):
    lamp = a_product(sku="LAMP", name="Lamp")
    batch = an_import("sku,name,category\nLAMP,Light,kitchen\n")
    a_category.delete()

    apply_all(batch)

    [row] = batch.rows.all()
    assert (row.state, row.reasons) == (RowState.REFUSED, ["category: it is gone."])
    assert (lamp.refreshed().name, lamp.refreshed().category) == ("Lamp", None)


def test_undoing_leaves_alone_what_was_removed_or_retired_since(an_import, a_product, a_category):
    lamp = a_product(sku="LAMP", name="Lamp", category=a_category)
    batch = an_import("sku,name,price,category\nLAMP,Light,1,\nCUP,Cup,4,\n")
    apply_all(batch)
    a_category.delete()
    cup = Product.objects.get(sku="CUP")
    cup.retire()

    undo_all(batch)

    assert {row.sku: (row.state, row.reasons) for row in batch.rows.all()} == {
        "LAMP": (RowState.KEPT, ["category: the one before is gone; left as it is."]),
        "CUP": (RowState.UNDONE, []),
    }
    assert (lamp.refreshed().name, lamp.refreshed().category) == ("Lamp", None)
    assert cup.refreshed().retired_at == cup.retired_at


def test_an_import_that_stopped_says_what_was_applied_and_goes_on(an_import, monkeypatch):
    monkeypatch.setattr(product_changes, "SET", 2)
    batch = an_import("sku,name,price\n" + "".join(f"P{number},P,1\n" for number in range(5)))

    assert apply_set(batch, trusted=True) == 2

    batch.refresh_from_db()
    assert (batch.state, batch.tally()["APPLIED"], Product.objects.count()) == (ImportState.APPLYING, 2, 2)
    apply_all(batch)
    assert (batch.state, batch.tally()["APPLIED"], Product.objects.count()) == (ImportState.APPLIED, 5, 5)
    with pytest.raises(WrongState, match="is applied, so it cannot be applied"):
        apply_set(batch, trusted=True)


@pytest.mark.django_db(transaction=True)
def test_two_tabs_apply_each_row_once(an_import, staff, monkeypatch):
    monkeypatch.setattr(product_changes, "SET", 3)
    batch = an_import("sku,name,price,stock\n" + "".join(f"P{number},P,1,1\n" for number in range(12)))

    done = side_by_side(*(lambda: apply_set(batch, staff) for _ in range(4)))

    assert done == [3, 3, 3, 3]
    assert sorted(StockMovement.objects.values_list("delta", flat=True)) == [1] * 12
    assert batch.tally()["APPLIED"] == 12


@on_postgresql
@pytest.mark.django_db(transaction=True)
def test_what_somebody_is_changing_right_now_is_waited_for_and_left_alone(an_import, a_product, staff):
    mug = a_product(sku="MUG", price="4.50", stock=5)
    batch = an_import("sku,price,stock\nMUG,5,7\n")

    with transaction.atomic():
        mug.price = "4.75"
        mug.save()
        applying = meanwhile(lambda: apply_set(batch, staff))
        assert applying.waits()

    assert applying.outcome() == 1
    assert [(row.state, row.reasons) for row in batch.rows.all()] == [
        (RowState.REFUSED, ["price: it is 4.75 by now, and was 4.50 when the file was read."])
    ]
    assert (mug.refreshed().price, mug.refreshed().stock) == (Decimal("4.75"), 5)


@pytest.mark.django_db(transaction=True)
def test_two_imports_of_the_same_new_product_make_it_once(an_import, staff):
    batches = [an_import("sku,name,price,stock\nMUG,Mug,1,1\n") for _ in range(4)]

    side_by_side(*(lambda batch=batch: apply_set(batch, staff) for batch in batches))

    assert (Product.objects.count(), Product.objects.get().stock) == (1, 1)
    states = sorted((row.state, *row.reasons) for row in ProductImportRow.objects.all())
    assert states == [("APPLIED",)] + [("REFUSED", "sku: somebody has made a product with this SKU.")] * 3


def test_a_set_costs_the_same_statements_however_many_rows_it_has(
    an_import, many_products, django_assert_max_num_queries
):
    counts = []
    for number in (30, 60):
        known = many_products(number) if number == 30 else Product.objects.all()
        text = "".join(f"{each.sku},X{number},2.{number},{number}\n" for each in known)
        batch = an_import("sku,name,price,stock\n" + text + f"NEW-{number},New,1,1\n")
        with django_assert_max_num_queries(40) as made:
            apply_set(batch, trusted=True)
        counts.append(len(made))

    assert counts[0] == counts[1]


def test_who_may_not_add_change_or_count_imports_none_of_it(an_import, bob, a_product):
    bob.is_staff = True
    bob.save()
    bob.user_permissions.set(Permission.objects.filter(codename="change_product"))
    a_product(sku="MUG", price="4.50")

    batch = an_import("sku,name,price\nMUG,Mug,5\nBOWL,Bowl,3\n", by=bob)

    assert {row.sku: row.reasons for row in batch.rows.all()} == {"MUG": [], "BOWL": ["You may not add products."]}
    with pytest.raises(NotPermitted, match="which you may not adjust"):
        an_import("sku,stock\nMUG,5\n", by=bob)
    bob.user_permissions.clear()
    with pytest.raises(NotPermitted, match="You may not do all that this import does"):
        apply_set(batch, type(bob).objects.get(pk=bob.pk))
    assert ProductImportRow.objects.filter(state=RowState.APPLIED).count() == 0


def test_who_may_adjust_stock_may_import_a_file_that_changes_nothing_else(an_import, a_product, bob):
    mug = a_product(sku="MUG", name="Mug", price="4.50", stock=1)
    bob.is_staff = True
    bob.user_permissions.set(Permission.objects.filter(codename="add_stockmovement"))

    batch = an_import("sku,name,price,stock\nMUG,Mug,4.50,5\n", by=bob)
    apply_all(batch, bob)

    assert (batch.bad, batch.state, mug.refreshed().stock) == (0, ImportState.APPLIED, 5)


def test_a_row_that_changes_more_than_one_may_is_bad(an_import, a_product, bob):
    a_product(sku="MUG", name="Mug", stock=1)
    bob.is_staff = True
    bob.user_permissions.set(Permission.objects.filter(codename="add_stockmovement"))

    batch = an_import("sku,name,stock\nMUG,Cup,5\n", by=bob)

    assert told(batch)["MUG"] == (RowKind.BAD, RowState.WAITING, {}, ["You may not change products."])


def test_who_may_adjust_stock_only_applies_nothing_that_others_have_read(an_import, a_product, bob):
    a_product(sku="MUG", name="Mug", price="4.50", stock=1)
    bob.is_staff = True
    bob.user_permissions.set(Permission.objects.filter(codename="add_stockmovement"))
    batch = an_import("sku,name,stock\nMUG,Cup,5\n")

    with pytest.raises(NotPermitted, match="You may not do all that this import does"):
        apply_set(batch, bob)
