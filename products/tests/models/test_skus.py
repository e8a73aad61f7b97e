"""SKUs: any printable text, and one product's in whatever case it is written."""

from importlib import import_module

import pytest
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from products.models import InvalidOrder, Order, Product, SkuTaken
from products.tests.side_by_side import side_by_side

WIDE = ["mug 350 ml", "A/4", "100% Wolle", "Größe-Ü", "商品-1", "№ 7", "-x", "M\N{COMBINING DIAERESIS}UG"]
SAME = [
    ("MUG-STONE", "mug-stone"),
    ("GRÖSSE", "größe"),
    ("STRASSE", "Straße"),
    ("ΣΟΦΌΣ", "σοφός"),
    ("MUG", "ＭＵＧ"),
    ("MÜG", "MU\N{COMBINING DIAERESIS}G"),
    ("İ", "i\N{COMBINING DOT ABOVE}"),
]

DOORS = {
    "save": lambda sku: Product(sku=sku, name="Mug", price=1).save(),
    "create": lambda sku: Product.objects.create(sku=sku, name="Mug", price=1),
    "bulk_create": lambda sku: Product.objects.bulk_create([Product(sku=sku, name="Mug", price=1)]),
    "upsert": lambda sku: upsert(sku),
    "change": lambda sku: change(sku),
    "bulk_update": lambda sku: bulk_update(sku),
    "another field": lambda sku: change_name(sku),
}


def upsert(sku):
    cup = Product.objects.create(sku="Ö-1", name="Cup", price=1)
    Product.objects.bulk_create(
        [Product(pk=cup.pk, sku=sku, name="Mug", price=1)],
        update_conflicts=True,
        unique_fields=["id"],
        update_fields=["sku", "name", "description"],
    )


def change(sku):
    mug = Product.objects.create(sku="Ö-1", name="Mug", price=1)
    mug.sku = sku
    mug.save(update_fields=["sku"])


def bulk_update(sku):
    mug = Product.objects.create(sku="Ö-1", name="Mug", price=1)
    mug.sku = sku
    Product.objects.bulk_update([mug], ["sku"])


def change_name(sku):
    Product.objects.create(sku=sku, name="Cup", price=1)
    mug = Product.objects.defer("sku", "folded_sku").get()
    mug.name = "Mug"
    mug.save()


@pytest.mark.django_db
@pytest.mark.parametrize("sku", WIDE)
def test_a_sku_is_any_text_that_can_be_printed(sku, alice):
    mug = Product(sku=sku, name="Mug", price=1, stock=3)
    mug.full_clean()
    mug.save()

    order = Order.objects.create(customer=alice, items=[(sku, 1), (sku.upper(), 1)])

    assert [(line.sku, line.quantity) for line in order.lines.all()] == [(sku, 2)]


@pytest.mark.django_db
@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(("sku", "other"), SAME)
def test_whichever_way_a_product_is_written_its_sku_is_found_and_taken_in_any_case(door, sku, other, alice):
    DOORS[door](sku)
    mug = Product.objects.get(name="Mug")
    mug.receive(3)

    [found] = Product.objects.by_ids_or_skus([], [other])
    order = Order.objects.create(customer=alice, items=[(other, 1)])
    with pytest.raises(SkuTaken) as refusal:
        Product(sku=other, name="Cup", price=1).save()
    with pytest.raises(ValidationError) as error:
        Product(sku=other, name="Cup", price=1).full_clean()

    assert (found.pk, found.sku) == (mug.pk, sku)
    assert [line.sku for line in order.lines.all()] == [sku]
    assert refusal.value.violations[0].facts == {"product": mug.pk, "sku": sku}
    assert error.value.message_dict == {"sku": ["Product with this SKU already exists."]}


@pytest.mark.django_db
def test_a_product_may_have_its_own_sku_in_another_case(a_product):
    mug = a_product(sku="mug")

    mug.sku = "MUG"
    mug.full_clean()
    mug.save()

    assert mug.refreshed().sku == "MUG"


@pytest.mark.django_db
def test_a_form_that_has_no_sku_does_not_look_for_it(a_product):
    a_product(sku="MUG")

    Product(sku="mug", name="Cup", price=1).validate_unique(exclude={"sku"})


