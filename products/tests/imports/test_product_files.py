"""Files of products: what is read from CSV and XLSX, in our own format, Shopify's and WooCommerce's."""

import csv
import io
import zipfile
from datetime import date

import pytest
from openpyxl import Workbook

from products.imports import product_files
from products.imports.cells import UnreadableFile
from products.imports.product_files import COLUMNS, read

OWN = "sku,name,price\nMUG,Mug,4.50\n"


def texts_of(data, **options):
    data = data.encode() if isinstance(data, str) else data
    return [product.texts for product in read(data, **options).products]


def a_workbook(*rows):
    book, file = Workbook(), io.BytesIO()
    for row in rows:
        book.active.append(row)
    book.save(file)
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [
        OWN.encode(),
        OWN.encode("utf-8-sig"),
        OWN.replace(",", ";").encode(),
        OWN.replace(",", "\t").replace("\n", "\r\n").encode(),
        b"SKU , Name,PRICE\n\n MUG ,Mug,4.50\n,,\n",
        a_workbook(["sku", "name", "price"], ["MUG", "Mug", "4.50"]),
    ],
)
def test_a_file_is_read_whatever_separates_its_cells(data):
    assert texts_of(data) == [{"sku": "MUG", "name": "Mug", "price": "4.50"}]


def test_a_text_with_other_separators_does_not_mislead():
    assert texts_of("sku;description\nMUG;a,b,c,d\n") == [{"sku": "MUG", "description": "a,b,c,d"}]


def test_another_encoding_has_to_be_named():
    data = "sku,name\nMUG,Tasse für Tee\n".encode("cp1252")

    with pytest.raises(UnreadableFile, match=r"Line 2 is not in utf-8\. Save the file as UTF-8, or name its encoding"):
        texts_of(data)
    assert texts_of(data, encoding="cp1252") == [{"sku": "MUG", "name": "Tasse für Tee"}]


def test_a_cell_that_was_defused_is_read_as_it_was():
    assert texts_of("sku,name\n'-MUG,'s Gravenhage\n") == [{"sku": "-MUG", "name": "'s Gravenhage"}]


def test_a_workbook_has_values_and_no_formulas():
    data = a_workbook(["sku", "price", "barcode", "retired", "stock"], [1001, 4.1, 4006381333931.0, True, "=1+1"])

    assert texts_of(data) == [
        {"sku": "1001", "price": "4.1", "barcode": "4006381333931", "retired": "yes", "stock": ""}
    ]


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ("", "The first row names the columns"),
        ("name,price\nMug,1\n", "The first row names the columns"),
        ("sku,prize\nMUG,1\n", "Unknown columns: 'prize'. Known are sku, name"),
        ("sku,sku\nMUG,1\n", "Named twice: sku."),
        ("sku,expected\nMUG,1\n", "The column `expected` is about `stock`, which is missing."),
        ('sku,name\nMUG,"Mug\n', "this is not CSV"),
        (b"PK\x03\x04 nothing", "This is no XLSX file"),
        ("sku," + ",".join(f"c{number}" for number in range(200)), "more than 200 columns"),
    ],
)
def test_what_is_no_file_of_products_is_refused_with_a_sentence(data, sentence):
    with pytest.raises(UnreadableFile, match=sentence):
        texts_of(data)


def test_a_file_is_read_up_to_limits(monkeypatch):
    monkeypatch.setattr(product_files, "MAX_ROWS", 2)

    with pytest.raises(UnreadableFile, match="more than 2 rows; part it"):
        texts_of("sku\nA\nB\nC\n")
    with pytest.raises(UnreadableFile, match="larger than 10 MB"):
        texts_of(b"x" * (product_files.MAX_BYTES + 1))


def test_a_workbook_that_unpacks_to_too_much_is_not_unpacked():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/worksheets/sheet1.xml", b" " * (product_files.MAX_UNZIPPED + 1))

    with pytest.raises(UnreadableFile, match="Unpacked, the file is larger than 100 MB"):
        texts_of(file.getvalue())


def test_a_workbook_that_lacks_its_parts_is_damaged():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("[Content_Types].xml", "<Types")

    with pytest.raises(UnreadableFile, match="This XLSX file is damaged"):
        texts_of(file.getvalue())


