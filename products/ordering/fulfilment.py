"""Fulfilling an order in parts: ship, cancel and return some of its lines, or all that remains.

Each verb locks the order, reads its status again and checks every requested line. One transaction writes the counters
of the lines, the order's status, which follows from them (products.models.order_status.status_of), the stock with its
ledger, a numbered row for the operation, and an event.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar, Union

from django.db import DEFAULT_DB_ALIAS
from uuid_utils.compat import uuid7

from products.db.bulk_sql import Statement, execute_batch, insert_many_sql, insert_sql
from products.db.retry import InstanceState, atomic_with_retry
from products.exceptions import (
    IdempotencyKeyConflict,
    InsufficientStock,
    InvalidTransition,
    Violation,
)
from products.models.events import Event
from products.models.fulfilment import (
    Cancellation,
    CancellationLine,
    Fulfilment,
    FulfilmentLine,
    Return,
    ReturnLine,
    Shipment,
    ShipmentLine,
)
from products.models.order_lines import OrderLine
from products.models.order_status import (
    LATE_PAYMENT,
    TRANSITIONS,
    Status,
    check_transition,
    status_of,
    transitions_between,
)
from products.models.products import Product
from products.models.stock import Reason, StockMovement
from products.ordering.pricing import due
from products.ordering.requested_lines import RequestedLine, check_left, checked_request, named_lines
from products.validators import clean_values

if TYPE_CHECKING:
    from django.contrib.auth.models import User

Person = Union["User", None]
Result = TypeVar("Result")

Order = Any
"""A products.models.Order. That model's verbs call this module, so the type cannot be imported here."""


class Part(NamedTuple):
    """Pieces of one line; `restocked` of them go back into the stock of `product`, which they were taken from."""

    line: OrderLine
    quantity: int
    restocked: int = 0
    product: int = 0


class Kind(NamedTuple):
    """A way to fulfil lines: the rows that it writes, the counter that it raises, and the status that it leads to."""

    noun: str
    model: type[Fulfilment]
    line_model: type[FulfilmentLine]
    belongs_to: str
    counter: str
    status: Status
    open_in: frozenset[Status]
    left: Callable[[OrderLine], int]
    reason: Reason | None = None

    @property
    def restocks(self) -> bool:
        return self.reason is not None


def _remaining(line: OrderLine) -> int:
    return line.remaining


def _not_returned(line: OrderLine) -> int:
    return line.shipped - line.returned


SHIP = Kind(
    noun="shipment",
    model=Shipment,
    line_model=ShipmentLine,
    belongs_to="shipment_id",
    counter="shipped",
    status=Status.SHIPPED,
    open_in=frozenset({Status.PAID}),
    left=_remaining,
)
CANCEL = Kind(
    noun="cancellation",
    model=Cancellation,
    line_model=CancellationLine,
    belongs_to="cancellation_id",
    counter="cancelled",
    status=Status.CANCELLED,
    open_in=frozenset({Status.PLACED, Status.PAID}),
    left=_remaining,
    reason=Reason.CANCELLED,
)
RETURN = Kind(
    noun="return",
    model=Return,
    line_model=ReturnLine,
    belongs_to="return_of_id",
    counter="returned",
    status=Status.RETURNED,
    # Shipped pieces can come back while others still wait to be shipped.
    open_in=frozenset({Status.PAID, Status.SHIPPED, Status.DELIVERED}),
    left=_not_returned,
    reason=Reason.RETURNED,
)
KINDS = (SHIP, CANCEL, RETURN)
KIND_OF_STATUS: dict[str, Kind] = {kind.status: kind for kind in KINDS}


