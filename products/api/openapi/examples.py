"""Examples of bodies, by component; each is shown wherever the component is used.

The goods are those of the demo data, and a shop that has just loaded it accepts every example of a request.
"""

from typing import Any

from products.api.openapi.responses import PROBLEMS
from products.feed.types import TYPES, VERSION

MORNING, NOON = "2026-01-31T08:30:00Z", "2026-01-31T12:00:00.123456Z"
ORDER_ID, LINE_ID = "019c13f4-7c1e-7b52-a1c5-3e7b1f0c6d2a", "019c13f4-7c1f-7d3a-9f06-0a6b7c8d9e10"
SOLD = TYPES["stock.sold"]
KEY, CURSOR = "basket-4711", "WyJu"

NAMED = {"sku": "MUG-STONE", "name": "Stoneware mug, grey, 350 ml"}

PRODUCT = {
    "id": 1,
    **NAMED,
    "description": "Safe for dishwashers.",
    "category": "kitchen",
    "vendor": "Stoneworks",
    "barcode": "4006381333931",
    "weight": 410,
    "tags": ["gift", "stoneware"],
    "images": ["https://img.shop.example/mug-stone-1.jpg"],
    "price": "12.50",
    "list_price": None,
    "tax_class": "standard",
    "currency": "EUR",
    "stock": 200,
    "in_stock": True,
    "retired_at": None,
    "created_at": MORNING,
    "updated_at": MORNING,
}

PRICE_HISTORY = {
    "days": 30,
    "currency": "EUR",
    "lowest": "11.90",
    "prices": [
        {"price": "11.90", "start": MORNING, "until": NOON},
        {"price": "12.50", "start": NOON, "until": None},
    ],
}

SHIP_TO = {
    "name": "Alice Example",
    "company": "",
    "line1": "Hauptstr. 1",
    "line2": "",
    "postal_code": "10827",
    "city": "Berlin",
    "region": "",
    "country": "DE",
}
NEW_ADDRESS = {name: part for name, part in SHIP_TO.items() if part}
ADDRESS = {**SHIP_TO, "id": 3, "is_default": True, "created_at": MORNING}
DETAILS = {
    "reference": "PO 4711",
    "note": "",
    "email": "alice@shop.example",
    "phone": "+49 30 1234567",
    "ship_to": SHIP_TO,
}
CATEGORY = {"id": 7, "slug": "mugs", "name": "Mugs", "parent": "kitchen", "depth": 2}
CUSTOMER = {
    "id": 7,
    "username": "alice",
    "email": "alice@shop.example",
    "first_name": "Alice",
    "last_name": "Example",
    "is_active": True,
    "date_joined": MORNING,
}

FIGURES_OF_LINE = {
    "unit_price": "12.50",
    "discount": "0.00",
    "discount_share": "0.00",
    "amount": "25.00",
    "tax_rate": None,
    "tax": "0.00",
}
FIGURES = {
    "discount": "0.00",
    "shipping": "0.00",
    "tax": "0.00",
    "prices_include_tax": True,
    "taxes": [],
    "total": "25.00",
}
LINE = {
    "id": LINE_ID,
    "product": 1,
    **NAMED,
    "quantity": 2,
    **FIGURES_OF_LINE,
    "shipped": 0,
    "cancelled": 0,
    "returned": 0,
    "restocked": 0,
}

ORDER = {
    "id": ORDER_ID,
    "number": "K7QF-3MXP",
    "customer": 7,
    "status": "PLACED",
    "lines": [LINE],
    **FIGURES,
    "paid": "0.00",
    "refunded": "0.00",
    "currency": "EUR",
    **DETAILS,
    "idempotency_key": KEY,
    "payment_reference": "",
    "carrier": "",
    "tracking_number": "",
    "placed_at": NOON,
    "updated_at": NOON,
    "pay_by": None,
}

PART = {"line": LINE_ID, "product": 1, "sku": "MUG-STONE", "quantity": 1}
SHIPMENT = {
    "number": 1,
    "lines": [PART],
    "carrier": "DHL",
    "tracking_number": "JJD0003400091234567",
    "at": NOON,
}
CANCELLATION = {"number": 1, "lines": [PART], "reason": "No longer needed", "at": NOON}
RETURN = {"number": 1, "lines": [{**PART, "restocked": 0}], "at": NOON}
REFUND = {"number": 1, "amount": "12.50", "lines": [{**PART, "amount": "12.50"}], "reference": "", "at": NOON}

QUOTE_LINE = {"product": 1, **NAMED, "quantity": 2, **FIGURES_OF_LINE, "available": 200}
SHORTAGE = {"product": 1, "sku": "MUG-STONE", "requested": 300, "available": 200}

