"""Rows of the lists that are asked for all day, with the names that the models' own attributes have."""

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID


class ProductRow(NamedTuple):
    """What a list shows of a product."""

    id: int
    sku: str
    name: str
    description: str
    category_slug: str | None
    price: Decimal
    stock: int
    retired_at: datetime | None
    created_at: datetime
    updated_at: datetime


class OrderRow(NamedTuple):
    """What a list shows of an order, without its lines."""

    id: UUID
    customer_id: int
    status: str
    total: Decimal
    currency: str
    idempotency_key: str | None
    payment_reference: str
    carrier: str
    tracking_number: str
    placed_at: datetime
    pay_by: datetime | None


class LineRow(NamedTuple):
    """What a list shows of an order line, and whose it is."""

    order_id: UUID
    id: UUID
    product_id: int
    sku: str
    name: str
    quantity: int
    unit_price: Decimal | None

    @property
    def amount(self) -> Decimal:
        return (self.unit_price or Decimal("0.00")) * self.quantity


PRODUCT_COLUMNS = [name.replace("_slug", "__slug") for name in ProductRow._fields]
