"""Placing an order: check it and its stock, take the stock, write order, lines, ledger and event, all or nothing."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, IntegrityError, OperationalError, transaction
from django.utils import timezone
from uuid_utils.compat import uuid7

from products import metrics
from products.db.bulk_sql import delete_sql, execute_batch, insert_many_sql, insert_sql
from products.db.errors import CONFLICTS, sqlstate
from products.db.retry import MAX_TRIES, InstanceState, atomic_with_retry
from products.exceptions import CustomerGone, DomainError, InsufficientStock, InvalidOrder
from products.models.events import Event
from products.models.order_lines import OrderLine
from products.models.order_status import Status
from products.models.products import Product
from products.order_numbers import new_number
from products.ordering import single_statement
from products.ordering.validation import OrderDraft, RequestedItem, digest_of

Order = Any
"""A products.models.Order. That model's verbs call this module, so the type cannot be imported here."""

FROM_CART = "cart"
"""The request digest of a checkout, whose request names no products: it means those in the cart."""


def place(order: Order) -> None:
    """Place a new order: check the order and the stock, take the stock, write everything, all or nothing.

    PostgreSQL can place a valid order in one statement. The other way is always correct, and the only one on SQLite:
    lock the products, check them under the lock, and write. Raises InvalidOrder, InsufficientStock, IdempotentReplay
    and IdempotencyKeyConflict.
    """
    run(order, lambda: place_under_lock(order, None, order.placed_by), first=lambda: place_optimistically(order))


def place_under_lock(order: Order, before: str | None, by: Any) -> None:
    """Place the order step by step, in the caller's transaction. `before` is its status on record, None when new."""
    draft = _draft(order, before)
    draft.load_products(locked=True)  # in id order; until the commit no one else can take these products' stock
    try:
        _check(order, draft)
    except DomainError:
        # An earlier try of this request may have taken the stock. It held the lock until its commit, so it is visible
        # now. A retry that passes the checks fails at the unique key instead.
        order.check_idempotency_key()
        raise
    lines = snapshot_prices(order, draft)
    if before is not None:
        order.write_row()
        # These lines are still a cart's, without prices; a placed order's lines are frozen.
        first = delete_sql(OrderLine, "order", order.pk)
    else:
        first = insert_sql(type(order), [vars(order)])
    execute_batch(
        first,
        *insert_many_sql(OrderLine, [vars(line) for line in lines]),
        *Product.objects.take_stock(lines),
        insert_sql(Event, [Event.transition_row(order, before, by)]),
    )
    mark_persisted(order, lines)


def place_optimistically(order: Order) -> bool:
    """Place a new order in one statement, without holding a lock while Python works; False if nothing was changed.

    Raises InsufficientStock without taking a lock if the shortage is certain, so that buyers of a sold-out product
    block no one.
    """
    if not single_statement.is_supported(type(order)):
        return False
    draft = _draft(order, None)
    draft.load_products()
    if draft.has_own_prices:  # The statement compares the lines' prices with those of the products.
        return False
    try:
        if not _check_optimistically(order, draft):
            return False
    except DomainError:
        order.check_idempotency_key()
        raise
    lines = snapshot_prices(order, draft)
    tax_classes = [line.tax_class for line in draft.lines]
    if not single_statement.execute(order, lines, tax_classes):
        return False
    mark_persisted(order, lines)
    return True


def run(order: Order, work: Callable[[], None], *, first: Callable[[], bool] | None = None) -> None:
    """Run `work` in one transaction, or leave the order object as it was; `first` is tried before and may do it all.

    If stock is short, overdue orders that hold some of it are expired, and `work` runs once more.
    """
    state = InstanceState(order, "items")
    try:
        _run_with_free_number(order, state, work, first)
    except BaseException as error:
        if order.status == Status.PLACED and isinstance(error, DomainError):
            metrics.count_not_placed(error.code, len(error.violations))
        state.restore()
        raise


