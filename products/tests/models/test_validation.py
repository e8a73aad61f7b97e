"""What the models themselves refuse, alike on both databases and however it is written."""

from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import IntegrityError, transaction
from django.db.models import Case, CharField, F, Model, TextField, Value, When

from products import currencies
from products.models import (
    Address,
    ApiToken,
    Cancellation,
    Cart,
    Category,
    Order,
    Product,
    Refund,
    Return,
    Shipment,
    Status,
    StockMovement,
)
from products.models.money import MoneyField
from products.models.querysets import validated_fields
from products.tests.rewriting import rewrite
from products.validators import clean_values

pytestmark = pytest.mark.django_db

GOOD = {"sku": "MUG", "name": "Mug", "price": "4.50"}
BAD = [
    ({"price": Decimal("1.005")}, "An amount in EUR has at most 2 decimals."),
    ({"price": "1.005"}, "An amount in EUR has at most 2 decimals."),
    ({"price": -1}, "greater than or equal to 0"),
    ({"price": Decimal("NaN")}, "must be a decimal number"),
    ({"price": Decimal("Infinity")}, "must be a decimal number"),
    ({"price": "123456789.00"}, "no more than"),
    ({"price": None}, "cannot be null"),
    ({"sku": " MUG "}, "Remove the spaces around it."),
    ({"sku": "MUG\u00a0BLUE"}, "Remove U+00A0 (no-break space)"),
    ({"sku": "MUG\ufe0f"}, "Remove U+FE0F (variation selector-16)"),
    ({"sku": "M\u034fUG"}, "Remove U+034F (combining grapheme joiner)"),
    ({"sku": "\u202eGUM"}, "Remove U+202E (right-to-left override)"),
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


@pytest.mark.parametrize("price", [Decimal("1.005"), -1, "NaN", Value(Decimal("1.005"))])
def test_a_price_is_validated_by_an_update_too(mug, price):
    with pytest.raises(ValidationError):
        Product.objects.update(price=price)

    assert mug.refreshed().price == Decimal("4.50")


@pytest.mark.parametrize(("currency", "price"), [("EUR", "4.55"), ("JPY", "5.00")])
def test_a_computed_price_has_the_decimals_of_the_currency(settings, mug, currency, price):
    settings.CURRENCY = currency

    Product.objects.update(price=F("price") * Decimal("1.011"))

    # Not as it is read, which rounds too.
    assert Product.objects.filter(price=Decimal(price)).get() == mug


@pytest.mark.parametrize("name", ["price", "list_price"])
def test_a_computed_price_that_is_too_large_is_refused(mug, name):
    with pytest.raises(IntegrityError, match="prices_have_at_most_8_digits"), transaction.atomic():
        Product.objects.update(**{name: F("price") * 10**9})

    assert (mug.refreshed().price, mug.refreshed().list_price) == (Decimal("4.50"), None)


@pytest.mark.parametrize("price", [Value(Decimal("1.005")) * 1, Decimal("1.005")])
def test_the_price_of_a_case_has_the_decimals_of_the_currency_on_every_database(mug, price):
    Product.objects.update(price=Case(When(sku="MUG", then=price), default=F("price"), output_field=MoneyField()))

    assert mug.refreshed().price == Decimal("1.01")


@pytest.mark.parametrize(("price", "stored"), [("1E+2", "100.00"), (Decimal("-0.00"), "0.00"), (5, "5.00")])
def test_the_object_and_the_event_have_the_price_as_it_is_stored(price, stored):
    mug = Product.objects.create(**GOOD | {"price": price})

    assert (str(mug.price), str(mug.refreshed().price)) == (stored, stored)
    assert mug.events.get().facts == {"price": stored}


@pytest.mark.parametrize(
    "write",
    [
        lambda mug: mug.save(),
        lambda mug: mug.save(update_fields=["price"]),
        lambda mug: Product.objects.bulk_update([mug], ["price"]),
    ],
)
def test_an_expression_is_for_an_update(mug, write):
    mug.price = F("price") + 1

    with pytest.raises(TypeError, match=r"^price is an expression.*Product\.objects\.filter\(…\)\.update\(price=…\)"):
        write(mug)

    assert mug.refreshed().price == Decimal("4.50")


def test_a_float_means_what_it_says():
    assert Product.objects.create(**GOOD | {"price": 4.1}).refreshed().price == Decimal("4.10")


@pytest.mark.parametrize(
    "values", [{"slug": "two words"}, {"slug": "x" * 61}, {"name": ""}, {"name": "x" * 101}, {"name": "a\tb"}]
)
@pytest.mark.parametrize(
    "write",
    [
        lambda values: Category.objects.create(**{"slug": "x", "name": "x"} | values),
        lambda values: Category.objects.bulk_create([Category(**{"slug": "x", "name": "x"} | values)]),
        lambda values: Category.objects.update(**values),
        lambda values: Category.objects.bulk_update([changed(Category.objects.get(), values)], values),
        lambda values: changed(Category.objects.get(), values).save(),
        lambda values: changed(Category.objects.get(), values).save(update_fields=[*values]),
        lambda values: Category.objects.update_or_create(slug="kitchen", defaults=values),
    ],
)
def test_a_category_is_validated(a_category, write, values):
    with pytest.raises(ValidationError) as error:
        write(values)

    assert list(error.value.message_dict) == list(values)
    assert Category.objects.values_list("slug", "name").get() == ("kitchen", "Kitchen")


def changed(row, values):
    for name, value in values.items():
        setattr(row, name, value)
    return row


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
        lambda alice, mug, text: Order.objects.update(tracking_number=Value(text)),
        lambda alice, mug, text: Order.objects.bulk_update([with_tracking(text)], ["tracking_number"]),
        lambda alice, mug, text: Order.objects.bulk_update([with_tracking(Value(text))], ["tracking_number"]),
        lambda alice, mug, text: with_tracking(text).save(),
        lambda alice, mug, text: with_tracking(text).save(update_fields=["tracking_number"]),
        lambda alice, mug, text: Order.objects.update_or_create(defaults={"tracking_number": text}),
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


def with_tracking(text):
    return changed(Order.objects.get(), {"tracking_number": text})


@pytest.mark.parametrize("key", ["", "a\x00b", "\ud800"])
@pytest.mark.parametrize(
    "write",
    [
        lambda alice, mug, key: Order.objects.place_once(customer=alice, items=[(mug, 1)], key=key),
        lambda alice, mug, key: Order.objects.create(customer=alice, status=Status.CART, idempotency_key=key),
        lambda alice, mug, key: Order.objects.cart_of(alice).place(key=key),
        lambda alice, mug, key: changed(Order.objects.cart_of(alice), {"idempotency_key": key}).save(),
        lambda alice, mug, key: mug.receive(1, key=key),
    ],
)
def test_a_key_that_a_database_cannot_store_or_that_is_none_is_refused(alice, mug, write, key):
    with pytest.raises(ValidationError) as error:
        write(alice, mug, key)

    assert list(error.value.message_dict) == ["idempotency_key"]
    assert mug.refreshed().stock == 10


@pytest.mark.parametrize("status", [Status.CART, Status.PLACED])
@pytest.mark.parametrize("name", ["idempotency_key", "payment_reference", "carrier", "tracking_number"])
def test_each_text_of_an_order_is_validated_when_it_is_made_and_when_it_is_saved(alice, bob, mug, name, status):
    new = Order(customer=alice, items=[(mug, 1)], status=status, **{name: "x" * 300})
    order = Order.objects.create(customer=bob, items=[(mug, 1)], status=status)
    setattr(order, name, "x" * 300)

    for save in (new.save, order.save, lambda: order.save(update_fields=[name])):
        with pytest.raises(ValidationError) as error:
            save()
        assert list(error.value.message_dict) == [name]

    assert Order.objects.get().pk == order.pk


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
    with pytest.raises(TypeError, match=r"^Name all of name, SKU and description"):
        Product.objects.bulk_create([new], **options, update_fields=["search_text"])
    Product.objects.bulk_create([new], **options, update_fields=["name", "description", "price"])

    assert Product.objects.search("zebra").get().stock == 10
    assert mug.refreshed().updated_at > mug.updated_at


def test_a_bulk_update_searches_in_what_is_stored_and_not_in_what_is_stale(mug):
    stale = Product.objects.get()
    changed(mug, {"description": "Holds tea"}).save()

    Product.objects.bulk_update([changed(stale, {"name": "Zebra"})], ["name"])

    assert mug.refreshed().search_text == "zebra\nmug\nholds tea"


def test_a_bulk_update_keeps_the_search_and_the_moment_right(mug):
    stale = Product.objects.only("name").get()

    stale.name = "Zebra"

    Product.objects.bulk_update([stale], ["name"])

    assert [product.sku for product in Product.objects.search("zebra mug")] == ["MUG"]
    assert mug.refreshed().updated_at > mug.updated_at


@pytest.mark.parametrize(
    "write",
    [
        lambda mug: mug.save(),
        lambda mug: mug.save(update_fields=["search_text"]),
        lambda mug: Product.objects.bulk_update([mug], ["search_text"]),
    ],
)
def test_the_search_text_is_not_set_but_follows(mug, write):
    mug.search_text = "zebra"

    write(mug)

    assert mug.refreshed().search_text == "mug\nmug\n"


@pytest.mark.parametrize(
    "values",
    [
        {"name": "Zebra"},
        {"sku": "ZEBRA"},
        {"description": "Zebra"},
        {"search_text": "zebra"},
        {"name": "Zebra", "search_text": "zebra"},
    ],
)
def test_an_update_of_what_is_searched_in_is_refused(mug, values):
    with pytest.raises(TypeError, match=r"^update\(\) cannot keep the search right"):
        Product.objects.update(**values)


@pytest.mark.parametrize(
    "write",
    [
        lambda mug: Product.objects.update(price="5.00"),
        lambda mug: mug.save(),
        lambda mug: mug.save(update_fields=["name"]),
        lambda mug: Product.objects.update_or_create(sku="MUG", defaults={"name": "Zebra"}),
        lambda mug: Category.objects.create(slug="kitchen", name="Kitchen").products.add(mug),
    ],
)
def test_what_is_written_counts_as_a_change(mug, write):
    before = mug.updated_at

    write(mug)

    assert mug.refreshed().updated_at > before


def test_saving_no_field_is_no_change(mug):
    before = mug.updated_at

    mug.save(update_fields=[])

    assert mug.refreshed().updated_at == before


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
        lambda p: [(True, 1)],
        lambda p: [(p, 1, 1)],
        lambda p: b"MUG",
        lambda p: 5,
    ],
)
def test_items_that_are_no_pairs_are_refused_with_an_example(alice, mug, items):
    for take in (lambda: Order(customer=alice, items=items(mug)), lambda: Order.objects.quote(items(mug))):
        with pytest.raises(TypeError, match=r"^Write the items as pairs of a product"):
            take()


