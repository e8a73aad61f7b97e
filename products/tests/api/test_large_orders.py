"""Large orders at the API: bodies of up to 1 MB, and pages that end before they become too long."""

import json

import pytest

from products.api.http import pagination
from products.api.views import orders as views
from products.models import Order
from products.ordering.validation import MAX_LINES

pytestmark = pytest.mark.django_db

KB_256, MB = 262_144, 1_048_576


def padded(body, size):
    """The body as JSON of so many bytes."""
    text = json.dumps(body)
    return text + " " * (size - len(text))


def send(client, path, text):
    return client.generic("POST", path, text, content_type="application/json")


def lines_of(products, *, quantity=1):
    return [{"product": product.pk, "quantity": quantity} for product in products]


def test_the_largest_order_is_placed_and_shown_and_everything_done_with_it(api, staff, many_products):
    client, products = api(staff), many_products(MAX_LINES, stock=5)
    text = padded({"lines": lines_of(products)}, MB)

    placed = send(client, "/api/orders", text)
    quoted = send(client, "/api/orders/quote", text)
    url = f"/api/orders/{placed.json()['id']}"
    paid = client.post(f"{url}/pay")
    done = [send(client, f"{url}/{verb}", text) for verb in ("ship", "return", "refunds")]

    assert [placed.status_code, quoted.status_code, paid.status_code] == [201, 200, 200]
    assert [answer.status_code for answer in done] == [200, 200, 201]
    assert len(placed.json()["lines"]) == len(done[2].json()["lines"]) == MAX_LINES
    assert done[1].json()["status"] == "RETURNED"


@pytest.mark.parametrize(
    "path", ["", "/quote", "/{order}/ship", "/{order}/cancel", "/{order}/return", "/{order}/refunds"]
)
def test_a_body_with_lines_may_have_1_mb_and_not_a_byte_more(api, staff, a_product, path):
    order = Order.objects.create(customer=staff, items=[(a_product(stock=1), 1)])
    client, url = api(staff), f"/api/orders{path}".format(order=order.pk)

    at_most, one_more = (send(client, url, "x" * size) for size in (MB, MB + 1))

    assert (at_most.status_code, at_most.json()["code"]) == (400, "malformed_json")
    assert (one_more.status_code, one_more.json()["code"]) == (413, "body_too_large")
    assert one_more.json()["detail"] == "The body is larger than 1048576 bytes."


@pytest.mark.parametrize("path", ["orders/{order}/pay", "orders/{order}/deliver", "products", "stock", "cart/checkout"])
def test_every_other_body_may_have_256_kb(api, staff, a_product, path):
    order = Order.objects.create(customer=staff, items=[(a_product(stock=1), 1)])
    client, url = api(staff), f"/api/{path}".format(order=order.pk)

    at_most, one_more = (send(client, url, "x" * size) for size in (KB_256, KB_256 + 1))

    assert (at_most.status_code, at_most.json()["code"]) == (400, "malformed_json")
    assert (one_more.status_code, one_more.json()["code"]) == (413, "body_too_large")
    assert one_more.json()["detail"] == "The body is larger than 262144 bytes."


@pytest.mark.parametrize("line", [{"product": 1, "quantity": 1}, {"sku": "MUG", "quantity": 1}])
def test_lines_beyond_the_most_are_not_looked_at(api, alice, a_product, line):
    a_product(sku="MUG", stock=1, id=1)
    body = {"lines": [line] * (MAX_LINES + 1) + [{"nonsense": True}] * 20_000}

    placed, quoted = (api(alice).post(f"/api/orders{path}", body) for path in ("", "/quote"))

    assert (placed.status_code, placed.json()["detail"]) == (400, "An order has at most 2,000 lines.")
    assert [problem["code"] for problem in quoted.json()["problems"]] == ["too_many_lines"]


