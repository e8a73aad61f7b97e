"""Vendor, barcode, weight, tags and images of a product, by whatever way they are written."""

import json

import pytest
from django.core import serializers
from django.core.exceptions import ValidationError
from django.db import connection

from products.barcodes import check_digit, forms_of, validate_gtin
from products.models import Product
from products.models.products import MAX_IMAGES, MAX_TAGS, MAX_WEIGHT

GOOD = {"sku": "MUG", "name": "Mug", "price": "4.50"}
IMAGE = "https://img.shop.example/1.jpg"

BAD = [
    ({"vendor": "a\nb"}, "Write it in one line"),
    ({"vendor": "\u200b"}, "nothing can be seen"),
    ({"vendor": "x" * 101}, "at most 100 characters"),
    ({"barcode": "4006381333932"}, "The last digit of 4006381333932 would have to be 1; a digit is wrong."),
    ({"barcode": "123456789"}, "A barcode is a GTIN: 8, 12, 13 or 14 digits."),
    ({"barcode": "４００６３８１３３３９３１"}, "A barcode is a GTIN"),
    ({"barcode": "4006381 33393"}, "A barcode is a GTIN"),
    ({"weight": -1}, "greater than or equal to 0"),
    ({"weight": MAX_WEIGHT + 1}, "less than or equal to 100000000"),
    ({"weight": "1.5"}, "must be an integer"),
    ({"weight": 1.5}, "must be an integer"),
    ({"tags": None}, "cannot be null"),
    ({"tags": [1]}, "This is a list of texts."),
    ({"tags": 7}, "This is a list of texts."),
    ({"tags": [""]}, "This field cannot be blank."),
    ({"tags": ["a\nb"]}, "Remove U+000A (line feed)"),
    ({"tags": ["a\0"]}, "Remove U+0000 (NUL)"),
    ({"tags": ["\ud800"]}, "Remove U+D800 (lone surrogate)"),
    ({"tags": [" a"]}, "Remove the spaces around it."),
    ({"tags": ["Gift"]}, "Write tags in lower case, as gift."),
    ({"tags": ["gift", "gift"]}, "Each tag is given once."),
    ({"tags": ["x" * 51]}, "at most 50 characters"),
    ({"tags": [f"t{number}" for number in range(MAX_TAGS + 1)]}, "At most 50."),
    ({"images": ["http://img.shop.example/1.jpg"]}, "An image is an https:// URL."),
    ({"images": ["javascript:alert(1)"]}, "An image is an https:// URL."),
    ({"images": ["https://img.shop.example/a b.jpg"]}, "An image is an https:// URL."),
    ({"images": ["https://img.shop.example/\u202e.jpg"]}, "Remove U+202E (right-to-left override)"),
    ({"images": ["/1.jpg"]}, "An image is an https:// URL."),
    ({"images": [""]}, "An image is an https:// URL."),
    ({"images": [f"https://img.shop.example/{'x' * 500}"]}, "at most 500 characters"),
    ({"images": [IMAGE] * (MAX_IMAGES + 1)}, "At most 20."),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("values", "words"), BAD)
def test_what_is_wrong_is_refused_however_it_is_written(values, words):
    mug = Product.objects.create(**GOOD)
    [(name, value)] = values.items()
    changed = Product.objects.get(pk=mug.pk)
    setattr(changed, name, value)

    for write in (
        lambda: Product.objects.create(**GOOD | {"sku": "CUP"} | values),
        lambda: Product.objects.bulk_create([Product(**GOOD | {"sku": "CUP"} | values)]),
        changed.save,
        lambda: Product.objects.bulk_update([changed], [name]),
        lambda: Product.objects.update(**values),
    ):
        with pytest.raises(ValidationError) as refusal:
            write()
        assert words in " ".join(refusal.value.messages)
    assert [getattr(product, name) for product in Product.objects.all()] == [getattr(mug, name)]


@pytest.mark.django_db
def test_lists_come_back_as_they_were_written_by_every_door():
    tags, images = ["gift", "größe", "50% off", "a_b", "two words"], [IMAGE, "https://img.shop.example/ü?a=1&b=2#c"]
    values = {"tags": tags, "images": images}
    mug = Product.objects.create(**GOOD | values)
    [cup] = Product.objects.bulk_create([Product(**GOOD | {"sku": "CUP"} | values)])
    pot, pan = (Product.objects.create(**GOOD | {"sku": sku}) for sku in ("POT", "PAN"))
    pot.tags, pot.images = tags, images

    Product.objects.bulk_update([pot], ["tags", "images"])
    Product.objects.filter(pk=pan.pk).update(**values)

    for product in (mug, cup, pot, pan):
        refreshed = product.refreshed()
        assert (refreshed.tags, refreshed.images) == (tags, images)


@pytest.mark.django_db
def test_a_product_without_details_has_none():
    mug = Product.objects.create(**GOOD).refreshed()

    assert (mug.vendor, mug.barcode, mug.weight, mug.tags, mug.images) == ("", "", None, [], [])
    with connection.cursor() as cursor:
        cursor.execute("SELECT tags, images FROM products_product")
        assert cursor.fetchall() == [("", "")]


@pytest.mark.django_db
def test_a_fixture_keeps_the_lists():
    mug = Product.objects.create(**GOOD, tags=["gift", "new"], images=[IMAGE])

    [loaded] = serializers.deserialize("json", serializers.serialize("json", [mug]))
    fields = json.loads(serializers.serialize("json", [mug]))[0]["fields"]

    assert (loaded.object.tags, loaded.object.images) == (["gift", "new"], [IMAGE])
    assert fields["tags"] == "\ngift\nnew\n"


@pytest.mark.django_db
def test_a_change_of_a_list_is_told_and_the_same_list_is_not():
    mug = Product.objects.create(**GOOD, tags=["gift"])

    mug.tags = ("gift",)
    mug.save()
    mug.tags = ["gift", "new"]
    mug.save()

    [event] = mug.events.filter(kind="product.changed")
    assert event.facts == {"fields": ["tags"], "old": {"tags": ["gift"]}, "new": {"tags": ["gift", "new"]}}


@pytest.mark.parametrize("code", ["96385074", "036000291452", "4006381333931", "00012345600012", "00000000"])
def test_gtins_of_each_length_are_barcodes(code):
    validate_gtin(code)

    assert check_digit(code[:-1]) == int(code[-1])


@pytest.mark.parametrize(
    ("code", "forms"),
    [
        ("036000291452", ("036000291452", "0036000291452", "00036000291452")),
        ("4006381333931", ("4006381333931", "04006381333931")),
        ("96385074", ("96385074", "000096385074", "0000096385074", "00000096385074")),
        ("0", ("00000000", "000000000000", "0000000000000", "00000000000000")),
        ("MUG", ("00000MUG", "000000000MUG", "0000000000MUG", "00000000000MUG")),
    ],
)
def test_a_barcode_is_the_same_with_zeros_before_it(code, forms):
    assert forms_of(code) == forms
