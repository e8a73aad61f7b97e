import csv

import pytest

from products.imports import order_files
from products.imports.orders import OrderImport

ROW = {
    "number": "10248",
    "customer": "alice",
    "placed_at": "2019-03-01T10:00:00Z",
    "status": "PLACED",
    "sku": "MUG",
    "quantity": "2",
    "unit_price": "4.50",
}


@pytest.fixture
def file_of(tmp_path):
    """Write a file of orders, each row as ROW with some other cells."""

    def write(*rows, name="orders.csv", encoding="utf-8"):
        path = tmp_path / name
        columns = list(dict.fromkeys(column for row in ({}, *rows) for column in {**ROW, **row}))
        with path.open("w", encoding=encoding, newline="") as text:
            writer = csv.DictWriter(text, columns, restval="")
            writer.writeheader()
            writer.writerows({**ROW, **row} for row in rows)
        return path

    return write


@pytest.fixture
def import_rows(file_of):
    """Import rows, and return the tally and the faults: (line, reason)."""

    def run(*rows, **options):
        orders = order_files.read(file_of(*rows)).orders
        tally = OrderImport(**options).run(orders)
        return tally, [tuple(fault) for order in orders for fault in order.faults]

    return run


@pytest.fixture
def mug(a_product):
    return a_product(stock=10, price="9.99", sku="MUG", name="Mug")


@pytest.fixture
def lamp(a_product):
    return a_product(stock=10, price="30.00", sku="LAMP", name="Lamp")
