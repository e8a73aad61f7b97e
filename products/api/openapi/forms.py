"""Request bodies that have several forms: each form is a closed object, and the body is one of them.

Generators of clients make a type of each object and a union of the body. They make nothing of conditions on `required`.
"""

from dataclasses import dataclass, field
from typing import Any

from products.api.openapi.extensions import MAX_DIGITS, digits
from products.api.schemas.orders import DetailsRequest, TermsRequest
from products.models.stock import MAX_STOCK
from products.ordering.validation import MAX_LINES


@dataclass(frozen=True)
class Form:
    """One form of a body. Its properties are those of the serializer, as far as `narrowed` has none in their place."""

    description: str
    required: tuple[str, ...]
    optional: tuple[str, ...] = ()
    narrowed: dict[str, dict[str, Any]] = field(default_factory=dict)

    def schema(self, properties: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """Return the closed object, with these properties of the serializer."""
        return {
            "type": "object",
            "description": self.description,
            "properties": {
                name: self.narrowed.get(name, properties[name]) for name in (*self.required, *self.optional)
            },
            "required": sorted(self.required),
            "additionalProperties": False,
        }

    def of_product(self, name: str, description: str) -> "Form":
        """Return the same form with one more required field, which names the product."""
        return Form(f"{self.description} {description}", (name, *self.required), self.optional, self.narrowed)


def _text(sign: str, max_length: int) -> dict[str, Any]:
    return {"type": "string", "pattern": f"^{sign}{digits(1, MAX_STOCK)}$", "maxLength": max_length}


POSITIVE = {
    "oneOf": [{"type": "integer", "minimum": 1, "maximum": MAX_STOCK}, _text("", MAX_DIGITS)],
    "description": "Pieces to add.",
}
NOT_ZERO = {
    "oneOf": [
        {"type": "integer", "minimum": -MAX_STOCK, "maximum": MAX_STOCK, "not": {"const": 0}},
        _text("", MAX_DIGITS),
        _text("-", MAX_DIGITS + 1),
    ],
    "description": "Pieces to add; negative to remove.",
}


LINE = {"$ref": "#/components/schemas/LineRequest"}
LINE_FORMS = {
    "LineById": Form("A quantity of the product with an id.", ("product", "quantity"), ("unit_price", "discount")),
    "LineBySku": Form("A quantity of the product with a SKU.", ("sku", "quantity"), ("unit_price", "discount")),
}
DETAILS = (*DetailsRequest().fields, "customer", *TermsRequest().fields)
STOCK_FORMS = {
    "StockReceipt": Form(
        "Pieces that have been delivered.",
        ("delta", "reason"),
        ("note",),
        {"delta": POSITIVE, "reason": {"type": "string", "const": "RECEIVED"}},
    ),
    "StockCorrection": Form("A correction of the stock.", ("delta",), ("note",), {"delta": NOT_ZERO}),
    # A form of its own, because an optional reason would not tell a correction from a receipt, to some generators.
    "StockCorrectionWithReason": Form(
        "A correction of the stock, with its reason.",
        ("delta", "reason"),
        ("note",),
        {"delta": NOT_ZERO, "reason": {"type": "string", "const": "CORRECTED"}},
    ),
    "StockCount": Form("A count of the stock.", ("set",), ("expected", "note")),
}

PART = {"$ref": "#/components/schemas/PartRequest"}


def _parts(name: str, *optional: str) -> dict[str, Form]:
    """Return the forms of pieces of an order's line, by what names the line."""
    return {
        f"{name}By{title}": Form(f"Pieces of the line {which}.", (member, "quantity"), optional)
        for title, member, which in (
            ("Line", "line", "with an id"),
            ("Id", "product", "of the product with an id"),
            ("Sku", "sku", "of the product with a SKU"),
        )
    }


FORMS: dict[str, dict[str, Form]] = {
    "LineRequest": LINE_FORMS,
    "PartRequest": _parts("Part"),
    "ReturnedPartRequest": _parts("ReturnedPart", "restock"),
    "RefundRequest": {
        "RefundOfAmount": Form("A refund of an amount.", ("amount",), ("reference",)),
        "RefundOfLines": Form(
            "A refund of lines.",
            ("lines",),
            ("reference",),
            {"lines": {"type": "array", "items": PART, "minItems": 1, "maxItems": MAX_LINES}},
        ),
    },
    "RedeliveryRequest": {
        "RedeliveryOfOne": Form("One delivery once more.", ("delivery",)),
        "RedeliveryAfter": Form("Everything after a position of the feed once more.", ("after",)),
    },
    "OrderRequest": {
        "OrderById": Form("An order of one product, by its id.", ("product", "quantity"), ("unit_price", *DETAILS)),
        "OrderBySku": Form("An order of one product, by its SKU.", ("sku", "quantity"), ("unit_price", *DETAILS)),
        "LinesRequest": Form(
            "An order of one or more lines.",
            ("lines",),
            DETAILS,
            narrowed={"lines": {"type": "array", "items": LINE, "minItems": 1, "maxItems": MAX_LINES}},
        ),
    },
    "StockRequest": STOCK_FORMS,
    "StockRow": {
        f"{name}By{title}": form.of_product(product, description)
        for name, form in STOCK_FORMS.items()
        for product, title, description in [
            ("product", "Id", "The product is named by its id."),
            ("sku", "Sku", "The product is named by its SKU."),
        ]
    },
}
"""The forms of a component, by their names. They say what the member_errors() of serializers check."""


def split(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """Make a component of each form, and of each body that has forms a choice between them."""
    schemas = result["components"]["schemas"]
    del schemas["ReasonEnum"]  # of the reason of a stock change, of which each form has one at most
    for component, forms in FORMS.items():
        whole = schemas[component]
        schemas |= {name: form.schema(whole["properties"]) for name, form in forms.items()}
        schemas[component] = {
            **({"description": whole["description"]} if "description" in whole else {}),
            "oneOf": [{"$ref": f"#/components/schemas/{name}"} for name in forms],
        }
    return result
