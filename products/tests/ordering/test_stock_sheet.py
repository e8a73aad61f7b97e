"""A sheet of stock adjustments, as code books it."""

import pytest

from products.models import InvalidStockAdjustment, Product, Reason, StockSheetRejected
from products.ordering.stock_adjustment import StockAdjustment
from products.ordering.stock_sheet import book_sheet

pytestmark = pytest.mark.django_db


def test_a_sheet_tells_what_each_row_moved(a_product, staff):
    mug, lamp = a_product(stock=3), a_product()

    outcomes = book_sheet(
        [
            StockAdjustment(mug, Reason.CORRECTED, -1, by=staff),
            StockAdjustment(lamp, Reason.RECEIVED, 5, by=staff),
        ]
    )

    assert [(outcome.movement.delta, outcome.stock) for outcome in outcomes] == [(-1, 2), (5, 5)]
    assert (mug.stock, lamp.stock) == (2, 5)
    assert book_sheet([]) == []


def test_a_product_that_is_named_twice_is_rejected_and_nothing_is_booked(a_product):
    mug, lamp = a_product(sku="MUG"), a_product()
    sheet = [StockAdjustment(product, Reason.RECEIVED, 1) for product in (mug, lamp, mug)]

    with pytest.raises(StockSheetRejected) as rejected:
        book_sheet(sheet)

    [(row, error)] = rejected.value.errors.items()
    assert (row, type(error), str(error)) == (2, InvalidStockAdjustment, "MUG is in row 1 already.")
    assert [violation.positions for violation in rejected.value.violations] == [(2,)]
    assert not Product.objects.in_stock().exists()


def test_a_row_that_cannot_be_booked_takes_the_others_back(a_product):
    mug, lamp = a_product(stock=3), a_product(sku="LAMP")

    with pytest.raises(StockSheetRejected, match="LAMP: 1 requested, 0 available"):
        book_sheet([StockAdjustment(mug, Reason.RECEIVED, 1), StockAdjustment(lamp, Reason.CORRECTED, -1)])

    assert (mug.refreshed().stock, mug.movements.count(), mug.events.count()) == (3, 1, 2)
