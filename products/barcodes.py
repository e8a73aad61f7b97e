"""Barcodes: GTINs, the numbers of EAN and UPC codes, whose check digit reveals a mistyped digit."""

import re

from django.core.exceptions import ValidationError

LENGTHS = (8, 12, 13, 14)
GTIN = re.compile(r"[0-9]{8}|[0-9]{12,14}")


def validate_gtin(code: str) -> None:
    """Refuse a text that is not a GTIN, and a GTIN with a wrong check digit."""
    if not GTIN.fullmatch(code):
        raise ValidationError("A barcode is a GTIN: 8, 12, 13 or 14 digits.", "invalid_barcode")
    digit = check_digit(code[:-1])
    if int(code[-1]) != digit:
        raise ValidationError(
            "The last digit of %(code)s would have to be %(digit)s; a digit is wrong.",
            "wrong_check_digit",
            {"code": code, "digit": digit},
        )


def is_barcode(text: str) -> bool:
    """Return whether the text has the form of a GTIN, whatever its check digit."""
    return GTIN.fullmatch(text) is not None


def check_digit(digits: str) -> int:
    """Return the check digit that follows these digits."""
    total = sum(int(digit) * (1 if position % 2 else 3) for position, digit in enumerate(reversed(digits)))
    return -total % 10


def forms_of(code: str) -> tuple[str, ...]:
    """Return the barcode in each length that it can have: a GTIN stays the same with zeros before it."""
    digits = code.lstrip("0")
    return tuple(digits.zfill(length) for length in LENGTHS if len(digits) <= length)
