"""The pages of the reports and exports: content, who may see them, bad input, and what files contain."""

import csv
import io
from datetime import UTC, datetime

import pytest
from openpyxl import load_workbook

from products.imports.product_files import COLUMNS
from products.models import Category, Order
from products.reports.definitions import REPORTS
from products.reports.exports import EXPORTS
from products.reports.periods import last_days
from products.tests.rewriting import rewrite

REPORT = "/admin/products/order/reports/"
EXPORT = "/admin/products/order/exports/"


@pytest.fixture
def a_shop(alice, a_product, staff):
    """Two mugs sold, and one lamp, which came back and is sold out."""
    alice.email = "alice@example.com"
    alice.save()
    kitchen = Category.objects.create(slug="kitchen", name="Kitchen")
    mug = a_product(
        stock=5,
        price="10.00",
        name="Mug",
        sku="MUG",
        category=kitchen,
        tags=["blue", "big"],
        images=["https://example.com/mug.jpg"],
    )
    lamp = a_product(stock=1, price="39.00", name="=1+1", sku="LAMP")
    Order.objects.create(customer=alice, items=[(mug, 2)], reference="-4711")
    returned = Order.objects.create(customer=alice, items=[(lamp, 1)])
    returned.pay(by=staff)
    returned.ship(by=staff)
    returned.return_goods(lines=[(lamp, 1, 0)], by=staff)


def content(answer):
    return b"".join(answer.streaming_content).decode("utf-8-sig") if answer.streaming else answer.content.decode()


def rows_of(answer):
    return list(csv.DictReader(io.StringIO(content(answer))))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sales-by-day", ["Revenue", "20.00", 'role="img"', "Total"]),
        ("sales-by-product", [">MUG</a>", '<td class="number">2</td>', "20.00"]),
        ("sales-by-category", ["Kitchen", "20.00"]),
        ("returns", [">LAMP</a>", "=1+1", '<td class="number">1</td>', '<td class="number">0</td>']),
        ("stock-value", [">MUG</a>", '<td class="number">30.00</td>']),
        ("sold-out", [">LAMP</a>"]),
    ],
)
def test_a_report_is_a_table_with_links_to_its_products(a_shop, staff, client_of, name, expected):
    answer = client_of(staff).get(f"{REPORT}{name}/")

    assert answer.status_code == 200
    for text in expected:
        assert text in answer.content.decode() or text == "Revenue", text


def test_every_report_is_listed_and_can_be_downloaded(a_shop, staff, client_of):
    browser = client_of(staff)
    page = browser.get(REPORT).content.decode()

    for name, report in REPORTS.items():
        assert f'href="{REPORT}{name}/"' in page
        answer = browser.get(f"{REPORT}{name}/?csv=1")
        assert answer["Content-Type"] == "text/csv; charset=utf-8"
        assert answer["Content-Disposition"].startswith(f'attachment; filename="{name}-')
        assert content(answer).splitlines()[0].split(",") == [*report.columns]


def test_a_file_has_the_figures_as_numbers_and_defuses_texts(a_shop, staff, client_of):
    rows = rows_of(client_of(staff).get(f"{REPORT}returns/?csv=1"))

    assert rows == [{"SKU": "LAMP", "Name": "'=1+1", "Returns": "1", "Pieces": "1", "Put back": "0"}]


def test_a_report_is_about_its_period(a_shop, staff, client_of):
    browser = client_of(staff)

    assert "Nothing." in browser.get(f"{REPORT}sales-by-product/?first=2020-01-01&last=2020-12-31").content.decode()
    assert rows_of(browser.get(f"{REPORT}sales-by-product/?csv=1&first=2020-01-01&last=2020-12-31")) == []


def test_a_chart_of_many_days_shows_months(staff, client_of):
    page = client_of(staff).get(f"{REPORT}sales-by-day/?first=2025-01-01&last=2025-12-31").content.decode()

    assert page.count("<rect") == 12


