"""What an order comes to: the same figures in quotes, carts and orders, which add up to the minor unit."""

import os
import random
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from products.currencies import decimals
from products.models import (
    Cart,
    IdempotencyKeyConflict,
    InsufficientStock,
    InvalidOrder,
    Order,
    OrderLine,
    PricedItem,
    Product,
)
from products.models.money import price_decimals
from products.ordering.pricing import price_order, split
from products.ordering.validation import DraftLine
from products.reconciliation import differences

RATES = {"standard": Decimal("19.000"), "reduced": Decimal("7.000"), "zero": Decimal("0.000")}
BASKETS = int(os.environ.get("BASKETS", "3000"))
"""How many random baskets to price."""


@pytest.fixture
def taxed(settings):
    settings.TAX_RATES = RATES
    return settings


def lines_of(order):
    return list(OrderLine.objects.filter(order=order).order_by("pk"))


# Tax


@pytest.mark.django_db
def test_the_tax_of_a_rate_is_computed_over_its_sum_and_split_by_largest_remainder(taxed, alice, a_product):
    items = [(a_product(stock=1, price="100.00"), 1) for _ in range(5)]

    order = Order.objects.create(customer=alice, items=items)

    assert (order.total, order.tax) == (Decimal("500.00"), Decimal("79.83"))
    assert [str(line.tax) for line in lines_of(order)] == ["15.97", "15.97", "15.97", "15.96", "15.96"]
    assert [tuple(map(str, each)) for each in order.taxes] == [("19.000", "420.17", "79.83", "500.00")]


@pytest.mark.django_db
def test_net_prices_have_the_tax_added(taxed, alice, a_product):
    taxed.PRICES_INCLUDE_TAX = False
    mug, book = a_product(stock=9, price="10.00"), a_product(stock=9, price="5.05", tax_class="reduced")

    order = Order.objects.create(customer=alice, items=[(mug, 3), (book, 1)])

    assert (order.tax, order.total) == (Decimal("6.05"), Decimal("41.10"))
    assert [tuple(map(str, each)) for each in order.taxes] == [
        ("7.000", "5.05", "0.35", "5.40"),
        ("19.000", "30.00", "5.70", "35.70"),
    ]


@pytest.mark.django_db
def test_shipping_is_taxed_at_its_own_rate(taxed, alice, a_product):
    taxed.SHIPPING_FEE, taxed.SHIPPING_TAX_CLASS = Decimal("4.90"), "reduced"

    order = Order.objects.create(customer=alice, items=[(a_product(stock=1, price="100.00"), 1)])

    assert (order.shipping, order.shipping_tax_rate, order.shipping_tax) == (Decimal("4.90"), 7, Decimal("0.32"))
    assert (order.tax, order.total) == (Decimal("16.29"), Decimal("104.90"))


@pytest.mark.django_db
def test_a_rate_of_zero_is_a_rate(taxed, alice, a_product):
    taxed.TAX_RATES = {"standard": Decimal("0.000")}

    order = Order.objects.create(customer=alice, items=[(a_product(stock=1, price="4.50"), 1)])

    order.refresh_from_db()
    assert ([line.tax_rate for line in lines_of(order)], order.shipping_tax_rate) == ([0], 0)
    assert [tuple(map(str, each)) for each in order.taxes] == [("0.000", "4.50", "0.00", "4.50")]


@pytest.mark.django_db
def test_a_shop_without_rates_computes_no_tax(alice, a_product):
    order = Order.objects.create(customer=alice, items=[(a_product(stock=1, price="4.50"), 1)])

    order.refresh_from_db()
    assert (order.tax, order.shipping_tax_rate, order.taxes) == (0, None, [])
    assert [line.tax_rate for line in lines_of(order)] == [None]


@pytest.mark.django_db
def test_a_changed_rate_changes_no_order_that_was_placed(taxed, alice, a_product):
    order = Order.objects.create(customer=alice, items=[(a_product(stock=1, price="119.00"), 1)])

    taxed.TAX_RATES, taxed.PRICES_INCLUDE_TAX = {"standard": Decimal("16.000")}, False

    order = Order.objects.get()
    assert [tuple(map(str, each)) for each in order.taxes] == [("19.000", "100.00", "19.00", "119.00")]


