"""manage.py import_products: what it prints, its exit code, and the files that it writes."""

import codecs
import io

import pytest
from django.core.management import CommandError, call_command

from products.models import Product, ProductImport

pytestmark = pytest.mark.django_db

HEADER = "sku,name,price,stock\n"
GOOD = "MUG,Stone mug,5,7\n"
BAD = "BOWL,Bowl,x,1\n"
REASON = "price: 'x' is no number such as 12.50, without a sign and with a point."


@pytest.fixture
def file(tmp_path, a_product):
    """A file with a changed and a bad product."""
    a_product(sku="MUG", name="Mug", price="4.50", stock=5)
    path = tmp_path / "products.csv"
    path.write_text(HEADER + GOOD + BAD)
    return path


def test_a_dry_run_says_what_would_change_and_changes_nothing(file, tmp_path, capsys):
    bad = tmp_path / "bad.csv"

    with pytest.raises(CommandError) as failed:
        call_command("import_products", file, dry_run=True, bad=bad)

    assert str(failed.value) == "Dry run, nothing was changed. New: 0. Changed: 1. Unchanged: 0. Bad: 1."
    assert capsys.readouterr().out == (
        "Line 2, MUG: changed. name: Mug → Stone mug; price: 4.50 → 5.00; stock: 5 → 7\n" + f"Line 3, BOWL: {REASON}\n"
    )
    assert bad.read_bytes().startswith(codecs.BOM_UTF8)
    assert bad.read_text().splitlines()[1:] == [f'"{REASON}",{BAD.strip()}']
    assert (Product.objects.get().price, ProductImport.objects.count()) == (4.5, 0)


def test_bad_rows_are_mended_and_imported_and_the_import_is_undone(file, tmp_path, staff, capsys):
    bad = tmp_path / "bad.csv"
    with pytest.raises(CommandError) as failed:
        call_command("import_products", file, bad=bad, by="staff", note="June")
    bad.write_text(bad.read_text().replace(",x,", ",3,"))
    call_command("import_products", bad)
    first, second = ProductImport.objects.order_by("pk")

    call_command("import_products", undo=first.pk)

    assert str(failed.value) == (
        f"Import {first.pk}. New: 0. Changed: 1. Unchanged: 0. Bad: 1. Applied: 1. Refused: 0."
    )
    assert capsys.readouterr().out.splitlines() == [
        f"Line 3, BOWL: {REASON}",
        f"Import {second.pk}. New: 1. Changed: 0. Unchanged: 0. Bad: 0. Applied: 1. Refused: 0.",
        f"Import {first.pk}. Undone: 1. Not undone: 0.",
    ]
    assert sorted(Product.objects.values_list("sku", "name", "stock")) == [("BOWL", "Bowl", 1), ("MUG", "Mug", 5)]
    mug = Product.objects.get(sku="MUG")
    assert mug.movements.get(delta=2).by == staff
    assert mug.movements.get(delta=-2).note == f"Undo of import {first.pk}: June"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "Give a file, or --continue or --undo with the number of an import."),
        ({"undo": 999}, "There is no import 999."),
        ({"resume": 999}, "There is no import 999."),
    ],
)
def test_what_it_cannot_do_is_said_in_a_sentence(db, options, sentence):
    with pytest.raises(CommandError) as failed:
        call_command("import_products", **options)

    assert str(failed.value) == sentence


def test_a_file_or_person_that_is_not_there_is_named(file, tmp_path):
    for arguments, options, sentence in [
        ((tmp_path / "none.csv",), {}, f"{tmp_path / 'none.csv'} cannot be read: No such file or directory."),
        ((file,), {"by": "nobody"}, "There is no user 'nobody'."),
        ((file,), {"bad": file}, "Write the bad rows to another file than the one that is read."),
        ((file,), {"note": "a\nb"}, "Write it in one line, without tabs; remove U+000A (line feed)."),
    ]:
        with pytest.raises(CommandError) as failed:
            call_command("import_products", *arguments, **options)
        assert str(failed.value) == sentence


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_dry_run_shows_categories_by_their_names_and_no_product_that_stays(tmp_path, a_product, a_category, capsys):
    a_product(sku="MUG", name="Mug", price="4.50")
    a_product(sku="LAMP", name="Lamp", price="4.50").retire()
    a_product(sku="BOWL", name="Bowl", price="4.50", tags=["gift"])
    file = tmp_path / "products.csv"
    file.write_text(
        "sku,name,category,retired,tags\nMUG,Mug,kitchen,yes,\nLAMP,Lamp,,no,\nBOWL,Bowl,,no,gift\nCUP,Cup,,no,\n"
    )

    with pytest.raises(CommandError, match=r"New: 0\. Changed: 2\. Unchanged: 1\. Bad: 1\."):
        call_command("import_products", file, dry_run=True)

    assert capsys.readouterr().out.splitlines() == [
        "Line 2, MUG: changed. category: nothing → Kitchen; retired: no → yes",
        "Line 3, LAMP: changed. retired: yes → no",
        "Line 5, CUP: price: it is missing.",
    ]


def test_a_terminal_shows_how_far_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr("products.imports.products.SET", 1)
    file, terminal = tmp_path / "products.csv", Terminal()
    file.write_text("sku,name,price\nMUG,Mug,5\nCUP,Cup,3\n")

    call_command("import_products", file, dry_run=True, stderr=terminal)
    call_command("import_products", file, stderr=terminal)
    call_command("import_products", undo=ProductImport.objects.get().pk, stderr=terminal)

    shown = terminal.getvalue()
    assert shown.count("\r1 rows read\r2 rows read") == 2
    assert shown.count("] 2 of 2 products\n") == 2


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CommandError, match=r"products\.csv cannot be read: No such file or directory\."):
        call_command("import_products", tmp_path / "products.csv")