def fulfil(
    order: Order,
    kind: Kind,
    requested: Iterable[RequestedLine] | None,
    *,
    by: Person,
    key: str | None,
    details: Mapping[str, Any],
) -> Any:
    """Fulfil the requested lines of the order, or all that remains if they are None; return the row of the operation.

    `details` are columns of that row, and those of the order that have the same name. Returns None for a cart, as
    cancelling it changes no line. Raises InvalidTransition, InvalidFulfilment, MoreThanRemains, IdempotencyKeyConflict,
    and ValidationError for a text that is too long.
    """
    request = None if requested is None else checked_request(requested, takes_restock=kind is RETURN)
    values = clean_values(kind.model, {**details, "idempotency_key": key})
    digest = digest_of(request, details)

    def lock_and_fulfil() -> Any:
        order.refresh_from_db(from_queryset=type(order).objects.locked())
        earlier = find_earlier(kind.model, order, key, digest)
        if earlier is not None:
            order.placed_lines = None
            return earlier
        before = order.status
        if request is None:
            check_transition(before, kind.status)
            if before == Status.CART:
                return _cancel_cart(order, by)
        elif before not in kind.open_in:
            raise InvalidTransition(before, kind.status, allowed=sorted(TRANSITIONS.get(before, ())))
        lines = lines_of(order)
        parts = all_that_is_left(kind, lines) if request is None else requested_parts(kind, lines, request)
        for name in ("carrier", "tracking_number"):
            if name in values:
                setattr(order, name, values[name])  # The order has those of its newest shipment.
        return record(order, kind, lines, parts, before, by, {**values, "request_digest": digest})

    return run(order, lock_and_fulfil)


def complete(order: Order, before: str, by: Person, options: Mapping[str, Any]) -> None:
    """Write the transition of an order to its present status, with all that remains, in the caller's transaction."""
    lines = lines_of(order)
    if order.status == Status.EXPIRED:
        _expire(order, lines, before, by, options)
        return
    kind = KIND_OF_STATUS[order.status]
    details = {"carrier": order.carrier, "tracking_number": order.tracking_number} if kind is SHIP else {}
    record(order, kind, lines, all_that_is_left(kind, lines), before, by, details, options)


def record(
    order: Order,
    kind: Kind,
    lines: list[OrderLine],
    parts: Sequence[Part],
    before: str,
    by: Person,
    values: Mapping[str, Any],
    options: Mapping[str, Any] | None = None,
) -> Fulfilment:
    """Write every effect of fulfilling the parts, in the caller's transaction, and return the operation's row."""
    if kind.restocks:
        parts = as_taken(order, parts)
    number = kind.model._default_manager.filter(order=order).count() + 1
    row = kind.model(order_id=order.pk, number=number, by=by, **values)
    count(parts, kind.counter)
    after = status_of(before, lines) if lines else kind.status
    facts = {kind.noun: number, "lines": [facts_of(part, kind) for part in parts]}
    if kind is SHIP:
        # Texts that were validated as one printable line, which JSON can hold: see Event.
        facts["parcel"] = {name: values.get(name, "") for name in ("carrier", "tracking_number")}
    stock: list[Statement] = []
    if kind.reason is not None:
        stock = Product.objects.put_back(movements_of(parts), kind.reason, number)
    written_lines = [
        {"id": uuid7(), kind.belongs_to: row.pk, "line_id": part.line.pk, "quantity": part.quantity}
        | ({"restocked": part.restocked} if kind is RETURN else {})
        for part in parts
    ]
    execute_batch(
        *stock,
        insert_sql(kind.model, [vars(row)]),
        *insert_many_sql(kind.line_model, written_lines),
        *write_status(order, before, after, by, f"order.partly_{kind.counter}", facts, options or {}),
    )
    order.placed_lines = lines
    mark_written(row)
    return row


def as_taken(order: Order, parts: Iterable[Part]) -> list[Part]:
    """Return the parts with the pieces that can be put back and their product, both according to the ledger."""
    taken = StockMovement.objects.taken_for(order)
    return [
        part._replace(restocked=min(part.restocked, pieces), product=product)
        for part in parts
        for product, pieces in [taken.get(part.line.pk, (part.line.product_id, 0))]
    ]


