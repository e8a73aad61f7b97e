"""Validation of an order's requested lines: look up the products, sum the quantities, and name every violation."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property
from typing import Any, NamedTuple

from django.conf import settings

from products import currencies
from products.exceptions import InsufficientStock, InvalidOrder, Violation
from products.models.order_lines import MAX_PER_LINE
from products.models.products import Product
from products.ordering.pricing import ZERO, RateTotal, Totals, price_order, subtotal, taxes_of
from products.skus import is_sku, sku_key

MAX_LINES = 2_000
MAX_TOTAL = Decimal("999999999999.99")
MAX_PRICE = Decimal("99999999.9999")
MAX_ID = 2**63 - 1


class PricedItem(NamedTuple):
    """A requested line with a price of its own instead of the product's, a discount on the whole line, or both."""

    product: Product | int | str
    quantity: int
    unit_price: Decimal | None = None
    discount: Decimal = ZERO


RequestedItem = tuple[Product | int | str, int] | PricedItem
"""One requested line: (the product, its id or its SKU; the quantity)."""

WRITE_PAIRS = (
    'Write the items as pairs of a product (or its id or SKU) and a quantity, as in [(mug, 2), ("SKU-1", 1)]; '
    "{item!r} is not such a pair. PricedItem is for a price of its own."
)

INVALID_PRICE = f"A unit price is a Decimal from 0 to {MAX_PRICE} with at most {currencies.MAX_DECIMALS} decimals."

IDENTIFIES = (int, str, Product)  # A tuple, which isinstance() takes faster than a union.

_encode = json.JSONEncoder(default=str).encode


@dataclass
class DraftLine:
    """One product of the draft with its summed quantity and the 0-based `positions` at which it was requested.

    `overdue` pieces are held by unpaid orders past their payment deadline; placing would release them first.
    `own_price` applies instead of the product's. Discount share, tax rate (in percent) and tax are set by pricing.
    """

    product: Product
    quantity: int
    positions: list[int] = field(default_factory=list)
    overdue: int = 0
    own_price: Decimal | None = None
    discount: Decimal = ZERO
    discount_share: Decimal = ZERO
    tax_rate: Decimal | None = None
    tax: Decimal = ZERO

    @property
    def unit_price(self) -> Decimal:
        """The price of one piece: its own, or the product's current one."""
        return self.product.price if self.own_price is None else self.own_price

    @cached_property
    def subtotal(self) -> Decimal:
        """Quantity times unit price, before discounts."""
        return subtotal(self.unit_price, self.quantity, settings.CURRENCY)

    @property
    def amount(self) -> Decimal:
        """The subtotal less both discounts."""
        return self.subtotal - self.discount - self.discount_share

    @property
    def tax_class(self) -> str:
        return self.product.tax_class

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
        is_item = isinstance(item, PricedItem) or (isinstance(item, tuple | list) and len(item) == 2)
        if not is_item or not _identifies(item[0]):
            raise TypeError(WRITE_PAIRS.format(item=item))
    return checked


def _identifies(product: Any) -> bool:
    return isinstance(product, IDENTIFIES) and not isinstance(product, bool)


def digest_of(items: Iterable[RequestedItem], details: Mapping[str, Any]) -> str:
    """Return a SHA-256 fingerprint (hex) of a request, to tell a retry from a different request."""
    # SKUs as they were sent, as they are in the fingerprints of all orders so far.
    requested: Any = [[product if isinstance(product, str) else _key(product), *numbers] for product, *numbers in items]
    if details:
        requested = [requested, details]
    return hashlib.sha256(_encode(requested).encode()).hexdigest()


