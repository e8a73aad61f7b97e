"""The figures of an order without discounts, shipping and taxes, as bodies show them."""

PLAIN_LINE = {"discount": "0.00", "discount_share": "0.00", "tax_rate": None, "tax": "0.00"}
PLAIN_ORDER = {"discount": "0.00", "shipping": "0.00", "tax": "0.00", "prices_include_tax": True, "taxes": []}
