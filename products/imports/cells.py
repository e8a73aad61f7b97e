"""Parse cells of imported files of any kind."""

import re
from decimal import Decimal

NUMBER = re.compile(r"[0-9]{1,12}(\.[0-9]{1,20})?")
PIECES = re.compile(r"[0-9]{1,9}")


class UnreadableFile(Exception):
    """The file as a whole cannot be read."""


def decimal(text: str) -> Decimal:
    """Return the number that a text names. Raises ValueError."""
    if not NUMBER.fullmatch(text):
        raise ValueError(f"{text!r} is no number such as 12.50, without a sign and with a point.")
    return Decimal(text)


def pieces(text: str) -> int:
    """Return the number of pieces that a text names. Raises ValueError."""
    if not PIECES.fullmatch(text):
        raise ValueError(f"{text!r} is no whole number of pieces.")
    return int(text)
