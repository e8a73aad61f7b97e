"""Rows of the lists that are asked for all day, with the names that the models' own attributes have."""

from datetime import datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Func


class AsText(Func):
    """A column as the text that it is in an answer, where the database can write it.

    Python takes 3 µs to make a UUID of what PostgreSQL sends, which for a page of 20 orders is a tenth of its time, and
    1 µs to make a Decimal of a price and a text of that. SQLite has neither, so there they are what they were.
    """

    template = "%(expressions)s"

    def get_db_converters(self, connection: Any) -> list[Any]:
        # Django gives SQLite's decimals their places again, but only those of plain columns.
        return [*super().get_db_converters(connection), _with_its_places]

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="%(expressions)s::text", **context)


def _with_its_places(value: Any, column: Any, connection: Any) -> Any:
    return round(value, column.output_field.decimal_places) if isinstance(value, Decimal) else value


class ProductRow(NamedTuple):
    """What a list shows of a product."""

    id: int
    sku: str
    name: str
    description: str
    category_slug: str | None
    price: Decimal | str
    stock: int
    retired_at: datetime | None
    created_at: datetime
    updated_at: datetime


class OrderRow(NamedTuple):
    """What a list shows of an order, without its lines."""

    id: UUID | str
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

    order_id: UUID | str
    id: UUID | str
    product_id: int
    sku: str
    name: str
    quantity: int
    unit_price: Decimal | None

    @property
    def amount(self) -> Decimal:
        return (self.unit_price or Decimal("0.00")) * self.quantity


PRODUCT_COLUMNS: list[str | Func] = [
    AsText("price") if name == "price" else name.replace("_slug", "__slug") for name in ProductRow._fields
]
ORDER_COLUMNS: list[str | Func] = [AsText("id"), *OrderRow._fields[1:]]
LINE_COLUMNS: list[str | Func] = [AsText("order_id"), AsText("id"), *LineRow._fields[2:]]