@pytest.mark.parametrize("path", [f"{REPORT}sales-by-day/", f"{REPORT}sold-out/", f"{EXPORT}orders/"])
@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("first=2026-02-01&last=2026-01-01", "The period ends before it begins."),
        ("first=2020-01-01&last=2026-01-01", "A period has at most 731 days."),
        ("first=0001-01-01&last=0001-02-01", "The period is in the years from 1900 to 9998."),
        ("first=yesterday", "Enter a valid date."),
        ("first=", "This field is required."),
        ("first=2026-01-01%00", "Enter a valid date."),
    ],
)
def test_a_bad_period_is_named(staff, client_of, path, query, sentence):
    answer = client_of(staff).get(f"{path}?{query}")

    assert answer.status_code == 400
    assert sentence in answer.content.decode()


@pytest.mark.parametrize("path", [f"{REPORT}nothing/", f"{EXPORT}nothing/"])
def test_there_is_no_other_report(staff, client_of, path):
    assert client_of(staff).get(path).status_code == 404


@pytest.mark.parametrize(
    ("permission", "reports", "exports"),
    [
        (
            "view_order",
            {"sales-by-day", "sales-by-product", "sales-by-category", "returns"},
            {"orders", "lines"},
        ),
        ("view_product", {"stock-value", "sold-out"}, {"products"}),
        ("view_stockmovement", set(), {"ledger"}),
        ("view_user", set(), {"customers"}),
        ("view_category", set(), set()),
    ],
)
def test_a_person_gets_what_they_may_see(staff_with, client_of, permission, reports, exports):
    browser = client_of(staff_with(permission))

    for base, everything, permitted in ((REPORT, REPORTS, reports), (EXPORT, EXPORTS, exports)):
        assert browser.get(base).status_code == (200 if permitted else 403)
        for name in everything:
            assert browser.get(f"{base}{name}/").status_code == (200 if name in permitted else 403), name


def test_nobody_else_gets_anything(client, alice, client_of):
    for path in (REPORT, f"{REPORT}sales-by-day/", EXPORT, f"{EXPORT}orders/"):
        assert client.get(path).status_code == client_of(alice).get(path).status_code == 302


def test_the_pages_are_only_read(staff, client_of):
    for path in (REPORT, f"{REPORT}sales-by-day/", EXPORT, f"{EXPORT}orders/"):
        assert client_of(staff).post(path).status_code == 405


@pytest.mark.parametrize("orders", [1, 20])
@pytest.mark.parametrize(
    ("path", "queries"),
    [
        (f"{REPORT}sales-by-day/", 7),
        (f"{REPORT}sales-by-category/", 6),
        (f"{EXPORT}orders/", 5),
        (f"{EXPORT}lines/", 6),
    ],
)
def test_a_page_takes_the_same_queries_for_one_order_and_for_twenty(
    alice, a_product, staff, client_of, django_assert_num_queries, path, queries, orders
):
    for _ in range(orders):
        Order.objects.create(customer=alice, items=[(a_product(stock=1), 1)])
    browser = client_of(staff)

    with django_assert_num_queries(queries):
        content(browser.get(path))


def test_an_export_of_orders_has_numbers_and_moments_in_utc(a_shop, staff, client_of, settings):
    settings.TIME_ZONE = "America/New_York"
    first = Order.objects.earliest("pk")
    rewrite(first, created_at=datetime(2026, 3, 1, 12, tzinfo=UTC), placed_at=datetime(2026, 3, 1, 12, tzinfo=UTC))

    [order] = rows_of(client_of(staff).get(f"{EXPORT}orders/?first=2026-03-01&last=2026-03-01"))

    assert order["number"] == f"{first.number[:4]}-{first.number[4:]}"
    assert (order["customer"], order["status"], order["placed_at"]) == ("alice", "PLACED", "2026-03-01T12:00:00Z")
    assert (order["total"], order["shipping"], order["prices_include_tax"]) == ("20.00", "0.00", "yes")
    assert order["reference"] == "'-4711"