@pytest.mark.django_db
def test_a_product_whose_tax_class_has_no_rate_cannot_be_ordered(taxed, alice, a_product):
    mug = a_product(stock=1, sku="MUG", tax_class="reduced")
    taxed.TAX_RATES = {"standard": Decimal("19.000")}

    with pytest.raises(InvalidOrder, match="MUG has the tax class reduced, which has no rate") as refusal:
        Order.objects.create(customer=alice, items=[(mug, 1)])
    with pytest.raises(SystemCheckError, match=r"products\.E003"):
        call_command("check", databases=["default"])

    assert [(each.code, each.positions) for each in refusal.value.violations] == [("unknown_tax_class", (0,))]
    assert mug.refreshed().stock == 1


@pytest.mark.django_db
def test_a_product_has_one_of_the_tax_classes(taxed, a_product):
    with pytest.raises(ValidationError, match="There is no such tax class; TAX_RATES has standard, reduced, zero"):
        a_product(tax_class="luxury")


# Shipping


@pytest.mark.django_db
@pytest.mark.parametrize(("price", "shipping"), [("49.99", "4.90"), ("50.00", "0.00"), ("50.01", "0.00")])
def test_shipping_is_free_from_an_amount_on(settings, alice, a_product, price, shipping):
    settings.SHIPPING_FEE, settings.FREE_SHIPPING_FROM = Decimal("4.90"), Decimal("50.00")

    order = Order.objects.create(customer=alice, items=[(a_product(stock=1, price=price), 1)])

    assert (order.shipping, order.total) == (Decimal(shipping), Decimal(price) + Decimal(shipping))


@pytest.mark.django_db
def test_an_empty_cart_costs_nothing(settings, alice):
    settings.SHIPPING_FEE = Decimal("4.90")

    assert Cart(alice).quote().total == 0


@pytest.mark.django_db
def test_what_nobody_can_buy_is_not_shipped_either(settings):
    settings.SHIPPING_FEE = Decimal("4.90")

    assert Order.objects.quote([("GONE", 1)]).total == 0


@pytest.mark.django_db
def test_staff_ship_an_order_for_nothing(settings, alice, a_product):
    settings.SHIPPING_FEE = Decimal("4.90")

    order = Order.objects.create(customer=alice, items=[(a_product(stock=1, price="4.50"), 1)], shipping=Decimal(0))

    order.refresh_from_db()
    assert (order.shipping, order.total) == (0, Decimal("4.50"))


# Prices and discounts of an order's own


@pytest.mark.django_db
def test_staff_place_an_order_at_prices_of_its_own(alice, a_product):
    mug, lamp = a_product(stock=9, price="4.50"), a_product(stock=9, price="30.00")

    order = Order.objects.create(
        customer=alice,
        items=[PricedItem(mug, 3, Decimal("3.3333")), PricedItem(lamp, 1, discount=Decimal("3.00"))],
        discount=Decimal("1.00"),
        shipping=Decimal("7.50"),
    )

    mugs, lamps = lines_of(order)
    assert (mugs.unit_price, mugs.subtotal, mugs.discount, mugs.discount_share) == (
        Decimal("3.3333"),
        Decimal("10.00"),
        0,
        Decimal("0.27"),
    )
    assert (lamps.unit_price, lamps.discount, lamps.discount_share, lamps.amount) == (
        Decimal("30.00"),
        Decimal("3.00"),
        Decimal("0.73"),
        Decimal("26.27"),
    )
    assert (order.discount, order.shipping, order.total) == (Decimal("1.00"), Decimal("7.50"), Decimal("43.50"))
    assert (mug.refreshed().stock, list(differences())) == (6, [])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("item", "terms", "code"),
    [
        ({"unit_price": Decimal("-0.01")}, {}, "invalid_price"),
        ({"unit_price": Decimal("1.00001")}, {}, "invalid_price"),
        ({"unit_price": Decimal("NaN")}, {}, "invalid_price"),
        ({"unit_price": Decimal("100000000")}, {}, "invalid_price"),
        ({"unit_price": "4.50"}, {}, "invalid_price"),
        ({"discount": Decimal("-0.01")}, {}, "invalid_amount"),
        ({"discount": Decimal("0.001")}, {}, "invalid_amount"),
        ({"discount": Decimal("1000000000000")}, {}, "invalid_amount"),
        ({"discount": Decimal("Infinity")}, {}, "invalid_amount"),
        ({"discount": "1.00"}, {}, "invalid_amount"),
        ({"discount": Decimal("9.01")}, {}, "discount_too_large"),
        ({}, {"discount": Decimal("0.001")}, "invalid_amount"),
        ({}, {"shipping": Decimal("0.001")}, "invalid_amount"),
        ({"discount": Decimal("8.00")}, {"discount": Decimal("1.01")}, "discount_too_large"),
    ],
)
def test_terms_that_cannot_be_are_refused(alice, a_product, item, terms, code):
    mug = a_product(stock=9, price="4.50")

    with pytest.raises(InvalidOrder) as refusal:
        Order.objects.create(customer=alice, items=[PricedItem(mug, 2, **item)], **terms)

    assert [each.code for each in refusal.value.violations] == [code]
    assert (Order.objects.count(), mug.refreshed().stock) == (0, 9)


