"""What a customer and the staff do, by the client that openapi-python-client makes of docs/openapi.yaml.

Run by test_generated_clients.py, which makes `shop_client` first, against a shop that has just loaded its demo data.
"""

import sys
from http import HTTPStatus
from typing import TypeVar

from shop_client import AuthenticatedClient, Client
from shop_client.api.addresses import addresses_create, addresses_destroy
from shop_client.api.cart import cart_destroy, cart_line_update, cart_retrieve
from shop_client.api.categories import (
    categories_create,
    categories_destroy,
    categories_list,
    categories_partial_update,
)
from shop_client.api.orders import (
    orders_cancel,
    orders_cancellations_list,
    orders_create,
    orders_events_list,
    orders_list,
    orders_pay,
    orders_quote,
    orders_refunds_create,
    orders_refunds_list,
    orders_return,
    orders_returns_list,
    orders_ship,
    orders_shipments_list,
    orders_shipments_partial_update,
)
from shop_client.api.products import products_create, products_list, products_partial_update, products_prices_list
from shop_client.api.stock import stock_move, stock_move_in_bulk
from shop_client.api.tokens import tokens_create, tokens_revoke_current
from shop_client.api.webhooks import (
    webhooks_create,
    webhooks_deliveries,
    webhooks_destroy,
    webhooks_list,
    webhooks_partial_update,
    webhooks_redeliver,
    webhooks_rotate,
    webhooks_test,
)
from shop_client.models import (
    Address,
    AddressRequest,
    CancellationPage,
    CancellationRequest,
    Cart,
    CartLineRequest,
    Category,
    CategoryChange,
    CategoryPage,
    Credentials,
    EventPage,
    IssuedToken,
    LineById,
    LineBySku,
    LinesRequest,
    NewCategory,
    NewProduct,
    NewWebhook,
    Order,
    OrderById,
    OrderBySku,
    OrderPage,
    OrderStatus,
    PartById,
    PartByLine,
    PartBySku,
    PaymentRequest,
    PriceHistory,
    Problem,
    Product,
    ProductChange,
    ProductPage,
    Quote,
    RedeliveryAfter,
    Refund,
    RefundOfAmount,
    RefundOfLines,
    RefundPage,
    ReturnedPartBySku,
    ReturnPage,
    ReturnRequest,
    Shipment,
    ShipmentPage,
    ShipmentRequest,
    Stock,
    StockCorrection,
    StockCorrectionBySku,
    StockCount,
    StockCountById,
    StockReceipt,
    StockRowResults,
    StockRows,
    TrackingCorrection,
    Webhook,
    WebhookChange,
    WebhookDeliveryPage,
    WebhookPage,
    WebhookTest,
    WebhookWithSecret,
)
from shop_client.types import UNSET, Response

Expected = TypeVar("Expected")


def body_of(answer: Response[Expected | Problem], body: type[Expected], status: int = 200) -> Expected:
    """Return the parsed body. Fails if it is of another type than the document says, or has another status."""
    assert answer.status_code == status, answer.content
    assert isinstance(answer.parsed, body), answer.parsed
    return answer.parsed


def problem_of(answer: Response[Expected | Problem], status: int) -> Problem:
    assert answer.status_code == status, answer.content
    assert isinstance(answer.parsed, Problem), answer.parsed
    return answer.parsed


def log_in(url: str, name: str, password: str) -> AuthenticatedClient:
    answer = tokens_create.sync_detailed(
        client=Client(url, raise_on_unexpected_status=True),  # type: ignore[arg-type]  # it needs no token, the document says
        body=Credentials(username=name, password=password, name="walk.py"),
    )
    return AuthenticatedClient(url, token=body_of(answer, IssuedToken).token, raise_on_unexpected_status=True)


def read_every_product(client: AuthenticatedClient) -> dict[str, int]:
    """Follow the cursor to the last page; return the id of each product by its SKU."""
    ids: dict[str, int] = {}
    page = body_of(products_list.sync_detailed(client=client, limit=10), ProductPage)
    pages = [page]
    while page.next_cursor is not None:
        page = body_of(products_list.sync_detailed(client=client, limit=10, cursor=page.next_cursor), ProductPage)
        pages.append(page)
    for each in pages:
        ids |= {product.sku: product.id for product in each.results}
    assert [len(each.results) for each in pages] == [10, 10, 9]
    assert len(ids) == 29
    return ids


