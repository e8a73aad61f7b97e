"""The life of an order, as a table that a shopkeeper can read."""

from datetime import datetime

from django.db import models
from django.utils import timezone

from products.models.refusals import ForbiddenMove, NotOverdue, PaymentOverdue, Problem
from products.models.stock import Reason


class Status(models.TextChoices):
    """Where an order is in its life."""

    CART = "CART", "cart"
    PLACED = "PLACED", "placed"
    PAID = "PAID", "paid"
    SHIPPED = "SHIPPED", "shipped"
    DELIVERED = "DELIVERED", "delivered"
    CANCELLED = "CANCELLED", "cancelled"
    EXPIRED = "EXPIRED", "expired"
    RETURNED = "RETURNED", "returned"


MOVES: dict[str | None, set[Status]] = {
    None: {Status.CART, Status.PLACED},
    Status.CART: {Status.PLACED, Status.CANCELLED},
    Status.PLACED: {Status.PAID, Status.CANCELLED, Status.EXPIRED},
    Status.PAID: {Status.SHIPPED, Status.CANCELLED},
    Status.SHIPPED: {Status.DELIVERED, Status.RETURNED},
    Status.DELIVERED: {Status.RETURNED},
}
"""From where to where. None is an order that is not written yet."""

GIVES_BACK = {
    Status.CANCELLED: Reason.CANCELLED,
    Status.EXPIRED: Reason.EXPIRED,
    Status.RETURNED: Reason.RETURNED,
}
"""The statuses that return the goods to the shelf, and how the ledger calls it."""


def check_move(before: str | None, after: str) -> None:
    """Raise ForbiddenMove where an order that is `before` cannot become `after`."""
    moves = MOVES.get(before, set())
    if after not in moves:
        raise ForbiddenMove(before, after, allowed=[status.value for status in Status if status in moves])


def check_deadline(after: str, pay_by: datetime | None) -> None:
    """Raise PaymentOverdue where it is too late to become PAID, NotOverdue where too early to become EXPIRED."""
    overdue = pay_by is not None and pay_by < timezone.now()
    if after == Status.PAID and overdue:
        raise PaymentOverdue(Problem("payment_overdue", f"This order had to be paid by {pay_by:%Y-%m-%dT%H:%M:%SZ}."))
    if after == Status.EXPIRED and not overdue:
        raise NotOverdue(Problem("not_overdue", "This order's payment deadline has not passed."))
