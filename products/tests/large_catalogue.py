"""Thousands of products, for tests that look at an index or at a page far in."""

from collections.abc import Iterable

from django.db.models import QuerySet

from products.models import Product
from products.models.products import searchable


def insert_products(products: Iterable[Product]) -> None:
    """Insert the products with Django's own bulk_create(): the shop's checks each one, which takes five times as long.

    They are taken to be valid, with a SKU in ASCII, no stock and no description.
    """
    made = list(products)
    for product in made:
        product.search_text = searchable(product.name, product.sku, "")
    products_as_they_are: QuerySet[Product, Product] = QuerySet(Product)
    products_as_they_are.bulk_create(made, batch_size=5_000)
