"""Files of orders: what can be read, and that every bad row is named with its reasons."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from products.imports import order_files
from products.imports.order_files import COLUMNS, UnreadableFile


def faults_of(path):
    return [tuple(fault) for order in order_files.read(path).orders for fault in order.faults]


def test_rows_with_one_number_are_one_order_wherever_they_are(file_of):
    path = file_of({"number": "1"}, {"number": "2"}, {"number": "1", "sku": "LAMP", "customer": "", "status": ""})
    path.write_text(path.read_text().replace("1,,2019", "1,alice,2019").replace("Z,,LAMP", "Z,PLACED,LAMP"))

    orders = order_files.read(path).orders

    assert [(order.number, [line.sku for line in order.lines]) for order in orders] == [
        ("1", ["MUG", "LAMP"]),
        ("2", ["MUG"]),
    ]


def test_the_later_rows_of_an_order_repeat_its_columns_or_leave_them_blank(file_of):
    path = file_of({"shipping": "5.00"}, {"sku": "LAMP", "customer": "", "placed_at": "", "status": ""})

    [order] = order_files.read(path).orders

    assert (order.faults, order.customer, order.shipping) == ([], "alice", Decimal("5.00"))


def test_a_file_may_begin_with_a_byte_order_mark(file_of):
    path = file_of({"note": "Grüße"}, encoding="utf-8-sig")

    [order] = order_files.read(path).orders

    assert (order.number, order.details, order.faults) == ("10248", {"note": "Grüße"}, [])


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1996-07-04", datetime(1996, 7, 4, tzinfo=UTC)),
        ("1996-07-04T12:30:00Z", datetime(1996, 7, 4, 12, 30, tzinfo=UTC)),
        ("1996-07-04T12:30:00+02:00", datetime(1996, 7, 4, 10, 30, tzinfo=UTC)),
    ],
)
def test_a_moment_is_rfc_3339_or_a_date(file_of, text, moment):
    [order] = order_files.read(file_of({"placed_at": text})).orders

    assert (order.placed_at, order.faults) == (moment, [])


TOMORROW = (timezone.now() + timedelta(days=1)).isoformat()


@pytest.mark.parametrize(
    ("cells", "reasons"),
    [
        ({"number": ""}, ["number: it is missing."]),
        ({"number": "\N{ZERO WIDTH SPACE}"}, ["This field cannot be blank"]),
        ({"number": "n" * 101}, ["at most 100 characters"]),
        ({"customer": ""}, ["customer: it is missing."]),
        ({"placed_at": ""}, ["placed_at: it is missing."]),
        ({"placed_at": "2019-02-30"}, ["placed_at: '2019-02-30' is no moment"]),
        ({"placed_at": "2019-02-28T12:00:00"}, ["placed_at: '2019-02-28T12:00:00' is no moment"]),
        ({"placed_at": "0001-01-01T00:00:00+14:00"}, ["placed_at: '0001"]),
        ({"placed_at": "28.2.2019"}, ["placed_at: '28.2.2019' is no moment"]),
        ({"placed_at": TOMORROW}, ["placed_at: it is in the future."]),
        ({"status": ""}, ["status: it is missing."]),
        ({"status": "CART"}, ["status: 'CART' is none of PLACED, PAID, SHIPPED, DELIVERED, CANCELLED, RETURNED."]),
        ({"status": "EXPIRED"}, ["status: 'EXPIRED' is none of"]),
        ({"paid_at": "2019-03-02"}, ["paid_at: a PLACED order is not paid."]),
        ({"status": "PAID", "paid_at": "2019-02-01"}, ["paid_at: it is before placed_at."]),
        ({"status": "PAID", "shipped_at": "2019-03-02"}, ["shipped_at: a PAID order is not shipped."]),
        ({"sku": ""}, ["sku: it is missing."]),
        ({"quantity": ""}, ["quantity: it is missing."]),
        ({"quantity": "1.5"}, ["quantity: '1.5' is no whole number of pieces."]),
        ({"quantity": "-1"}, ["quantity: '-1' is no whole number of pieces."]),
        ({"quantity": "٣"}, ["quantity: '٣' is no whole number of pieces."]),
        ({"unit_price": ""}, ["unit_price: it is missing."]),
        ({"unit_price": "4,50"}, ["unit_price: '4,50' is no number"]),
        ({"unit_price": "-4.50"}, ["unit_price: '-4.50' is no number"]),
        ({"unit_price": "NaN"}, ["unit_price: 'NaN' is no number"]),
        ({"unit_price": "1e3"}, ["unit_price: '1e3' is no number"]),
        ({"discount_percent": "101"}, ["discount_percent: it is at most 100."]),
        ({"discount": "1", "discount_percent": "10"}, ["discount and discount_percent: give one of them."]),
        ({"shipping": "free"}, ["shipping: 'free' is no number"]),
        (
            {"customer": "", "status": "LOST", "quantity": "many"},
            ["customer: it is missing.", "status: 'LOST' is none of", "quantity: 'many' is no whole number"],
        ),
    ],
)
def test_a_bad_row_is_named_with_each_of_its_reasons(file_of, cells, reasons):
    faults = faults_of(file_of({"number": "1"}, {"number": "2"} | cells))

    assert [line for line, _ in faults] == [3] * len(reasons)
    assert all(reason in fault for reason, (_, fault) in zip(reasons, faults, strict=True))


def test_a_row_that_contradicts_the_first_of_its_order_is_named(file_of):
    faults = faults_of(file_of({}, {"sku": "LAMP", "customer": "bob"}))

    assert faults == [(3, "customer: it differs from line 2 of the same order.")]


def test_a_row_with_too_few_or_too_many_cells_is_named(file_of):
    path = file_of({})
    path.write_text(path.read_text() + "10249,alice\n10250" + ",x" * 8 + "\n")

    assert faults_of(path) == [
        (3, "The row has 2 cells, and the header 7."),
        (4, "The row has 9 cells, and the header 7."),
    ]


def test_a_blank_line_is_no_order(file_of):
    path = file_of({"number": "1"}, {"number": "2", "sku": ""})
    path.write_text(path.read_text().replace("\n", "\n\n"))

    assert faults_of(path) == [(5, "sku: it is missing.")]


def test_a_row_is_named_by_its_first_line_where_a_text_has_several(file_of):
    path = file_of({"number": "1", "note": "two\nlines"}, {"number": "2", "sku": "", "note": "three\nmore\nlines"})

    assert faults_of(path) == [(4, "sku: it is missing.")]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "Missing: 'number'"),
        (b"number;customer;placed_at\n", "Unknown columns: 'number;customer;placed_at'."),
        (b"number,customer,placed_at,status,sku,quantity,unit_price,colour\n", "Unknown columns: 'colour'."),
        (b"number,customer,placed_at,status,sku,quantity,unit_price,sku\n", "Named twice: 'sku'."),
        (b"number,customer,placed_at,status,sku,quantity\n", "Missing: 'unit_price'."),
        ("number,customer,Größe\n".encode("latin-1"), "is not in UTF-8."),
        (",".join(COLUMNS).encode() + b'\n1,"alice"x\n', "line 2: this is not CSV"),
    ],
)
def test_a_file_that_is_not_one_of_orders_is_refused_whole(tmp_path, content, sentence):
    path = tmp_path / "orders.csv"
    path.write_bytes(content)

    with pytest.raises(UnreadableFile) as refused:
        order_files.read(path)

    assert sentence in str(refused.value)


def test_a_file_that_is_missing_is_refused(tmp_path):
    with pytest.raises(UnreadableFile, match="cannot be read: No such file or directory"):
        order_files.read(tmp_path / "orders.csv")


def test_rejected_rows_are_written_as_they_were_with_their_reasons(file_of, tmp_path):
    rejects = tmp_path / "rejects.csv"
    read = order_files.read(file_of({"number": "1"}, {"number": "2", "quantity": "x"}, {"number": "2", "sku": "LAMP"}))

    order_files.write_rejects(rejects, read)

    assert rejects.read_text(encoding="utf-8").splitlines() == [
        "\ufeffreasons,number,customer,placed_at,status,sku,quantity,unit_price",
        "quantity: 'x' is no whole number of pieces.,2,alice,2019-03-01T10:00:00Z,PLACED,MUG,x,4.50",
        ",2,alice,2019-03-01T10:00:00Z,PLACED,LAMP,2,4.50",
    ]


def test_a_file_of_rejects_can_be_read_again_and_rejects_with_new_reasons(file_of, tmp_path):
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    order_files.write_rejects(first, order_files.read(file_of({"quantity": "x"})))
    first.write_text(first.read_text().replace(",x,", ",y,"))

    order_files.write_rejects(second, order_files.read(first))

    assert second.read_text(encoding="utf-8").splitlines() == [
        "\ufeffreasons,number,customer,placed_at,status,sku,quantity,unit_price",
        "quantity: 'y' is no whole number of pieces.,10248,alice,2019-03-01T10:00:00Z,PLACED,MUG,y,4.50",
    ]
