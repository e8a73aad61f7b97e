"""Placing an order: what is asked for, found under lock, checked, and frozen into the order."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, transaction
from django.utils import timezone

from products import metrics
from products.models.basket import Basket, Item
from products.models.lifecycle import Status
from products.models.order_lines import OrderLine
from products.models.refusals import InsufficientStock, InvalidOrder, Refusal

if TYPE_CHECKING:
    from products.models.orders import Order

FROM_CART = "cart"
"""The digest of a request that names no goods, as it means those in the cart."""


class Placement:
    """An order that is about to be placed and was `before` (a status, or None where it is new).

    Its products are locked from when it is made, inside the order's own transaction, unless `locked` says otherwise.
    """

    def __init__(self, order: "Order", before: str | None, *, locked: bool = True) -> None:
        self.order = order
        self.basket = Basket(self._items(before))
        order.request_digest = self.basket.digest if before is None else FROM_CART
        self.basket.look_up(locked=locked)

    def check(self) -> None:
        """Raise InvalidOrder or InsufficientStock, the latter with the overdue orders that hold what is missing."""
        try:
            self.basket.check()
        except InsufficientStock as shortage:
            # While the products are locked, nobody can have returned an overdue order's stock since.
            shortage.overdue = type(self.order).objects.overdue_holding(shortage.product_ids)
            raise

    def check_unlocked(self) -> bool:
        """Whether there is nothing to refuse, as far as that can be told without a lock.

        Raises InsufficientStock where even that is sure: too little was there both before and after no overdue order
        held any of it. So who comes too late for a product that everybody wants holds up nobody who does not.
        """
        try:
            self.check()
        except InvalidOrder:
            return False
        except InsufficientStock as shortage:
            if shortage.overdue:
                return False
        else:
            return True
        self.basket.look_up()
        self.basket.check()
        return False

    def freeze(self) -> list[OrderLine]:
        """Put what the order comes to now on the order; its lines, not written yet, with SKU, name and price."""
        order = self.order
        order.total, order.currency, order.placed_at = self.basket.total, settings.CURRENCY, timezone.now()
        if order.pay_by is None and settings.PAY_WITHIN is not None:
            order.pay_by = order.placed_at + settings.PAY_WITHIN
        return [OrderLine.freeze(order, line.product, line.quantity) for line in self.basket.lines]

    def _items(self, before: str | None) -> list[Item]:
        if self.order.items is None and before == Status.CART:
            return list(self.order.lines.values_list("product_id", "quantity"))
        return self.order.items or []


def mark_written(order: "Order", lines: list[OrderLine]) -> None:
    """Leave an order and its lines, which were written as text, as save() and prefetch_related() would."""
    for each in (order, *lines):
        each._state.adding, each._state.db = False, order._state.db or DEFAULT_DB_ALIAS
    order.items = None
    written = OrderLine.objects.get_queryset()
    # What order.lines says as well, which takes five times as long to say it.
    vars(written)["_deferred_filter"] = (False, (), {"order": order})
    written._result_cache = lines
    vars(order)["_prefetched_objects_cache"] = {"lines": written}


def count_placed(lines: Sequence[OrderLine]) -> None:
    """Count the order of these lines, once it is committed: one that is rolled back was not placed."""
    units = sum(line.quantity for line in lines)
    # Robust, since what is committed must not fail for a figure.
    transaction.on_commit(partial(metrics.count_placed, units), robust=True)


def count_not_placed(error: BaseException) -> None:
    """Count an order that came to nothing, where that is because a rule said no."""
    if isinstance(error, Refusal):
        metrics.count_not_placed(error.code, len(error.problems))
