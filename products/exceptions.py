"""Domain errors: what the rules reject, with a code for programs, a sentence for people, and the facts for both."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from uuid import UUID


@dataclass(frozen=True)
class Violation:
    """One broken rule: its `code`, a sentence, and facts. It concerns the lines at the 0-based `positions`, or `about`,
    another field of the order."""

    code: str
    detail: str
    positions: tuple[int, ...] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    about: str | None = None


MAX_SENTENCES = 20
"""How many violations the text of an error spells out; all of them are in `violations`."""


class DomainError(Exception):
    """A rule of the shop rejected the operation. `violations` lists every broken rule, not only the first."""

    code = "refused"

    def __init__(self, *violations: Violation) -> None:
        self.violations = violations
        sentences = [violation.detail for violation in violations[:MAX_SENTENCES]]
        if len(violations) > MAX_SENTENCES:
            sentences.append(f"And {len(violations) - MAX_SENTENCES:,} more.")
        super().__init__(" ".join(sentences))


class InvalidOrder(DomainError):
    """The order cannot be placed as requested: it is empty, or a quantity or a product is not acceptable."""

    code = "invalid_order"


class InsufficientStock(DomainError):
    """Stock is too low for at least one line. `acceptable` are the items of an order that would succeed.

    `terms` are its discount and shipping as they were requested, the discount at most what its lines cost.

    `details` are the customer's, {field: text}, which that order would have too. `overdue` holds the ids of unpaid
    orders past their payment deadline that still hold some of the missing stock.
    """

    code = "insufficient_stock"

    def __init__(
        self,
        *violations: Violation,
        acceptable: Sequence[Any] = (),
        details: Mapping[str, str] | None = None,
        terms: Mapping[str, Decimal] | None = None,
    ) -> None:
        super().__init__(*violations)
        self.acceptable, self.details, self.terms = list(acceptable), dict(details or {}), dict(terms or {})
        self.overdue: list[UUID] = []

    @property
    def product_ids(self) -> list[int]:
        """The ids of the products that are short."""
        return [violation.facts["product"] for violation in self.violations]


class InvalidStockAdjustment(DomainError):
    """A stock adjustment moves nothing, would make the stock negative, or exceeds the largest stock."""

    code = "invalid_stock_change"


class StockHasMoved(DomainError):
    """The stock is no longer the `expected` one that a count was based on; count again."""

    code = "stock_has_moved"

    def __init__(self, product: int, sku: str, *, expected: int | None, stock: int, waiting: int | None = None) -> None:
        """`waiting` is set for a count of the shelf: the pieces there that are sold, and part of `expected`."""
        facts = {"product": product, "sku": sku, "expected": expected, "stock": stock}
        detail = f"The stock of {sku} is now {stock}, not {expected}; count again."
        if waiting is not None:
            facts["waiting"] = waiting
            detail = (
                f"There should be {stock + waiting} pieces of {sku} on the shelf now, and not {expected}; count again."
            )
        super().__init__(Violation(self.code, detail, facts=facts))


class StockSheetRejected(DomainError):
    """Rows of a sheet of stock adjustments cannot be booked, so none is; `errors` has what is wrong, by 0-based row."""

    code = "stock_sheet_rejected"

    def __init__(self, errors: Mapping[int, DomainError]) -> None:
        self.errors = dict(errors)
        super().__init__(
            *(
                replace(violation, positions=(row,))
                for row, error in self.errors.items()
                for violation in error.violations
            )
        )


class SkuTaken(DomainError):
    """Another product, `product_id`, already has this SKU."""

    code = "sku_taken"

    def __init__(self, product_id: int, sku: str) -> None:
        self.product_id = product_id
        facts = {"product": product_id, "sku": sku}
        super().__init__(Violation(self.code, f"A product with the SKU {sku} already exists.", facts=facts))


class SlugTaken(DomainError):
    """Another category, `category_id`, already has this slug."""

    code = "slug_taken"

    def __init__(self, category_id: int, slug: str) -> None:
        self.category_id = category_id
        detail = f"A category with the slug {slug} already exists."
        super().__init__(Violation(self.code, detail, facts={"category": category_id}, about="slug"))


class CategoryInUse(DomainError):
    """A category that has products, or categories below it, cannot be removed."""

    code = "category_in_use"

    def __init__(self, slug: str, *, products: int, children: int) -> None:
        facts = {"products": products, "children": children}
        detail = f"{slug} has products ({products}) or categories below it ({children}); move them first."
        super().__init__(Violation(self.code, detail, facts=facts))


class InvalidTransition(DomainError):
    """The order's status does not allow this transition. `allowed` lists the statuses it can change to."""

    code = "forbidden_move"

    def __init__(self, before: str | None, after: str, *, allowed: Sequence[str] = ()) -> None:
        self.allowed = list(allowed)
        detail = f"An order that is {before or 'new'} cannot become {after}."
        super().__init__(Violation(self.code, detail, facts={"from": before, "to": after}))


