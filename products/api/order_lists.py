"""The history of orders: two statements a page, one for the orders and one for their lines."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import models
from django.db.models import QuerySet

from products.api.bodies import order_body
from products.api.lists import KeptList, KeptPage, Parameters
from products.api.rows import LINE_COLUMNS, ORDER_COLUMNS, LineRow, OrderRow
from products.db.compiled_queries import Param, compile_once
from products.models import Order, OrderLine


def wanted(asked: Parameters) -> "QuerySet[Order, Any]":
    """The placed orders that are asked for: those of `owner`, if that is said, and narrowed by the other parameters."""
    narrowing = dict(asked)
    owner = narrowing.pop("owner", None)
    orders = Order.objects.placed().narrowed(**narrowing)
    return orders if owner is None else orders.filter(customer=owner)


ORDERS = KeptList(
    Order,
    wanted,
    OrderRow,
    ORDER_COLUMNS,
    values={
        "owner": models.BigAutoField(),
        "placed_after": models.DateTimeField(),
        "placed_before": models.DateTimeField(),
        "key": models.CharField(),
    },
    keys={"owner"},
)


class OrderPage(KeptPage):
    """A page of orders with their lines."""

    def fetch(self) -> list[OrderRow]:
        orders: list[OrderRow] = super().fetch()
        self.lines = lines_of([order.id for order in orders])
        return orders

    def body_of(self, order: OrderRow) -> dict[str, Any]:
        return order_body(order, self.lines[order.id])


def lines_of(order_ids: Sequence[UUID | str]) -> dict[UUID | str, list[LineRow]]:
    """The lines of these orders, each order's in the order in which they were asked for."""
    lines: dict[UUID | str, list[LineRow]] = defaultdict(list)
    for row in compile_once(lines_of_orders, len(order_ids)).rows(dict(enumerate(order_ids))) if order_ids else []:
        line = LineRow(*row)
        lines[line.order_id].append(line)
    return lines


class OrderId(models.UUIDField):
    """An order's id, which goes back as the text that it came as."""

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        return value if isinstance(value, str) else super().get_db_prep_value(value, connection, prepared)


def lines_of_orders(number: int) -> "QuerySet[OrderLine, Any]":
    orders: list[Any] = [Param(place, OrderId()) for place in range(number)]
    return OrderLine.objects.filter(order__id__in=orders).order_by("pk").values_list(*LINE_COLUMNS)
