"""Cells of spreadsheets are defused on the way out, and undefused on the way in."""

from decimal import Decimal

import pytest

from products.spreadsheets import defused, undefused


@pytest.mark.parametrize("text", ["=1+1", "+49 30 1", "-5", "@SUM(A1)", "\tx", "\rx"])
def test_a_cell_that_looks_like_a_formula_is_guarded_by_an_apostrophe(text):
    assert defused(text) == "'" + text


@pytest.mark.parametrize("text", ["", "Mug", "'quoted'", "'=1", "''=1", "=1", "-", "'", "''", "a=b"])
def test_a_defused_cell_comes_back_as_it_was(text):
    assert undefused(defused(text)) == text


@pytest.mark.parametrize("text", ["'s Gravenhage", "'", "Mug", ""])
def test_an_apostrophe_that_guards_nothing_stays(text):
    assert defused(text) == text
    assert undefused(text) == text


def test_a_number_is_no_formula():
    assert defused(Decimal("-5.00")) == Decimal("-5.00")
    assert defused(None) is None