def order_and_cancel(client: AuthenticatedClient, ids: dict[str, int]) -> None:
    two_mugs = OrderById(product=ids["MUG-STONE"], quantity=2)
    quote = body_of(orders_quote.sync_detailed(client=client, body=two_mugs), Quote)
    assert (quote.acceptable, quote.total) == (True, "25.00")

    placed = orders_create.sync_detailed(client=client, body=two_mugs, idempotency_key="walk-1")
    order = body_of(placed, Order, 201)
    assert (order.status, order.total, order.lines[0].sku) == (OrderStatus.PLACED, "25.00", "MUG-STONE")

    again = orders_create.sync_detailed(client=client, body=two_mugs, idempotency_key="walk-1")
    assert body_of(again, Order, 201) == order
    assert again.headers["Idempotency-Replayed"] == "true"
    other = orders_create.sync_detailed(
        client=client, body=OrderBySku(sku="BOWL-OAT", quantity=1), idempotency_key="walk-1"
    )
    assert problem_of(other, 422).code == "idempotency_key_reused"

    cancelled = body_of(orders_cancel.sync_detailed(order.id, client=client, body=UNSET), Order)
    assert cancelled.status == OrderStatus.CANCELLED
    refused = problem_of(orders_cancel.sync_detailed(order.id, client=client), 409)
    assert (refused.code, refused.allowed) == ("forbidden_move", [])
    assert (refused.errors[0].from_, refused.errors[0].to) == (OrderStatus.CANCELLED, OrderStatus.CANCELLED)
    history = body_of(orders_events_list.sync_detailed(order.id, client=client), EventPage)
    assert [(event.facts.from_, event.facts.to) for event in history.results] == [
        (None, OrderStatus.PLACED),
        ("PLACED", OrderStatus.CANCELLED),
    ]


def order_what_is_acceptable(client: AuthenticatedClient, ids: dict[str, int]) -> Order:
    """Order more clocks than there are, and then what the shop says that it would accept."""
    wish = LinesRequest(lines=[LineBySku(sku="CLOCK-WALL", quantity=5), LineById(product=ids["MUG-STONE"], quantity=1)])
    refused = problem_of(orders_create.sync_detailed(client=client, body=wish), 409)
    assert refused.code == "insufficient_stock"
    assert (refused.errors[0].requested, refused.errors[0].available) == (5, 3)
    assert refused.acceptable

    order = body_of(orders_create.sync_detailed(client=client, body=refused.acceptable), Order, 201)
    assert [(line.sku, line.quantity) for line in order.lines] == [("CLOCK-WALL", 3), ("MUG-STONE", 1)]
    return order


def order_to_an_address(client: AuthenticatedClient, ids: dict[str, int]) -> None:
    home = AddressRequest(name="Alice", line1="Hauptstr. 1", city="Berlin", country="DE")
    kept = body_of(addresses_create.sync_detailed(client=client, body=home), Address, 201)
    one_mug = OrderById(product=ids["MUG-STONE"], quantity=1, email="alice@shop.example", address=kept.id)
    order = body_of(orders_create.sync_detailed(client=client, body=one_mug), Order, 201)
    assert order.ship_to
    assert (order.ship_to.city, order.email) == ("Berlin", "alice@shop.example")
    found = body_of(orders_list.sync_detailed(client=client, number=order.number), OrderPage)
    assert [each.id for each in found.results] == [order.id]
    assert addresses_destroy.sync_detailed(kept.id, client=client).status_code == HTTPStatus.NO_CONTENT


def fill_and_empty_the_cart(client: AuthenticatedClient, ids: dict[str, int]) -> None:
    filled = cart_line_update.sync_detailed(ids["BOWL-OAT"], client=client, body=CartLineRequest(quantity=3))
    assert body_of(filled, Cart).total == "42.00"
    assert cart_destroy.sync_detailed(client=client).status_code == HTTPStatus.NO_CONTENT
    assert body_of(cart_retrieve.sync_detailed(client=client), Cart).lines == []


def adjust_the_stock(client: AuthenticatedClient, ids: dict[str, int]) -> None:
    pans = ids["PAN-IRON-26"]
    received = stock_move.sync_detailed(pans, client=client, body=StockReceipt(delta=5, reason="RECEIVED"))
    assert body_of(received, Stock, 201).stock == 20
    corrected = stock_move.sync_detailed(pans, client=client, body=StockCorrection(delta=-1, note="cracked"))
    movement = body_of(corrected, Stock, 201).movement
    assert movement
    assert (movement.delta, movement.reason) == (-1, "CORRECTED")
    counted = stock_move.sync_detailed(pans, client=client, body=StockCount(set_=19, expected=19))
    assert body_of(counted, Stock, 200).movement is None

    rows = StockRows(
        rows=[StockCorrectionBySku(sku="TROWEL", delta=-1), StockCountById(product=pans, set_=7, expected=8)]
    )
    done, failed = body_of(stock_move_in_bulk.sync_detailed(client=client, body=rows), StockRowResults).results
    assert done.result
    assert (done.status, done.result.stock) == (201, 64)
    assert failed.problem
    assert (failed.status, failed.problem.code) == (412, "stock_has_moved")