@pytest.mark.parametrize("product", [None, True, b"MUG", {"product": 1}])
def test_what_is_no_product_is_refused_by_the_cart_too(alice, product):
    with pytest.raises(TypeError, match=r"^Write the items as pairs of a product"):
        Cart(alice).put(product, 1)


# The currency


@pytest.mark.parametrize(
    "write",
    [
        lambda mug, price: Product.objects.create(sku="NEW", name="New", price=price),
        lambda mug, price: Product.objects.bulk_create([Product(sku="NEW", name="New", price=price)]),
        lambda mug, price: Product.objects.update(price=price),
        lambda mug, price: Product.objects.bulk_update([changed(mug, {"price": price})], ["price"]),
        lambda mug, price: changed(mug, {"price": price}).save(),
        lambda mug, price: changed(mug, {"price": price}).save(update_fields=["price"]),
        lambda mug, price: changed(mug, {"price": price}).full_clean(),
    ],
)
def test_a_price_with_decimals_is_refused_where_the_currency_has_none(settings, mug, write):
    settings.CURRENCY = "JPY"

    with pytest.raises(ValidationError, match="An amount in JPY has no decimals") as error:
        write(mug, Decimal("705.50"))

    assert list(error.value.message_dict) == ["price"]
    assert Product.objects.get().price == Decimal("4.50")


