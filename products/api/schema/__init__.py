"""The OpenAPI document: what drf-spectacular cannot read off the views by itself.

What every operation has in common (errors, headers, conditions, tags) is worked out here from what the operation is,
so that a new view brings it along. What only a person can tell is in `refusals` and `examples`, by name.
"""

from products.api.schema import inputs, security  # noqa: F401 - drf-spectacular finds its extensions once imported
from products.api.schema.operations import ShopSchema
from products.api.schema.pages import pages_of

__all__ = ["ShopSchema", "pages_of"]
