"""What the pages of all lists have in common."""

import pytest

from products.models import ApiToken, Order

pytestmark = pytest.mark.django_db

LISTS = ["/api/products", "/api/products/{product}/stock", "/api/orders", "/api/orders/{order}/events", "/api/tokens"]


@pytest.fixture
def a_list(staff, a_product):
    """Return the URL of a list with three rows at least, each of which `staff` may see."""
    goods = [a_product(stock=9) for _ in range(3)]
    orders = [Order.objects.create(customer=staff, items=[(goods[0], 1)]) for _ in range(3)]
    for verb in (orders[0].pay, orders[0].ship):
        verb(by=staff)
    for _ in range(2):
        ApiToken.objects.issue(staff)
    return lambda path: path.format(product=goods[0].pk, order=orders[0].pk)


@pytest.mark.parametrize("path", LISTS)
def test_the_next_cursor_leads_where_the_next_link_does_and_ends_with_it(api, staff, a_list, path):
    client, url = api(staff), a_list(path)

    pages = [client.get(url, {"limit": 1}).json()]
    while (cursor := pages[-1]["next_cursor"]) is not None:
        pages.append(client.get(url, {"limit": 1, "cursor": cursor}).json())

    linked = [client.get(url, {"limit": 1}).json()]
    while (link := linked[-1]["next"]) is not None:
        linked.append(client.get(link).json())
    assert len(pages) >= 3
    assert pages == linked
    assert [page["next"] is None for page in pages] == [page["next_cursor"] is None for page in pages]


def test_a_page_before_another_has_the_cursor_of_that_one(api, alice, a_product):
    client = api(alice)
    for _ in range(3):
        a_product()
    first = client.get("/api/products?limit=1").json()

    again = client.get(client.get(first["next"]).json()["previous"]).json()

    assert again["next_cursor"] == first["next_cursor"]


def test_a_list_without_rows_has_no_next_cursor(api, alice):
    page = api(alice).get("/api/products").json()

    assert page == {"next": None, "previous": None, "next_cursor": None, "results": []}