def test_a_price_without_decimals_suits_every_currency(settings):
    settings.CURRENCY = "JPY"

    assert Product.objects.create(**GOOD | {"price": "705"}).price == 705


def test_the_currencies_are_those_of_iso_4217():
    units = currencies.MINOR_UNITS

    assert (units["JPY"], units["EUR"], units["KWD"], units["CLF"]) == (0, 2, 3, 4)
    assert {"ABC", "XAU", "XXX", "XTS"} & set(units) == set()
    assert sorted(units) == currencies.USABLE


def test_another_currency_than_the_orders_were_placed_in_is_an_error(settings, alice, mug):
    Order.objects.create(customer=alice, items=[(mug, 1)])
    call_command("check", databases=["default"])
    settings.CURRENCY = "JPY"

    with pytest.raises(SystemCheckError, match=r"(?s)products\.E001.*JPY.*EUR.*products\.E002.*MUG costs 4\.50"):
        call_command("check", databases=["default"])


def test_a_cart_has_no_currency_that_the_check_could_miss(alice, mug):
    Cart(alice).put(mug, 1)

    call_command("check", databases=["default"])


def test_a_price_that_the_database_has_otherwise_is_shown_by_the_check(settings, mug):
    rewrite(mug, price=5)
    settings.CURRENCY = "JPY"

    call_command("check", databases=["default"])


