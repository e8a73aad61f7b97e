"""The event types of the feed, each with a description, an example and a JSON Schema (draft 2020-12).

All types share one version. Adding a member does not change it; readers must ignore members that they do not know. The
schemas allow no additional members, so that a test notices a member that is missing here.
"""

from typing import Any, NamedTuple

from products.models.addresses import PARTS

VERSION = 1

Schema = dict[str, Any]

INTEGER: Schema = {"type": "integer"}
TEXT: Schema = {"type": "string"}
AMOUNT: Schema = {"type": "string", "pattern": r"^-?\d+(\.\d+)?$"}
MOMENT: Schema = {"type": "string", "format": "date-time"}
ID: Schema = {"type": "string", "format": "uuid"}
PIECES: Schema = {"type": "integer", "minimum": 0}


class EventType(NamedTuple):
    """An event type: its description and its data."""

    name: str
    description: str
    data: Schema
    example: dict[str, Any]

    @property
    def schema(self) -> Schema:
        """The JSON Schema of an entry of this type."""
        return {
            "$schema": "https://json-schema.org/draft/2020-12/schema",
            "title": self.name,
            "description": self.description,
        } | _object(
            {
                "position": {"type": "integer", "minimum": 1},
                "type": {"const": self.name},
                "version": {"const": VERSION},
                "at": MOMENT,
                "by": _or_null(INTEGER),
                "sequence": {"type": "integer", "minimum": 1},
                "data": self.data,
            }
        )

    @property
    def full_example(self) -> dict[str, Any]:
        """An entry of this type."""
        return {
            "position": 1042,
            "type": self.name,
            "version": VERSION,
            "at": "2026-11-27T09:30:00Z",
            "by": 7,
            "sequence": 3,
            "data": self.example,
        }


