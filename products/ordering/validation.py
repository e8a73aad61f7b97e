"""Validation of an order's requested lines: look up the products, sum the quantities, and name every violation."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from products.exceptions import InsufficientStock, InvalidOrder, Violation
from products.models.order_lines import MAX_PER_LINE
from products.models.products import Product

MAX_LINES = 100
MAX_TOTAL = Decimal("999999999999.99")
MAX_ID = 2**63 - 1
SKU = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

RequestedItem = tuple[Product | int | str, int]
"""One requested line: (the product, its id or its SKU; the quantity)."""

WRITE_PAIRS = (
    'Write the items as pairs of a product (or its id or SKU) and a quantity, as in [(mug, 2), ("SKU-1", 1)]; '
    "{item!r} is not such a pair."
)

IDENTIFIES = (int, str, Product)  # A tuple, which isinstance() takes faster than a union.

_encode = json.JSONEncoder(default=str).encode


@dataclass
class DraftLine:
    """One product of the draft with its summed quantity and the 0-based `positions` at which it was requested.

    `overdue` pieces are held by unpaid orders past their payment deadline; placing would release them first.
    """

    product: Product
    quantity: int
    positions: list[int] = field(default_factory=list)
    overdue: int = 0

    @property
    def amount(self) -> Decimal:
        """Quantity times the current unit price."""
        return self.product.price * self.quantity

    @property
    def is_retired(self) -> bool:
        return self.product.retired_at is not None

    @property
    def available(self) -> int:
        """How many pieces could be ordered now."""
        return 0 if self.is_retired else self.product.stock + self.overdue


def checked_items(items: Iterable[RequestedItem]) -> list[RequestedItem]:
    """Return the items as a list. Raises TypeError for one that is not a pair of product and quantity."""
    if not isinstance(items, Iterable) or isinstance(items, str | bytes | Mapping):
        raise TypeError(WRITE_PAIRS.format(item=items))
    checked = list(items)
    for item in checked:
        if not isinstance(item, tuple | list) or len(item) != 2 or not _identifies(item[0]):
            raise TypeError(WRITE_PAIRS.format(item=item))
    return checked


def _identifies(product: Any) -> bool:
    return isinstance(product, IDENTIFIES) and not isinstance(product, bool)


def digest_of(items: Iterable[RequestedItem], details: Mapping[str, Any]) -> str:
    """Return a SHA-256 fingerprint (hex) of a request, to tell a retry from a different request."""
    requested: Any = [[_key(product), quantity] for product, quantity in items]
    if details:
        requested = [requested, details]
    return hashlib.sha256(_encode(requested).encode()).hexdigest()


class OrderDraft:
    """The lines an order is going to have.

    Call `load_products` first and `check` next; `lines` and `total` then are what the order will contain. `details` are
    the customer's, {field: text}, and `missing` are violations for those that the shop requires.
    """

    def __init__(
        self,
        items: Iterable[RequestedItem],
        *,
        details: Mapping[str, str] | None = None,
        missing: Sequence[Violation] = (),
    ) -> None:
        self.items, self.details, self.missing = list(items), dict(details or {}), list(missing)
        self.lines: list[DraftLine] = []
        self._violations: list[Violation] = []

    def load_products(self, *, locked: bool = False) -> None:
        """Look up the requested products in one statement, optionally with row locks, and sum the lines by product."""
        if not self.items:
            self._violations = [Violation("empty", "An order needs at least one line.")]
            return
        if len(self.items) > MAX_LINES:
            self._violations = [too_many_lines()]
            return
        found: dict[int | str, Product] = {}
        for product in Product.objects.by_ids_or_skus(*self._requested_keys(), locked=locked):
            found[product.pk] = found[product.sku] = product
        self._sum_lines(found)

    @property
    def total(self) -> Decimal:
        """The sum of the lines' amounts at current prices."""
        return sum((line.amount for line in self.lines), Decimal("0.00"))

    def check(self) -> None:
        """Raise InvalidOrder with every invalid line, else InsufficientStock with every line that is short."""
        self.check_lines()
        if short := self.shortages():
            raise InsufficientStock(*short, acceptable=self._acceptable(), details=self.details)

    def check_lines(self) -> None:
        """Raise InvalidOrder with every invalid line, regardless of stock, and with every missing detail."""
        if violations := self.violations():
            raise InvalidOrder(*violations)

    def violations(self) -> list[Violation]:
        """Return every reason, other than stock, why this order cannot be placed."""
        violations = self.missing + self._violations + [each for line in self.lines for each in _line_violations(line)]
        if not violations and self.total > MAX_TOTAL:
            return [Violation("total_too_large", f"The total of an order is at most {MAX_TOTAL}.")]
        return violations

    def shortages(self) -> list[Violation]:
        """Return a violation for every line whose stock is too low; retired products are reported by violations()."""
        return [_shortage(line) for line in self.lines if line.quantity > line.available and not line.is_retired]

    def _requested_keys(self) -> tuple[list[int], list[str]]:
        """Return the requested ids and SKUs, each once and sorted."""
        requested = {_key(product) for product, _ in self.items}
        ids = sorted(key for key in requested if isinstance(key, int))
        skus = sorted(key for key in requested if isinstance(key, str))
        return ids, skus

    def _sum_lines(self, found: dict[int | str, Product]) -> None:
        by_product: dict[int, DraftLine] = {}
        for position, (requested, quantity) in enumerate(self.items):
            key = _key(requested)
            product = found.get(key) if key is not None else None
            if product is None:
                self._violations.append(_unknown(requested, position))
            if not _is_quantity(quantity):
                self._violations.append(_out_of_range([position]))
            elif product is not None:
                line = by_product.setdefault(product.pk, DraftLine(product, 0))
                line.quantity += quantity
                line.positions.append(position)
        self.lines = list(by_product.values())

    def _acceptable(self) -> list[tuple[int, int]]:
        available = [(line.product.pk, min(line.quantity, line.available)) for line in self.lines]
        return [(product_id, quantity) for product_id, quantity in available if quantity]


