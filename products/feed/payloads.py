"""Payloads of feed entries: the same for the API, the command, webhooks and mail.

Amounts are decimal strings in the order's currency; times are RFC 3339 in UTC. Values that may change later are taken
from the event, so they are as they were at that time; the other values are frozen when the order is placed.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from django.db.models import Count, QuerySet

from products.feed.types import VERSION
from products.models import Event, Order, OrderLine
from products.models.feed import FeedEntry
from products.order_numbers import format_number

MAX_LINES = 10_000
"""How many lines of orders are told in one go at most: a page ends before its limit where there would be more."""

OF_LINES = {"shipment", "cancellation", "return", "refund"}
"""The facts that say what was done with some lines."""

Payload = dict[str, Any]


def payloads(entries: "QuerySet[FeedEntry]", limit: int) -> list[Payload]:
    """Return the payloads of the first entries, at most `limit`; fewer if their orders have very many lines."""
    rows = _bounded(list(entries.select_related("event", "product")[:limit]))
    orders = _orders(rows)
    lines = _lines(orders)
    stocks = _stocks(rows)
    return [_payload(row, orders, lines, stocks) for row in rows]


def _bounded(rows: list[FeedEntry]) -> list[FeedEntry]:
    """Return the first rows, at least one, whose orders together have at most MAX_LINES lines."""
    ids = {row.order_id for row in rows if row.order_id is not None}
    counted = OrderLine.objects.filter(order__in=ids).order_by().values_list("order").annotate(Count("pk"))
    counts, told = dict(counted), 0
    for number, row in enumerate(rows):
        told += counts.get(row.order_id, 0)
        if told > MAX_LINES and number:
            return rows[:number]
    return rows


def _orders(rows: Sequence[FeedEntry]) -> dict[Any, Order]:
    ids = [pk for row in rows if (pk := row.order_id or row.event.order_id) is not None]
    return {order.pk: order for order in Order.objects.filter(pk__in=set(ids))}


def _lines(orders: Iterable[Any]) -> dict[Any, dict[str, OrderLine]]:
    """Return the lines of the orders: {id of the order: {id of the line: the line}}."""
    lines: dict[Any, dict[str, OrderLine]] = {}
    for line in OrderLine.objects.filter(order__in=list(orders)).order_by("order", "id"):
        lines.setdefault(line.order_id, {})[str(line.pk)] = line
    return lines


def _stocks(rows: Sequence[FeedEntry]) -> dict[tuple[int, int], int | None]:
    """Return the stock after each order event: {(id of the event, id of the product): pieces}."""
    events = {row.event_id for row in rows if row.order_id is not None}
    told = FeedEntry.objects.filter(event__in=events, is_derived=True).order_by()
    return {(event, product): stock for event, product, stock in told.values_list("event", "product", "stock")}


def _payload(
    row: FeedEntry,
    orders: Mapping[Any, Order],
    lines: Mapping[Any, Mapping[str, OrderLine]],
    stocks: Mapping[tuple[int, int], int | None],
) -> Payload:
    event = row.event
    if row.order_id is not None:
        data = _order_data(event, orders[row.order_id], lines.get(row.order_id, {}), stocks)
    elif row.delta is not None:
        data = _stock_data(row, orders)
    else:
        data = _product_data(row)
    return {
        "position": row.position,
        "type": row.type,
        "version": VERSION,
        "at": timestamp(event.at),
        "by": event.by_id,
        "sequence": row.sequence,
        "data": data,
    }


def _order_data(
    event: Event,
    order: Order,
    lines: Mapping[str, OrderLine],
    stocks: Mapping[tuple[int, int], int | None],
) -> dict[str, Any]:
    facts = event.facts
    data: dict[str, Any] = {
        "order": str(order.pk),
        "number": format_number(order.number),
        "customer": order.customer_id,
        "reference": order.reference,
        "from": facts.get("from"),
        "to": facts.get("to"),
        "currency": order.currency,
        "total": str(order.total),
        "lines": list(_event_lines(event, order, lines, stocks)),
    }
    if event.kind == "order.placed":
        data |= {
            "discount": str(order.discount),
            "shipping": None if order.shipping is None else str(order.shipping),
            "tax": str(order.tax),
            "prices_include_tax": order.prices_include_tax,
            "email": order.email,
            "phone": order.phone,
            "note": order.note,
            "ship_to": order.ship_to,
        }
    if event.kind == "order.paid":
        data["amount"] = str(order.paid)  # Written once, because an order is paid once and in full.
    data |= {name: facts[name] for name in ("shipment", "cancellation", "return", "refund", "amount") if name in facts}
    if event.kind == "order.tracking_corrected":
        corrected = {name: facts[name] for name in ("carrier", "tracking_number") if name in facts}
        data |= {name: change["to"] for name, change in corrected.items()}
        data["old"] = {name: change["from"] for name, change in corrected.items()}
    data |= facts.get("parcel", {})
    return data


def _event_lines(
    event: Event, order: Order, lines: Mapping[str, OrderLine], stocks: Mapping[tuple[int, int], int | None]
) -> Iterator[dict[str, Any]]:
    """Yield the lines that the event is about: those of a partial action, or all of the order's; none for a cart."""
    parts = event.facts.get("lines")
    if order.placed_at is None:
        parts = []
    elif event.kind == "order.delivered":
        # Nothing is shipped after this event, so the current counters are those of that time.
        parts = [_whole(pk, line, line.shipped) for pk, line in lines.items() if line.shipped]
    elif parts is None:
        parts = [_whole(pk, line, line.quantity) for pk, line in lines.items()]
    for part in parts:
        line = lines[part["line"]]
        told = {
            "line": part["line"],
            "product": part["product"],
            "sku": line.sku,
            "name": line.name,
            "quantity": part["quantity"],
        }
        if event.kind == "order.placed":
            told |= {
                "unit_price": str(line.unit_price),
                "discount": str(line.discount + line.discount_share),
                "tax_rate": None if line.tax_rate is None else f"{line.tax_rate.normalize():f}",
                "tax": str(line.tax),
                "amount": str(line.amount),
            }
        if "restocked" in part:
            told["restocked"] = part["restocked"]
        if (event.pk, part["product"]) in stocks:
            told["stock"] = stocks[event.pk, part["product"]]
        yield told


def _whole(pk: str, line: OrderLine, quantity: int) -> dict[str, Any]:
    return {"line": pk, "product": line.product_id, "quantity": quantity}


def _stock_data(row: FeedEntry, orders: Mapping[Any, Order]) -> dict[str, Any]:
    assert row.product is not None  # noqa: S101 - for mypy: it is about a product
    order = orders.get(row.event.order_id)
    return {
        "product": row.product_id,
        "sku": row.product.sku,
        "delta": row.delta,
        "stock": row.stock,
        "order": None if order is None else str(order.pk),
    }


def _product_data(row: FeedEntry) -> dict[str, Any]:
    assert row.product is not None  # noqa: S101 - for mypy: it is about a product
    facts = row.event.facts
    old, new = facts.get("old", {}), facts.get("new", {})
    if row.type == "product.created":
        new = {**new, **facts}
    return {"product": row.product_id, "sku": row.product.sku, "old": old, "new": new}


def timestamp(moment: datetime) -> str:
    """Return a moment as RFC 3339 in UTC, with a Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
