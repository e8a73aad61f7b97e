"""Amounts of money with the decimals that they need; Django would show as many as the column has."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.contrib import admin


def money_column(name: str) -> Callable[[Any, Any], Decimal | None]:
    """Return a column, or a read-only field, that shows the amount `name` of an object."""

    @admin.display(description=name.replace("_", " "), ordering=name)
    def shown(self: Any, obj: Any) -> Decimal | None:
        amount: Decimal | None = getattr(obj, name)
        return amount

    return shown
