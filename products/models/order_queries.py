"""Questions about many orders."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.db import models
from django.utils import timezone

from products.models.lifecycle import Status
from products.models.order_lines import OrderLine
from products.models.refusals import AlreadyPlaced, ForbiddenMove, NotOverdue

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User

    from products.models.orders import Order


class OrderQuerySet(models.QuerySet["Order"]):
    def of(self, customer: "AbstractBaseUser") -> "OrderQuerySet":
        return self.filter(customer=customer)

    def visible_to(self, user: "User | AnonymousUser") -> "OrderQuerySet":
        """Everybody's own; all of them for staff with the permission to view orders."""
        sees_all = user.is_staff and user.has_perm("products.view_order")
        return self.all() if sees_all else self.filter(customer=user.pk)

    def placed(self) -> "OrderQuerySet":
        """Everything that was ever placed, whatever became of it; not the carts."""
        return self.filter(placed_at__isnull=False)

    def with_lines(self) -> "OrderQuerySet":
        return self.prefetch_related("lines")

    def locked(self) -> "OrderQuerySet":
        """These orders, locked until the transaction ends. NO KEY, as their lines refer to them."""
        return self.order_by("pk").select_for_update(no_key=True)

    def overdue(self) -> "OrderQuerySet":
        return self.filter(status=Status.PLACED, pay_by__lt=timezone.now())

    def holding(self, product_ids: Iterable[int]) -> "OrderQuerySet":
        return self.filter(pk__in=OrderLine.objects.filter(product__in=product_ids).values("order"))

    def expire(self) -> int:
        """Expire each of these, in a transaction of its own; how many there were. Others may be at it as well."""
        expired = 0
        for order in self.order_by("pk"):
            try:
                order.expire()
            except (ForbiddenMove, NotOverdue):
                continue  # somebody else has moved it in the meantime
            expired += 1
        return expired

    def cart_of(self, customer: "AbstractBaseUser") -> "Order":
        """The customer's one cart, made where there is none yet."""
        return self.get_or_create(customer=customer, status=Status.CART)[0]

    def place_once(self, *, key: str | None = None, **values: Any) -> tuple["Order", bool]:
        """Place an order, or find the one that the same request placed before: (order, whether it is new).

        Raises KeyReused where `key` has placed another one, and what `Order.save()` raises.
        """
        try:
            return self.create(idempotency_key=key, **values), True
        except AlreadyPlaced as before:
            return before.order, False
