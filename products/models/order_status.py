"""The life of an order: its statuses, the transitions between them, and the deadlines that bound two of them."""

from datetime import datetime

from django.db import models
from django.utils import timezone

from products.exceptions import InvalidTransition, NotOverdue, PaymentOverdue, Violation
from products.models.stock import Reason


class Status(models.TextChoices):
    """The status of an order."""

    CART = "CART", "cart"
    PLACED = "PLACED", "placed"
    PAID = "PAID", "paid"
    SHIPPED = "SHIPPED", "shipped"
    DELIVERED = "DELIVERED", "delivered"
    CANCELLED = "CANCELLED", "cancelled"
    EXPIRED = "EXPIRED", "expired"
    RETURNED = "RETURNED", "returned"


TRANSITIONS: dict[str | None, set[Status]] = {
    None: {Status.CART, Status.PLACED},
    Status.CART: {Status.PLACED, Status.CANCELLED},
    Status.PLACED: {Status.PAID, Status.CANCELLED, Status.EXPIRED},
    Status.PAID: {Status.SHIPPED, Status.CANCELLED},
    Status.SHIPPED: {Status.DELIVERED, Status.RETURNED},
    Status.DELIVERED: {Status.RETURNED},
}
"""The allowed transitions, from each status to the next ones. None is an order that is not saved yet."""

RESTOCKS = {
    Status.CANCELLED: Reason.CANCELLED,
    Status.EXPIRED: Reason.EXPIRED,
    Status.RETURNED: Reason.RETURNED,
}
"""The statuses that put the stock back, and the reason that the ledger gives for it."""

WAITING_TO_BE_SHIPPED = (Status.PLACED, Status.PAID)
"""The statuses of an order whose pieces are sold, and still on the shelf."""


def check_transition(before: str | None, after: str) -> None:
    """Raise InvalidTransition unless an order in status `before` may become `after`."""
    allowed = TRANSITIONS.get(before, set())
    if after not in allowed:
        raise InvalidTransition(before, after, allowed=[status.value for status in Status if status in allowed])


def check_deadline(after: str, pay_by: datetime | None) -> None:
    """Raise PaymentOverdue when it is too late to become PAID, NotOverdue when it is too early to become EXPIRED."""
    overdue = pay_by is not None and pay_by < timezone.now()
    if after == Status.PAID and overdue:
        raise PaymentOverdue(Violation("payment_overdue", f"This order had to be paid by {pay_by:%Y-%m-%dT%H:%M:%SZ}."))
    if after == Status.EXPIRED and not overdue:
        raise NotOverdue(Violation("not_overdue", "This order's payment deadline has not passed."))
