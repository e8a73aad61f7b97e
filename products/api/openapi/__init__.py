"""The OpenAPI document: what drf-spectacular cannot derive from the views.

What all operations have in common (errors, headers, preconditions, tags) is derived here from the operation itself, so
a new view gets it without further work. The rest is listed by name in `responses` and `examples`.
"""

from products.api.openapi import extensions  # noqa: F401 - importing them registers them with drf-spectacular
from products.api.openapi.operations import ShopSchema

__all__ = ["ShopSchema"]