@pytest.mark.django_db
@pytest.mark.parametrize("terms", [{"discount": Decimal("-1")}, {"shipping": Decimal("-1")}, {"discount": "x"}])
def test_terms_that_are_no_amounts_are_invalid(alice, a_product, terms):
    with pytest.raises(ValidationError):
        Order.objects.create(customer=alice, items=[(a_product(stock=9), 2)], **terms)


@pytest.mark.django_db
@pytest.mark.parametrize("terms", [{"discount": Decimal("-1")}, {"shipping": Decimal("-1")}, {"discount": "x"}])
def test_a_cart_is_given_no_other_terms_either(alice, a_product, terms):
    cart = Order.objects.create(customer=alice, status=Order.Status.CART, items=[(a_product(stock=9), 2)])
    for name, value in terms.items():
        setattr(cart, name, value)

    with pytest.raises(ValidationError):
        cart.save()
    with pytest.raises(ValidationError):
        Order.objects.create(customer=alice, status=Order.Status.CART, **terms)

    assert [(each.discount, each.shipping) for each in Order.objects.all()] == [(0, None)]


@pytest.mark.django_db
def test_a_product_has_one_price_in_an_order(alice, a_product):
    mug = a_product(stock=9, price="4.50")

    for items in [
        [(mug, 1), PricedItem(mug, 1, Decimal("4.00"))],
        [PricedItem(mug, 1, Decimal("4.00")), (mug, 1)],
        [PricedItem(mug, 1, Decimal("4.00")), PricedItem(mug, 1, Decimal("3.00"))],
    ]:
        with pytest.raises(InvalidOrder, match="two different prices"):
            Order.objects.create(customer=alice, items=items)


@pytest.mark.django_db
def test_a_price_of_nothing_is_a_price_and_discounts_of_one_product_add_up(alice, a_product):
    mug, lamp = a_product(stock=9, price="4.50"), a_product(stock=9, price="30.00")
    lamps = [PricedItem(lamp, 1, discount=Decimal("1.00")), PricedItem(lamp, 1, discount=Decimal("0.50"))]

    order = Order.objects.create(customer=alice, items=[PricedItem(mug, 2, Decimal(0)), *lamps])

    assert [(str(line.unit_price), str(line.discount)) for line in order.placed_lines] == [
        ("0.00", "0.00"),
        ("30.00", "1.50"),
    ]
    assert order.total == Decimal("58.50")


