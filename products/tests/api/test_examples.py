"""The examples of requests in docs/openapi.yaml: a YAML 1.2 reader reads them, and the demo shop accepts them."""

import json
from pathlib import Path
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from ruamel.yaml import YAML

from products.management import demo
from products.models import Address, Order, Product
from products.ordering.cart import Cart
from products.tests.contract import document
from products.webhooks.endpoints import make_endpoint

COMMITTED = Path(settings.BASE_DIR) / "docs" / "openapi.yaml"
VERBS_BEFORE = {
    "ship": [Order.pay],
    "deliver": [Order.pay, Order.ship],
    "return": [Order.pay, Order.ship, Order.deliver],
    "refunds": [Order.pay],
    "{number}": [Order.pay, Order.ship],
}


@pytest.fixture(scope="module")
def read():
    """The committed document, as a reader of YAML 1.2 understands it."""
    return YAML(typ="safe", pure=True).load(COMMITTED.read_text(encoding="utf-8"))


def requests(read):
    """Yield (method, path, content type, name of the example, body) for every example of a request."""
    for path, operations in read["paths"].items():
        for method, operation in operations.items():
            for content_type, media in operation.get("requestBody", {}).get("content", {}).items():
                for reference in media["examples"].values():
                    name = reference["$ref"].rpartition("/")[2]
                    yield method, path, content_type, name, read["components"]["examples"][name]["value"]


def test_a_reader_of_yaml_1_2_reads_what_the_json_says(read):
    assert read == document()


def test_the_example_of_a_product_is_one_of_the_demo_data(read):
    product = read["components"]["examples"]["Product.product"]["value"]

    assert (product["sku"], product["name"], product["price"], product["stock"]) == demo.GOODS["Kitchen"][0]


# The ids of the demo data begin at 1, as in a shop that has just loaded it.
@pytest.mark.django_db(transaction=True, reset_sequences=True)
def test_a_shop_with_demo_data_accepts_every_example(api, read):
    demo.load()
    client = api(User.objects.get(username="admin"))

    refused = {}
    for method, path, content_type, name, body in requests(read):
        with transaction.atomic():
            headers = {"HTTP_IF_MATCH": "*"} if method == "patch" else {}
            sent = json.dumps(body) if content_type == "application/json" else urlencode(body)
            answer = getattr(client, method)(filled_in(path), sent, content_type=content_type, **headers)
            if answer.status_code >= 300 or not all(status < 300 for status in statuses_within(answer.json())):
                refused[f"{method} {path}", name] = answer.json()
            transaction.set_rollback(True)
    assert refused == {}


def filled_in(path):
    """Return the path to something that the operation can be done with; fill the cart if it is to be ordered."""
    if path.startswith("/api/orders/{id}"):
        order = Order.objects.create(customer=User.objects.get(username="alice"), items=[("MUG-STONE", 2)])
        for verb in VERBS_BEFORE.get(path.rpartition("/")[2], []):
            verb(order)
        return path.format(id=order.pk, number=1)
    if path == "/api/cart/checkout":
        Cart(User.objects.get(username="admin")).put("MUG-STONE", 1)
    if path == "/api/addresses/{id}":
        parts = {"name": "Admin", "line1": "Hauptstr. 1", "city": "Berlin", "country": "DE"}
        return path.format(id=Address.objects.create(customer=User.objects.get(username="admin"), **parts).pk)
    if path.startswith("/api/webhooks/{id}"):
        endpoint, _ = make_endpoint(address="https://erp.shop.example/hooks", by=None)
        return path.format(id=endpoint.pk)
    if path == "/api/customers/{id}":
        return path.format(id=User.objects.get(username="alice").pk)
    mug = Product.objects.get(sku="MUG-STONE")
    return path.format(id=mug.pk, product=mug.pk)


def statuses_within(body):
    """Return the statuses of the rows, if the request had some."""
    return [row["status"] for row in body.get("results", [])]
