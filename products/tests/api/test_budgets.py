"""The number of statements of each request, as docs/performance.md lists them."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from products.models import Order
from products.tests.statements import verbs

PAGE = Path(__file__).resolve().parents[3] / "docs" / "performance.md"
ROW = re.compile(r"^\| `(\w+) ([^`]+)`(?:, ([^|]+?))? \| ([a-z ]+) \| (\d+) \| (\d+) \|$", re.MULTILINE)


def rows() -> list[tuple[str, ...]]:
    return ROW.findall(PAGE.read_text(encoding="utf-8"))


@pytest.fixture
def shop(alice, staff, a_product, api):
    """The clients, and the ids for the paths."""
    mug = a_product(stock=50, name="Mug")
    order = Order.objects.create(customer=alice, items=[(mug, 1), (a_product(stock=5), 2)])
    clients = {"a customer": api(alice), "staff": api(staff)}
    clients["a customer"].put(f"/api/cart/lines/{mug.pk}", {"quantity": 1})
    return clients, {"product": mug.pk, "order": order.pk}


def body_of(method: str, path: str, how: str, product: int) -> dict[str, object] | None:
    quantity = 9_999 if how == "short of stock" else 1
    bodies: dict[tuple[str, str], dict[str, object]] = {
        ("POST", "/api/orders"): {"product": product, "quantity": quantity},
        ("POST", "/api/orders/quote"): {"product": product, "quantity": 1},
        ("PUT", "/api/cart/lines/{product}"): {"quantity": 2},
        ("POST", "/api/products/{product}/stock"): {"delta": 5, "reason": "RECEIVED"},
    }
    return bodies.get((method, path))


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(("method", "path", "how", "who", "statements", "trips"), rows(), ids=lambda value: str(value))
def test_a_request_makes_the_documented_number_of_statements(shop, method, path, how, who, statements, trips):
    clients, named = shop
    send: Callable = getattr(clients[who], method.lower())
    headers = {"HTTP_IDEMPOTENCY_KEY": "a-key"} if "key" in how or "checkout" in path else {}
    body = body_of(method, path, how, named["product"])
    if how.endswith("again"):
        send(path.format(**named), body, **headers)

    with CaptureQueriesContext(connection) as captured:
        answer = send(path.format(**named), body, **headers)

    assert answer.status_code == (409 if how == "short of stock" else answer.status_code)
    assert answer.status_code < 400 or how == "short of stock"
    if connection.vendor == "postgresql":
        assert len(captured) == int(trips)
    else:
        assert len(verbs(captured)) == int(statements)


def test_the_page_has_the_requests_that_matter():
    assert len(rows()) >= 18