def test_these_fields_are_validated_however_a_row_is_written():
    assert validated_fields(Product) == [
        "sku",
        "name",
        "description",
        "price",
        "list_price",
        "tax_class",
        "low_stock",
        "vendor",
        "barcode",
        "weight",
        "tags",
        "images",
    ]
    assert validated_fields(Category) == ["slug", "name"]


def test_a_bulk_update_passes_over_a_product_that_is_not_there(mug):
    mug.name = "Cup"

    updated = Product.objects.bulk_update([Product(pk=mug.pk + 1, **GOOD | {"sku": "GONE"}), mug], ["name"])

    assert (updated, mug.refreshed().name) == (1, "Cup")


# Every text


LINES = {
    Product: ["name", "vendor"],
    Category: ["name"],
    ApiToken: ["name"],
    Address: ["name", "company", "line1", "line2", "postal_code", "city", "region"],
    Shipment: ["carrier", "tracking_number"],
    Cancellation: ["reason"],
    Refund: ["reference"],
    Order: ["payment_reference", "carrier", "tracking_number", "reference"]
    + [f"ship_to_{part}" for part in ("name", "company", "line1", "line2", "postal_code", "city", "region")],
}
PARAGRAPHS = {Product: ["description"], Order: ["note"], StockMovement: ["note"]}
WITH_A_FORM = {
    Product: ["sku", "tax_class", "barcode", "tags", "images"],
    Category: ["slug"],
    Address: ["country"],
    Order: ["email", "phone", "ship_to_country", "status"],
    StockMovement: ["reason"],
}
"""Texts of another form than these two, which have tests of their own."""
FULFILMENTS = [Shipment, Cancellation, Return, Refund]
BY_PROGRAMS: dict[type[Model], list[str]] = {
    StockMovement: ["idempotency_key"],
    **{model: ["idempotency_key", "request_digest"] for model in FULFILMENTS},
}


def fields_of(models_and_names):
    return [(model, name) for model, names in models_and_names.items() for name in names]


def assert_refused(model, name, text):
    with pytest.raises(ValidationError):
        model._meta.get_field(name).clean(text, None)  # as forms and serializers do
    with pytest.raises(ValidationError):
        clean_values(model, {name: text})  # as all that writes a row does


@pytest.mark.parametrize(("model", "name"), fields_of(LINES))
@pytest.mark.parametrize("text", ["a\nb", "a\tb", "a\x07b", "\u200b", "\u3164"])
def test_a_line_of_text_is_one_line_that_can_be_printed_and_seen(model, name, text):
    assert_refused(model, name, text)


@pytest.mark.parametrize(("model", "name"), fields_of(PARAGRAPHS))
def test_a_longer_text_may_have_lines_but_no_control_characters(model, name):
    assert clean_values(model, {name: "a\nb\tc"}) == {name: "a\nb\tc"}

    assert_refused(model, name, "a\x07b")


@pytest.mark.parametrize("model", [Order, StockMovement])
@pytest.mark.parametrize("text", ["\u200b", " \n"])
def test_a_note_can_be_seen(model, text):
    assert_refused(model, "note", text)


@pytest.mark.parametrize("model", [Product, Category, ApiToken, Address, Order, StockMovement, *FULFILMENTS])
def test_every_text_that_people_write_is_in_one_of_these_lists(model):
    texts = [
        field.name
        for field in model._meta.concrete_fields
        if field.editable and isinstance(field, CharField | TextField)
    ]

    listed = [name for lists in (LINES, PARAGRAPHS, WITH_A_FORM, BY_PROGRAMS) for name in lists.get(model, [])]
    assert sorted(texts) == sorted(listed)
