"""The events of a product: what is told, with old and new values, by every door."""

from typing import Any

import pytest
from django.utils import timezone

from products.models import Product
from products.models.product_changes import MAX_FACT

pytestmark = pytest.mark.django_db


def told(product):
    """Return what the events tell of the product, after its creation."""
    return [(event.kind, event.by, event.facts) for event in product.events.order_by("id")[1:]]


def heavier(product):
    product.weight = 7
    return product


UPSERT: dict[str, Any] = {"update_conflicts": True, "unique_fields": ["sku"], "update_fields": ["weight"]}


@pytest.mark.parametrize(
    "write",
    [
        lambda mug, by: heavier(mug).save(by=by),
        lambda mug, by: heavier(mug).save(by=by, update_fields=["weight"]),
        lambda mug, by: Product.objects.filter(pk=mug.pk).update(weight=7, by=by),
        lambda mug, by: Product.objects.bulk_update([heavier(mug)], ["weight"], by=by),
        lambda mug, by: Product.objects.bulk_create([heavier(mug)], **UPSERT, by=by),
    ],
    ids=["save", "save a field", "update", "bulk_update", "upsert"],
)
def test_a_change_is_told_by_every_door(a_product, staff, write):
    mug = a_product(weight=5)

    write(mug, staff)
    write(mug.refreshed(), staff)

    assert told(mug) == [("product.changed", staff, {"fields": ["weight"], "old": {"weight": 5}, "new": {"weight": 7}})]


@pytest.mark.parametrize("options", [{}, {"ignore_conflicts": True}, UPSERT], ids=["create", "ignore", "upsert"])
def test_a_new_product_is_told_by_every_door_in_bulk(staff, options):
    Product.objects.bulk_create([Product(sku="Größe", name="Mug", price="4.5")], **options, by=staff)

    [event] = Product.objects.get().events.all()
    assert (event.kind, event.by, event.facts) == ("product.created", staff, {"price": "4.50"})


@pytest.mark.parametrize("options", [{"ignore_conflicts": True}, UPSERT], ids=["ignore", "upsert"])
def test_what_is_there_already_is_not_told_as_new(a_product, options):
    mug = a_product(sku="MUG")

    Product.objects.bulk_create([Product(sku="MUG", name="Mug", price=1)], **options)

    assert [event.kind for event in mug.events.all()] == ["product.created"]


@pytest.mark.parametrize(
    "write",
    [
        lambda mug, at: Product.objects.update(retired_at=at),
        lambda mug, at: Product.objects.bulk_update([mug], ["retired_at"]),
        lambda mug, at: mug.save(),
    ],
    ids=["update", "bulk_update", "save"],
)
def test_to_retire_and_to_bring_back_are_told_by_every_door(a_product, write):
    mug = a_product()

    for mug.retired_at in (timezone.now(), None):
        write(mug, mug.retired_at)

    assert [kind for kind, *_ in told(mug)] == ["product.retired", "product.brought_back"]


def test_what_else_changes_as_a_product_is_retired_is_told_beside_it(a_product):
    mug = a_product(name="Mug")

    mug.name, mug.retired_at = "Cup", "2026-01-31T12:00Z"
    mug.save()

    assert told(mug) == [
        ("product.changed", None, {"fields": ["name"], "old": {"name": "Mug"}, "new": {"name": "Cup"}}),
        (
            "product.retired",
            None,
            {
                "fields": ["retired_at"],
                "old": {"retired_at": None},
                "new": {"retired_at": "2026-01-31T12:00:00+00:00"},
            },
        ),
    ]


def test_an_event_stays_small_whatever_the_texts(a_product):
    images = [f"https://img.shop.example/{'a' * 200}/{number}.jpg" for number in range(20)]
    mug = a_product(description="a" * 10_000)

    mug.description, mug.images = "b" * MAX_FACT, images
    mug.save()

    [(_, _, facts)] = told(mug)
    assert facts["old"]["description"] == "a" * MAX_FACT + "…"
    assert facts["new"] == {"description": "b" * MAX_FACT, "images": [*images[:2], "…"]}


def test_a_change_in_bulk_takes_the_same_statements_for_one_product_and_for_twenty(
    many_products, django_assert_num_queries
):
    products = [heavier(product) for product in many_products(20)]

    for some in (products[:1], products[1:]):
        with django_assert_num_queries(5):  # two of them begin and end the transaction
            Product.objects.bulk_update(some, ["weight"])


def test_products_are_running_low_by_their_own_threshold_or_that_of_the_shop(a_product, settings):
    a_product(sku="FEW", stock=3, low_stock=3)
    a_product(sku="ENOUGH", stock=4, low_stock=3)
    a_product(sku="GONE", low_stock=3)
    a_product(sku="NEVER", stock=1, low_stock=0)
    a_product(sku="AS THE SHOP", stock=5)

    def low():
        found = [product.sku for product in Product.objects.running_low()]
        assert found == [product.sku for product in Product.objects.all() if product.is_running_low]
        return found

    assert low() == ["FEW"]
    settings.LOW_STOCK = 5
    assert low() == ["FEW", "AS THE SHOP"]
