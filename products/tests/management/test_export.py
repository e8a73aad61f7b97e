import csv
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from openpyxl import load_workbook

from products.models import Order, StockMovement
from products.reports import exports
from products.tests.rewriting import rewrite


@pytest.fixture
def three_orders(alice, a_product):
    mug = a_product(stock=9, sku="MUG")
    for quantity in (1, 2, 3):
        Order.objects.create(customer=alice, items=[(mug, quantity)])


def read(file):
    with file.open(encoding="utf-8-sig", newline="") as text:
        return list(csv.DictReader(text))


def test_a_file_is_written_and_its_rows_are_counted(three_orders, tmp_path, capsys):
    call_command("export", "lines", tmp_path / "lines.csv")

    assert capsys.readouterr().out == "Rows: 3.\n"
    assert [row["quantity"] for row in read(tmp_path / "lines.csv")] == ["1", "2", "3"]


def test_the_name_of_the_file_says_its_format(three_orders, tmp_path):
    call_command("export", "ledger", tmp_path / "ledger.XLSX")

    rows = load_workbook(tmp_path / "ledger.XLSX")["ledger"].iter_rows(values_only=True)
    assert [row[2] for row in rows] == ["delta", 9, -1, -2, -3]


@pytest.mark.parametrize("kind", exports.EXPORTS)
def test_rows_of_one_moment_are_read_in_parts_and_none_is_lost_or_told_twice(
    three_orders, alice, bob, a_product, tmp_path, monkeypatch, kind
):
    for _ in range(3):
        a_product(stock=1)
    moment = timezone.now() - timedelta(days=1)
    for order in Order.objects.all():
        rewrite(order, created_at=moment, placed_at=moment)
    for movement in StockMovement.objects.all():
        rewrite(movement, at=moment)
    whole, in_parts = tmp_path / "whole.csv", tmp_path / "in-parts.csv"
    call_command("export", kind, whole)

    monkeypatch.setattr(exports, "PART", 2)
    monkeypatch.setattr(exports, "ORDERS_AT_ONCE", 2)
    call_command("export", kind, in_parts)

    assert in_parts.read_text() == whole.read_text()
    assert len(read(whole)) >= 2


def test_a_period_is_that_of_the_days_named(three_orders, tmp_path, capsys):
    call_command("export", "orders", tmp_path / "old.csv", "--from", "2001-01-01", "--to", "2019-12-31")

    assert capsys.readouterr().out == "Rows: 0.\n"


@pytest.mark.parametrize(
    ("file", "options", "sentence"),
    [
        ("orders.txt", [], "Name the format: --format csv, or --format xlsx."),
        ("orders.csv", ["--from", "2026-02-01", "--to", "2026-01-01"], "The period ends before it begins."),
        ("nowhere/orders.csv", [], "orders.csv: No such file or directory."),
    ],
)
def test_what_is_wrong_is_said(db, tmp_path, file, options, sentence):
    with pytest.raises(CommandError, match=sentence):
        call_command("export", "orders", tmp_path / file, *options)


def test_the_export_of_personal_data_is_a_security_event(db, tmp_path, caplog):
    call_command("export", "customers", tmp_path / "customers.csv", "--from", "2026-01-01", "--to", "2026-02-01")

    assert "event data.exported, user None" in caplog.text