@pytest.mark.django_db
def test_free_shipping_stays_acceptable(alice, a_product):
    mug, lamp = a_product(stock=1), a_product(stock=9)

    with pytest.raises(InsufficientStock) as shortage:
        Order.objects.create(customer=alice, items=[(mug, 2), (lamp, 3)], shipping=Decimal(0))

    assert (shortage.value.acceptable, shortage.value.terms) == ([(mug.pk, 1), (lamp.pk, 3)], {"shipping": 0})


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("terms", "other"),
    [
        ({"discount": Decimal("1.00")}, {"discount": Decimal("0.99")}),
        ({"discount": Decimal("1.00")}, {}),
        ({"shipping": Decimal("1.00")}, {"shipping": Decimal("0.99")}),
        ({"shipping": Decimal(0)}, {}),
    ],
)
def test_other_terms_under_the_same_key_are_another_request(alice, a_product, terms, other):
    items = [(a_product(stock=9, price="4.50"), 1)]
    order, _ = Order.objects.place_once(key="k", customer=alice, items=items, **terms)

    assert Order.objects.place_once(key="k", customer=alice, items=items, **terms) == (order, False)
    with pytest.raises(IdempotencyKeyConflict):
        Order.objects.place_once(key="k", customer=alice, items=items, **other)


@pytest.mark.django_db
def test_what_is_acceptable_keeps_the_terms_as_far_as_they_fit(alice, a_product):
    mug, lamp = a_product(stock=1, price="4.50"), a_product(stock=0, price="30.00")
    items = [PricedItem(mug, 2, Decimal("4.00"), Decimal("5.00")), (lamp, 1)]

    with pytest.raises(InsufficientStock) as shortage:
        Order.objects.create(customer=alice, items=items, discount=Decimal("20.00"), shipping=Decimal("1.00"))

    refusal = shortage.value
    assert refusal.acceptable == [PricedItem(mug.pk, 1, Decimal("4.00"), Decimal("4.00"))]
    assert refusal.terms == {"discount": 0, "shipping": Decimal("1.00")}
    assert Order.objects.create(customer=alice, items=refusal.acceptable, **refusal.terms).total == Decimal("1.00")


@pytest.mark.django_db
def test_another_price_under_the_same_key_is_another_request(alice, a_product):
    mug = a_product(stock=9, price="4.50")
    order, new = Order.objects.place_once(key="k", customer=alice, items=[PricedItem(mug, 1, Decimal("4.00"))])

    again = Order.objects.place_once(key="k", customer=alice, items=[PricedItem(mug, 1, Decimal("4.00"))])

    assert (new, again) == (True, (order, False))
    for other in ([(mug, 1)], [PricedItem(mug, 1, Decimal("4.01"))]):
        with pytest.raises(Exception, match=r"(?i)key"):
            Order.objects.place_once(key="k", customer=alice, items=other)


# Prices with more decimals


@pytest.mark.django_db
def test_a_shop_may_have_prices_of_four_decimals(settings, alice, a_product):
    settings.PRICE_DECIMALS = 4
    screw = a_product(stock=10_000, price="0.0125")

    order = Order.objects.create(customer=alice, items=[(screw, 1_000)])

    assert (price_decimals(), str(screw.refreshed().price)) == (4, "0.0125")
    assert (str(order.total), [str(line.unit_price) for line in lines_of(order)]) == ("12.50", ["0.0125"])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("currency", "price", "total"), [("JPY", "705", "2115.00"), ("KWD", "1.005", "3.015"), ("EUR", "0.1", "0.30")]
)
def test_amounts_have_the_decimals_of_the_currency_and_at_least_two(settings, alice, a_product, currency, price, total):
    settings.CURRENCY = currency

    order = Order.objects.create(customer=alice, items=[(a_product(stock=3, price=price), 3)])

    order.refresh_from_db()
    assert (str(order.total), order.currency) == (total, currency)


def test_half_a_minor_unit_is_rounded_away_from_zero(settings):
    settings.CURRENCY = "JPY"
    line = DraftLine(Product(price=Decimal("0.5")), 1)

    assert price_order([line]).total == 1


# Everything adds up


def test_a_split_adds_up_and_exceeds_no_weight():
    assert split(Decimal("0.05"), [Decimal("0.01"), Decimal(0), Decimal("0.04")]) == [
        Decimal("0.01"),
        0,
        Decimal("0.04"),
    ]
    assert split(Decimal("1.00"), [Decimal(1)] * 3) == [Decimal("0.34"), Decimal("0.33"), Decimal("0.33")]
    assert split(Decimal("1.00"), [Decimal(0)]) == [0]


