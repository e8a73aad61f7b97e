"""Finding orders in the admin, and the filters that the front page links to."""

from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from products.admin.order_search import named_exactly, named_in_part
from products.models import Order

ORDERS = "/admin/products/order/"
ADDRESS = {"name": "Grace Hopper", "company": "Navy Yard", "line1": "Hauptstr. 1", "city": "Berlin", "country": "DE"}


@pytest.fixture
def wanted(a_product):
    """An order with everything that it can be found by."""
    grace = User.objects.create_user("ghopper", email="grace@shop.example", first_name="Grace", last_name="Murray")
    mug = a_product(stock=9, sku="MUG-STONE", name="Stoneware mug", barcode="4006381333931")
    details = {"reference": "PO 4711", "email": "office@yard.example", "ship_to": ADDRESS}
    order = Order.objects.create(customer=grace, items=[(mug, 2)], **details)
    order.pay(reference="Transfer-17")
    order.ship(lines=[(mug, 1)], carrier="DHL", tracking_number="00340A")
    order.ship(lines=[(mug, 1)], carrier="DHL", tracking_number="00341B")
    Order.objects.filter(pk=order.pk).update(updated_at=timezone.now())
    return order


@pytest.fixture
def another(bob, a_product):
    return Order.objects.create(customer=bob, items=[(a_product(stock=9, sku="LAMP", name="Lamp"), 1)])


def found(browser, term, **filters):
    return list(browser.get(ORDERS, {"q": term, **filters}).context["cl"].result_list)


@pytest.mark.parametrize(
    "term",
    [
        "mug-stone",
        "4006381333931",
        "04006381333931",
        "stoneware",
        "MUG stone",
        "ghopper",
        "murray grace",
        "grace@shop.example",
        "OFFICE@yard.example",
        "PO 4711",
        "transfer-17",
        "00340a",
        "00341B",
        "hopper",
        "grace hop",
        "navy yard",
    ],
)
def test_an_order_is_found_by_what_people_know_of_it(staff, client_of, wanted, another, term):
    assert found(client_of(staff), term) == [wanted]


@pytest.mark.parametrize("cut", [slice(0, 3), slice(0, 6), slice(0, 8)])
def test_an_order_is_found_by_the_beginning_of_its_number(staff, client_of, wanted, another, cut):
    browser, written = client_of(staff), f"{wanted.number[:4]}-{wanted.number[4:]}".lower()

    assert wanted in found(browser, wanted.number[cut])
    assert wanted in found(browser, written[cut])


def test_an_order_is_found_by_its_day_and_month(staff, client_of, wanted, another):
    day = timezone.localtime(wanted.placed_at)
    browser = client_of(staff)

    for term in (f"{day:%Y-%m-%d}", f"{day:%Y-%m}", f"{day:%d.%m.%Y}", f"{day.day}.{day.month}.{day.year}"):
        assert set(found(browser, term)) == {wanted, another}, term
    for term in (f"{day - timedelta(days=1):%Y-%m-%d}", f"{day + timedelta(days=1):%Y-%m-%d}", "1999-12"):
        assert found(browser, term) == [], term


@pytest.mark.parametrize(
    "term", ["2026-13-45", "31.2.2026", "9999-12-31", "0000-01", "%", "_", "\\", "'", "x" * 500, "ab", "é"]
)
def test_a_term_that_finds_nothing_is_no_error(staff, client_of, wanted, another, term):
    assert found(client_of(staff), term) == []


def test_a_search_stays_within_the_filters(staff, client_of, wanted, another):
    browser = client_of(staff)

    assert found(browser, "mug-stone", status__exact="SHIPPED") == [wanted]
    assert found(browser, "mug-stone", status__exact="PLACED") == []


def test_the_search_has_the_focus(staff, client_of):
    html = client_of(staff).get(ORDERS).content.decode()

    assert 'id="searchbar" autofocus' in html


def test_the_list_is_filtered_by_what_is_to_be_done(staff, client_of, alice, a_product):
    mug = a_product(stock=99)

    def order(**values):
        return Order.objects.create(customer=alice, items=[(mug, 2)], **values)

    now = timezone.now()
    unpaid, due = order(), order(pay_by=now + timedelta(hours=1))
    overdue = order(pay_by=now - timedelta(hours=1))
    paid, parted, refunded, owed = order(), order(), order(), order()
    for each in (paid, parted, refunded, owed):
        each.pay()
    parted.ship(lines=[(mug, 1)])
    refunded.cancel()
    refunded.refund(amount=2)
    owed.cancel()
    browser = client_of(staff)

    assert {name: set(found(browser, "", todo=name)) for name in ("to_be_paid", "overdue", "to_be_shipped")} == {
        "to_be_paid": {unpaid, due},
        "overdue": {overdue},
        "to_be_shipped": {paid, parted},
    }
    assert found(browser, "", todo="partly_shipped") == [parted]
    assert found(browser, "", todo="to_be_refunded") == [owed]


def test_the_list_is_filtered_by_customer_and_product(staff, client_of, wanted, another):
    browser, line = client_of(staff), wanted.lines.get()

    assert found(browser, "", customer=str(wanted.customer_id)) == [wanted]
    assert found(browser, "", product=str(line.product_id)) == [wanted]
    assert found(browser, "", customer="9" * 18) == []
    assert browser.get(ORDERS, {"customer": "x", "product": "1" * 40}).status_code in (200, 302)


@pytest.mark.parametrize("name", ["customer", "product"])
def test_what_is_no_number_filters_nothing(staff, client_of, wanted, another, name):
    answer = client_of(staff).get(ORDERS, {name: "x"})

    assert set(answer.context["cl"].result_list) == {wanted, another}


def test_the_list_is_filtered_by_a_period(staff, client_of, wanted, another):
    after = datetime(2020, 1, 1, tzinfo=UTC)

    answer = client_of(staff).get(ORDERS, {"placed_at__gte": after.isoformat(), "placed_at__lt": "2100-01-01 00:00Z"})

    assert set(answer.context["cl"].result_list) == {wanted, another}


@pytest.mark.skipif(connection.vendor != "postgresql", reason="the plan is that of PostgreSQL")
@pytest.mark.parametrize(
    ("term", "in_part", "index"),
    [
        ("PO 4711", False, "orders_by_reference"),
        ("10248", False, "an_order_is_imported_once"),
        ("Alice@SHOP.example", False, "orders_by_email"),
        ("00341B", False, "shipments_by_tracking"),
        ("00341B", False, "orders_by_tracking"),
        ("transfer-17", False, "orders_by_payment_reference"),
        ("hopper", True, "orders_by_ship_to_name"),
        ("navy", True, "orders_by_ship_to_company"),
        ("K7Q", True, "a_number_belongs_to_one_order"),
    ],
)
def test_every_kind_of_search_has_its_index(wanted, another, term, in_part, index):
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")

    plan = (named_in_part if in_part else named_exactly)(term).explain()

    assert index in plan
    assert "Seq Scan on products_order " not in plan
