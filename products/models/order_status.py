"""The life of an order: its statuses, the transitions between them, and the deadlines that bound two of them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

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
    Status.EXPIRED: {Status.PAID},
}
"""The allowed transitions, from each status to the next ones. None is an order that is not saved yet."""

LATE_PAYMENT = (Status.EXPIRED, Status.PAID)
"""The transition that takes the stock again, which only accept_late_payment() makes."""

RESTOCKS = {
    Status.CANCELLED: Reason.CANCELLED,
    Status.EXPIRED: Reason.EXPIRED,
    Status.RETURNED: Reason.RETURNED,
}
"""The statuses that put the stock back, and the reason that the ledger gives for it."""

WAITING_TO_BE_SHIPPED = (Status.PLACED, Status.PAID)
"""The statuses of an order whose pieces are sold, and still on the shelf."""


class Counted(Protocol):
    """A line of an order with its counters."""

    @property
    def quantity(self) -> int: ...
    @property
    def shipped(self) -> int: ...
    @property
    def cancelled(self) -> int: ...
    @property
    def returned(self) -> int: ...


def status_of(before: str, lines: Iterable[Counted]) -> Status:
    """Return the status of a placed order, from the counters of its lines and from `before`.

    The counters do not know what was paid and what was delivered; the status before does. While a piece is neither
    shipped nor cancelled the order stays PLACED or PAID. When none is, it is CANCELLED if nothing was shipped, RETURNED
    if all that was shipped came back, and SHIPPED, or DELIVERED, if not.
    """
    counted = list(lines)
    shipped, returned = sum(line.shipped for line in counted), sum(line.returned for line in counted)
    if any(line.shipped + line.cancelled < line.quantity for line in counted):
        return Status(before)
    if not shipped:
        return Status.CANCELLED
    if returned == shipped:
        return Status.RETURNED
    return Status.DELIVERED if before == Status.DELIVERED else Status.SHIPPED


def transitions_between(before: str, after: str) -> list[Status]:
    """Return the statuses to go through. If the last open piece of an order is cancelled when all shipped pieces are
    back, they are SHIPPED and RETURNED."""
    after = Status(after)
    if before == after:
        return []
    return [after] if after in TRANSITIONS[before] else [Status.SHIPPED, after]


def check_transition(before: str | None, after: str, *, late: bool = False) -> None:
    """Raise InvalidTransition unless an order in status `before` may become `after`; `late` allows a late payment."""
    allowed = TRANSITIONS.get(before, set())
    if not late and (before, after) == LATE_PAYMENT:
        raise InvalidTransition(before, after)
    if after not in allowed:
        raise InvalidTransition(before, after, allowed=[status.value for status in Status if status in allowed])


def check_deadline(after: str, pay_by: datetime | None) -> None:
    """Raise PaymentOverdue when it is too late to become PAID, NotOverdue when it is too early to become EXPIRED."""
    overdue = pay_by is not None and pay_by < timezone.now()
    if after == Status.PAID and overdue:
        raise PaymentOverdue(Violation("payment_overdue", f"This order had to be paid by {pay_by:%Y-%m-%dT%H:%M:%SZ}."))
    if after == Status.EXPIRED and not overdue:
        raise NotOverdue(Violation("not_overdue", "This order's payment deadline has not passed."))