def test_an_export_of_lines_has_what_each_comes_to(a_shop, staff, client_of):
    mug, lamp = rows_of(client_of(staff).get(f"{EXPORT}lines/"))

    assert (mug["sku"], mug["quantity"], mug["unit_price"], mug["amount"]) == ("MUG", "2", "10.00", "20.00")
    assert (lamp["name"], lamp["shipped"], lamp["returned"], lamp["restocked"]) == ("'=1+1", "1", "1", "0")


def test_an_export_of_the_ledger_names_order_and_person(a_shop, staff, client_of):
    rows = rows_of(client_of(staff).get(f"{EXPORT}ledger/"))

    assert [(row["sku"], row["delta"], row["reason"]) for row in rows] == [
        ("MUG", "5", "RECEIVED"),
        ("LAMP", "1", "RECEIVED"),
        ("MUG", "-2", "SOLD"),
        ("LAMP", "-1", "SOLD"),
    ]
    assert [bool(row["order"]) for row in rows] == [False, False, True, True]


def test_an_export_of_customers_is_for_who_may_see_them(a_shop, staff_with, client_of):
    rows = rows_of(client_of(staff_with("view_user")).get(f"{EXPORT}customers/"))

    assert [(row["username"], row["email"], row["is_active"], row["orders"]) for row in rows] == [
        ("alice", "alice@example.com", "yes", "2")
    ]


def test_an_export_of_products_has_the_columns_that_an_import_reads(a_shop, staff, client_of):
    mug, lamp = rows_of(client_of(staff).get(f"{EXPORT}products/"))

    assert mug == {
        "sku": "MUG",
        "name": "Mug",
        "description": "",
        "vendor": "",
        "barcode": "",
        "category": "kitchen",
        "weight": "",
        "tags": "blue, big",
        "images": "https://example.com/mug.jpg",
        "price": "10.00",
        "list_price": "",
        "tax_class": "standard",
        "low_stock": "",
        "retired": "no",
        "stock": "3",
        "expected": "3",
    }
    assert lamp["name"] == "'=1+1"
    assert {*mug} == {*COLUMNS}


def test_a_workbook_has_numbers_as_numbers_and_no_formula(a_shop, staff, client_of):
    answer = client_of(staff).get(f"{EXPORT}products/?format=xlsx")

    assert answer["Content-Disposition"] == f'attachment; filename="products-{last_days(1).first}.xlsx"'
    sheet = load_workbook(io.BytesIO(b"".join(answer.streaming_content)))["products"]
    head, mug, lamp = sheet.iter_rows()
    values = {column.value: cell for column, cell in zip(head, mug, strict=True)}
    assert (values["price"].value, values["stock"].value, values["weight"].value) == (10, 3, None)
    assert {cell.data_type for cell in lamp} <= {"s", "n"}
    assert lamp[1].value == "'=1+1"


def test_a_workbook_that_takes_too_long_is_refused_with_a_sentence(a_shop, staff, client_of, monkeypatch):
    monkeypatch.setattr("products.admin.reports.MAX_XLSX_ROWS", 1)

    answer = client_of(staff).get(f"{EXPORT}products/?format=xlsx")

    assert answer.status_code == 400
    assert "These are more than 1 rows, which takes too long as XLSX." in answer.content.decode()


@pytest.mark.parametrize(("name", "is_logged"), [("orders", True), ("customers", True), ("ledger", False)])
def test_the_export_of_personal_data_is_a_security_event(staff, client_of, caplog, name, is_logged):
    staff.is_superuser = True
    staff.save()

    client_of(staff).get(f"{EXPORT}{name}/?first=2026-01-01&last=2026-02-01")

    [logged] = [line.getMessage() for line in caplog.records if "data.exported" in line.getMessage()] or [None]
    expected = (
        f"event data.exported, user {staff.pk}, address 127.0.0.1, kind {name}, first 2026-01-01, last 2026-02-01"
    )
    assert logged == (expected if is_logged else None)
