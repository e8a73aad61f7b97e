"""The front page says what there is to do and how the shop goes, to each what they may see, in at most ten queries."""

import re
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.cache import cache
from django.core.management import call_command

from products.admin.front_page import TASKS
from products.models import Order, StockCheck
from products.tests.admin.test_query_counts import fill  # noqa: F401 - a fixture

TILE = re.compile(
    r'<li class="module tile[^>]*><a href="([^"]+)"><span class="tile-value">([^<]*)</span> '
    r'<span class="tile-label">([^<]*)</span>'
)


@pytest.fixture
def a_busy_shop(alice, a_product):
    """Three orders to be paid, two to be shipped, one cancelled; one product is sold out, two are running low."""
    mugs = [a_product(stock=5, price="10.00", name=f"Mug {number}") for number in range(5)]
    a_product(name="Lamp")
    a_product(name="Vase", stock=2, low_stock=2)
    a_product(name="Pin", stock=1, low_stock=10)
    orders = [Order.objects.create(customer=alice, items=[(mug, 1)]) for mug in (*mugs, mugs[0])]
    for order in orders[:2]:
        order.pay()
    orders[5].cancel()
    return mugs


def tiles(answer):
    return {label: (value, unescape(url)) for url, value, label in TILE.findall(answer.content.decode())}


def test_each_figure_is_a_link_to_the_list_that_it_counts(a_busy_shop, staff, client_of):
    browser = client_of(staff)

    found = tiles(browser.get("/admin/"))

    counts = {"To be paid": 3, "To be shipped": 2, "Sold out": 1, "Running low": 2, "Orders today": 6}
    assert {label: value for label, (value, _) in found.items()} == {
        **{label: str(count) for label, count in counts.items()},
        "Revenue today": "50.00 EUR",
    }
    for label, count in counts.items():
        assert browser.get(found[label][1]).context["cl"].result_count == count, label


def test_the_last_thirty_days_are_drawn_and_the_best_sellers_named(a_busy_shop, staff, client_of):
    page = client_of(staff).get("/admin/").content.decode()

    assert page.count("<rect") == 60
    assert page.count('role="img"') == 2
    assert page.index("Mug 0") < page.index("Mug 4")  # sold once each, in the order of their ids
    assert "as of" in page


def test_the_past_days_are_kept_for_some_minutes_and_today_is_not(a_busy_shop, alice, staff, client_of):
    browser = client_of(staff)
    browser.get("/admin/")
    Order.objects.create(customer=alice, items=[(a_busy_shop[4], 3)])

    answer = browser.get("/admin/")

    assert tiles(answer)["Revenue today"][0] == "80.00 EUR"
    assert [product.pieces for product in answer.context["best_sellers"]] == [1, 1, 1, 1, 1]
    cache.clear()
    assert browser.get("/admin/").context["best_sellers"][0].pieces == 4


def test_a_shop_without_orders_has_nothing_to_show(staff, client_of):
    page = client_of(staff).get("/admin/").content.decode()

    assert "Nothing was sold." in page
    assert "have never been compared" in page


def test_it_says_whether_ledger_orders_and_stock_agree(a_busy_shop, staff, client_of):
    call_command("check_stock")
    check = StockCheck.objects.get()

    page = client_of(staff).get("/admin/").content.decode()

    assert f'<a href="/admin/products/stockcheck/{check.pk}/change/">Ledger, orders and stock agree</a>' in page
    assert "stock-check-warns" not in page
    assert client_of(staff).get(f"/admin/products/stockcheck/{check.pk}/change/").status_code == 200


@pytest.mark.parametrize(
    ("differences", "age", "sentence"),
    [(2, 0, "stock differ in 2 places"), (1, 0, "stock differ in 1 place<"), (0, 25, "more than a day ago")],
)
def test_it_warns_of_differences_and_of_an_old_check(staff, client_of, differences, age, sentence):
    check = StockCheck.objects.create(
        seconds=1, products=1, orders=1, differences=differences, sentences=["<b>MUG</b>"]
    )
    check.at -= timedelta(hours=age)
    check.save()

    page = client_of(staff).get("/admin/").content.decode()

    assert sentence in page
    assert "stock-check-warns" in page
    listed = client_of(staff).get(f"/admin/products/stockcheck/{check.pk}/change/").content.decode()
    assert "&lt;b&gt;MUG&lt;/b&gt;" in listed


@pytest.mark.parametrize(
    ("permission", "seen"),
    [
        ("view_order", {"To be paid", "To be shipped", "Orders today", "Revenue today"}),
        ("view_product", {"Sold out", "Running low"}),
        ("view_stockmovement", set()),
        ("view_category", set()),
    ],
)
def test_a_person_sees_what_they_may_see(a_busy_shop, staff_with, client_of, permission, seen):
    answer = client_of(staff_with(permission)).get("/admin/")

    page = answer.content.decode()
    assert {*tiles(answer)} == seen
    assert ("Best sellers" in page) == ("<svg role" in page) == (permission == "view_order")
    assert ("check_stock" in page) == (permission == "view_stockmovement")
    assert "/admin/products/product/" not in page or permission == "view_product"


def test_the_tasks_are_those_that_a_person_may_do(staff, staff_with, client_of):
    assert client_of(staff_with("view_category")).get("/admin/").context["tasks"] == []

    offered = client_of(staff).get("/admin/").context["tasks"]

    assert {"Reports", "Export"} <= {label for label, _ in offered} <= {label for label, *_ in TASKS}
    for _, url in offered:
        assert client_of(staff).get(url).status_code == 200


@pytest.mark.parametrize("rows", [1, 20])
def test_it_takes_at_most_ten_queries(staff, client_of, fill, rows, django_assert_num_queries):  # noqa: F811
    fill(rows)
    group = Group.objects.create(name="everything")
    group.permissions.set(Permission.objects.all())
    staff.groups.add(group)
    browser = client_of(staff)

    with django_assert_num_queries(10):
        browser.get("/admin/")
    with django_assert_num_queries(8):  # without those of the past days
        browser.get("/admin/")