class OrderDraft:
    """The requested lines of an order that is not placed yet.

    Call `load_products` first and `check` next; then the order will have these `lines` and `totals`. `details` are the
    customer's, {field: text}, and `missing` has a violation for each required one that is blank. `discount` and
    `shipping` are as in price_order(). `allows_retired` is for orders of the past.
    """

    def __init__(
        self,
        items: Iterable[RequestedItem],
        *,
        details: Mapping[str, str] | None = None,
        missing: Sequence[Violation] = (),
        discount: Decimal = ZERO,
        shipping: Decimal | None = None,
        allows_retired: bool = False,
    ) -> None:
        self.items, self.details, self.missing = list(items), dict(details or {}), list(missing)
        self.discount, self.shipping, self.allows_retired = discount, shipping, allows_retired
        self.lines: list[DraftLine] = []
        self.totals = Totals(prices_include_tax=settings.PRICES_INCLUDE_TAX)
        self._violations: list[Violation] = []

    def load_products(self, *, locked: bool = False) -> None:
        """Look up the requested products in one statement, optionally with row locks, and sum the lines by product."""
        if not self.items:
            self._violations = [Violation("empty", "An order needs at least one line.")]
            return
        if len(self.items) > MAX_LINES:
            self._violations = [too_many_lines()]
            return
        self.take_products(Product.objects.by_ids_or_skus(*self._requested_keys(), locked=locked))

    def take_products(self, products: Iterable[Product]) -> None:
        """Sum the lines by product and price them, with products that were looked up already."""
        found: dict[int | str, Product] = {}
        for product in products:
            found[product.pk] = found[sku_key(product.sku)] = product
        self._sum_lines(found)
        self._price_lines()

    @property
    def total(self) -> Decimal:
        """The amount that the customer would pay."""
        return self.totals.total

    @property
    def taxes(self) -> list[RateTotal]:
        """The sums for each tax rate, shipping included."""
        return taxes_of(self.lines, self.totals)

    @property
    def has_own_prices(self) -> bool:
        """Whether a line has a price of its own instead of its product's."""
        return any(line.own_price is not None for line in self.lines)

    def check(self) -> None:
        """Raise InvalidOrder with every invalid line, else InsufficientStock with every line that is short."""
        self.check_lines()
        if short := self.shortages():
            raise InsufficientStock(
                *short, acceptable=self._acceptable(), details=self.details, terms=self._acceptable_terms()
            )

    def check_lines(self) -> None:
        """Raise InvalidOrder with every invalid line, regardless of stock, and with every missing detail."""
        if violations := self.violations():
            raise InvalidOrder(*violations)

    def violations(self) -> list[Violation]:
        """Return every reason, other than stock, why this order cannot be placed."""
        violations = self.missing + self._violations + self._line_violations()
        if not violations and self.totals.total > MAX_TOTAL:
            return [Violation("total_too_large", f"The total of an order is at most {MAX_TOTAL}.")]
        return violations

    def shortages(self) -> list[Violation]:
        """Return a violation for every line whose stock is too low; retired products are reported by violations()."""
        return [_shortage(line) for line in self.lines if line.quantity > line.available and not line.is_retired]

    def _line_violations(self) -> list[Violation]:
        return [
            violation
            for line in self.lines
            for violation in _line_violations(line)
            if not (self.allows_retired and violation.code == "retired_product")
        ]

    def _requested_keys(self) -> tuple[list[int], list[str]]:
        """Return the requested ids and the keys of the requested SKUs, each once and sorted."""
        requested = {_key(item[0]) for item in self.items}
        ids = sorted(key for key in requested if isinstance(key, int))
        skus = sorted(key for key in requested if isinstance(key, str))
        return ids, skus

    def _sum_lines(self, found: dict[int | str, Product]) -> None:
        by_product: dict[int, DraftLine] = {}
        self._violations = []
        for position, item in enumerate(self.items):
            requested, quantity = item[0], item[1]
            key = _key(requested)
            product = found.get(key) if key is not None else None
            if product is None:
                self._violations.append(_unknown(requested, position))
            if not _is_quantity(quantity):
                self._violations.append(_out_of_range([position]))
            elif product is not None:
                line = by_product.get(product.pk)
                if line is None:
                    line = by_product[product.pk] = DraftLine(product, 0)
                line.quantity += quantity
                line.positions.append(position)
                if isinstance(item, PricedItem):
                    self._apply_terms(line, item.unit_price, item.discount)
                elif line.own_price is not None:
                    self._apply_terms(line, None, ZERO)
        self.lines = list(by_product.values())

    def _apply_terms(self, line: DraftLine, own_price: Decimal | None, discount: Decimal) -> None:
        position = line.positions[-1]
        if own_price is not None and not _is_amount(own_price, currencies.MAX_DECIMALS, MAX_PRICE):
            self._violations.append(Violation("invalid_price", INVALID_PRICE, (position,)))
        elif position != line.positions[0] and own_price != line.own_price:
            detail = f"{line.product.sku} has two different prices; an order has one line for each product."
            self._violations.append(Violation("different_prices", detail, tuple(line.positions)))
        else:
            line.own_price = own_price if own_price is None else currencies.scaled(own_price, settings.CURRENCY)
        if _is_amount(discount, currencies.decimals(settings.CURRENCY)):
            line.discount += discount
        else:
            self._violations.append(Violation("invalid_amount", _invalid_amount(), (position,)))

    def _price_lines(self) -> None:
        """Compute the figures; without discounts if the terms are invalid."""
        violations = list(self._term_violations())
        if violations:
            self._violations += violations
            total = sum((line.subtotal for line in self.lines), ZERO)
            self.totals = Totals(total, prices_include_tax=settings.PRICES_INCLUDE_TAX)
        else:
            self.totals = price_order(self.lines, discount=self.discount, shipping=self.shipping)

    def _term_violations(self) -> Iterator[Violation]:
        for line in self.lines:
            if settings.TAX_RATES and line.tax_class not in settings.TAX_RATES:
                detail = f"{line.product.sku} has the tax class {line.tax_class}, which has no rate in TAX_RATES."
                yield Violation("unknown_tax_class", detail, tuple(line.positions))
            if line.discount > line.subtotal:
                detail = f"The discount on {line.product.sku} exceeds the {line.subtotal} that the line costs."
                yield Violation("discount_too_large", detail, tuple(line.positions))
        for name, amount in {"discount": self.discount, "shipping": self.shipping}.items():
            if amount and not _is_amount(amount, currencies.decimals(settings.CURRENCY)):
                yield Violation("invalid_amount", _invalid_amount(), about=name)
        if self.discount and self.discount > sum((line.amount for line in self.lines), ZERO):
            yield Violation("discount_too_large", "The discount exceeds what the lines cost.", about="discount")

    def _acceptable(self) -> list[RequestedItem]:
        return [_reduced(line, quantity) for line in self.lines if (quantity := min(line.quantity, line.available))]

    def _acceptable_terms(self) -> dict[str, Decimal]:
        terms = {} if self.shipping is None else {"shipping": self.shipping}
        if self.discount:
            rest = OrderDraft(self._acceptable())
            rest.take_products(line.product for line in self.lines)
            terms["discount"] = min(self.discount, sum((line.amount for line in rest.lines), ZERO))
        return terms


