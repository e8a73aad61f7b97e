"""How a rule says no: exceptions that carry a code for programs, a sentence for people, and the facts for both."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from products.models.orders import Order


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: `code`, a sentence, which of the given lines it is about (0-based), and the facts."""

    code: str
    detail: str
    lines: tuple[int, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)


class Refusal(Exception):
    """A rule said no. `problems` lists everything that is wrong, not the first thing only."""

    code = "refused"

    def __init__(self, *problems: Problem) -> None:
        self.problems = problems
        super().__init__(" ".join(problem.detail for problem in problems))


class InvalidOrder(Refusal):
    """The order cannot be placed as it is: it is empty, or a quantity or a product is not acceptable."""

    code = "invalid_order"


class InsufficientStock(Refusal):
    """There is not enough of something. `acceptable` is what there is enough of: [(product id, quantity), …].

    `overdue` are the ids of orders that hold some of it although their payment deadline has passed.
    """

    code = "insufficient_stock"

    def __init__(self, *problems: Problem, acceptable: Sequence[tuple[int, int]] = ()) -> None:
        super().__init__(*problems)
        self.acceptable = list(acceptable)
        self.overdue: list[UUID] = []

    @property
    def product_ids(self) -> list[int]:
        return [problem.facts["product"] for problem in self.problems]


class InvalidStockChange(Refusal):
    """The stock cannot be changed like this: by nothing, by less than nothing, or past what can be counted."""

    code = "invalid_stock_change"


class StockHasMoved(Refusal):
    """The stock is not what the one who counted it took it to be any more; count again."""

    code = "stock_has_moved"

    def __init__(self, product: int, sku: str, *, expected: int | None, stock: int) -> None:
        facts = {"product": product, "sku": sku, "expected": expected, "stock": stock}
        detail = f"The stock of {sku} is {stock} now and not {expected} any more; count again."
        super().__init__(Problem(self.code, detail, facts=facts))


class SkuTaken(Refusal):
    """Another product has this SKU: the one with id `product`."""

    code = "sku_taken"

    def __init__(self, product_id: int, sku: str) -> None:
        self.product_id = product_id
        facts = {"product": product_id, "sku": sku}
        super().__init__(Problem(self.code, f"There is a product with the SKU {sku} already.", facts=facts))


class ForbiddenMove(Refusal):
    """An order in this status cannot move to that one. `allowed` are those that it can move to."""

    code = "forbidden_move"

    def __init__(self, before: str | None, after: str, *, allowed: Sequence[str] = ()) -> None:
        self.allowed = list(allowed)
        detail = f"An order that is {before or 'new'} cannot become {after}."
        super().__init__(Problem(self.code, detail, facts={"from": before, "to": after}))


class NotOverdue(Refusal):
    """Only an order whose payment deadline has passed can expire."""

    code = "not_overdue"


class PaymentOverdue(Refusal):
    """The payment deadline has passed: the goods are promised to nobody any more."""

    code = "payment_overdue"


class AlreadyPlaced(Refusal):
    """This customer's idempotency key has made `order` before, from the same request."""

    code = "already_placed"

    def __init__(self, order: "Order") -> None:
        self.order = order
        super().__init__(Problem(self.code, f"This key has placed order {order.pk} before.", facts={"order": order.pk}))


class KeyReused(Refusal):
    """This customer's idempotency key has made another order before, from another request."""

    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__(Problem(self.code, "This idempotency key was used before, with another request."))


class NotInCart(Refusal):
    """What is to be taken out of the cart is not in it."""

    code = "not_in_cart"

    def __init__(self, product: int) -> None:
        facts = {"product": product}
        super().__init__(Problem(self.code, "There is nothing of this product in the cart.", facts=facts))
