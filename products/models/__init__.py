"""What the shop is made of. The rules live here; everything else translates."""

from products.models.carts import Cart
from products.models.catalogue import Category, Product
from products.models.events import Event
from products.models.lifecycle import MOVES, Status
from products.models.logins import LoginCounter, TooManyLogins
from products.models.order_lines import OrderLine
from products.models.orders import Order
from products.models.refusals import (
    AlreadyPlaced,
    ForbiddenMove,
    InsufficientStock,
    InvalidOrder,
    InvalidStockChange,
    KeyReused,
    NotInCart,
    NotOverdue,
    PaymentOverdue,
    Problem,
    Refusal,
    SkuTaken,
    StockHasMoved,
)
from products.models.stock import Reason, StockMovement
from products.models.tokens import ApiToken

__all__ = [
    "MOVES",
    "AlreadyPlaced",
    "ApiToken",
    "Cart",
    "Category",
    "Event",
    "ForbiddenMove",
    "InsufficientStock",
    "InvalidOrder",
    "InvalidStockChange",
    "KeyReused",
    "LoginCounter",
    "NotInCart",
    "NotOverdue",
    "Order",
    "OrderLine",
    "PaymentOverdue",
    "Problem",
    "Product",
    "Reason",
    "Refusal",
    "SkuTaken",
    "Status",
    "StockHasMoved",
    "StockMovement",
    "TooManyLogins",
]
