"""Questions about many orders."""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import IntegrityError, models
from django.db.models import Sum
from django.utils import timezone

from products.models.basket import Basket, Item
from products.models.kept_queries import Given, kept
from products.models.lifecycle import Status
from products.models.order_lines import OrderLine
from products.models.refusals import AlreadyPlaced, ForbiddenMove, NotOverdue

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User

    from products.models.orders import Order


def sees_all_orders(user: "User | AnonymousUser") -> bool:
    """Whether somebody is staff with the permission to view orders, and so sees more than their own."""
    return user.is_staff and user.has_perm("products.view_order")


class OrderQuerySet(models.QuerySet["Order"]):
    def of(self, customer: "AbstractBaseUser") -> "OrderQuerySet":
        return self.filter(customer=customer)

    def visible_to(self, user: "User | AnonymousUser") -> "OrderQuerySet":
        """Everybody's own; all of them for staff with the permission to view orders."""
        return self.all() if sees_all_orders(user) else self.filter(customer=user.pk)

    def placed(self) -> "OrderQuerySet":
        """Everything that was ever placed, whatever became of it; not the carts."""
        return self.filter(placed_at__isnull=False)

    def narrowed(
        self,
        *,
        status: Collection[str] | None = None,
        placed_after: datetime | None = None,
        placed_before: datetime | None = None,
        key: str | None = None,
        customer: int | None = None,
    ) -> "OrderQuerySet":
        """Those of these that everything given is true of. From `placed_after` on, but not `placed_before` itself."""
        conditions = {
            "status__in": status,
            "placed_at__gte": placed_after,
            "placed_at__lt": placed_before,
            "idempotency_key": key,
            "customer__id": customer,  # and not "customer", which fails on an id that is too large for any
        }
        return self.filter(**{name: value for name, value in conditions.items() if value is not None})

    def with_lines(self) -> "OrderQuerySet":
        return self.prefetch_related("lines")

    def with_key(self, customer_id: int, key: str | None) -> "Order | None":
        """The order that this customer has placed under `key`, its lines beside it."""
        rows = kept(_with_key, self.model, prepared=True).rows({"customer": customer_id, "key": key}) if key else []
        return self.with_lines().get(pk=rows[0][0]) if rows else None

    def locked(self) -> "OrderQuerySet":
        """These orders, locked until the transaction ends. NO KEY, as their lines refer to them."""
        return self.order_by("pk").select_for_update(no_key=True)

    def overdue(self, now: "datetime | Given | None" = None) -> "OrderQuerySet":
        return self.filter(status=Status.PLACED, pay_by__lt=now or timezone.now())

    def holding(self, product_ids: Iterable[Any]) -> "OrderQuerySet":
        return self.filter(pk__in=OrderLine.objects.filter(product__id__in=product_ids).values("order"))

    def overdue_holding(self, product_ids: Collection[int]) -> list[UUID]:
        """The ids of the overdue orders that hold any of these products."""
        values: dict[Any, Any] = dict(enumerate(product_ids)) | {"now": timezone.now()}
        return [pk for (pk,) in kept(_overdue_holding, self.model, len(product_ids)).rows(values)]

    def pieces_of(self, product_ids: Iterable[int]) -> dict[int, int]:
        """How many of each of these products these orders hold: {product id: pieces}."""
        lines = OrderLine.objects.filter(order__in=self, product__in=product_ids).order_by()
        return dict(lines.values_list("product").annotate(Sum("quantity")))

    def quote(self, items: Iterable[Item]) -> Basket:
        """What ordering `items` now would come to, and everything that speaks against it; nothing is written.

        It is the basket that placing would check. What overdue orders hold counts as free, since placing would expire
        them.
        """
        basket = Basket(items)
        basket.look_up()
        overdue = self.overdue().pieces_of(line.product.pk for line in basket.lines)
        for line in basket.lines:
            line.overdue = overdue.get(line.product.pk, 0)
        return basket

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

    def cart_of(self, customer: "AbstractBaseUser", *, tries: int = 5) -> "Order":
        """The customer's one cart, made where there is none yet."""
        try:
            return self.get_or_create(customer=customer, status=Status.CART)[0]
        except IntegrityError:
            # Others have made one and placed it, both since we looked.
            if tries == 1:
                raise
            return self.cart_of(customer, tries=tries - 1)

    def place_once(self, *, key: str | None = None, **values: Any) -> tuple["Order", bool]:
        """Place an order, or find the one that the same request placed before: (order, whether it is new).

        Raises KeyReused where `key` has placed another one, and what `Order.save()` raises.
        """
        try:
            return self.create(idempotency_key=key, **values), True
        except AlreadyPlaced as before:
            return before.order, False


def _with_key(model: "type[Order]") -> "models.QuerySet[Order, Any]":
    customer, key = Given("customer", models.BigAutoField()), Given("key", models.CharField())
    return model.objects.filter(customer__id=customer, idempotency_key=key).order_by().values_list("pk")


def _overdue_holding(model: "type[Order]", products: int) -> "models.QuerySet[Order, Any]":
    overdue = model.objects.overdue(Given("now", models.DateTimeField()))
    ids = [Given(place, models.BigAutoField()) for place in range(products)]
    return overdue.holding(ids).order_by("pk").values_list("pk")