def movements_of(parts: Iterable[Part]) -> list[tuple[Any, int, int]]:
    """Return what goes back into stock: [(line id, product id, pieces), …]."""
    return [(part.line.pk, part.product, part.restocked) for part in parts if part.restocked]


def count(parts: Sequence[Part], counter: str) -> None:
    """Add the parts to the counters of their lines, on the instances and in the database."""
    for part in parts:
        setattr(part.line, counter, getattr(part.line, counter) + part.quantity)
        part.line.restocked += part.restocked
    if parts:
        pieces = {part.line.pk: (part.quantity, part.restocked) for part in parts}
        execute_batch(OrderLine.objects.raise_counters(counter, pieces))


def write_status(
    order: Order,
    before: str,
    after: Status | str,
    by: Person,
    kind: str,
    facts: Mapping[str, Any],
    options: Mapping[str, Any],
) -> list[Statement]:
    """Write the order's new status and return the SQL of the event, which is named `kind` if the status stays.

    Write the lines before, because the database compares their counters with the status.
    """
    steps = transitions_between(before, after)
    if not steps:
        order.write_row(**options)
        return [insert_sql(Event, [Event.order_row(order, kind, before, by, **facts)])]
    events = []
    for step in steps:
        order.status = step
        order.write_row(**options)
        told = facts if step == after else {}
        events.append(Event.order_row(order, f"order.{step.lower()}", before, by, **told))
        before = step
    return [insert_sql(Event, events)]


def take_again(order: Order, by: Person) -> None:
    """Take the pieces that came back when the order expired, and write it as paid, in the caller's transaction.

    Raises InsufficientStock, with the overdue orders that hold what is missing.
    """
    expired = StockMovement.objects.filter(line__order=order, reason=Reason.EXPIRED).order_by("id")
    lines = {line.pk: line for line in lines_of(order)}
    pieces = list(expired.values_list("line", "product", "delta"))
    locked = Product.objects.by_ids_or_skus(sorted({product for _, product, _ in pieces}), locked=True)
    stock = {product.pk: product.stock for product in locked}
    short = [
        Violation(
            "insufficient_stock",
            f"{lines[line].sku}: {number} requested, {stock[product]} available.",
            facts={"product": product, "sku": lines[line].sku, "requested": number, "available": stock[product]},
        )
        for line, product, number in pieces
        if stock[product] < number
    ]
    if short:
        error = InsufficientStock(*short)
        error.overdue = type(order).objects.overdue_holding(error.product_ids)
        raise error
    parts = [Part(lines[line], -number, -number) for line, _, number in pieces]
    count(parts, "cancelled")
    order.paid = due(order, lines.values())
    facts = {"lines": [{"line": str(line), "product": product, "quantity": n} for line, product, n in pieces]}
    execute_batch(
        *(Product.objects.take_again(pieces, part=1) if pieces else ()),
        *write_status(order, *LATE_PAYMENT, by, "order.paid", facts, {}),
    )
    order.placed_lines = list(lines.values())


def correct_tracking(order: Order, number: int, changes: Mapping[str, str], *, by: Person) -> Shipment:
    """Correct carrier or tracking number of the order's shipment with this number, and return it.

    The order has those of its newest shipment. Writes no event if both stay. Raises Shipment.DoesNotExist, and
    ValidationError.
    """
    changes = clean_values(Shipment, changes)

    def lock_and_correct() -> Shipment:
        order.refresh_from_db(from_queryset=type(order).objects.locked())
        shipment: Shipment = Shipment.objects.get(order=order, number=number)
        changed = {name: text for name, text in changes.items() if getattr(shipment, name) != text}
        if not changed:
            return shipment
        # Texts that were validated as one printable line, which JSON can hold: see Event.
        facts = {name: {"from": getattr(shipment, name), "to": text} for name, text in changed.items()}
        is_newest = not Shipment.objects.filter(order=order, number__gt=number).exists()
        for each in (shipment, order) if is_newest else (shipment,):
            for name, text in changed.items():
                setattr(each, name, text)
        shipment.write_tracking()
        told = {"shipment": number, **facts}
        status = order.status
        execute_batch(*write_status(order, status, status, by, "order.tracking_corrected", told, {}))
        return shipment

    return run(order, lock_and_correct)