def packed(*, flags=None, first_byte=None):
    """Return an archive of one packed entry, of which some bytes are others."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
    data = bytearray(file.getvalue())
    if flags is not None:
        data[6] = data[data.index(b"PK\x01\x02") + 8] = flags
    if first_byte is not None:
        data[30 + len("[Content_Types].xml")] = first_byte
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (packed(first_byte=0x07), "This XLSX file is damaged: .*invalid block type"),
        (packed(flags=0x01), "This is no XLSX file: .*is encrypted"),
    ],
    ids=["damaged while packed", "encrypted"],
)
def test_a_workbook_that_cannot_be_unpacked_is_refused(data, sentence):
    with pytest.raises(UnreadableFile, match=sentence):
        texts_of(data)


def test_the_name_of_a_column_can_be_stored():
    file = read(b"Handle,Variant SKU,Variant Price,Extra\0\nmug,MUG,4.50,1\n")

    assert (file.header[3], file.ignored) == ("Extra\ufffd", ["Extra\ufffd"])


def test_a_row_that_is_too_long_is_bad():
    [product] = read(b"sku,name\nMUG,Mug,4.50\n").products

    assert product.faults == ["The row has 3 cells, and the header 2."]


def test_shopify_has_a_row_for_each_variant_and_for_each_further_image():
    rows = [
        {
            "Handle": "mug",
            "Title": "Mug",
            "Body (HTML)": "<p>For <b>tea</b> &amp; coffee</p>",
            "Vendor": "Potters",
            "Tags": "Red, Tea",
            "Published": "true",
            "Option1 Name": "Size",
            "Option1 Value": "S",
            "Variant SKU": "MUG-S",
            "Variant Grams": "250",
            "Variant Inventory Qty": "3",
            "Variant Price": "4.50",
            "Variant Compare At Price": "5.00",
            "Variant Barcode": "'0036000291452",
            "Image Src": "https://cdn.example/1.jpg",
            "SEO Title": "A mug",
            "Status": "active",
        },
        {"Handle": "mug", "Option1 Value": "L", "Variant SKU": "MUG-L", "Variant Price": "6.50"},
        {"Handle": "mug", "Image Src": "https://cdn.example/2.jpg"},
        {"Handle": "lamp", "Title": "Lamp", "Option1 Value": "Default Title", "Variant SKU": "LAMP", "Status": "draft"},
    ]
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), restval="")
    writer.writeheader()
    writer.writerows(rows)

    file = read(text.getvalue().encode())
    small, large, lamp = file.products

    images = "https://cdn.example/1.jpg\nhttps://cdn.example/2.jpg"
    assert (file.format, file.ignored) == ("shopify", ["Option1 Name", "SEO Title"])
    assert {"price", "list_price", "stock", "retired"} < {*file.columns}
    assert small.texts == {
        "sku": "MUG-S",
        "name": "Mug – S",
        "description": "For tea & coffee",
        "vendor": "Potters",
        "barcode": "0036000291452",
        "weight": "250",
        "tags": "Red, Tea",
        "images": images,
        "price": "4.50",
        "list_price": "5.00",
        "retired": "no",
        "stock": "3",
    }
    assert [large.texts[name] for name in ("sku", "name", "vendor", "images")] == [
        "MUG-L",
        "Mug – L",
        "Potters",
        images,
    ]
    assert (lamp.texts["name"], lamp.texts["retired"], lamp.line) == ("Lamp", "yes", 5)
    assert [len(product.cells) for product in (small, large, lamp)] == [2, 1, 1]


def test_woocommerce_has_a_regular_and_a_sale_price():
    header = ["Type", "SKU", "Name", "Published", "Regular price", "Sale price", "Stock", "Categories", "Images"]
    rows = [
        [*header, "Weight (kg)", "Tags", "Meta: x"],
        ["simple", "MUG", "Mug", "1", "5.00", "4.50", "3", "Home > Kitchen, Gifts", "https://a/1, https://a/2", "0.25"],
        ["variable", "TEE", "Tee", "0", "", "", "", "", "", "heavy"],
    ]
    text = io.StringIO()
    csv.writer(text).writerows(row + [""] * (12 - len(row)) for row in rows)

    file = read(text.getvalue().encode())
    mug, tee = file.products

    assert (file.format, file.ignored) == ("woocommerce", ["Meta: x"])
    assert mug.texts == {
        "sku": "MUG",
        "name": "Mug",
        "category": "Home / Kitchen",
        "weight": "250",
        "tags": "",
        "images": "https://a/1\nhttps://a/2",
        "price": "4.50",
        "list_price": "5.00",
        "retired": "no",
        "stock": "3",
    }
    assert tee.faults == [
        "Weight (kg): 'heavy' is no number such as 0.35.",
        "A variable product is not sold itself, but its variations are.",
    ]


def test_our_own_columns_are_those_of_the_page(settings):
    page = (settings.BASE_DIR / "docs" / "imports.md").read_text(encoding="utf-8")

    assert [name for name in COLUMNS if f"`{name}`" not in page.partition("# Importing products")[2]] == []


@pytest.mark.parametrize(
    ("data", "texts"),
    [
        ("Handle,Variant SKU\nmug,MUG\n", {"sku": "MUG"}),
        ("Handle,Title,Variant SKU,Option1 Value\nmug,Mug,MUG,Red\n", {"sku": "MUG", "name": "Mug – Red"}),
        ("SKU,Name,Type\nMUG,Mug,simple\n", {"sku": "MUG", "name": "Mug"}),
        ("SKU,Name,Regular price\nMUG,Mug,5\n", {"sku": "MUG", "name": "Mug", "price": "5"}),
        ("SKU,Name,Type,Sale price\nMUG,Mug,simple,4\n", {"sku": "MUG", "name": "Mug"}),
    ],
)
def test_what_an_export_lacks_is_not_read(data, texts):
    assert texts_of(data) == [texts]


def test_only_what_was_exported_of_a_price_is_a_column():
    assert read(b"SKU,Name,Regular price,Sale price\nMUG,Mug,5,4\n").columns == ["sku", "name", "price", "list_price"]
    assert read(b"SKU,Name,Type,Sale price\nMUG,Mug,simple,4\n").columns == ["sku", "name"]


def test_a_cell_of_a_workbook_is_read_as_a_spreadsheet_would_save_it():
    cells = [True, 4.0, 4.25, date(2026, 1, 31), None]

    [texts] = texts_of(a_workbook(["sku", "name", "price", "description", "barcode"], ["MUG", *cells[:2], *cells[3:]]))
    [other] = texts_of(a_workbook(["sku", "price", "retired"], ["MUG", cells[2], False]))

    assert texts == {"sku": "MUG", "name": "yes", "price": "4", "description": "2026-01-31T00:00:00", "barcode": ""}
    assert other == {"sku": "MUG", "price": "4.25", "retired": "no"}


def test_an_export_without_products_has_none():
    assert texts_of("Handle,Variant SKU\n") == []


def test_a_description_of_woocommerce_is_read_as_text_with_its_line_breaks():
    [mug] = texts_of(b"SKU,Name,Type,Description\nMUG,Mug,simple,<p>Blue &amp; round</p>\\nHolds tea\n")

    assert mug["description"] == "Blue & round\nHolds tea"
