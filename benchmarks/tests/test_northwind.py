"""A shop that is loaded from a script of the shape of Northwind's has its figures. The data here is made up."""

from decimal import Decimal

import pytest

from benchmarks import northwind
from products.models import Order, Product, Status

SCRIPT = """\
set identity_insert "Categories" on
INSERT "Categories"("CategoryID","CategoryName","Picture") VALUES(1,'Beverages',0x151C2F00)
INSERT "Customers" VALUES('AAAAA','Al''s Store','Al Ames',NULL,'1 High St.','London',NULL,'W1','UK','1','2')
INSERT "Customers" VALUES('BBBBB','B','Bo',NULL,'2 High St.','London',NULL,'W1','UK','1','2')
INSERT "Products"("ProductID","ProductName","SupplierID","CategoryID","QuantityPerUnit","UnitPrice","UnitsInStock","UnitsOnOrder","ReorderLevel","Discontinued") VALUES(1,'Tea (green)',1,1,'10 boxes',18,39,0,10,0)
INSERT "Products"("ProductID","ProductName","SupplierID","CategoryID","QuantityPerUnit","UnitPrice","UnitsInStock","UnitsOnOrder","ReorderLevel","Discontinued") VALUES(2,'Al''s Sauce',1,1,'1 jar',10.1,0,0,0,1)
INSERT INTO "Orders"
("OrderID","CustomerID","EmployeeID","OrderDate","RequiredDate",
    "ShippedDate","ShipVia","Freight","ShipName","ShipAddress",
    "ShipCity","ShipRegion","ShipPostalCode","ShipCountry")
VALUES (1,N'AAAAA',5,'7/4/1996','8/1/1996','7/16/1996',3,32.38,
    N'Al''s Store (rear)',N'1 High St.
Back door',N'London',NULL,N'W1',N'UK')
INSERT INTO "Orders"
("OrderID","CustomerID","EmployeeID","OrderDate","RequiredDate",
    "ShippedDate","ShipVia","Freight","ShipName","ShipAddress",
    "ShipCity","ShipRegion","ShipPostalCode","ShipCountry")
VALUES (2,N'AAAAA',5,'5/6/1998','6/3/1998',NULL,3,0.5,
    N'Al',N'1 High St.',N'London',NULL,NULL,N'UK')
INSERT "Order Details" VALUES(1,1,14,12,0)
INSERT "Order Details" VALUES(1,2,10.1,1,0.15)
INSERT "Order Details" VALUES(2,2,9.8,10,0.05)
"""  # noqa: E501 - as the script has it


@pytest.fixture
def source(tmp_path):
    script = tmp_path / "instnwnd.sql"
    script.write_text(SCRIPT)
    return northwind.read(script)


@pytest.fixture
def loaded(db, source, tmp_path):
    northwind.write_orders(source, tmp_path / "orders.csv")
    northwind.load(source, tmp_path / "orders.csv")
    return source


def test_figures_stock_and_ledger_agree_with_the_source(loaded):
    assert list(northwind.differences(loaded)) == []
    assert loaded.gross == Decimal("168") + Decimal("10.10") + Decimal("98.00")
    # 15 % of 10.10 are 1.515.
    assert loaded.total == loaded.gross - Decimal("1.52") - Decimal("4.90") + Decimal("32.88")
    assert list(Product.objects.order_by("sku").values_list("sku", "name", "stock")) == [
        ("NW-1", "Tea (green)", 39),
        ("NW-2", "Al's Sauce", 0),
    ]
    assert [order.status for order in Order.objects.order_by("placed_at")] == [Status.SHIPPED, Status.PLACED]
    assert Order.objects.order_by("placed_at")[0].ship_to == {
        "name": "Al's Store (rear)",
        "company": "",
        "line1": "1 High St.",
        "line2": "Back door",
        "postal_code": "W1",
        "city": "London",
        "region": "",
        "country": "GB",
    }


def test_every_difference_is_named(loaded):
    Product.objects.get(sku="NW-1").correct(-1)
    source = northwind.Northwind(loaded.products, loaded.customers[1:], loaded.orders, loaded.details[1:])

    assert list(northwind.differences(source)) == [
        "customers: 2 instead of 1",
        "lines: 3 instead of 2",
        "gross total: 276.10 instead of 108.1",
        "total with discounts and freight: 302.56 instead of 134.56",
        "NW-1: the stock is 38 instead of 39",
    ]
