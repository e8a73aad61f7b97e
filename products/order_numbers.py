"""Order numbers: what people say on the phone, such as K7QF-3MXP.

Eight random characters of Crockford's base 32, which has no I, L, O and U: short, and not guessable from another one.
The hyphen is for reading only; it is not stored.
"""

import secrets
from base64 import b32encode
from typing import Any

from django.core.exceptions import ValidationError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import CharField, Expression, Func, Value
from django.db.models.sql.compiler import SQLCompiler

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 8
FROM_RFC_4648 = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", ALPHABET)
"""From the alphabet of Python's base 32 to this one; five random bytes are eight characters."""
INVALID_NUMBER = f"An order's number is {LENGTH} characters of {ALPHABET}; parse_number() returns it."
READ_AS = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})
"""What a person may write for a character, and separators."""


def new_number() -> str:
    """Return a number for a new order. Two orders could draw the same one, once in a million with a million orders."""
    return b32encode(secrets.token_bytes(5)).decode().translate(FROM_RFC_4648)


def parse_number(text: str) -> str:
    """Return the number that a person may have written as `text`, with hyphens, in lower case, or O for 0."""
    return text.upper().translate(READ_AS)


def is_number(text: str) -> bool:
    """Return whether an order could have this number."""
    return len(text) == LENGTH and set(text) <= set(ALPHABET)


def validate_number(text: str) -> None:
    """Refuse what no order's number can be."""
    if not is_number(text):
        raise ValidationError(INVALID_NUMBER, "invalid_number")


def format_number(number: str) -> str:
    """Return the number as people read it: in two groups."""
    return f"{number[:4]}-{number[4:]}"


class OtherCharacters(Func):
    """What is left of a text without the characters of order numbers at its ends: nothing, if it has no others."""

    function = "TRIM"

    def __init__(self, text: str) -> None:
        super().__init__(text, Value(ALPHABET), output_field=CharField())


class RandomNumber(Expression):
    """A number drawn by the database, for rows that were inserted without one."""

    output_field = CharField(max_length=LENGTH)
    allowed_default = True
    POSITIONS = {"postgresql": "floor(random() * 32)::integer", "sqlite": "(random() & 31)"}

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, Any]:
        character = f"substr('{ALPHABET}', 1 + {self.POSITIONS[connection.vendor]}, 1)"
        return " || ".join([character] * LENGTH), []
