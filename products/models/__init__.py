"""The models of the shop. The rules live here and in products.ordering; everything else translates."""

from products.exceptions import (
    CategoryInUse,
    CustomerGone,
    DomainError,
    IdempotencyKeyConflict,
    IdempotentReplay,
    InsufficientStock,
    InvalidFulfilment,
    InvalidOrder,
    InvalidStockAdjustment,
    InvalidTransition,
    MoreThanRemains,
    NotInCart,
    NotOverdue,
    PaymentOverdue,
    RefundTooLarge,
    SkuTaken,
    SlugTaken,
    StockHasMoved,
    StockSheetRejected,
    TooManyAddresses,
    UsernameTaken,
    Violation,
)
from products.models.addresses import Address
from products.models.bulk_jobs import BulkJob, BulkJobItem
from products.models.categories import Category
from products.models.events import Event
from products.models.feed import FeedEntry, FeedState
from products.models.fulfilment import (
    Cancellation,
    CancellationLine,
    Refund,
    RefundLine,
    Return,
    ReturnLine,
    Shipment,
    ShipmentLine,
)
from products.models.imports import ImportState, ProductImport, ProductImportRow, RowKind, RowState
from products.models.login_attempts import LoginCounter, TooManyLogins
from products.models.mail import Mail, MailCursor, MailKind, MailState
from products.models.order_lines import OrderLine
from products.models.order_status import TRANSITIONS, Status
from products.models.orders import Order
from products.models.products import Product
from products.models.stock import Reason, StockMovement
from products.models.stock_checks import StockCheck
from products.models.tokens import ApiToken
from products.models.webhooks import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from products.ordering.cart import Cart
from products.ordering.validation import PricedItem

__all__ = [
    "TRANSITIONS",
    "Address",
    "ApiToken",
    "BulkJob",
    "BulkJobItem",
    "Cancellation",
    "CancellationLine",
    "Cart",
    "Category",
    "CategoryInUse",
    "CustomerGone",
    "DomainError",
    "Event",
    "FeedEntry",
    "FeedState",
    "IdempotencyKeyConflict",
    "IdempotentReplay",
    "ImportState",
    "InsufficientStock",
    "InvalidFulfilment",
    "InvalidOrder",
    "InvalidStockAdjustment",
    "InvalidTransition",
    "LoginCounter",
    "Mail",
    "MailCursor",
    "MailKind",
    "MailState",
    "MoreThanRemains",
    "NotInCart",
    "NotOverdue",
    "Order",
    "OrderLine",
    "PaymentOverdue",
    "PricedItem",
    "Product",
    "ProductImport",
    "ProductImportRow",
    "Reason",
    "Refund",
    "RefundLine",
    "RefundTooLarge",
    "Return",
    "ReturnLine",
    "RowKind",
    "RowState",
    "Shipment",
    "ShipmentLine",
    "SkuTaken",
    "SlugTaken",
    "Status",
    "StockCheck",
    "StockHasMoved",
    "StockMovement",
    "StockSheetRejected",
    "TooManyAddresses",
    "TooManyLogins",
    "UsernameTaken",
    "Violation",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
]
