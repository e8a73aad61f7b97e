"""The examples of errors in the OpenAPI document say what the API says."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError, connection

from products.api.openapi.responses import PROBLEMS
from products.models import Category, Order, PaymentOverdue, Status
from products.models.order_status import check_deadline

pytestmark = pytest.mark.django_db

PATCH = {"HTTP_IF_MATCH": '"other-1"'}

REQUESTS = {
    "unknown_parameter": ("get", "/api/products?page=1", None, {}),
    "invalid_body": ("post", "/api/orders", {"product": 1, "quantity": "two", "colour": "red"}, {}),
    "not_found": ("get", "/api/products/99", None, {}),
    "invalid_token": ("get", "/api/orders", None, {"HTTP_AUTHORIZATION": "Bearer shop_guess"}),
    "not_authenticated": ("get", "/api/orders", None, {}),
    "wrong_credentials": ("post", "/api-token-auth", {"username": "alice", "password": "wrong"}, {}),
    "not_acceptable": ("get", "/api/orders", None, {"HTTP_ACCEPT": "text/html"}),
    "not_in_cart": ("delete", "/api/cart/lines/1", None, {}),
    "invalid_order": ("post", "/api/orders", {"product": 1, "quantity": 10_001}, {}),
    "invalid_stock_change": ("post", "/api/products/1/stock", {"delta": 0}, {}),
    "insufficient_stock": ("post", "/api/orders", {"product": 1, "quantity": 3}, {}),
    "sku_taken": ("post", "/api/products", {"sku": "MUG-STONE", "name": "Mug", "price": "1"}, {}),
    "slug_taken": ("post", "/api/categories", {"slug": "kitchen", "name": "Kitchen"}, {}),
    "category_in_use": ("delete", "/api/categories/1", None, {}),
    "stock_has_moved": ("post", "/api/products/1/stock", {"set": 3, "expected": 44}, {}),
    "stale": ("patch", "/api/products/1", {"price": "5"}, PATCH),
    "precondition_required": ("patch", "/api/products/1", {"price": "5"}, {}),
    "forbidden_move": ("post", "/api/orders/{order}/deliver", None, {}),
}
"""A request for each problem. Where possible it has the facts of the example."""

WITHOUT_TOKEN = {"invalid_token", "not_authenticated"}


@pytest.fixture
def root(db):
    return User.objects.create_superuser("root")


def details(problem):
    return {error["detail"] for error in problem["errors"]}


@pytest.mark.parametrize("name", REQUESTS)
def test_an_example_has_the_sentences_of_the_api(api, root, a_product, name):
    kitchen = Category.objects.create(id=1, slug="kitchen", name="Kitchen")
    Category.objects.create(slug="mugs", name="Mugs", parent=kitchen)
    a_product(id=1, sku="MUG-STONE", stock=1, category=kitchen)
    a_product(id=2, sku="LAMP-DESK", stock=1)
    order = Order.objects.create(customer=root, items=[(2, 1)])
    method, path, body, headers = REQUESTS[name]

    client = api(None if name in WITHOUT_TOKEN else root)
    answer = getattr(client, method)(path.format(order=order.pk), body, **headers).json()

    example = PROBLEMS[name]
    assert (answer["status"], answer["code"]) == (example["status"], example["code"])
    if name == "forbidden_move":
        assert answer["detail"] == "An order that is PLACED cannot become DELIVERED."
    elif name == "category_in_use":
        assert answer["detail"] == example["detail"].replace("12", "1")
    elif name == "stock_has_moved":
        assert answer["detail"] == example["detail"].replace("40", "1")
    else:
        assert answer["detail"] == example["detail"]
        assert details(answer) == details(example)


def test_the_example_of_an_outage_has_the_sentence_of_the_api(api, alice):
    client = api(alice)

    def broken(execute, *arguments):
        raise OperationalError("gone")

    with connection.execute_wrapper(broken):
        answer = client.get("/api/products")

    assert answer.json()["detail"] == PROBLEMS["unavailable"]["detail"]


def test_the_example_of_an_overdue_payment_has_the_sentence_of_the_rule():
    with pytest.raises(PaymentOverdue) as overdue:
        check_deadline(Status.PAID, datetime(2026, 1, 31, 12, tzinfo=UTC))

    assert str(overdue.value) == PROBLEMS["payment_overdue"]["detail"]
