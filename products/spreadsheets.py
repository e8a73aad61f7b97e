"""Spreadsheet cells that are never run as formulas.

A spreadsheet runs a cell that begins with one of a few characters as a formula. Exported texts (names, notes,
addresses) come from people, so the shop puts an apostrophe before such a text, as OWASP advises. Reading a file removes
it again, so that importing an exported file changes nothing.
"""

from typing import Any

# OWASP, "CSV injection": the characters that begin a formula.
FORMULA_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r")
APOSTROPHE = "'"

BYTE_ORDER_MARK = "\ufeff"
"""The beginning of a CSV file. Without it, a spreadsheet takes UTF-8 for something else."""


def defused(value: Any) -> Any:
    """Return a cell's value as a spreadsheet shows it but never runs it; only a text can be a formula.

    A text which already looks defused gets one more apostrophe, so that undefused() gives back exactly this text.
    """
    if isinstance(value, str) and value.lstrip(APOSTROPHE).startswith(FORMULA_BEGINNINGS):
        return APOSTROPHE + value
    return value


def undefused(text: str) -> str:
    """Return the original text of a cell that defused() has written; any other apostrophe stays."""
    if text.startswith(APOSTROPHE) and text.lstrip(APOSTROPHE).startswith(FORMULA_BEGINNINGS):
        return text[1:]
    return text
