"""The pricing of orders: discounts, shipping and tax. Quotes, carts and orders all get their figures here.

Amounts are Decimals in whole minor units of the shop's currency (ISO 4217), rounded half away from zero. Tax is
computed for each rate over the sum of its amounts, and split over them by largest remainder, so the shares add up.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, NamedTuple, Protocol

from django.conf import settings

from products.currencies import rounded, scaled, unit
from products.taxes import rate_of

ZERO = Decimal("0.00")


class PricedLine(Protocol):
    """A line to price: `subtotal` and its own `discount` are given, the other three are set by price_order()."""

    discount: Decimal
    discount_share: Decimal
    tax_rate: Decimal | None
    tax: Decimal

    @property
    def subtotal(self) -> Decimal: ...

    @property
    def amount(self) -> Decimal: ...

    @property
    def tax_class(self) -> str: ...


@dataclass(frozen=True)
class Totals:
    """The figures of an order, without those of its lines.

    `total` always contains `tax`; with `prices_include_tax`, the prices do too. `shipping_tax_rate` is in percent, and
    None if the shop computes no tax.
    """

    total: Decimal = ZERO
    discount: Decimal = ZERO
    shipping: Decimal = ZERO
    shipping_tax_rate: Decimal | None = None
    shipping_tax: Decimal = ZERO
    tax: Decimal = ZERO
    prices_include_tax: bool = True


class RateTotal(NamedTuple):
    """The sums of the amounts taxed at one rate: net, tax and gross."""

    rate: Decimal
    net: Decimal
    tax: Decimal
    gross: Decimal


def subtotal(unit_price: Decimal, quantity: int, currency: str) -> Decimal:
    """Return the price of these pieces before discounts, rounded to minor units."""
    return rounded(unit_price * quantity, currency)


def price_order(lines: Sequence[PricedLine], *, discount: Decimal = ZERO, shipping: Decimal | None = None) -> Totals:
    """Set the discount share, tax rate and tax of each line, and return the order's figures.

    `discount` is the order's own, in addition to the lines', and at most the sum of their amounts. Without `shipping`,
    settings.SHIPPING_FEE applies, unless the goods reach settings.FREE_SHIPPING_FROM.
    """
    for line, share in zip(lines, split(discount, [line.amount for line in lines]), strict=True):
        line.discount_share = share
    goods = sum((line.amount for line in lines), ZERO)
    if shipping is None:
        shipping = shipping_for(goods) if lines else ZERO
    # As they are stored and shown; PostgreSQL keeps what is written.
    discount, shipping = scaled(discount, settings.CURRENCY), scaled(shipping, settings.CURRENCY)
    includes_tax: bool = settings.PRICES_INCLUDE_TAX
    if not settings.TAX_RATES:
        return Totals(goods + shipping, discount, shipping, prices_include_tax=includes_tax)
    shipping_rate = rate_of(settings.SHIPPING_TAX_CLASS)
    taxed: dict[Decimal, list[PricedLine]] = defaultdict(list)
    for line in lines:
        line.tax_rate = rate_of(line.tax_class)
        assert line.tax_rate is not None  # noqa: S101 - for mypy: there are rates
        taxed[line.tax_rate].append(line)
    shipping_tax, tax = ZERO, ZERO
    if shipping_rate is not None:
        taxed.setdefault(shipping_rate, [])
    for rate, group in taxed.items():
        amounts = [line.amount for line in group] + ([shipping] if rate == shipping_rate else [])
        of_rate = tax_on(sum(amounts, ZERO), rate, is_included=includes_tax)
        shares = split(of_rate, amounts)
        if rate == shipping_rate:
            shipping_tax = shares.pop()
        for line, share in zip(group, shares, strict=True):
            line.tax = share
        tax += of_rate
    total = goods + shipping + (ZERO if includes_tax else tax)
    return Totals(total, discount, shipping, shipping_rate, shipping_tax, tax, includes_tax)


def shipping_for(goods: Decimal) -> Decimal:
    """Return what shipping costs for goods of this amount."""
    is_free = settings.FREE_SHIPPING_FROM is not None and goods >= settings.FREE_SHIPPING_FROM
    return ZERO if is_free else rounded(settings.SHIPPING_FEE, settings.CURRENCY)


def tax_on(amount: Decimal, rate: Decimal, *, is_included: bool) -> Decimal:
    """Return the tax in an amount that includes it, or on one that does not; `rate` is in percent."""
    return rounded(amount * rate / (100 + rate if is_included else 100), settings.CURRENCY)


def split(total: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """Split `total` in proportion to the weights, in whole minor units, by largest remainder.

    The shares add up to `total`. Of equal remainders, the first gets the unit. No share exceeds its weight if `total`
    does not exceed their sum. Without any weight above 0 every share is 0.
    """
    whole = sum(weights, ZERO)
    if not (total and whole):
        return [ZERO] * len(weights)
    smallest = unit(settings.CURRENCY)
    units = int(total / smallest)
    exact = [Fraction(weight) * units / Fraction(whole) for weight in weights]
    shares = [int(each) for each in exact]
    by_remainder = sorted(range(len(weights)), key=lambda position: shares[position] - exact[position])
    for position in by_remainder[: units - sum(shares)]:
        shares[position] += 1
    return [rounded(share * smallest, settings.CURRENCY) for share in shares]


def taxes_of(lines: Iterable[Any], order: Any) -> list[RateTotal]:
    """Return the sums for each rate of priced lines and of their order's shipping; `order` may be its Totals."""
    parts = [(line.tax_rate, line.amount, line.tax) for line in lines]
    parts.append((order.shipping_tax_rate, order.shipping or ZERO, order.shipping_tax))
    return totals_by_rate(parts, prices_include_tax=order.prices_include_tax)


def totals_by_rate(
    parts: Iterable[tuple[Decimal | None, Decimal, Decimal]], *, prices_include_tax: bool
) -> list[RateTotal]:
    """Return the sums for each rate, the lowest first, of (rate, amount, tax) of each line and of shipping.

    Untaxed amounts, with rate None, are left out.
    """
    sums: dict[Decimal, list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
    for rate, amount, tax in parts:
        if rate is not None:
            sums[rate][0] += amount
            sums[rate][1] += tax
    return [
        RateTotal(rate, amount - tax, tax, amount) if prices_include_tax else RateTotal(rate, amount, tax, amount + tax)
        for rate, (amount, tax) in sorted(sums.items())
    ]


def refundable(line: Any, quantity: int, *, after: int = 0) -> Decimal:
    """Return what is paid back for `quantity` pieces of an OrderLine: their share of its amount, and of a tax on top.

    `after` pieces were paid back before; with it, the rounded parts add up to the line.
    """
    whole = line.amount if line.order.prices_include_tax else line.amount + line.tax
    up_to, before = (
        rounded(whole * pieces / line.quantity, line.order.currency) for pieces in (after + quantity, after)
    )
    return up_to - before


def due(order: Any, lines: Iterable[Any]) -> Decimal:
    """Return what is to be paid for the order: its total without the pieces that are cancelled."""
    cancelled = sum((refundable(line, line.cancelled) for line in lines), ZERO)
    total: Decimal = order.total
    return max(total - cancelled, ZERO)
