"""Cells of files for spreadsheets that no spreadsheet takes for a formula.

A spreadsheet runs a cell which begins with one of a few characters. What the shop writes into such files comes
from people (names, notes, addresses), so it is defused with an apostrophe, as OWASP advises; what the shop reads
from them is undefused, so that a file which was exported and read again changes nothing.
"""

from typing import Any

# OWASP, "CSV injection": the beginnings which make a spreadsheet calculate.
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
    """Return the text that defused() has written; an apostrophe that guards nothing stays."""
    if text.startswith(APOSTROPHE) and text.lstrip(APOSTROPHE).startswith(FORMULA_BEGINNINGS):
        return text[1:]
    return text