def a_basket(chance, digits):
    """Return random lines and an order discount that fits them."""
    unit = Decimal(1).scaleb(-digits)
    lines = []
    for _ in range(chance.choice([1, 1, 2, 3, 5, 20])):
        price = Decimal(chance.randrange(chance.choice([10, 1_000, 10_000_000]))).scaleb(-chance.choice([digits, 4]))
        line = DraftLine(Product(price=price, tax_class=chance.choice(list(RATES))), chance.choice([1, 1, 2, 7, 999]))
        line.discount = (line.subtotal * chance.choice([0, 0, Decimal("0.15"), 1]) // unit) * unit
        lines.append(line)
    goods = sum((line.amount for line in lines), Decimal(0))
    discount = (goods * chance.choice([0, 0, Decimal("0.1"), Decimal("0.333"), 1]) // unit) * unit
    return lines, discount, chance.choice([None, Decimal(0), 5 * unit, 490 * unit])


@pytest.mark.parametrize("includes_tax", [True, False])
@pytest.mark.parametrize("currency", ["JPY", "EUR", "KWD"])
def test_the_figures_of_random_baskets_add_up_exactly(settings, currency, includes_tax):
    settings.CURRENCY, settings.TAX_RATES, settings.PRICES_INCLUDE_TAX = currency, RATES, includes_tax
    settings.SHIPPING_FEE = Decimal("3")
    digits, chance = decimals(currency), random.Random(f"{currency} {includes_tax}")
    unit = Decimal(1).scaleb(-digits)

    for _ in range(BASKETS // 6):
        lines, discount, shipping = a_basket(chance, digits)

        totals = price_order(lines, discount=discount, shipping=shipping)

        # Computed anew, in the plainest way: from the amounts of each rate.
        amounts = defaultdict(Decimal)
        for line in lines:
            assert 0 <= line.discount_share <= line.subtotal - line.discount
            assert line.tax >= 0
            amounts[line.tax_rate] += line.amount
        amounts[totals.shipping_tax_rate] += totals.shipping
        taxes = {
            rate: (amount * rate / ((100 + rate) if includes_tax else 100)).quantize(unit, ROUND_HALF_UP)
            for rate, amount in amounts.items()
        }
        shares = defaultdict(Decimal, {totals.shipping_tax_rate: totals.shipping_tax})
        for line in lines:
            shares[line.tax_rate] += line.tax
        assert sum(line.discount_share for line in lines) == discount == totals.discount
        assert shares == taxes
        assert totals.tax == sum(taxes.values())
        assert totals.total == sum(amounts.values()) + (0 if includes_tax else totals.tax)
        for amount in (totals.total, totals.tax, *(line.tax for line in lines), *(line.amount for line in lines)):
            assert amount == amount.quantize(unit)


@pytest.mark.django_db
@pytest.mark.parametrize("includes_tax", [True, False])
@pytest.mark.parametrize("currency", ["JPY", "EUR", "KWD"])
def test_random_orders_are_stored_as_they_were_quoted(settings, alice, a_product, currency, includes_tax):
    settings.CURRENCY, settings.TAX_RATES, settings.PRICES_INCLUDE_TAX = currency, RATES, includes_tax
    settings.PRICE_DECIMALS, settings.SHIPPING_FEE = 4, Decimal("3")
    digits, chance = decimals(currency), random.Random(f"{currency} {includes_tax}")

    for _ in range(15):
        lines, discount, shipping = a_basket(chance, digits)
        items = [
            PricedItem(
                a_product(stock=999, price=line.product.price, tax_class=line.tax_class),
                line.quantity,
                None,
                line.discount,
            )
            for line in lines
        ]
        quote = Order.objects.quote(items, discount=discount, shipping=shipping)
        order = Order.objects.create(customer=alice, items=items, discount=discount, shipping=shipping)

        stored = Order.objects.get(pk=order.pk)
        assert {name: getattr(stored, name) for name in vars(quote.totals)} == vars(quote.totals)
        assert stored.taxes == quote.taxes
        assert [(line.amount, line.tax) for line in lines_of(order)] == [
            (line.amount, line.tax) for line in quote.lines
        ]

    assert list(differences()) == []
