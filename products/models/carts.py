"""The cart: what a customer has put aside and not ordered yet."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from products.models.basket import MOST_LINES, Basket, Item, too_many_lines
from products.models.catalogue import Product
from products.models.lifecycle import Status
from products.models.order_lines import OrderLine
from products.models.orders import Order
from products.models.refusals import AlreadyPlaced, ForbiddenMove, InvalidOrder, NotInCart
from products.models.transactions import whole

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    from products.models.order_queries import OrderQuerySet


@dataclass(frozen=True)
class Cart:
    """One customer's cart: their one order in status CART, if there is one yet.

    It holds no stock and freezes no price. Whatever changes it locks that order first, and so never changes an order
    that was placed in the meantime.
    """

    customer: "User"

    @property
    def items(self) -> list[Item]:
        """What is in it: [(product id, quantity), …], in the order in which it was put there."""
        lines = OrderLine.objects.filter(order__in=self._orders())
        return list(lines.order_by("pk").values_list("product_id", "quantity"))

    def quote(self) -> Basket:
        """What placing it now would come to, and everything that speaks against it."""
        return Order.objects.quote(self.items)

    def put(self, product: Product | int | str, quantity: int) -> None:
        """Have `quantity` of `product` in the cart, whatever it was before. Raises InvalidOrder."""
        basket = Basket([(product, quantity)])
        basket.look_up()
        basket.check_acceptable()
        [line] = basket.lines
        whole(lambda: self._set(line.product, line.quantity))

    def remove(self, product_id: int) -> None:
        """Take all pieces of a product out of the cart. Raises NotInCart."""
        # `product__id` and not `product`, which fails on an id that is too large for any.
        if not whole(lambda: self._delete(product__id=product_id)):
            raise NotInCart(product_id)

    def empty(self) -> None:
        """Take everything out of the cart."""
        whole(self._delete)

    def place(self, *, key: str | None = None) -> tuple[Order, bool]:
        """Order what is in it, or find the order that `key` made of a cart before: (order, whether it is new).

        Raises what `Order.place()` raises; the cart then stays as it was.
        """
        order = Order.objects.cart_of(self.customer)
        try:
            order.place(by=self.customer, key=key)
        except AlreadyPlaced as before:
            return before.order, False
        except ForbiddenMove:
            # Somebody else has placed it since; what is in the cart now is another one.
            return self.place(key=key)
        return order, True

    def _orders(self) -> "OrderQuerySet":
        return Order.objects.of(self.customer).filter(status=Status.CART)

    def _set(self, product: Product, quantity: int) -> None:
        order = Order.objects.locked().cart_of(self.customer)
        if order.lines.filter(product=product).update(quantity=quantity):
            return
        if order.lines.count() >= MOST_LINES:
            raise InvalidOrder(too_many_lines())
        order.lines.create(product=product, quantity=quantity)

    def _delete(self, **which: int) -> int:
        locked = list(self._orders().locked())
        return OrderLine.objects.filter(order__in=locked, **which).delete()[0]