QUOTE = {
    "lines": [{**QUOTE_LINE, "problems": []}],
    **FIGURES,
    "currency": "EUR",
    "acceptable": True,
    "problems": [],
}

QUOTE_TOO_LARGE = {
    "lines": [{**QUOTE_LINE, "quantity": 300, "amount": "3750.00", "problems": ["insufficient_stock"]}],
    **FIGURES,
    "total": "3750.00",
    "currency": "EUR",
    "acceptable": False,
    "problems": [
        {
            "pointer": "/lines/0/quantity",
            "code": "insufficient_stock",
            "detail": "MUG-STONE: 300 requested, 200 available.",
            **SHORTAGE,
        }
    ],
}

EVENT = {"id": 31, "kind": "order.placed", "at": NOON, "by": 7, "facts": {"from": None, "to": "PLACED"}}

MOVEMENT = {"id": 12, "delta": -3, "reason": "CORRECTED", "order": None, "by": 3, "note": "broken", "at": NOON}
STOCK = {"product": 1, "sku": "MUG-STONE", "stock": 197, "movement": MOVEMENT}
STOCK_AT = {"product": 1, "at": MORNING, "stock": 200}

TOKEN = {
    "id": 5,
    "name": "my laptop",
    "begins_with": "shop_Zk3v",
    "created_at": MORNING,
    "expires_at": "2026-03-02T08:30:00Z",
    "revoked_at": None,
    "last_used_on": "2026-01-31",
    "alive": True,
    "current": True,
}

WEBHOOK = {
    "id": 4,
    "address": "https://erp.shop.example/hooks/shop",
    "types": ["order.placed", "order.paid"],
    "position": 1042,
    "is_active": True,
    "off_reason": "",
    "failures": 0,
    "failing_since": None,
    "paused_until": None,
    "previous_secret_until": None,
    "created_by": 3,
    "created_at": MORNING,
}
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="  # noqa: S105 - an example
WEBHOOK_DELIVERY = {
    "id": 88,
    "position": 1042,
    "type": "order.placed",
    "state": "DELIVERED",
    "attempts": 2,
    "next_attempt_at": None,
    "finished_at": NOON,
    "log": [
        {"at": MORNING, "code": None, "seconds": 10.0, "answer": "", "error": "No answer within 10 s."},
        {"at": NOON, "code": 204, "seconds": 0.08, "answer": "", "error": ""},
    ],
}


def page(row: dict[str, Any], path: str) -> dict[str, Any]:
    """Return the first of several pages, with one row."""
    link = f"https://shop.example{path}?limit=1&cursor={CURSOR}"
    return {"next": link, "previous": None, "next_cursor": CURSOR, "results": [row]}


