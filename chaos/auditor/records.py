"""The database, read by plain SQL that PostgreSQL and SQLite both understand."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

HOLD_STOCK = ("PLACED", "PAID", "SHIPPED", "DELIVERED")
WAITING = ("PLACED", "PAID")
"""The statuses in which pieces may still be to be shipped."""
CENT = Decimal("0.01")


class Order(NamedTuple):
    id: str
    user: int
    status: str
    total: Decimal
    key: str | None


class Line(NamedTuple):
    id: str
    order: str
    product: int
    quantity: int
    price: Decimal
    shipped: int
    cancelled: int
    returned: int
    restocked: int


class Movement(NamedTuple):
    id: int
    product: int
    delta: int
    reason: str
    line: str | None
    user: int | None
    key: str | None


class Event(NamedTuple):
    order: str
    kind: str


@dataclass
class Records:
    """The database after the last write. `stock` is {product: quantity}; carts are left out."""

    stock: dict[int, int]
    orders: list[Order]
    lines: list[Line]
    movements: list[Movement]
    events: list[Event]
    by_id: dict[str, Order] = field(init=False)
    by_key: dict[tuple[int, str], list[Order]] = field(init=False)
    lines_of: dict[str, list[Line]] = field(init=False)
    movements_of: dict[str, list[Movement]] = field(init=False)
    events_of: dict[str, list[str]] = field(init=False)

    def __post_init__(self) -> None:
        self.by_id = {order.id: order for order in self.orders}
        self.by_key = group(((each.user, each.key), each) for each in self.orders if each.key)
        self.lines_of = group((each.order, each) for each in self.lines)
        self.movements_of = group((each.line, each) for each in self.movements if each.line)
        self.events_of = group((each.order, each.kind) for each in self.events)


def read_records(connection: Any) -> Records:
    """Read all tables. There are no more writes, so the statements see the same state without a transaction."""

    def rows(sql: str) -> list[tuple[Any, ...]]:
        cursor = connection.cursor()
        cursor.execute(sql)
        found: list[tuple[Any, ...]] = cursor.fetchall()
        return found

    return Records(
        stock=dict(rows("SELECT id, stock FROM products_product")),
        orders=[
            Order(name(key), user, status, money(total), idempotency_key)
            for key, user, status, total, idempotency_key in rows(
                "SELECT id, customer_id, status, total, idempotency_key FROM products_order WHERE status <> 'CART'"
            )
        ],
        lines=[
            Line(name(key), name(order), product, quantity, money(price), *counters)
            for key, order, product, quantity, price, *counters in rows(
                "SELECT id, order_id, product_id, quantity, unit_price, shipped, cancelled, returned, restocked "
                "FROM products_orderline"
            )
        ],
        movements=[
            Movement(key, product, delta, reason, line and name(line), user, idempotency_key)
            for key, product, delta, reason, line, user, idempotency_key in rows(
                "SELECT id, product_id, delta, reason, line_id, by_id, idempotency_key FROM products_stockmovement"
            )
        ],
        events=[
            Event(name(order), kind)
            for order, kind in rows("SELECT order_id, kind FROM products_event WHERE order_id IS NOT NULL")
        ],
    )


def name(value: Any) -> str:
    """Format an id as the API does; SQLite stores it without dashes."""
    return str(UUID(str(value)))


def money(value: Any) -> Decimal:
    return Decimal(str(value or 0)).quantize(CENT)


def group(pairs: Iterable[tuple[Any, Any]]) -> dict[Any, list[Any]]:
    """Return {first: [second, …]} of the pairs."""
    found: Callable[[], Any] = list
    grouped: dict[Any, list[Any]] = defaultdict(found)
    for key, value in pairs:
        grouped[key].append(value)
    return dict(grouped)