def arrange_the_catalog(client: AuthenticatedClient) -> None:
    """Nest a category, put a product in it that is found in its branch, and take both away again."""
    below_kitchen = NewCategory(slug="teapots", name="Teapots", parent="kitchen")
    added = categories_create.sync_detailed(client=client, body=below_kitchen)
    teapots = body_of(added, Category, 201)
    assert (teapots.parent, teapots.depth) == ("kitchen", 2)
    pot = NewProduct(
        sku="Tea/pot 1,2 l",
        name="Teapot",
        price="29.00",
        category="teapots",
        barcode="4006381333931",
        weight=900,
        tags=["new"],
        images=["https://img.shop.example/teapot.jpg"],
    )
    made = products_create.sync_detailed(client=client, body=pot)
    product = body_of(made, Product, 201)
    assert (product.tags, product.images, product.weight) == (pot.tags, pot.images, 900)
    by_sku = products_list.sync_detailed(client=client, category="kitchen", sku="TEA/POT 1,2 L", tag="new")
    assert [each.id for each in body_of(by_sku, ProductPage).results] == [product.id]

    assert problem_of(categories_destroy.sync_detailed(teapots.id, client=client), 409).code == "category_in_use"
    emptied = products_partial_update.sync_detailed(
        product.id, client=client, body=ProductChange(category=None, retired=True), if_match=made.headers["ETag"]
    )
    assert body_of(emptied, Product).category is None
    renamed = categories_partial_update.sync_detailed(
        teapots.id, client=client, body=CategoryChange(name="Pots", parent=None), if_match=added.headers["ETag"]
    )
    assert body_of(renamed, Category).parent is None
    listed = body_of(categories_list.sync_detailed(client=client, slug="teapots"), CategoryPage)
    assert [(each.name, each.depth) for each in listed.results] == [("Pots", 1)]
    removed = categories_destroy.sync_detailed(teapots.id, client=client, if_match=renamed.headers["ETag"])
    assert removed.status_code == HTTPStatus.NO_CONTENT


def order_at_prices_of_its_own(client: AuthenticatedClient, ids: dict[str, int]) -> None:
    """Place an order with its own prices and discounts, find it among what changed, and read what a mug has cost."""
    terms = LinesRequest(
        lines=[LineById(product=ids["MUG-STONE"], quantity=2, unit_price="9.9950", discount="1.00")],
        discount="0.99",
        shipping="4.90",
    )
    order = body_of(orders_create.sync_detailed(client=client, body=terms), Order, 201)
    [line] = order.lines
    assert (line.unit_price, line.discount, line.discount_share, line.amount) == ("9.995", "1.00", "0.99", "18.00")
    assert (order.discount, order.shipping, order.total, order.taxes) == ("0.99", "4.90", "22.90", [])
    changed = orders_list.sync_detailed(client=client, changed_since=order.updated_at)
    assert order.id in [each.id for each in body_of(changed, OrderPage).results]

    history = products_prices_list.sync_detailed(ids["MUG-STONE"], client=client, days=7)
    assert body_of(history, PriceHistory).lowest == "12.50"


def pay_and_ship(client: AuthenticatedClient, order: Order) -> None:
    paid = orders_pay.sync_detailed(order.id, client=client, body=PaymentRequest(reference="INV-7"))
    assert body_of(paid, Order).status == OrderStatus.PAID
    one: list[PartById | PartByLine | PartBySku] = [PartBySku(sku="CLOCK-WALL", quantity=1)]
    first = ShipmentRequest(lines=one, carrier="DHL", tracking_number="00340")
    part = body_of(orders_ship.sync_detailed(order.id, client=client, body=first, idempotency_key="walk-2"), Order)
    assert (part.status, part.lines[0].shipped) == (OrderStatus.PAID, 1)
    again = orders_ship.sync_detailed(order.id, client=client, body=first, idempotency_key="walk-2")
    assert (body_of(again, Order), again.headers["Idempotency-Replayed"]) == (part, "true")
    too_many = ShipmentRequest(lines=[PartByLine(line=order.lines[0].id, quantity=3)])
    refused = problem_of(orders_ship.sync_detailed(order.id, client=client, body=too_many), 409)
    assert (refused.code, refused.errors[0].available) == ("more_than_remains", 2)
    fewer = CancellationRequest(lines=one, reason="The glass is broken")
    cancelled = body_of(orders_cancel.sync_detailed(order.id, client=client, body=fewer), Order)
    assert (cancelled.status, cancelled.lines[0].cancelled) == (OrderStatus.PAID, 1)
    parcel = ShipmentRequest(carrier="DHL", tracking_number="00340434161094015902")
    shipped = body_of(orders_ship.sync_detailed(order.id, client=client, body=parcel), Order)
    assert (shipped.status, shipped.tracking_number) == (OrderStatus.SHIPPED, "00340434161094015902")