def test_a_shortage_of_every_line_is_answered_with_an_order_that_would_succeed(api, alice, many_products):
    client, products = api(alice), many_products(MAX_LINES, stock=1)

    refused = client.post("/api/orders", {"lines": lines_of(products, quantity=2)})
    accepted = client.post("/api/orders", refused.json()["acceptable"])

    assert refused.status_code == 409
    assert len(refused.json()["errors"]) == MAX_LINES
    assert refused.json()["detail"].endswith("And 1,980 more.")
    assert len(refused.content) < MB
    assert accepted.status_code == 201


def test_an_object_with_many_unknown_members_has_a_few_of_them_named(api, alice):
    body = {f"k{number}": 1 for number in range(1_000)}

    answer = api(alice).post("/api/orders", body)

    errors = [error["code"] for error in answer.json()["errors"]]
    assert answer.status_code == 400
    assert errors.count("unknown") == 5


# Pages


@pytest.fixture
def short_pages(monkeypatch):
    """Pages of ten lines."""
    for module in (pagination, views):
        monkeypatch.setattr(module, "MAX_LINES_ON_PAGE", 10)
    views.compile_once.cache_clear()
    yield
    views.compile_once.cache_clear()


def test_a_page_has_room_for_any_one_order():
    assert MAX_LINES <= pagination.MAX_LINES_ON_PAGE


def pages_from(client, url, link="next"):
    pages = []
    while url:
        page = client.get(url).json()
        pages.append(page)
        url = page[link]
    return pages


def ids(page):
    return [order["id"] for order in page["results"]]


def test_a_page_of_orders_ends_before_it_has_too_many_lines(api, alice, many_products, short_pages):
    products, client = many_products(10, stock=99), api(alice)
    orders = [
        Order.objects.create(customer=alice, items=[(product, 1) for product in products[:number]])
        for number in (3, 10, 4, 6, 1, 9)
    ]
    newest_first = [str(order.pk) for order in orders[::-1]]

    forwards = pages_from(client, "/api/orders?limit=100")
    backwards = pages_from(client, forwards[-1]["previous"], "previous")

    # 9 and 1, 6 and 4, and an order that fills a page alone.
    assert [len(page["results"]) for page in forwards] == [2, 2, 1, 1]
    assert [each for page in forwards for each in ids(page)] == newest_first
    assert [len(order["lines"]) for page in forwards for order in page["results"]] == [9, 1, 6, 4, 10, 3]
    assert [each for page in backwards[::-1] for each in ids(page)] == newest_first[:-1]


def test_a_page_of_few_lines_takes_two_statements_and_one_of_many_two_more(
    api, alice, many_products, short_pages, django_assert_num_queries
):
    products, client = many_products(6, stock=99), api(alice)
    Order.objects.create(customer=alice, items=[(products[0], 1)])
    with django_assert_num_queries(3):  # the token, the orders, their lines
        client.get("/api/orders")

    for _ in range(3):
        Order.objects.create(customer=alice, items=[(product, 1) for product in products])

    with django_assert_num_queries(5):  # and the numbers of lines, and the lines of those that fit
        page = client.get("/api/orders").json()
    assert [len(order["lines"]) for order in page["results"]] == [6]


@pytest.mark.parametrize(
    ("path", "verb"), [("shipments", "ship"), ("cancellations", "cancel"), ("refunds", "refund"), ("events", "ship")]
)
def test_a_list_of_what_was_done_with_a_large_order_has_fewer_rows(api, alice, many_products, short_pages, path, verb):
    products = many_products(4, stock=99)
    order = Order.objects.create(customer=alice, items=[(product, 9) for product in products])
    order.pay()
    for _ in range(3):
        getattr(order, verb)(lines=[(product, 1) for product in products])

    pages = pages_from(api(alice), f"/api/orders/{order.pk}/{path}?limit=100")

    assert max(len(page["results"]) for page in pages) == 2
    assert sum(len(page["results"]) for page in pages) == (5 if path == "events" else 3)
