"""A page takes the same number of queries for one row and for twenty; the literal counts make a change visible."""

import pytest
from django.contrib.auth.models import User

from products.models import Address, ApiToken, BulkJob, Category, Mail, Order
from products.webhooks.deliveries import make_deliveries

LISTS = {
    "address": 6,
    "category": 7,
    "product": 8,
    "order": 6,
    "stockmovement": 6,
    "event": 6,
    "bulkjob": 6,
    "mail": 6,
    "apitoken": 7,
    "webhookendpoint": 7,
    "webhookdelivery": 7,
}


@pytest.fixture
def fill(staff, a_product, receiver, an_endpoint):
    """Add so many rows to every list, each with its own customer, product and category."""

    def add(rows):
        for number in range(rows):
            category = Category.objects.create(slug=f"category-{number}", name=f"Category {number}")
            product = a_product(stock=100, category=category)
            product.receive(5, by=staff)
            customer = User.objects.create_user(f"customer-{number}")
            order = Order.objects.create(customer=customer, items=[(product, 1)])
            order.pay(by=staff)
            Mail.objects.create(event=order.events.first(), kind="refund", state="failed", recipient="a@example.com")
            ApiToken.objects.issue(customer)
            BulkJob.objects.draw_up("pay", Order.objects.placed(), by=staff)
            an_endpoint(receiver, after=0)
            Address.objects.create(customer=customer, name="Alice", line1="Hauptstr. 1", city="Berlin", country="DE")

    return add


@pytest.mark.parametrize("rows", [1, 20])
@pytest.mark.parametrize("name", LISTS)
def test_a_list_takes_the_same_queries_for_one_row_and_for_twenty(
    staff, client_of, fill, django_assert_num_queries, name, rows
):
    fill(rows)
    make_deliveries()
    browser = client_of(staff)

    with django_assert_num_queries(LISTS[name]):
        answer = browser.get(f"/admin/products/{name}/")

    assert len(answer.context["cl"].result_list) >= rows


@pytest.mark.parametrize("lines", [1, 20])
def test_an_order_takes_the_same_queries_for_one_line_and_for_twenty(
    staff, client_of, alice, a_product, django_assert_num_queries, lines
):
    order = Order.objects.create(customer=alice, items=[(a_product(stock=1), 1) for _ in range(lines)])
    order.pay(by=staff)
    browser, page = client_of(staff), f"/admin/products/order/{order.pk}/change/"
    browser.get(page)  # Django caches a content type for the life of the process.

    with django_assert_num_queries(12):  # four of them for shipments, cancellations, returns and refunds
        browser.get(page)


@pytest.mark.parametrize("rows", [1, 20])
def test_a_product_takes_the_same_queries_however_many_others_there_are(
    staff, client_of, fill, a_product, a_category, django_assert_num_queries, rows
):
    fill(rows)
    mug = a_product(stock=1, category=a_category)
    browser, page = client_of(staff), f"/admin/products/product/{mug.pk}/change/"
    browser.get(page)  # Django caches a content type for the life of the process.

    with django_assert_num_queries(6):
        browser.get(page)
