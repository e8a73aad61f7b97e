"""What somebody wants: products and quantities, summed by product and checked against the shelves."""

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from products.models.catalogue import Product
from products.models.refusals import InsufficientStock, InvalidOrder, Problem

MOST_PER_LINE = 10_000
MOST_LINES = 100
MOST_TOTAL = Decimal("999999999999.99")
BIGGEST_ID = 2**63 - 1

encode = json.JSONEncoder(default=str).encode

Item = tuple[Product | int | str, int]
"""A line as it is asked for: (the product, its id or its SKU; how many)."""


@dataclass
class WantedLine:
    """One product and how many of it in all, with the places (0-based) at which it was asked for.

    `overdue` pieces of it are held by orders whose payment deadline has passed, and are to be had as well.
    """

    product: Product
    quantity: int
    places: list[int] = field(default_factory=list)
    overdue: int = 0

    @property
    def amount(self) -> Decimal:
        return self.product.price * self.quantity

    @property
    def is_retired(self) -> bool:
        return self.product.retired_at is not None

    @property
    def available(self) -> int:
        """How many could be ordered now."""
        return 0 if self.is_retired else self.product.stock + self.overdue


class Basket:
    """The lines that an order is going to have.

    `look_up` finds the products, `check` refuses what is wrong; then `lines` and `total` are what the order will be.
    """

    def __init__(self, items: Iterable[Item]) -> None:
        self.items = list(items)
        self.lines: list[WantedLine] = []
        self.problems: list[Problem] = []

    def look_up(self, *, locked: bool = False) -> None:
        """Find what is asked for, in one statement, locked if so wanted; and sum the lines by product."""
        if not self.items:
            self.problems = [Problem("empty", "There is nothing in this order.")]
            return
        if len(self.items) > MOST_LINES:
            self.problems = [too_many_lines()]
            return
        found: dict[int | str, Product] = {}
        for product in Product.objects.named(*self._names(), locked=locked):
            found[product.pk] = found[product.sku] = product
        self._sum_up(found)

    @property
    def digest(self) -> str:
        """A fingerprint (SHA-256, hex) of what was asked for, to tell a retry from another request."""
        asked = [[_name(product), quantity] for product, quantity in self.items]
        return hashlib.sha256(encode(asked).encode()).hexdigest()

    def check(self) -> None:
        """Raise InvalidOrder with everything that is not acceptable, else InsufficientStock with all that is short."""
        self.check_acceptable()
        if short := self.shortages():
            raise InsufficientStock(*short, acceptable=self._acceptable())

    def check_acceptable(self) -> None:
        """Raise InvalidOrder with everything that is not acceptable, whatever the stock."""
        if faults := self.faults():
            raise InvalidOrder(*faults)

    def faults(self) -> list[Problem]:
        """Everything that is not acceptable, whatever the stock."""
        faults = self.problems + [problem for line in self.lines for problem in self._problems_of(line)]
        if not faults and self.total > MOST_TOTAL:
            return [Problem("total_too_large", f"An order comes to {MOST_TOTAL} at the most.")]
        return faults

    def shortages(self) -> list[Problem]:
        """Everything that there is not enough of; of what is not sold any more that is not said as well."""
        return [self._shortage(line) for line in self.lines if line.quantity > line.available and not line.is_retired]

    @property
    def total(self) -> Decimal:
        return sum((line.amount for line in self.lines), Decimal("0.00"))

    def _names(self) -> tuple[list[int], list[str]]:
        """The ids and the SKUs that are asked for, each once, in an order of their own."""
        wanted = {_name(product) for product, _ in self.items}
        return sorted(name for name in wanted if isinstance(name, int)), sorted(
            name for name in wanted if isinstance(name, str)
        )

    def _sum_up(self, found: dict[int | str, Product]) -> None:
        by_product: dict[int, WantedLine] = {}
        for place, (wanted, quantity) in enumerate(self.items):
            name = _name(wanted)
            product = found.get(name) if name is not None else None
            if product is None:
                self.problems.append(_unknown(wanted, place))
            if not _is_quantity(quantity):
                self.problems.append(_out_of_range([place]))
            elif product is not None:
                line = by_product.setdefault(product.pk, WantedLine(product, 0))
                line.quantity += quantity
                line.places.append(place)
        self.lines = list(by_product.values())

    def _problems_of(self, line: WantedLine) -> Iterable[Problem]:
        if line.is_retired:
            facts = {"product": line.product.pk, "sku": line.product.sku}
            yield Problem("retired_product", f"{line.product.sku} is not sold any more.", tuple(line.places), facts)
        if not _is_quantity(line.quantity):
            yield _out_of_range(line.places)

    def _shortage(self, line: WantedLine) -> Problem:
        product = line.product
        facts = {
            "product": product.pk,
            "sku": product.sku,
            "requested": line.quantity,
            "available": line.available,
        }
        detail = f"{product.sku}: {line.quantity} asked for, {line.available} there."
        return Problem("insufficient_stock", detail, tuple(line.places), facts)

    def _acceptable(self) -> list[tuple[int, int]]:
        pieces = [(line.product.pk, min(line.quantity, line.available)) for line in self.lines]
        return [(product_id, quantity) for product_id, quantity in pieces if quantity]


def too_many_lines() -> Problem:
    return Problem("too_many_lines", f"An order has {MOST_LINES} lines at the most.")


def _name(wanted: Product | int | str) -> int | str | None:
    """What to look for in the database; None for what cannot be there, and might not even be sent to it."""
    if isinstance(wanted, Product):
        return wanted.pk
    if isinstance(wanted, str):
        return wanted if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", wanted) else None
    return wanted if 0 < wanted <= BIGGEST_ID else None


def _unknown(wanted: Product | int | str, place: int) -> Problem:
    facts = {"sku": wanted} if isinstance(wanted, str) else {"product": getattr(wanted, "pk", wanted)}
    return Problem("unknown_product", "There is no such product.", (place,), facts)


def _is_quantity(quantity: object) -> bool:
    # True is an int to Python, and nobody orders True mugs.
    return isinstance(quantity, int) and not isinstance(quantity, bool) and 1 <= quantity <= MOST_PER_LINE


def _out_of_range(places: Iterable[int]) -> Problem:
    detail = f"A quantity is a whole number from 1 to {MOST_PER_LINE}."
    return Problem("quantity_out_of_range", detail, tuple(places), {"minimum": 1, "maximum": MOST_PER_LINE})