EXAMPLES: dict[str, dict[str, Any]] = {
    "Address": {"address": ADDRESS},
    "AddressChange": {"move": {"line1": "Nebenstr. 2", "postal_code": "20095", "city": "Hamburg"}},
    "AddressPage": {"page": page(ADDRESS, "/api/addresses")},
    "AddressRequest": {"address": NEW_ADDRESS},
    "Cart": {"cart": {**QUOTE, **DETAILS}},
    "CartLineRequest": {"quantity": {"quantity": 2}},
    "Category": {"category": CATEGORY},
    "CategoryChange": {"rename": {"name": "Cups and mugs"}, "move_to_the_top": {"parent": None}},
    "CategoryPage": {"page": page(CATEGORY, "/api/categories")},
    "Credentials": {
        "credentials": {"username": "alice", "password": "alice-likes-mugs"},
        "named": {"username": "alice", "password": "alice-likes-mugs", "name": "my laptop"},
    },
    "Customer": {"customer": CUSTOMER},
    "CustomerChange": {"correct": {"email": "alice@shop.example"}, "close": {"is_active": False}},
    "CustomerPage": {"page": page(CUSTOMER, "/api/customers")},
    "DetailsRequest": {"address": {"email": "alice@shop.example", "ship_to": NEW_ADDRESS}},
    "Shipment": {"shipment": SHIPMENT},
    "ShipmentPage": {"page": page(SHIPMENT, f"/api/orders/{ORDER_ID}/shipments")},
    "CancellationPage": {"page": page(CANCELLATION, f"/api/orders/{ORDER_ID}/cancellations")},
    "CancellationRequest": {
        "all": {},
        "some": {"lines": [{"sku": "MUG-STONE", "quantity": 1}], "reason": "No longer needed"},
    },
    "ReturnPage": {"page": page(RETURN, f"/api/orders/{ORDER_ID}/returns")},
    "ReturnRequest": {"all": {}, "some": {"lines": [{"sku": "MUG-STONE", "quantity": 1, "restock": 0}]}},
    "Refund": {"refund": REFUND},
    "RefundPage": {"page": page(REFUND, f"/api/orders/{ORDER_ID}/refunds")},
    "RefundRequest": {
        "amount": {"amount": "12.50", "reference": "PSP-2026-0816"},
        "lines": {"lines": [{"sku": "MUG-STONE", "quantity": 1}]},
    },
    "TrackingCorrection": {"tracking": {"tracking_number": "JJD0003400091234568"}},
    "EventTypes": {
        "types": {
            "results": [
                {
                    "type": SOLD.name,
                    "version": VERSION,
                    "description": SOLD.description,
                    "example": SOLD.full_example,
                    # The beginning: all of it would be as long as the page.
                    "schema": {
                        name: SOLD.schema[name] for name in ("$schema", "title", "description", "type", "required")
                    },
                }
            ]
        }
    },
    "Feed": {"page": {"position": 1042, "has_more": False, "results": [SOLD.full_example]}},
    "EventPage": {"page": page(EVENT, f"/api/orders/{ORDER_ID}/events")},
    "IssuedToken": {"token": {"token": "shop_Zk3vQ9xR7mZ2wB8nL5cY1jF6hD4gS0pA", "expires_at": "2026-03-02T08:30:00Z"}},
    "LedgerOrStock": {"ledger": page(MOVEMENT, "/api/products/1/stock"), "at_a_moment": STOCK_AT},
    "NewCategory": {"category": {"slug": "teapots", "name": "Teapots", "parent": "kitchen"}},
    "NewCustomer": {"customer": {"username": "bruno", "email": "bruno@shop.example", "first_name": "Bruno"}},
    "NewProduct": {"product": {"sku": "MUG-TALL", "name": "Tall mug", "category": "kitchen", "price": "9.50"}},
    "NoDetails": {"nothing": {}},
    "Order": {"order": ORDER},
    "OrderPage": {"page": page(ORDER, "/api/orders")},
    "OrderRequest": {
        "one_line": {"product": 1, "quantity": 2},
        "several_lines": {"lines": [{"product": 1, "quantity": 2}, {"sku": "LAMP-DESK", "quantity": 1}]},
        "with_an_address": {
            "lines": [{"product": 1, "quantity": 2}],
            "reference": "PO 4711",
            "email": "alice@shop.example",
            "ship_to": NEW_ADDRESS,
        },
    },
    "PaymentRequest": {"payment": {"reference": "PSP-2026-0815"}},
    "PriceHistory": {"prices": PRICE_HISTORY},
    "Product": {"product": PRODUCT},
    "ProductChange": {"price": {"price": "13.50"}, "retire": {"retired": True}},
    "ProductPage": {"page": page(PRODUCT, "/api/products")},
    "Quote": {"fine": QUOTE, "too_many": QUOTE_TOO_LARGE},
    "ShipmentRequest": {
        "shipment": {"carrier": "DHL", "tracking_number": "JJD0003400091234567"},
        "some": {"lines": [{"sku": "MUG-STONE", "quantity": 1}], "carrier": "DHL"},
    },
    "Stock": {"moved": STOCK, "a_count_that_agrees": {**STOCK, "stock": 200, "movement": None}},
    "StockRequest": {
        "received": {"delta": 40, "reason": "RECEIVED", "note": "delivery 17"},
        "corrected": {"delta": -3, "note": "broken"},
        "counted": {"set": 197, "expected": 200},
    },
    "StockRowResults": {
        "rows": {"results": [{"status": 201, "result": STOCK}, {"status": 404, "problem": PROBLEMS["not_found"]}]}
    },
    "StockRows": {"rows": {"rows": [{"sku": "MUG-STONE", "delta": -3}, {"product": 10, "set": 12, "expected": 11}]}},
    "TokenPage": {"page": page(TOKEN, "/api/tokens")},
    "NewWebhook": {"webhook": {"address": WEBHOOK["address"], "types": WEBHOOK["types"]}},
    "RedeliveryRequest": {"after_a_position": {"after": 1000}},
    "Webhook": {"webhook": WEBHOOK},
    "WebhookChange": {"types": {"types": ["order.placed"]}, "switch_off": {"is_active": False}},
    "WebhookDeliveryPage": {"page": page(WEBHOOK_DELIVERY, "/api/webhooks/4/deliveries")},
    "WebhookPage": {"page": page(WEBHOOK, "/api/webhooks")},
    "WebhookTest": {"taken": {"ok": True, "code": 204, "seconds": 0.08, "answer": "", "error": ""}},
    "WebhookWithSecret": {"webhook": {**WEBHOOK, "secret": SECRET}},
}
