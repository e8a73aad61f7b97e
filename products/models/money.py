"""The column of an amount of money or of a price."""

from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import models

from products import currencies


class MoneyField(models.DecimalField):  # type: ignore[type-arg]  # Django has no such arguments when it runs.
    """An amount of money or a price, with up to four decimals.

    It is read with at least as many decimals as the shop's currency has, and at least two. PostgreSQL keeps as many as
    were written: its column is a `numeric` without a scale, so that `numeric(10, 2)` becomes one without a rewrite of
    the table.
    """

    def __init__(self, *arguments: Any, max_digits: int = 16, **options: Any) -> None:
        super().__init__(*arguments, **options | {"max_digits": max_digits, "decimal_places": currencies.MAX_DECIMALS})

    def deconstruct(self) -> Any:
        name, path, arguments, options = super().deconstruct()
        del options["decimal_places"]
        return name, path, arguments, options

    def db_type(self, connection: Any) -> str | None:
        return "numeric" if connection.vendor == "postgresql" else super().db_type(connection)

    def cast_db_type(self, connection: Any) -> str | None:
        return self.db_type(connection)

    def from_db_value(self, value: Decimal | None, expression: Any, connection: Any) -> Decimal | None:
        if value is None or connection.vendor == "postgresql":
            return value
        return currencies.scaled(value, settings.CURRENCY)  # SQLite has stored a binary fraction

    def get_prep_value(self, value: Any) -> Any:
        amount = super().get_prep_value(value)
        return currencies.scaled(amount, settings.CURRENCY) if isinstance(amount, Decimal) else amount


def price_decimals() -> int:
    """Return how many decimals a product's price may have: settings.PRICE_DECIMALS, or those of the currency."""
    return currencies.decimals(settings.CURRENCY) if settings.PRICE_DECIMALS is None else settings.PRICE_DECIMALS