def correct_return_and_refund(client: AuthenticatedClient, order: Order) -> None:
    correction = TrackingCorrection(tracking_number="00341")
    corrected = orders_shipments_partial_update.sync_detailed(order.id, 1, client=client, body=correction)
    assert body_of(corrected, Shipment).tracking_number == "00341"
    shipments = body_of(orders_shipments_list.sync_detailed(order.id, client=client), ShipmentPage)
    assert [len(each.lines) for each in shipments.results] == [1, 2]
    back = ReturnRequest(lines=[ReturnedPartBySku(sku="CLOCK-WALL", quantity=1, restock=0)])
    returned = body_of(orders_return.sync_detailed(order.id, client=client, body=back), Order)
    assert (returned.lines[0].returned, returned.lines[0].restocked) == (1, 1)
    returns = body_of(orders_returns_list.sync_detailed(order.id, client=client), ReturnPage)
    assert returns.results[0].lines[0].restocked == 0
    cancellations = body_of(orders_cancellations_list.sync_detailed(order.id, client=client), CancellationPage)
    assert cancellations.results[0].reason == "The glass is broken"
    lines = RefundOfLines(lines=[PartBySku(sku="MUG-STONE", quantity=1)])
    refund = body_of(orders_refunds_create.sync_detailed(order.id, client=client, body=lines), Refund, 201)
    assert (refund.number, refund.amount) == (1, "12.50")
    amount = RefundOfAmount(amount="0.50", reference="R-2")
    assert body_of(orders_refunds_create.sync_detailed(order.id, client=client, body=amount), Refund, 201).number == 2
    refunds = body_of(orders_refunds_list.sync_detailed(order.id, client=client), RefundPage)
    assert [each.amount for each in refunds.results] == ["12.50", "0.50"]


def post_to_another_system(client: AuthenticatedClient) -> None:
    """Add a webhook, test it, rotate its secret, switch it off, and take it away again."""
    new = NewWebhook(address="https://erp.shop.example/hooks", types=["order.placed"])
    made = body_of(webhooks_create.sync_detailed(client=client, body=new), WebhookWithSecret, 201)
    assert made.secret.startswith("whsec_")
    [listed] = body_of(webhooks_list.sync_detailed(client=client), WebhookPage).results
    assert (listed.id, listed.types, listed.is_active) == (made.id, ["order.placed"], True)
    tested = body_of(webhooks_test.sync_detailed(made.id, client=client), WebhookTest)
    assert (tested.ok, tested.code, tested.error) == (False, None, "erp.shop.example does not resolve.")
    rotated = body_of(webhooks_rotate.sync_detailed(made.id, client=client), WebhookWithSecret)
    assert rotated.secret != made.secret
    assert rotated.previous_secret_until is not None
    again = body_of(webhooks_redeliver.sync_detailed(made.id, client=client, body=RedeliveryAfter(after=0)), Webhook)
    assert again.position == 0
    assert body_of(webhooks_deliveries.sync_detailed(made.id, client=client), WebhookDeliveryPage).results == []
    off = webhooks_partial_update.sync_detailed(made.id, client=client, body=WebhookChange(is_active=False))
    assert body_of(off, Webhook).off_reason == "Switched off by staff."
    assert webhooks_destroy.sync_detailed(made.id, client=client).status_code == HTTPStatus.NO_CONTENT


def log_out(client: AuthenticatedClient) -> None:
    assert tokens_revoke_current.sync_detailed(client=client).status_code == HTTPStatus.NO_CONTENT
    assert problem_of(products_list.sync_detailed(client=client), 401).code == "invalid_token"


def main(url: str) -> None:
    alice, staff = log_in(url, "alice", "alice-likes-mugs"), log_in(url, "staff", "staff-runs-the-shop")
    ids = read_every_product(alice)
    order_and_cancel(alice, ids)
    order = order_what_is_acceptable(alice, ids)
    order_to_an_address(alice, ids)
    fill_and_empty_the_cart(alice, ids)
    adjust_the_stock(staff, ids)
    arrange_the_catalog(staff)
    order_at_prices_of_its_own(staff, ids)
    pay_and_ship(staff, order)
    correct_return_and_refund(staff, order)
    post_to_another_system(staff)
    log_out(alice)


if __name__ == "__main__":
    main(sys.argv[1])