def _object(properties: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    return {
        "type": "object",
        "properties": properties | (optional or {}),
        "required": sorted(properties),
        "additionalProperties": False,
    }


def _or_null(schema: Schema) -> Schema:
    return schema | {"type": [schema["type"], "null"]}


SHIP_TO = _or_null(_object(dict.fromkeys(PARTS, TEXT)))
LINE = {"line": ID, "product": INTEGER, "sku": TEXT, "name": TEXT, "quantity": {"type": "integer", "minimum": 1}}
STOCK_AFTER = {"stock": _or_null(PIECES)}
PLACED_LINE = {
    "unit_price": AMOUNT,
    "discount": AMOUNT,
    "tax_rate": _or_null(AMOUNT),
    "tax": AMOUNT,
    "amount": AMOUNT,
}
ORDER = {
    "order": ID,
    "number": TEXT,
    "customer": INTEGER,
    "reference": TEXT,
    "from": _or_null(TEXT),
    "to": _or_null(TEXT),
    "currency": TEXT,
    "total": AMOUNT,
}
PLACED = {
    "discount": AMOUNT,
    "shipping": _or_null(AMOUNT),
    "tax": AMOUNT,
    "prices_include_tax": {"type": "boolean"},
    "email": TEXT,
    "phone": TEXT,
    "note": TEXT,
    "ship_to": SHIP_TO,
}

TEXTS = {"type": "array", "items": TEXT}
FIELDS = _object(
    {},
    {
        **{
            name: _or_null(TEXT)
            for name in (
                "sku",
                "name",
                "description",
                "vendor",
                "barcode",
                "tax_class",
                "price",
                "list_price",
                "retired_at",
            )
        },
        **{name: _or_null(INTEGER) for name in ("category", "weight", "low_stock")},
        "tags": TEXTS,
        "images": TEXTS,
        # The names of the changed fields, as in the product's history.
        "fields": TEXTS,
    },
)
"""Fields of a product."""

EXAMPLE_LINE = {
    "line": "0192f1c0-7a51-7c3e-9a55-0d8e6a1f4c21",
    "product": 1,
    "sku": "MUG-1",
    "name": "Mug",
    "quantity": 2,
}
EXAMPLE_ORDER = {
    "order": "0192f1c0-7a50-7d1b-8d64-4f2b7a9e3c10",
    "number": "K7QF-3MXP",
    "customer": 12,
    "reference": "PO-4711",
    "currency": "EUR",
    "total": "19.80",
}
RETIRED_AT = "2026-11-27T09:30:00+00:00"
EXAMPLE_STOCK = {"product": 1, "sku": "MUG-1", "delta": -2, "stock": 40, "order": EXAMPLE_ORDER["order"]}


def _of_order(name: str, description: str, before: str | None, after: str, **more: Any) -> EventType:
    """Return an order event type. `more` has additional members of its data, by name: (schema, example)."""
    line = _object(LINE, {**STOCK_AFTER, "restocked": PIECES})
    lines = {"type": "array", "items": line}
    data = _object(ORDER | {"lines": lines}, {name: schema for name, (schema, _) in more.items()})
    example = EXAMPLE_ORDER | {"from": before, "to": after, "lines": [EXAMPLE_LINE]}
    return EventType(name, description, data, example | {name: value for name, (_, value) in more.items()})


def _placed() -> EventType:
    lines = {"type": "array", "items": _object(LINE | PLACED_LINE, STOCK_AFTER), "minItems": 1}
    line = EXAMPLE_LINE | {
        "unit_price": "9.90",
        "discount": "0.00",
        "tax_rate": "19",
        "tax": "3.16",
        "amount": "19.80",
        "stock": 40,
    }
    example = EXAMPLE_ORDER | {
        "from": None,
        "to": "PLACED",
        "lines": [line],
        "discount": "0.00",
        "shipping": "0.00",
        "tax": "3.16",
        "prices_include_tax": True,
        "email": "alice@example.com",
        "phone": "",
        "note": "",
        "ship_to": None,
    }
    description = "An order was placed, and its stock taken. `stock` of a line is the product's stock afterwards."
    return EventType("order.placed", description, _object(ORDER | PLACED | {"lines": lines}), example)


def _of_stock(name: str, description: str, **changes: Any) -> EventType:
    data = _object(
        {"product": INTEGER, "sku": TEXT, "delta": INTEGER, "stock": _or_null(PIECES), "order": _or_null(ID)}
    )
    return EventType(name, description, data, EXAMPLE_STOCK | changes)


def _of_product(name: str, description: str, old: dict[str, Any], new: dict[str, Any]) -> EventType:
    data = _object({"product": INTEGER, "sku": TEXT, "old": FIELDS, "new": FIELDS})
    return EventType(name, description, data, {"product": 1, "sku": "MUG-1", "old": old, "new": new})


NUMBER = {"type": "integer", "minimum": 1}
OLD_TRACKING = _object({}, {"carrier": TEXT, "tracking_number": TEXT})
SHIPMENT = {"shipment": (NUMBER, 1), "carrier": (TEXT, "DHL"), "tracking_number": (TEXT, "00340434161094021501")}
CANCELLATION = {"cancellation": (NUMBER, 1)}
RETURN = {"return": (NUMBER, 1)}

TYPES = {
    each.name: each
    for each in (
        _placed(),
        _of_order(
            "order.paid",
            "An order was paid: `amount`, which is its total without what was cancelled before.",
            "PLACED",
            "PAID",
            amount=(AMOUNT, "19.80"),
        ),
        _of_order("order.partly_shipped", "Some pieces were shipped.", "PAID", "PAID", **SHIPMENT),
        # Cancelling the remaining pieces of a partly shipped order also makes it shipped.
        _of_order("order.shipped", "All that remained was shipped.", "PAID", "SHIPPED", **CANCELLATION, **SHIPMENT),
        _of_order(
            "order.tracking_corrected",
            "Carrier or tracking number of a shipment was corrected.",
            "SHIPPED",
            "SHIPPED",
            shipment=(NUMBER, 1),
            carrier=(TEXT, "UPS"),
            tracking_number=(TEXT, "321"),
            old=(OLD_TRACKING, {"carrier": "DHL", "tracking_number": "123"}),
        ),
        _of_order("order.delivered", "An order was delivered: the pieces that were shipped.", "SHIPPED", "DELIVERED"),
        _of_order(
            "order.partly_cancelled",
            "Some pieces were cancelled; they are back in stock.",
            "PAID",
            "PAID",
            **CANCELLATION,
        ),
        _of_order(
            "order.cancelled",
            "All that remained was cancelled; of a cart, no lines.",
            "PLACED",
            "CANCELLED",
            **CANCELLATION,
        ),
        _of_order("order.expired", "An order was not paid in time; its stock is free again.", "PLACED", "EXPIRED"),
        _of_order(
            "order.partly_returned",
            "Some pieces came back; `restocked` of them went into stock.",
            "SHIPPED",
            "SHIPPED",
            **RETURN,
        ),
        _of_order("order.returned", "All that was shipped came back.", "DELIVERED", "RETURNED", **RETURN),
        _of_order(
            "order.refunded",
            "Money was paid back: `amount`, for these lines if there are any.",
            "RETURNED",
            "RETURNED",
            refund=(NUMBER, 1),
            amount=(AMOUNT, "19.80"),
        ),
        _of_product("product.created", "A product is new.", {}, {"price": "9.90"}),
        _of_product("product.changed", "Fields of a product have changed.", {"price": "9.90"}, {"price": "10.90"}),
        _of_product(
            "product.retired",
            "A product is off sale.",
            {"retired_at": None},
            {"retired_at": RETIRED_AT},
        ),
        _of_product(
            "product.brought_back",
            "A product is on sale again.",
            {"retired_at": RETIRED_AT},
            {"retired_at": None},
        ),
        _of_stock("stock.received", "Pieces were delivered to the shop.", delta=40, order=None),
        _of_stock("stock.corrected", "The stock was corrected.", delta=-1, order=None),
        _of_stock("stock.counted", "A count found another stock.", delta=-1, order=None),
        _of_stock("stock.sold", "An order took pieces."),
        _of_stock("stock.returned", "Pieces came back: cancelled, expired or returned.", delta=2),
        _of_stock("stock.low", "The stock has fallen to the product's threshold or below.", stock=5),
        _of_stock("stock.out", "The last piece has gone.", stock=0),
    )
}


def any_data() -> Schema:
    """Return a schema for the data of every type: all members, of which each type has some."""
    members = {name: schema for each in TYPES.values() for name, schema in each.data["properties"].items()}
    of_lines: dict[str, Schema] = {}
    for each in TYPES.values():
        of_lines |= each.data["properties"].get("lines", {"items": {"properties": {}}})["items"]["properties"]
    old = _object({}, FIELDS["properties"] | OLD_TRACKING["properties"])
    members |= {"order": _or_null(ID), "old": old, "lines": {"type": "array", "items": _object({}, of_lines)}}
    return {"type": "object", "properties": members}
