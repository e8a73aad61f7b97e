"""Tax classes of products and their rates: settings.TAX_RATES, {class: percent}. A shop without any computes no tax."""

from collections.abc import Collection
from decimal import Decimal

from django.conf import settings
from django.core.exceptions import ValidationError

STANDARD = "standard"
"""The class of a product that names no other one."""


def rate_of(tax_class: str) -> Decimal | None:
    """Return the rate of a tax class in percent; None if the shop computes no tax. Raises KeyError if it is unknown."""
    return settings.TAX_RATES[tax_class] if settings.TAX_RATES else None


def validate_tax_class(tax_class: str) -> None:
    """Raise ValidationError for a class that has no rate."""
    known: Collection[str] = settings.TAX_RATES or [STANDARD]
    if tax_class not in known:
        raise ValidationError(
            "There is no such tax class; TAX_RATES has %(known)s.", "unknown_tax_class", {"known": ", ".join(known)}
        )
