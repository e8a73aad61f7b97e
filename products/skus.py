"""SKUs: any printable text of one line; two that differ only in case, or in how Unicode writes them, are the same SKU.

What is compared is the *key* of a SKU: Unicode's form NFKC, case-folded. No database can compute that for every
character, and both agree on ASCII. So a product stores the key only where its SKU has other characters, and SKU_KEY, on
which the unique constraint and every look-up are, is the stored key or else the SKU in lower case.
"""

import unicodedata
from typing import Any

from django.core.exceptions import ValidationError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Func, TextField
from django.db.models.functions import Coalesce
from django.db.models.sql.compiler import SQLCompiler

from products.validators import BLANK_LETTERS

MAX_LENGTH = 64


def sku_key(sku: str) -> str:
    """Return what is compared of a SKU."""
    if sku.isascii():
        return sku.lower()
    # Normalized again, because folding the case can take a text out of the normal form.
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", sku).casefold())


def stored_key(sku: str) -> str | None:
    """Return the key to store beside a SKU; None for one in ASCII, whose key the database computes."""
    return None if sku.isascii() else sku_key(sku)


def is_sku(text: str) -> bool:
    """Return whether a product could have this SKU."""
    # isprintable() is false for every character that is_invisible() names, other than the space and BLANK_LETTERS.
    return (
        0 < len(text) <= MAX_LENGTH
        and text.isprintable()
        and not text.startswith(" ")
        and not text.endswith(" ")
        and (text.isascii() or not set(text) & set(BLANK_LETTERS))
    )


def trimmed(text: str) -> None:
    """Refuse a text with a space before or behind it."""
    if text.startswith(" ") or text.endswith(" "):
        raise ValidationError("Remove the spaces around it.", code="surrounding_space")


class LowerAscii(Func):
    """A text in which the ASCII letters are in lower case, on every database and in every locale."""

    function, arity = "LOWER", 1
    output_field = TextField()

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **context: Any) -> Any:
        # In a Turkish locale, LOWER('I') is a letter outside ASCII.
        return self.as_sql(compiler, connection, template='%(function)s(%(expressions)s COLLATE "C")', **context)


SKU_KEY = Coalesce("folded_sku", LowerAscii("sku"), output_field=TextField())
"""The key of a product's SKU, as an expression of its columns."""