def _run_with_free_number(
    order: Order, state: InstanceState, work: Callable[[], None], first: Callable[[], bool] | None
) -> None:
    while True:
        try:
            return _run_expiring_overdue(order, partial(_restored, state, work), first)
        except IntegrityError:
            # The idempotency key is taken: by an earlier try, or by a request that did not wait for our product locks.
            if order.status == Status.PLACED:
                order.check_idempotency_key()
            if not (state.adding and order.number_is_taken()):
                if order.customer_is_gone():
                    raise CustomerGone(order.customer_id) from None
                raise
            # Another order has drawn the same number: draw again.
            state.values["number"] = new_number()
            state.restore()


def _run_expiring_overdue(order: Order, work: Callable[[], None], first: Callable[[], bool] | None) -> None:
    try:
        if first is None:
            atomic_with_retry(work)
        else:
            _run_optimistically(first, work)
    except InsufficientStock as shortage:
        if not shortage.overdue:
            raise
        type(order).objects.filter(pk__in=shortage.overdue).expire()
        atomic_with_retry(work)


def _run_optimistically(first: Callable[[], bool], work: Callable[[], None]) -> None:
    """Run `first`, and `work` in a transaction if `first` changed nothing or met a conflict, which counts as a try."""
    tries = MAX_TRIES
    try:
        if first():
            return
    except OperationalError as error:
        if sqlstate(error) not in CONFLICTS:
            raise
        tries -= 1
    atomic_with_retry(work, max_tries=tries)


def _restored(state: InstanceState, work: Callable[[], None]) -> None:
    state.restore()  # drops changes that a rolled-back attempt left on the object
    work()


def snapshot_prices(order: Order, draft: OrderDraft) -> list[OrderLine]:
    """Set the order's figures, currency and timestamps; return its unsaved lines with current SKU, name and price."""
    for name, value in vars(draft.totals).items():
        setattr(order, name, value)
    order.currency = settings.CURRENCY
    order.placed_at = order.updated_at = timezone.now()
    if order.pay_by is None and settings.PAY_WITHIN is not None:
        order.pay_by = order.placed_at + settings.PAY_WITHIN
    return [
        OrderLine(
            id=uuid7(),
            order_id=order.pk,
            product_id=line.product.pk,
            quantity=line.quantity,
            sku=line.product.sku,
            name=line.product.name,
            unit_price=line.unit_price,
            discount=line.discount,
            discount_share=line.discount_share,
            tax_rate=line.tax_rate,
            tax=line.tax,
        )
        for line in draft.lines
    ]


def mark_persisted(order: Order, lines: Sequence[OrderLine]) -> None:
    """Leave the order and its lines, which were written as SQL, in the state that save() leaves an instance in."""
    for each in (order, *lines):
        each._state.adding, each._state.db = False, order._state.db or DEFAULT_DB_ALIAS
    order.items, order.placed_lines = None, list(lines)
    units = sum(line.quantity for line in lines)
    # Counted after the commit; robust, because a metric must not fail an order that is committed.
    transaction.on_commit(partial(metrics.count_placed, units), robust=True)


def _draft(order: Order, before: str | None) -> OrderDraft:
    items: list[RequestedItem] = order.items or []
    if order.items is None and before == Status.CART:
        items = list(order.lines.values_list("product_id", "quantity"))
    draft: OrderDraft = order.draft(items)
    order.request_digest = digest_of(items, order.requested_details) if before is None else FROM_CART
    return draft


def _check(order: Order, draft: OrderDraft) -> None:
    """Raise InvalidOrder or InsufficientStock, the latter with the overdue orders that hold what is missing."""
    try:
        draft.check()
    except InsufficientStock as shortage:
        shortage.overdue = type(order).objects.overdue_holding(shortage.product_ids)
        raise


def _check_optimistically(order: Order, draft: OrderDraft) -> bool:
    """Return whether the draft appears to be placeable, which is not certain without a lock.

    Raises InsufficientStock if the shortage is certain: stock was too low both before and after the check that no
    overdue order holds any of it.
    """
    try:
        _check(order, draft)
    except InvalidOrder:
        return False
    except InsufficientStock as shortage:
        if shortage.overdue:
            return False
    else:
        return True
    draft.load_products()
    draft.check()
    return False
