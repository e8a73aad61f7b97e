"""A response is declared once: its columns, rows, JSON and documentation follow from the response serializer."""

import dataclasses

import pytest
from django.test import Client
from rest_framework import serializers

from products.api.schemas.orders import LINE, ORDER, OrderLineResponse, OrderResponse
from products.api.schemas.output import Output
from products.api.schemas.products import PRODUCT, ProductResponse
from products.api.views import products as views
from products.db.compiled_queries import compile_once
from products.models import ApiToken, Order, OrderLine, Product
from products.tests.contract import document

pytestmark = pytest.mark.django_db


def documented(component):
    return list(document()["components"]["schemas"][component]["properties"])


def test_a_products_fields_are_the_same_in_the_declaration_the_list_the_detail_and_the_document(
    api, alice, a_product, a_category
):
    product = a_product(stock=3, category=a_category)
    client, declared = api(alice), list(ProductResponse().fields)

    [listed] = client.get("/api/products").json()["results"]
    detail = client.get(f"/api/products/{product.pk}").json()

    assert list(listed) == list(detail) == documented("Product") == declared
    assert listed == detail


def test_an_orders_fields_are_the_same_in_the_declaration_the_list_the_detail_and_the_document(api, alice, a_product):
    order = Order.objects.create(customer=alice, items=[(a_product(stock=5, price="0.50"), 3)])
    client, declared = api(alice), list(OrderResponse().fields)

    [listed] = client.get("/api/orders").json()["results"]
    detail = client.get(f"/api/orders/{order.pk}").json()

    assert list(listed) == list(detail) == documented("Order") == declared
    assert list(listed["lines"][0]) == documented("OrderLine") == list(OrderLineResponse().fields)
    assert listed == detail


class WithOneMoreField(ProductResponse):
    """The declaration as it would be with another column of the model."""

    search_text = serializers.CharField()


@pytest.fixture
def one_more_field(monkeypatch):
    output = Output(WithOneMoreField, computed=PRODUCT.computed)
    catalog = dataclasses.replace(views.PRODUCTS, row=output.row, columns=output.columns)
    monkeypatch.setattr(views, "PRODUCT", output)
    monkeypatch.setattr(views, "PRODUCTS", catalog)
    compile_once.cache_clear()
    yield
    compile_once.cache_clear()


@pytest.mark.usefixtures("one_more_field")
def test_a_field_that_is_added_to_the_declaration_is_in_the_list_and_in_the_detail(alice, a_product):
    product = a_product(sku="MUG", name="Mug")
    # Not the client that holds every response to the document, which does not have the field.
    client = Client(headers={"authorization": f"Bearer {ApiToken.objects.issue(alice)[1]}"})

    [listed] = client.get("/api/products").json()["results"]
    detail = client.get(f"/api/products/{product.pk}").json()

    assert listed == detail
    assert listed["search_text"] == "mug\nmug\n"


@pytest.mark.parametrize(("output", "model"), [(PRODUCT, Product), (ORDER, Order), (LINE, OrderLine)])
def test_a_row_from_the_database_and_one_from_an_instance_have_the_same_json(
    alice, a_product, a_category, output, model
):
    Order.objects.create(customer=alice, items=[(a_product(stock=5, price="0.50", category=a_category), 3)])

    [columns] = model.objects.values_list(*output.columns)
    from_database, from_instance = output.body(output.row(*columns)), output.body(output.row_of(model.objects.get()))

    # The database writes ids as text.
    assert from_database == {
        name: str(value) if name == "id" and model is not Product else value for name, value in from_instance.items()
    }
