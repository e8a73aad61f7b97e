"""The models of the shop. The rules live here and in products.ordering; everything else translates."""

from products.exceptions import (
    CategoryInUse,
    CustomerGone,
    DomainError,
    IdempotencyKeyConflict,
    IdempotentReplay,
    InsufficientStock,
    InvalidOrder,
    InvalidStockAdjustment,
    InvalidTransition,
    NotInCart,
    NotOverdue,
    PaymentOverdue,
    SkuTaken,
    SlugTaken,
    StockHasMoved,
    TooManyAddresses,
    UsernameTaken,
    Violation,
)
from products.models.addresses import Address
from products.models.categories import Category
from products.models.events import Event
from products.models.login_attempts import LoginCounter, TooManyLogins
from products.models.order_lines import OrderLine
from products.models.order_status import TRANSITIONS, Status
from products.models.orders import Order
from products.models.products import Product
from products.models.stock import Reason, StockMovement
from products.models.tokens import ApiToken
from products.ordering.cart import Cart
from products.ordering.validation import PricedItem

__all__ = [
    "TRANSITIONS",
    "Address",
    "ApiToken",
    "Cart",
    "Category",
    "CategoryInUse",
    "CustomerGone",
    "DomainError",
    "Event",
    "IdempotencyKeyConflict",
    "IdempotentReplay",
    "InsufficientStock",
    "InvalidOrder",
    "InvalidStockAdjustment",
    "InvalidTransition",
    "LoginCounter",
    "NotInCart",
    "NotOverdue",
    "Order",
    "OrderLine",
    "PaymentOverdue",
    "PricedItem",
    "Product",
    "Reason",
    "SkuTaken",
    "SlugTaken",
    "Status",
    "StockHasMoved",
    "StockMovement",
    "TooManyAddresses",
    "TooManyLogins",
    "UsernameTaken",
    "Violation",
]
