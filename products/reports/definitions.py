"""The reports that staff can view and download: the subject, the permission and the columns of each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from products import policies
from products.reports import sales, stock
from products.reports.periods import Period

Row = Any
"""One of the named tuples of products.reports; `product` in it is the id of a product."""


TEXTS = frozenset({"Day", "Category", "SKU", "Name"})
"""The titles of the columns that hold no numbers."""


@dataclass(frozen=True)
class Report:
    """A table. `columns` maps titles to attributes of the rows; the columns in `summed` have a total."""

    name: str
    title: str
    explanation: str
    permission: str
    columns: Mapping[str, str]
    rows: Callable[[Period], Sequence[Row]]
    summed: frozenset[str] = frozenset()
    has_period: bool = True
    charted: str = ""
    """The column of a chart by day; empty where the rows are no days."""

    @property
    def numbers(self) -> frozenset[str]:
        """The titles of the columns that hold numbers."""
        return frozenset(self.columns) - TEXTS

    def cells(self, row: Row) -> list[Any]:
        return [getattr(row, attribute) for attribute in self.columns.values()]

    def totals(self, rows: Sequence[Row]) -> list[Any]:
        """Return the total of each summed column and None for the others; an empty list if there are no rows."""
        if not (rows and self.summed):
            return []
        return [
            sum(getattr(row, attribute) for row in rows) if title in self.summed else None
            for title, attribute in self.columns.items()
        ]


MONEY = {"Net": "net", "Tax": "tax", "Gross": "gross"}
OF_PRODUCT = {"SKU": "sku", "Name": "name"}

REPORTS = {
    report.name: report
    for report in (
        Report(
            "sales-by-day",
            "Sales by day",
            "What was ordered on each day and kept. Shipping and refunds are not in the revenue; a refund is on the "
            "day that it was made.",
            policies.VIEW_ORDERS,
            {
                "Day": "day",
                "Orders": "orders",
                "Pieces": "pieces",
                **MONEY,
                "Shipping": "shipping",
                "Refunded": "refunded",
            },
            sales.sales_by_day,
            summed=frozenset({"Orders", "Pieces", *MONEY, "Shipping", "Refunded"}),
            charted="gross",
        ),
        Report(
            "sales-by-product",
            "Sales by product",
            "What was ordered of each product and kept, the highest revenue first.",
            policies.VIEW_ORDERS,
            {**OF_PRODUCT, "Pieces": "pieces", **MONEY},
            sales.sales_by_product,
            summed=frozenset({"Pieces", *MONEY}),
        ),
        Report(
            "sales-by-category",
            "Sales by category",
            "What was ordered in each category and kept, and in its branch: with all categories below it. Products are "
            "counted where they are now.",
            policies.VIEW_ORDERS,
            {
                "Category": "path",
                "Pieces": "pieces",
                "Gross": "gross",
                "Pieces in the branch": "branch_pieces",
                "Gross in the branch": "branch_gross",
            },
            sales.sales_by_category,
            summed=frozenset({"Pieces", "Gross"}),
        ),
        Report(
            "returns",
            "Returns",
            "What came back in the period, and how much of it can be sold again.",
            policies.VIEW_ORDERS,
            {**OF_PRODUCT, "Returns": "returns", "Pieces": "pieces", "Put back": "restocked"},
            stock.returns,
            summed=frozenset({"Pieces", "Put back"}),
        ),
        Report(
            "stock-value",
            "Stock value",
            "The stock of each product at its present selling price, retired products included. The shop keeps no "
            "purchase prices.",
            policies.VIEW_PRODUCTS,
            {**OF_PRODUCT, "Stock": "stock", "Price": "price", "Value": "value"},
            lambda period: stock.stock_value(),
            summed=frozenset({"Stock", "Value"}),
            has_period=False,
        ),
        Report(
            "sold-out",
            "Sold out and running low",
            "The products on sale of which little or nothing is left, with what was sold in the period; the most "
            "wanted first.",
            policies.VIEW_PRODUCTS,
            {**OF_PRODUCT, "Stock": "stock", "Sold": "sold"},
            stock.shortages,
        ),
    )
}
"""{name: report}"""


def visible_to(user: Any) -> list[Report]:
    """Return the reports that the user may see."""
    return [report for report in REPORTS.values() if policies.is_staff_with(user, report.permission)]