def digest_of(request: Any, details: Mapping[str, Any]) -> str:
    """Return a SHA-256 fingerprint (hex) of the request, to tell a retry from a different request."""
    text = json.dumps([request, {name: value for name, value in details.items() if value}], default=str, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def find_earlier(model: type[Fulfilment], order: Order, key: str | None, digest: str) -> Any:
    """Return the row that the same request with this key has written before, or None.

    Raises IdempotencyKeyConflict if a different request used the key. The order must be locked: an earlier try of the
    same request holds the lock until its commit.
    """
    if key is None:
        return None
    earlier = model._default_manager.filter(order=order, idempotency_key=key).first()
    if earlier is None:
        return None
    if earlier.request_digest != digest:
        raise IdempotencyKeyConflict
    earlier.replayed = True
    return earlier


def all_that_is_left(kind: Kind, lines: Iterable[OrderLine]) -> list[Part]:
    """Return a part for each line that has something left."""
    left = [(line, kind.left(line)) for line in lines]
    return [Part(line, pieces, pieces if kind.restocks else 0) for line, pieces in left if pieces]


def requested_parts(kind: Kind, lines: Iterable[OrderLine], request: Sequence[tuple[Any, Any, Any]]) -> list[Part]:
    """Return the requested parts. Raises InvalidFulfilment or MoreThanRemains, with every line at fault."""
    parts = named_lines(lines, request)
    check_left(parts, kind.left, kind.counter)
    return [
        Part(line, quantity, (quantity if restocked is None else restocked) if kind.restocks else 0)
        for line, quantity, restocked in parts
    ]


def facts_of(part: Part, kind: Kind | None) -> dict[str, Any]:
    """Return a part as an event's facts store it."""
    facts = {"line": str(part.line.pk), "product": part.line.product_id, "quantity": part.quantity}
    return facts | ({"restocked": part.restocked} if kind is not None and kind.restocks else {})


# Mechanics


def run(instance: Any, work: Callable[[], Result]) -> Result:
    """Run `work` in one transaction, or leave the instance as it was."""
    state = InstanceState(instance, *(["placed_lines"] if hasattr(instance, "placed_lines") else []))

    def from_the_start() -> Result:
        state.restore()  # drops changes that a rolled-back attempt left on the object
        return work()

    try:
        return atomic_with_retry(from_the_start)
    except BaseException:
        state.restore()
        raise


def lines_of(order: Order) -> list[OrderLine]:
    """Return the lines as they are now, whatever was prefetched before the order was locked."""
    lines = list(OrderLine.objects.filter(order=order))
    for line in lines:
        line.order = order
    return lines


def mark_written(row: Any) -> None:
    """Leave a row that was written as SQL in the state that save() leaves an instance in."""
    row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS


def _cancel_cart(order: Order, by: Person) -> None:
    execute_batch(*write_status(order, Status.CART, Status.CANCELLED, by, "", {}, {}))


def _expire(order: Order, lines: list[OrderLine], before: str, by: Person, options: Mapping[str, Any]) -> None:
    parts = as_taken(order, all_that_is_left(CANCEL, lines))
    count(parts, "cancelled")
    execute_batch(
        *Product.objects.put_back(movements_of(parts), Reason.EXPIRED),
        *write_status(order, before, Status.EXPIRED, by, "", {"lines": [facts_of(p, CANCEL) for p in parts]}, options),
    )
    order.placed_lines = lines
