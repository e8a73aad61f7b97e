"""The lines that a request to ship, cancel, return or refund names, and the lines of the order that they stand for."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from products.exceptions import InvalidFulfilment, MoreThanRemains, Violation
from products.models.order_lines import OrderLine
from products.models.products import Product

RequestedLine = Sequence[Any]
"""One requested line: (a product, its id or SKU, or the order line or its id; the quantity). For a return, an optional
third number is how many pieces are put back into stock; by default all."""

WRITE_LINES = (
    "Write the lines as pairs of a product (or its id or SKU, or the order line or its id) and a quantity, as in "
    '[(mug, 2), ("SKU-1", 1)]; only a return has a third number, the pieces to put back. {item!r} is no such line.'
)


def checked_request(requested: Iterable[RequestedLine], *, takes_restock: bool) -> list[tuple[Any, Any, Any]]:
    """Return the lines as [(key of the line, quantity, restocked or None), …]. Raises TypeError for anything else."""
    if not isinstance(requested, Iterable) or isinstance(requested, str | bytes | Mapping):
        raise TypeError(WRITE_LINES.format(item=requested))
    lines = []
    for item in requested:
        sizes = (2, 3) if takes_restock else (2,)
        if not isinstance(item, tuple | list) or len(item) not in sizes:
            raise TypeError(WRITE_LINES.format(item=item))
        named, quantity, restocked = (*item, None)[:3]
        if isinstance(named, Product | OrderLine):
            named = named.pk
        if isinstance(named, bool) or not isinstance(named, int | str | UUID):
            raise TypeError(WRITE_LINES.format(item=item))
        lines.append((named, quantity, restocked))
    return lines


def named_lines(
    lines: Iterable[OrderLine], request: Sequence[tuple[Any, Any, Any]]
) -> list[tuple[OrderLine, int, int | None]]:
    """Return the lines of the order that the request names. Raises InvalidFulfilment."""
    by_key: dict[Any, OrderLine] = {}
    for line in lines:
        by_key |= {line.product_id: line, line.sku: line, line.pk: line}
    violations, found, positions = [], [], dict[Any, int]()
    if not request:
        violations.append(Violation("empty", "Name at least one line.", about="lines"))
    for position, (named, quantity, restocked) in enumerate(request):
        line_or_none = by_key.get(named)
        if line_or_none is None:
            violations.append(Violation("unknown_line", "The order has no such line.", (position,)))
            continue
        line = line_or_none
        if line.pk in positions:
            violations.append(Violation("line_named_twice", f"{line.sku} is named before.", (position,)))
            continue
        positions[line.pk] = position
        if not _is_whole(quantity) or quantity < 1:
            violations.append(Violation("quantity_out_of_range", f"{line.sku}: at least one piece.", (position,)))
        elif restocked is not None and (not _is_whole(restocked) or not 0 <= restocked <= quantity):
            detail = f"{line.sku}: from none to all of the {quantity} pieces go back into stock."
            violations.append(Violation("restock_out_of_range", detail, (position,)))
        found.append((line, quantity, restocked))
    if violations:
        raise InvalidFulfilment(*violations)
    return found


def check_left(parts: Sequence[tuple[OrderLine, int, Any]], left: Callable[[OrderLine], int], participle: str) -> None:
    """Raise MoreThanRemains with every line that has fewer pieces left than requested."""
    violations = [
        Violation(
            "more_than_remains",
            f"{line.sku}: {quantity} requested, {left(line)} can still be {participle}.",
            (position,),
            {
                "line": str(line.pk),
                "product": line.product_id,
                "sku": line.sku,
                "requested": quantity,
                "available": left(line),
            },
        )
        for position, (line, quantity, _) in enumerate(parts)
        if quantity > left(line)
    ]
    if violations:
        raise MoreThanRemains(*violations)


def _is_whole(number: Any) -> bool:
    return isinstance(number, int) and not isinstance(number, bool)
