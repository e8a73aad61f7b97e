"""What the models themselves refuse, alike on both databases and however it is written."""

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db.models import F

from products import currencies
from products.models import ApiToken, Category, Order, Product, Status
from products.tests.rewriting import rewrite

pytestmark = pytest.mark.django_db

GOOD = {"sku": "MUG", "name": "Mug", "price": "4.50"}
BAD = [
    ({"price": Decimal("1.005")}, "no more than 2 decimal places"),
    ({"price": "1.005"}, "no more than 2 decimal places"),
    ({"price": -1}, "greater than or equal to 0"),
    ({"price": Decimal("NaN")}, "must be a decimal number"),
    ({"price": Decimal("Infinity")}, "must be a decimal number"),
    ({"price": "123456789.00"}, "no more than"),
    ({"price": None}, "cannot be null"),
    ({"sku": " bad sku "}, "Letters, digits, dots"),
    ({"sku": "MUG\u200b"}, "Remove U+200B (zero width space)"),
    ({"sku": "MUG\t"}, "Remove U+0009 (tab)"),
    ({"sku": "MUG\n"}, "Remove U+000A (line feed)"),
    ({"sku": ""}, "cannot be blank"),
    ({"sku": "x" * 65}, "at most 64 characters"),
    ({"name": ""}, "cannot be blank"),
    ({"name": " "}, "U+0020 (space)"),
    ({"name": "\u200b"}, "This field cannot be blank, and of U+200B (zero width space) nothing can be seen."),
    ({"name": "\ufeff\u2060"}, "U+FEFF (zero width no-break space)"),
    ({"name": "\u3164"}, "U+3164 (hangul filler)"),
    ({"name": "x" * 201}, "at most 200 characters"),
    ({"name": "a\x00b"}, "Control characters cannot be printed; remove U+0000 (NUL)."),
    ({"name": "a\x9bb"}, "U+009B (control character)"),
    ({"name": "\t"}, "U+0009 (tab)"),
    ({"name": "a\tb"}, "Write it in one line, without tabs; remove U+0009 (tab)."),
    ({"name": "a\rb"}, "U+000D (carriage return)"),
    ({"name": "a\nb"}, "U+000A (line feed)"),
    ({"name": "a\u2028b"}, "U+2028 (line separator)"),
    ({"name": "\ud800"}, "U+D800 (lone surrogate)"),
    ({"description": "x" * 10_001}, "at most 10000 characters"),
    ({"description": "a\x07b"}, "U+0007 (control character)"),
]


@pytest.fixture
def mug(a_product):
    return a_product(stock=10, **GOOD)


@pytest.mark.parametrize(("values", "words"), BAD)
def test_a_product_is_validated_when_it_is_made(values, words):
    for write in (
        lambda: Product.objects.create(**GOOD | values),
        lambda: Product.objects.bulk_create([Product(**GOOD | values)]),
    ):
        with pytest.raises(ValidationError) as error:
            write()

        assert list(error.value.message_dict) == list(values)
        assert words in str(error.value)
        assert not Product.objects.exists()


@pytest.mark.parametrize(("values", "words"), BAD)
def test_a_product_is_validated_when_it_is_changed(mug, values, words):
    [(name, value)] = values.items()
    setattr(mug, name, value)

    for write in (mug.save, lambda: mug.save(update_fields=[name]), lambda: Product.objects.bulk_update([mug], [name])):
        with pytest.raises(ValidationError) as error:
            write()
        assert words in str(error.value)

    assert getattr(mug.refreshed(), name) == getattr(Product(**GOOD), name) or name == "price"


@pytest.mark.parametrize("price", [Decimal("1.005"), -1, "NaN"])
def test_a_price_is_validated_by_an_update_too(mug, price):
    with pytest.raises(ValidationError):
        Product.objects.update(price=price)

    assert mug.refreshed().price == Decimal("4.50")


def test_a_computed_price_has_the_decimals_of_the_currency(mug):
    Product.objects.update(price=F("price") * Decimal("1.111"))

    assert mug.refreshed().price == Decimal("5.00")


def test_a_float_means_what_it_says():
    assert Product.objects.create(**GOOD | {"price": 4.1}).refreshed().price == Decimal("4.10")


def test_a_category_is_validated(a_category):
    for values in ({"slug": "two words", "name": "x"}, {"slug": "x", "name": ""}, {"slug": "x", "name": "x" * 101}):
        with pytest.raises(ValidationError):
            Category.objects.create(**values)
    with pytest.raises(ValidationError):
        Category.objects.update(name="")


@pytest.mark.parametrize("text", ["\u200b", " \t", "\r\n", "\ufeff", "\u3164"])
@pytest.mark.parametrize(
    "write",
    [
        lambda order, mug, text: order.pay(reference=text),
        lambda order, mug, text: Order.objects.update(tracking_number=text),
        lambda order, mug, text: mug.receive(1, note=text),
        lambda order, mug, text: Product.objects.create(**GOOD | {"sku": "CUP", "name": text}),
        lambda order, mug, text: Product.objects.create(**GOOD | {"sku": text}),
        lambda order, mug, text: Category.objects.create(slug="x", name=text),
        lambda order, mug, text: ApiToken.objects.issue(order.customer, name=text),
    ],
)
def test_a_text_of_which_nothing_can_be_seen_is_refused_alike(alice, mug, write, text):
    order = Order.objects.create(customer=alice, items=[(mug, 1)])

    with pytest.raises(ValidationError, match=r"U\+[0-9A-F]{4} \("):
        write(order, mug, text)

    order.refresh_from_db()
    assert (order.status, order.tracking_number, mug.refreshed().stock) == (Status.PLACED, "", 9)
    assert (Product.objects.count(), Category.objects.count(), ApiToken.objects.count()) == (1, 0, 0)


