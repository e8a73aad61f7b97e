"""Answers' bodies: models to plain values. Plain functions, as a ModelSerializer doubles the cost of a page."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, cast

from django.conf import settings

from products.api.errors import problem_entries
from products.api.rows import LineRow, OrderRow, ProductRow
from products.models import ApiToken, Event, Order, OrderLine, Product, StockMovement, Violation
from products.ordering.validation import DraftLine, OrderDraft


def money(amount: Decimal | str | None) -> str | None:
    """A decimal string with two places; None stays None, and so does what the database has written already."""
    return amount if amount is None or isinstance(amount, str) else f"{amount:.2f}"


def product_body(product: Product | ProductRow, currency: str | None = None) -> dict[str, Any]:
    """`currency` is the shop's; who shows many products looks it up once."""
    return {
        "id": product.id,
        "sku": product.sku,
        "name": product.name,
        "description": product.description,
        "category": product.category_slug,
        "price": money(product.price),
        "currency": currency or settings.CURRENCY,
        "stock": product.stock,
        "in_stock": product.stock > 0,
        "retired_at": product.retired_at,
        "created_at": product.created_at,
        "updated_at": product.updated_at,
    }


def order_body(order: Order | OrderRow, lines: Iterable[OrderLine | LineRow] | None = None) -> dict[str, Any]:
    """`lines` default to the order's own: as it was just placed, or from the database."""
    if lines is None:
        just_placed = cast("Order", order).placed_lines
        lines = cast("Order", order).lines.all() if just_placed is None else just_placed
    return {
        "id": order.id,
        "customer": order.customer_id,
        "status": order.status,
        "lines": [line_body(line) for line in lines],
        "total": money(order.total),
        "currency": order.currency,
        "idempotency_key": order.idempotency_key,
        "payment_reference": order.payment_reference,
        "carrier": order.carrier,
        "tracking_number": order.tracking_number,
        "placed_at": order.placed_at,
        "pay_by": order.pay_by,
    }


def line_body(line: OrderLine | LineRow) -> dict[str, Any]:
    return {
        "id": line.id,
        "product": line.product_id,
        "sku": line.sku,
        "name": line.name,
        "quantity": line.quantity,
        "unit_price": money(line.unit_price),
        "amount": money(line.amount),
    }


def movement_body(movement: StockMovement) -> dict[str, Any]:
    return {
        "id": movement.pk,
        "delta": movement.delta,
        "reason": movement.reason,
        "order": movement.line.order_id if movement.line else None,
        "by": movement.by_id,
        "note": movement.note,
        "at": movement.at,
    }


def stock_body(product: Product, movement: StockMovement | None) -> dict[str, Any]:
    return {
        "product": product.pk,
        "sku": product.sku,
        "stock": movement.stock_after() if movement else product.stock,
        "movement": movement_body(movement) if movement else None,
    }


def token_body(token: ApiToken, *, current: bool) -> dict[str, Any]:
    return {
        "id": token.pk,
        "name": token.name,
        "begins_with": token.prefix,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
        "last_used_on": token.last_used_on,
        "alive": token.is_active(),
        "current": current,
    }


def quote_body(draft: OrderDraft, asked: Any) -> dict[str, Any]:
    """What `draft` comes to and what speaks against it, pointing into `asked`, or where that is empty into `lines`."""
    problems = [*draft.violations(), *draft.shortages()]
    return {
        "lines": [quote_line_body(line, problems) for line in draft.lines],
        "total": money(draft.total),
        "currency": settings.CURRENCY,
        "acceptable": not problems,
        "problems": problem_entries(problems, asked),
    }


def quote_line_body(line: DraftLine, problems: list[Violation]) -> dict[str, Any]:
    return {
        "product": line.product.pk,
        "sku": line.product.sku,
        "name": line.product.name,
        "quantity": line.quantity,
        "unit_price": money(line.product.price),
        "amount": money(line.amount),
        "available": line.available,
        "problems": [problem.code for problem in problems if set(line.positions) & set(problem.positions)],
    }


def event_body(event: Event, *, names_people: bool, viewer: int) -> dict[str, Any]:
    """`by` is shown to who may know the staff; others are told of themselves only."""
    return {
        "id": event.pk,
        "kind": event.kind,
        "at": event.at,
        "by": event.by_id if names_people or event.by_id == viewer else None,
        "facts": {"from": event.facts.get("from"), "to": event.facts.get("to")},
    }
