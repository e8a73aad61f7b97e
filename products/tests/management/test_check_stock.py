import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from products.models import Order, StockCheck, stock_checks


def overwrite_stock(product, stock):
    """Write a stock without a movement, which no code of the shop does."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE products_product SET stock = %s WHERE id = %s", [stock, product.pk])


def test_stock_that_equals_its_movements_is_in_balance(capsys, alice, a_product):
    mug = a_product(stock=5)
    a_product()
    Order.objects.create(customer=alice, items=[(mug, 2)])

    call_command("check_stock")

    assert capsys.readouterr().out == "Products: 2. Orders: 1. Differences: 0.\n"


def test_a_difference_is_listed_and_makes_the_command_fail(capsys, a_product):
    mug, lamp, _ = a_product(stock=5, sku="MUG"), a_product(sku="LAMP"), a_product(stock=1)
    overwrite_stock(mug, 4)
    overwrite_stock(lamp, 1)

    with pytest.raises(CommandError, match=r"^Products: 3\. Orders: 0\. Differences: 2\.$") as failed:
        call_command("check_stock")

    assert failed.value.returncode == 1
    assert capsys.readouterr().out == (
        "MUG: stock is 4, but its movements add up to 5.\nLAMP: stock is 1, but its movements add up to 0.\n"
    )


def test_an_empty_shop_is_in_balance(db, capsys):
    call_command("check_stock")

    assert capsys.readouterr().out == "Products: 0. Orders: 0. Differences: 0.\n"


def test_the_result_is_recorded_with_its_moment_and_the_first_differences(a_product, monkeypatch):
    monkeypatch.setattr("products.reconciliation.MAX_SENTENCES", 1)
    for sku in ("MUG", "LAMP"):
        overwrite_stock(a_product(sku=sku), 1)

    with pytest.raises(CommandError):
        call_command("check_stock")

    check = StockCheck.objects.get()
    assert (check.products, check.orders, check.differences, check.agrees) == (2, 0, 2, False)
    assert check.sentences == ["MUG: stock is 1, but its movements add up to 0."]
    assert not check.is_old


def test_a_result_is_old_after_a_day(db):
    call_command("check_stock")
    check = StockCheck.objects.newest()

    check.at -= stock_checks.MAX_AGE

    assert (check.agrees, check.is_old) == (True, True)


def test_nothing_but_the_result_is_written(alice, a_product):
    Order.objects.create(customer=alice, items=[(a_product(stock=5), 2)])

    with CaptureQueriesContext(connection) as captured:
        call_command("check_stock")

    written = [query["sql"] for query in captured if not query["sql"].startswith(("SELECT", "DECLARE"))]
    assert [sql.split()[:3] for sql in written] == [["INSERT", "INTO", '"products_stockcheck"']]