def too_many_lines() -> Violation:
    """Return the violation of an order with more than MAX_LINES lines."""
    return Violation("too_many_lines", f"An order has at most {MAX_LINES} lines.")


def _line_violations(line: DraftLine) -> Iterator[Violation]:
    if line.is_retired:
        facts = {"product": line.product.pk, "sku": line.product.sku}
        yield Violation("retired_product", f"{line.product.sku} is no longer sold.", tuple(line.positions), facts)
    if not _is_quantity(line.quantity):
        yield _out_of_range(line.positions)


def _shortage(line: DraftLine) -> Violation:
    product = line.product
    facts = {"product": product.pk, "sku": product.sku, "requested": line.quantity, "available": line.available}
    detail = f"{product.sku}: {line.quantity} requested, {line.available} available."
    return Violation("insufficient_stock", detail, tuple(line.positions), facts)


def _key(requested: Product | int | str) -> int | str | None:
    """Return the id or SKU to look up; None for what cannot exist and must not be sent to the database."""
    if isinstance(requested, Product):
        return requested.pk
    if isinstance(requested, str):
        return requested if SKU.fullmatch(requested) else None
    return requested if 0 < requested <= MAX_ID else None


def _unknown(requested: Product | int | str, position: int) -> Violation:
    facts = {"sku": requested} if isinstance(requested, str) else {"product": getattr(requested, "pk", requested)}
    return Violation("unknown_product", "There is no such product.", (position,), facts)


def _is_quantity(quantity: object) -> bool:
    # bool is a subclass of int in Python.
    return isinstance(quantity, int) and not isinstance(quantity, bool) and 1 <= quantity <= MAX_PER_LINE


def _out_of_range(positions: Iterable[int]) -> Violation:
    detail = f"A quantity is a whole number from 1 to {MAX_PER_LINE}."
    return Violation("quantity_out_of_range", detail, tuple(positions), {"minimum": 1, "maximum": MAX_PER_LINE})
