"""The facts of a product's events: the changed fields with their old and new values.

The values are validated as printable text (products.validators), so they are safe in JSON, and are cut to a length that
keeps an event small.
"""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

MAX_FACT = 500
"""Characters of a text, or of all items of a list together, that an event keeps of a value."""

CUT = "…"


def change_rows(
    product_id: int, before: Mapping[str, Any], after: Mapping[str, Any], by_id: int | None
) -> Iterator[dict[str, Any]]:
    """Return the rows of the events for a change of these fields, `before` and `after` it: none if nothing differs.

    Retiring a product and bringing it back have their own events, in addition to the `product.changed` of other fields.
    """
    changed = sorted(name for name in after if before[name] != after[name])
    kinds = {"product.changed": changed}
    if "retired_at" in changed and None in (before["retired_at"], after["retired_at"]):
        kinds = {"product.changed": [name for name in changed if name != "retired_at"]}
        kinds["product.brought_back" if after["retired_at"] is None else "product.retired"] = ["retired_at"]
    for kind, names in kinds.items():
        if names:
            old, new = ({name: as_fact(values[name]) for name in names} for values in (before, after))
            facts = {"fields": names, "old": old, "new": new}
            yield {"kind": kind, "product_id": product_id, "by_id": by_id, "facts": facts}


def created_row(product_id: int, price: Decimal, by_id: int | None) -> dict[str, Any]:
    """Return the row of the event for a new product."""
    return {"kind": "product.created", "product_id": product_id, "by_id": by_id, "facts": {"price": str(price)}}


def as_fact(value: Any) -> Any:
    """Return a field's value as events store it."""
    if isinstance(value, str):
        return value if len(value) <= MAX_FACT else f"{value[:MAX_FACT]}{CUT}"
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return _shortened(value)
    return value


def _shortened(items: Collection[str]) -> list[str]:
    kept, room = list[str](), MAX_FACT
    for item in items:
        room -= len(item)
        if room < 0:
            return [*kept, CUT]
        kept.append(item)
    return kept
