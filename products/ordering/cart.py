"""The cart: products that a customer has selected but not ordered yet."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError

from products.db.bulk_sql import delete_sql, execute_batch, insert_sql
from products.db.retry import atomic_with_retry
from products.exceptions import CustomerGone, IdempotentReplay, InvalidOrder, InvalidTransition, NotInCart
from products.models.order_lines import OrderLine
from products.models.order_status import Status
from products.models.orders import CUSTOMER_DETAILS, TERMS, Order, OrderQuerySet
from products.models.products import Product
from products.ordering.validation import MAX_LINES, OrderDraft, RequestedItem, checked_items, too_many_lines

if TYPE_CHECKING:
    from django.contrib.auth.models import User

DESCRIPTION = ("reference", "note", "email", "phone", "ship_to")
"""What the customer says about an order, by the names that Order takes."""


@dataclass(frozen=True)
class Cart:
    """A customer's cart: their one order in status CART, if there is one yet.

    It reserves no stock and fixes no price. Every change locks that order first, so an order that was placed in the
    meantime is never changed.
    """

    customer: "User"

    @property
    def items(self) -> list[RequestedItem]:
        """The contents, [(product id, quantity), …], in the order in which they were added."""
        lines = OrderLine.objects.filter(order__in=self._orders())
        return list(lines.order_by("pk").values_list("product_id", "quantity"))

    def quote(self) -> OrderDraft:
        """Return the draft that placing the cart now would check, with everything that prevents it."""
        order = self._orders().first()
        details = {name: getattr(order, name) for name in (*DESCRIPTION, *TERMS)} if order else {}
        return Order.objects.quote(self.items if order else [], **details)

    def describe(self, **details: Any) -> None:
        """Set some of `reference`, `note`, `email`, `phone` and `ship_to`. Raises ValidationError."""
        if unknown := details.keys() - {*DESCRIPTION}:
            raise TypeError(f"A cart has no {', '.join(sorted(unknown))} to set; it has {', '.join(DESCRIPTION)}.")
        self._run(lambda: self._describe(details))

    def put(self, product: Product | int | str, quantity: int) -> None:
        """Set the quantity of a product in the cart. Raises InvalidOrder."""
        draft = OrderDraft(checked_items([(product, quantity)]))
        draft.load_products()
        draft.check_lines()
        [line] = draft.lines
        self._run(lambda: self._set(line.product, line.quantity))

    def remove(self, product_id: int) -> None:
        """Remove a product from the cart. Raises NotInCart."""
        # `product__id`, because `product` raises for an id that is larger than any.
        if not atomic_with_retry(lambda: self._delete(product__id=product_id)):
            raise NotInCart(product_id)

    def empty(self) -> None:
        """Remove everything from the cart: the products and the order's details."""
        atomic_with_retry(self._empty)

    def place(self, *, key: str | None = None) -> tuple[Order, bool]:
        """Place the cart as an order, or return the order that `key` already placed: (order, whether it is new).

        Raises what `Order.place()` raises; the cart then stays as it was.
        """
        order = Order.objects.cart_of(self.customer)
        try:
            order.place(by=self.customer, key=key)
        except IdempotentReplay as replay:
            return replay.order, False
        except InvalidTransition:
            # Another request has placed this cart in the meantime; the customer's cart is a new one now.
            return self.place(key=key)
        return order, True

    def _orders(self) -> OrderQuerySet:
        return Order.objects.of(self.customer).filter(status=Status.CART)

    def _run(self, work: Callable[[], None]) -> None:
        """Run `work` in one transaction. Raises CustomerGone if the customer has been deleted meanwhile."""
        try:
            atomic_with_retry(work)
        except IntegrityError:
            if Order(customer=self.customer).customer_is_gone():
                raise CustomerGone(self.customer.pk) from None
            raise

    def _describe(self, details: dict[str, Any]) -> None:
        order = Order.objects.locked().cart_of(self.customer)
        for name, value in details.items():
            setattr(order, name, value)
        order.save()

    def _empty(self) -> None:
        for order in self._orders().locked():
            execute_batch(delete_sql(OrderLine, "order", order.pk))
            if order.details:
                for name in DESCRIPTION:
                    setattr(order, name, None if name == "ship_to" else "")
                order.write_row(update_fields=CUSTOMER_DETAILS)

    def _set(self, product: Product, quantity: int) -> None:
        order = Order.objects.locked().cart_of(self.customer)
        if order.lines.filter(product=product).set_quantity(quantity):
            return
        if order.lines.count() >= MAX_LINES:
            raise InvalidOrder(too_many_lines())
        # The order is locked already, and the line was checked: save() would do both again.
        execute_batch(insert_sql(OrderLine, [vars(OrderLine(order=order, product=product, quantity=quantity))]))

    def _delete(self, **which: int) -> int:
        locked = list(self._orders().locked())
        return OrderLine.objects.filter(order__in=locked, **which).delete()[0]