def too_many_lines() -> Violation:
    """Return the violation of an order with more than MAX_LINES lines."""
    return Violation("too_many_lines", f"An order has at most {MAX_LINES:,} lines.")


def _reduced(line: DraftLine, quantity: int) -> RequestedItem:
    """Return the line as an item with this quantity, and with a discount that is not too large for it."""
    if line.own_price is None and not line.discount:
        return line.product.pk, quantity
    discount = min(line.discount, subtotal(line.unit_price, quantity, settings.CURRENCY))
    return PricedItem(line.product.pk, quantity, line.own_price, discount)


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
    """Return the id, or the key of the SKU, to look up; None for an impossible value, which no database should see."""
    if isinstance(requested, Product):
        return requested.pk
    if isinstance(requested, str):
        return sku_key(requested) if is_sku(requested) else None
    return requested if 0 < requested <= MAX_ID else None


def _unknown(requested: Product | int | str, position: int) -> Violation:
    facts = {"sku": requested} if isinstance(requested, str) else {"product": getattr(requested, "pk", requested)}
    return Violation("unknown_product", "There is no such product.", (position,), facts)


def _is_amount(amount: object, digits: int, maximum: Decimal = MAX_TOTAL) -> bool:
    if not isinstance(amount, Decimal) or not amount.is_finite():
        return False
    return 0 <= amount <= maximum and currencies.fits(amount, digits)


def _invalid_amount() -> str:
    digits = currencies.decimals(settings.CURRENCY)
    return f"An amount is a Decimal from 0 to {MAX_TOTAL} with at most {digits} decimals."


def _is_quantity(quantity: object) -> bool:
    # bool is a subclass of int in Python.
    return isinstance(quantity, int) and not isinstance(quantity, bool) and 1 <= quantity <= MAX_PER_LINE


def _out_of_range(positions: Iterable[int]) -> Violation:
    detail = f"A quantity is a whole number from 1 to {MAX_PER_LINE}."
    return Violation("quantity_out_of_range", detail, tuple(positions), {"minimum": 1, "maximum": MAX_PER_LINE})