@pytest.mark.django_db
def test_a_product_of_the_release_before_is_found_in_any_case_too(a_product):
    """That release knows no folded SKU, and only SKUs in ASCII."""
    mug = a_product(sku="Ö-1")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO products_product (sku, name, description, price, stock, created_at, updated_at, search_text)"
            " SELECT 'LAMP', 'Lamp', '', 1, 0, created_at, updated_at, '' FROM products_product"
        )

    found = Product.objects.by_ids_or_skus([], ["lamp", "ö-1"])

    assert [product.sku for product in found] == [mug.sku, "LAMP"]
    with pytest.raises(SkuTaken):
        Product(sku="Lamp", name="Lamp", price=1).save()


@pytest.mark.django_db
@pytest.mark.parametrize("values", [{"sku": "CUP"}, {"folded_sku": "cup"}])
def test_update_cannot_set_what_the_sku_is_found_by(a_product, values):
    mug = a_product(sku="MUG")

    with pytest.raises(TypeError, match="folded SKU"):
        Product.objects.update(**values)

    assert mug.refreshed().sku == "MUG"


@pytest.mark.django_db
@pytest.mark.parametrize("sku", ["", " MUG", "MUG ", "MUG\0", "MUG\ud800", "MUG\u200b", "MUG\ufe0f", "M" * 65])
def test_what_is_no_sku_is_an_unknown_product(alice, a_product, sku):
    a_product(sku="MUG", stock=1)

    with pytest.raises(InvalidOrder) as refusal:
        Order.objects.create(customer=alice, items=[(sku, 1)])

    assert [violation.code for violation in refusal.value.violations] == ["unknown_product"]


@pytest.mark.django_db(transaction=True)
def test_of_two_that_take_a_sku_at_once_one_has_it(db):
    def make(sku):
        return Product.objects.create(sku=sku, name="Mug", price=1)

    outcomes = side_by_side(lambda: make("Größe"), lambda: make("GRÖSSE"), lambda: make("grösse"))

    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Product", "SkuTaken", "SkuTaken"]
    assert Product.objects.count() == 1


@pytest.mark.django_db
def test_a_fingerprint_is_of_the_sku_as_it_was_sent(alice, a_product):
    """Orders that were placed before keep theirs, so a retry after a deployment is still recognized."""
    a_product(sku="MUG-STONE", stock=9)

    order, _ = Order.objects.place_once(customer=alice, items=[("MUG-STONE", 2)], key="k")

    assert order.request_digest == "2846364829f6d67c13d8ec9e3d17110087a38c46319bdf2b46c441f1ca868929"


# The migration


@pytest.fixture
def _one_sku_twice(db):
    """A database of the release before, with products that differ only in the case of their SKUs."""
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX a_sku_belongs_to_one_product_in_any_case")
        for sku in ("MUG", "LAMP", "mug", "Mug", "BOWL", "bowl", "lamp-2", "Größe"):
            cursor.execute(
                "INSERT INTO products_product (sku, name, description, price, stock, created_at, updated_at,"
                " search_text) VALUES (%s, 'Mug', '', 1, 0, '2026-01-31 12:00Z', '2026-01-31 12:00Z', '')",
                [sku],
            )


@pytest.mark.usefixtures("_one_sku_twice")
def test_the_migration_names_the_products_that_have_one_sku():
    migration = import_module("products.migrations.0029_sku_in_any_case")
    before = MigrationLoader(connection).project_state(("products", "0028_wide_skus"))

    with pytest.raises(CommandError) as error:
        migration.compare_skus(before.apps, connection.schema_editor())

    assert str(error.value) == (
        "From this release on, SKUs that differ only in case are the same SKU. Give one of each its own SKU, and "
        "migrate again: MUG and mug and Mug, BOWL and bowl."
    )


@pytest.mark.usefixtures("_one_sku_twice")
def test_the_migration_stores_the_key_of_a_sku_that_is_not_in_ascii():
    migration = import_module("products.migrations.0029_sku_in_any_case")
    before = MigrationLoader(connection).project_state(("products", "0028_wide_skus"))
    Product.objects.filter(sku__in=["mug", "Mug", "bowl"]).delete()

    migration.compare_skus(before.apps, connection.schema_editor())

    stored = Product.objects.order_by("pk").values_list("sku", "folded_sku")
    assert list(stored) == [("MUG", None), ("LAMP", None), ("BOWL", None), ("lamp-2", None), ("Größe", "grösse")]
