"""The amounts of order lines, computed by the database in whole minor units of the currency.

Integers are exact in every database. SQLite stores amounts as binary fractions, so a sum or a rounded half could be
off by one unit.
"""

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import BigIntegerField, Case, Expression, F, Value, When
from django.db.models.functions import Cast, Round

from products import currencies

PRICE_UNITS = 10**currencies.MAX_DECIMALS

PIECES = Cast("quantity", BigIntegerField())
GONE = Cast(F("cancelled") + F("returned"), BigIntegerField())
KEPT = Cast(F("quantity") - F("cancelled") - F("returned"), BigIntegerField())
"""The pieces that were sold and have not come back; those of an expired order are cancelled."""


def kept_gross() -> Expression:
    """Return the price of a line's kept pieces with tax, after discounts: the part that is not refundable()."""
    added_tax = Case(When(order__prices_include_tax=True, then=_integer(0)), default=_units("tax"))
    return _share_of(_subtotal() - _units("discount") - _units("discount_share") + added_tax)


def kept_tax() -> Expression:
    """Return the part of the line's tax that falls to the kept pieces."""
    return _share_of(_units("tax"))


def as_amount(units: Any) -> Decimal:
    """Return a sum in minor units from the database as an amount of money."""
    digits = currencies.decimals(settings.CURRENCY)
    return currencies.scaled(Decimal(int(units or 0)).scaleb(-digits), settings.CURRENCY)


def _subtotal() -> Any:
    """Quantity times price, rounded half up as products.ordering.pricing.subtotal() does."""
    exact = _whole(F("unit_price") * PRICE_UNITS) * PIECES
    finer = 10 ** (currencies.MAX_DECIMALS - currencies.decimals(settings.CURRENCY))
    return exact if finer == 1 else _half_up(exact, _integer(finer))


def _share_of(whole: Any) -> Expression:
    """The kept pieces' share of an amount: the amount minus the other pieces' share, which is rounded half up."""
    # In two steps, because the product of a large amount and a number of pieces does not fit into a column.
    each = whole / PIECES
    rest = whole - each * PIECES
    return Case(When(cancelled=0, returned=0, then=whole), default=each * KEPT + rest - _half_up(rest * GONE, PIECES))


def _half_up(dividend: Any, divisor: Any) -> Any:
    two = _integer(2)
    return (dividend * two + divisor) / (divisor * two)


def _units(column: str) -> Any:
    return _whole(F(column) * 10 ** currencies.decimals(settings.CURRENCY))


def _whole(amount: Any) -> Cast:
    return Cast(Round(amount), BigIntegerField())


def _integer(number: int) -> Value:
    return Value(number, output_field=BigIntegerField())