@pytest.mark.parametrize("note", ["", "Pallet 7\nand 8", "👩\u200d🚒", "नमस्ते\u200c"])
def test_a_note_may_be_empty_have_lines_and_join_characters(mug, note):
    mug.receive(1, note=note)

    assert mug.movements.last().note == note


@pytest.mark.parametrize(
    "write",
    [
        lambda alice, mug, text: Order.objects.create(customer=alice, items=[(mug, 1)], carrier=text),  # type: ignore[misc] # items is a property
        lambda alice, mug, text: Order.objects.place_once(customer=alice, items=[(mug, 1)], key=text),
        lambda alice, mug, text: Order.objects.get().pay(reference=text),
        lambda alice, mug, text: Order.objects.update(tracking_number=text),
        lambda alice, mug, text: mug.receive(1, note=text),
        lambda alice, mug, text: mug.correct(1, key=text),
        lambda alice, mug, text: mug.count(3, note=text),
    ],
)
def test_a_text_that_is_too_long_is_refused_alike(alice, bob, mug, write):
    order = Order.objects.create(customer=bob, items=[(mug, 1)])

    with pytest.raises(ValidationError, match=r"at most [0-9]+ characters"):
        write(alice, mug, "x" * 300)

    order.refresh_from_db()
    assert (order.status, order.tracking_number) == (Status.PLACED, "")
    assert (mug.stock, mug.refreshed().stock, Order.objects.count()) == (10, 9, 1)


# The stock and the search


@pytest.mark.parametrize("stock", [0, 5])
def test_an_upsert_leaves_the_stock_alone(mug, stock):
    with pytest.raises(TypeError, match=r"^Stock moves through receive\(\)"):
        Product.objects.bulk_create(
            [Product(**GOOD, stock=stock)],
            update_conflicts=True,
            unique_fields=["sku"],
            update_fields=["name", "price", "stock"],
        )

    assert mug.refreshed().stock == 10


def test_an_upsert_keeps_the_search_right(mug):
    new = Product(sku="MUG", name="Zebra", price="5.00")
    options = {"update_conflicts": True, "unique_fields": ["sku"]}

    with pytest.raises(TypeError, match=r"^Name all of name, SKU and description"):
        Product.objects.bulk_create([new], **options, update_fields=["name"])
    Product.objects.bulk_create([new], **options, update_fields=["name", "description", "price"])

    assert Product.objects.search("zebra").get().stock == 10
    assert mug.refreshed().updated_at > mug.updated_at


def test_a_bulk_update_keeps_the_search_and_the_moment_right(mug):
    stale = Product.objects.only("name").get()

    stale.name = "Zebra"

    Product.objects.bulk_update([stale], ["name"])

    assert [product.sku for product in Product.objects.search("zebra mug")] == ["MUG"]
    assert mug.refreshed().updated_at > mug.updated_at


@pytest.mark.parametrize("values", [{"name": "Zebra"}, {"sku": "ZEBRA"}, {"description": "Zebra"}])
def test_an_update_of_what_is_searched_in_is_refused(mug, values):
    with pytest.raises(TypeError, match=r"^update\(\) cannot keep the search right"):
        Product.objects.update(**values)


def test_an_update_counts_as_a_change(mug):
    Product.objects.update(price="5.00")

    assert mug.refreshed().updated_at > mug.updated_at


# Items


@pytest.mark.parametrize(
    "items",
    [
        lambda p: [p],
        lambda p: ["MUG"],
        lambda p: [{"product": p, "quantity": 1}],
        lambda p: p,
        lambda p: "MUG",
        lambda p: {p.pk: 1},
        lambda p: [(None, 1)],
    ],
)
def test_items_that_are_no_pairs_are_refused_with_an_example(alice, mug, items):
    for take in (lambda: Order(customer=alice, items=items(mug)), lambda: Order.objects.quote(items(mug))):
        with pytest.raises(TypeError, match=r"^Write the items as pairs of a product"):
            take()


# The currency


def test_the_currency_decides_the_decimals_of_a_price(settings):
    settings.CURRENCY = "JPY"

    with pytest.raises(ValidationError, match="An amount in JPY has no decimals"):
        Product.objects.create(**GOOD | {"price": "705.50"})

    assert Product.objects.create(**GOOD | {"price": "705"}).price == 705


def test_the_currencies_are_those_of_iso_4217():
    units = currencies.MINOR_UNITS

    assert (units["JPY"], units["EUR"], units["KWD"], units["CLF"]) == (0, 2, 3, 4)
    assert {"ABC", "XAU", "XXX", "XTS"} & set(units) == set()
    assert "KWD" not in currencies.USABLE


def test_another_currency_than_the_orders_were_placed_in_is_an_error(settings, alice, mug):
    Order.objects.create(customer=alice, items=[(mug, 1)])
    call_command("check", databases=["default"])
    settings.CURRENCY = "JPY"

    with pytest.raises(SystemCheckError, match=r"(?s)products\.E001.*JPY.*EUR.*products\.E002.*MUG costs 4\.50"):
        call_command("check", databases=["default"])


def test_a_price_that_the_database_has_otherwise_is_shown_by_the_check(settings, mug):
    rewrite(mug, price=5)
    settings.CURRENCY = "JPY"

    call_command("check", databases=["default"])
