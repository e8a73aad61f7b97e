"""manage.py import_orders: what it prints, its exit code, and the page that describes it."""

import csv
import io
import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command

from products.imports.order_files import COLUMNS, REQUIRED
from products.management.commands.import_orders import Command
from products.models import Order

HEADER = "number,customer,placed_at,status,sku,quantity,unit_price\n"
GOOD = "10248,alice,2019-03-01,PLACED,MUG,2,4.50\n"
BAD = "10249,alice,2019-03-01,PLACED,CUP,2,4.50\n"


@pytest.fixture
def page():
    return Path(settings.BASE_DIR, "docs", "imports.md").read_text(encoding="utf-8")


@pytest.fixture
def orders(tmp_path, alice, a_product):
    """A file with one good and one bad order, and the product of the good one."""
    a_product(sku="MUG", stock=1)
    path = tmp_path / "orders.csv"
    path.write_text(HEADER + GOOD + BAD)
    return path


def test_bad_rows_are_named_and_make_the_command_fail(orders, capsys):
    with pytest.raises(CommandError) as failed:
        call_command("import_orders", orders)

    assert str(failed.value) == "Orders imported: 1. Imported before: 0. Rejected: 1. Customers made: 0."
    assert failed.value.returncode == 1
    assert capsys.readouterr().out == "Line 3, order 10249: CUP: There is no such product.\n"


def test_rejected_rows_are_mended_and_sent_again(orders, tmp_path, capsys):
    rejects = tmp_path / "rejects.csv"
    with pytest.raises(CommandError):
        call_command("import_orders", orders, rejects=rejects)
    written = rejects.read_text()
    rejects.write_text(written.replace(",CUP,", ",MUG,"))

    call_command("import_orders", rejects)

    assert written == f"\ufeffreasons,{HEADER}CUP: There is no such product.,{BAD}"
    assert capsys.readouterr().out.endswith("Orders imported: 1. Imported before: 0. Rejected: 0. Customers made: 0.\n")
    assert set(Order.objects.values_list("imported_number", flat=True)) == {"10248", "10249"}


def test_a_dry_run_names_the_same_rows_and_says_that_it_is_one(orders, tmp_path, capsys):
    rejects = tmp_path / "rejects.csv"

    with pytest.raises(CommandError, match=r"^Dry run, nothing was changed\. Orders imported: 1\."):
        call_command("import_orders", orders, dry_run=True, rejects=rejects)

    assert capsys.readouterr().out == "Line 3, order 10249: CUP: There is no such product.\n"
    assert len(rejects.read_text().splitlines()) == 2
    assert Order.objects.count() == 0


def test_the_stock_is_taken_where_that_is_asked_for(orders, capsys):
    with pytest.raises(CommandError, match=r"Rejected: 2\."):
        call_command("import_orders", orders, stock="take")

    assert "Line 2, order 10248: MUG: 2 requested, 1 available.\n" in capsys.readouterr().out


def test_a_file_that_cannot_be_read_is_a_sentence(db, tmp_path):
    with pytest.raises(CommandError, match="cannot be read: No such file"):
        call_command("import_orders", tmp_path / "none.csv")


def test_rejected_rows_are_not_written_over_the_file_itself(orders):
    with pytest.raises(CommandError, match="another file"):
        call_command("import_orders", orders, rejects=orders)

    assert orders.read_text() == HEADER + GOOD + BAD


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(("stderr", "is_shown"), [(io.StringIO(), False), (Terminal(), True)])
def test_progress_is_shown_on_a_terminal_only(orders, capsys, stderr, is_shown):
    with pytest.raises(CommandError):
        call_command(Command(stderr=stderr, no_color=True), orders)

    assert stderr.getvalue() == (f"\r[{'#' * 40}] 2 of 2 orders\n" if is_shown else "")


def test_the_example_of_the_page_is_imported_as_it_says(page, a_product, tmp_path, capsys):
    file, printed = re.findall(r"```(?:csv|text)\n(.*?)```", page, re.DOTALL)[:2]
    for sku in ("MUG-STONE", "LAMP-DESK"):
        a_product(sku=sku, stock=5)
    path = tmp_path / "orders.csv"
    path.write_text(file)

    call_command("import_orders", path, create_customers=True)

    assert capsys.readouterr().out == printed
    assert dict(Order.objects.values_list("imported_number", "status")) == {
        "A-1001": "DELIVERED",
        "A-1002": "CANCELLED",
    }


def test_the_page_describes_every_column(page):
    rows = re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| (yes|no) \|", page, re.MULTILINE)

    described = {name: required == "yes" for names, required in rows for name in re.findall(r"\w+", names)}
    assert described == {name: name in REQUIRED for name in COLUMNS}


def test_the_example_of_the_page_has_known_columns(page):
    [file, *_] = re.findall(r"```csv\n(.*?)```", page, re.DOTALL)

    assert set(next(csv.reader(io.StringIO(file)))) <= {*COLUMNS}