class InvalidFulfilment(DomainError):
    """Lines or an amount cannot be shipped, cancelled, returned or refunded as requested, whatever the order's state:
    a line that is not the order's, or one that is named twice, or a number of pieces below 1."""

    code = "invalid_fulfilment"


class MoreThanRemains(DomainError):
    """More pieces of at least one line than can still be shipped, cancelled, returned or refunded."""

    code = "more_than_remains"


class RefundTooLarge(DomainError):
    """More money than was paid and is not refunded yet."""

    code = "refund_too_large"

    def __init__(self, requested: Any, available: Any, currency: str) -> None:
        facts = {"requested_amount": f"{requested:.2f}", "available_amount": f"{available:.2f}"}
        detail = f"{requested:.2f} {currency} requested, {available:.2f} {currency} paid and not refunded."
        super().__init__(Violation(self.code, detail, facts=facts, about="amount"))


class NotOverdue(DomainError):
    """Only an order whose payment deadline has passed can expire."""

    code = "not_overdue"


class PaymentOverdue(DomainError):
    """The payment deadline has passed, so the stock is no longer reserved for this order."""

    code = "payment_overdue"


class IdempotentReplay(DomainError):
    """The same request, with the same idempotency key, has already placed `order` (a products.models.Order)."""

    code = "already_placed"

    def __init__(self, order: Any) -> None:
        self.order = order
        super().__init__(
            Violation(self.code, f"This key has already placed order {order.pk}.", facts={"order": order.pk})
        )


class IdempotencyKeyConflict(DomainError):
    """The customer has already used this idempotency key with a different request."""

    code = "idempotency_key_reused"

    def __init__(self) -> None:
        super().__init__(Violation(self.code, "This idempotency key was already used with a different request."))


class NotInCart(DomainError):
    """The product to remove is not in the cart."""

    code = "not_in_cart"

    def __init__(self, product: int) -> None:
        facts = {"product": product}
        super().__init__(Violation(self.code, "This product is not in the cart.", facts=facts))


class CustomerGone(DomainError):
    """The customer's account has been deleted meanwhile."""

    code = "unknown_customer"

    def __init__(self, customer_id: int) -> None:
        self.customer_id = customer_id
        super().__init__(Violation(self.code, "The customer's account has been deleted.", about="customer"))


class TooManyAddresses(DomainError):
    """The customer keeps as many addresses as there can be."""

    code = "too_many_addresses"

    def __init__(self, maximum: int) -> None:
        detail = f"A customer keeps at most {maximum} addresses; remove one first."
        super().__init__(Violation(self.code, detail, facts={"maximum": maximum}))


class UsernameTaken(DomainError):
    """Another user has this name."""

    code = "username_taken"

    def __init__(self, username: str) -> None:
        super().__init__(Violation(self.code, f"There is a user with the name {username} already.", about="username"))
