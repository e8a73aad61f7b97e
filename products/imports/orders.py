"""Import orders from another system: their lines, amounts, counters, ledger and history.

An imported order looks as if the methods of Order had been called at the time: the same amounts
(products.ordering.pricing), the counters and rows that its status implies, a sale in the ledger for every line, and
events with the times from the file. Today's prices, deadlines and stock do not apply to it.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.db.models.functions import Lower
from uuid_utils.compat import uuid7

from products.currencies import rounded
from products.db.bulk_sql import Statement, execute_batch, insert_many_sql
from products.db.retry import atomic_with_retry
from products.exceptions import UsernameTaken, Violation
from products.imports.order_files import FileLine, FileOrder
from products.models import Event, Order, OrderLine, Product, Reason, Status, StockMovement
from products.models.customers import TEXT_RULES, make_customer
from products.ordering import fulfilment, placement
from products.ordering.fulfilment import Kind, Part
from products.ordering.pricing import ZERO, subtotal
from products.ordering.validation import MAX_LINES, OrderDraft, PricedItem, too_many_lines
from products.skus import is_sku, sku_key
from products.validators import clean_values

STEPS: dict[Status, tuple[Status, ...]] = {
    Status.PLACED: (Status.PLACED,),
    Status.PAID: (Status.PLACED, Status.PAID),
    Status.SHIPPED: (Status.PLACED, Status.PAID, Status.SHIPPED),
    Status.DELIVERED: (Status.PLACED, Status.PAID, Status.SHIPPED, Status.DELIVERED),
    Status.RETURNED: (Status.PLACED, Status.PAID, Status.SHIPPED, Status.RETURNED),
    Status.CANCELLED: (Status.PLACED, Status.PAID, Status.CANCELLED),
}
"""The statuses that an order in each status has gone through, as far as a file can tell."""

CANCELLED_UNPAID = (Status.PLACED, Status.CANCELLED)
"""The same for a cancelled order without a moment of its payment."""

GAVE_BACK = (Status.CANCELLED, Status.RETURNED)
"""The statuses of orders that hold no stock any more."""

BATCH_ORDERS, BATCH_LINES = 200, 1_000
"""A transaction ends with the order that reaches either. SQLite takes 32,766 values in a statement."""

LOOK_UP_AT_ONCE = 500

NOTE = "Import of orders"


@dataclass
class Tally:
    """How many orders an import has written, found written by an earlier one, and rejected."""

    imported: int = 0
    existing: int = 0
    rejected: int = 0
    customers: int = 0


@dataclass
class Written:
    """The rows of one imported order, which are written together with those of its batch."""

    order: Order
    lines: list[OrderLine]
    events: list[dict[str, Any]] = field(default_factory=list)
    parts: dict[str, list[Part]] = field(default_factory=dict)
    rows: dict[str, Any] = field(default_factory=dict)

    @property
    def gave_back(self) -> bool:
        return self.order.status in GAVE_BACK


class Checked(NamedTuple):
    """A valid order: its customer, who may be unsaved, its draft and its own row."""

    customer: User
    draft: OrderDraft
    order: Order


@dataclass
class OrderImport:
    """One run of an import.

    With `takes_stock`, the pieces that an order still holds are taken from the stock, and the order is rejected if the
    stock is too low; otherwise the stock does not change. A `dry_run` finds the same faults and writes nothing.
    """

    takes_stock: bool = False
    creates_customers: bool = False
    dry_run: bool = False
    tally: Tally = field(default_factory=Tally)
    _customers: dict[str, User] = field(default_factory=dict)
    _ambiguous: set[str] = field(default_factory=set)
    _products: dict[str, int] = field(default_factory=dict)
    # The stock that this dry run would have taken: {product id: pieces}.
    _taken: dict[int, int] = field(default_factory=lambda: defaultdict(int))

    def run(self, orders: Sequence[FileOrder], progress: Callable[[int], None] = lambda done: None) -> Tally:
        """Import the orders in batches, each in its own transaction, and return the counts.

        Adds faults to the orders that are rejected. Orders that an earlier or interrupted run imported are left alone.
        `progress` is called with the number of orders done after each batch.
        """
        readable = [order for order in orders if not order.faults]
        self._look_up_customers(readable)
        self._look_up_products(readable)
        done = self.tally.rejected = len(orders) - len(readable)
        for batch in _batches(readable):
            self._import_batch(batch)
            done += len(batch)
            progress(done)
        return self.tally

    def _look_up_customers(self, orders: Iterable[FileOrder]) -> None:
        """Find the users with these user names, or else with these e-mail addresses."""
        users = User.objects.order_by("pk")
        names = sorted({order.customer for order in orders})
        for some in _slices(names):
            self._customers |= {user.username: user for user in users.filter(username__in=some)}
        addresses = sorted({name.lower() for name in names if "@" in name and name not in self._customers})
        for some in _slices(addresses):
            for user in users.annotate(address=Lower("email")).filter(address__in=some):
                address = user.email.lower()
                if address in self._customers:
                    self._ambiguous.add(address)
                self._customers.setdefault(address, user)

    def _look_up_products(self, orders: Iterable[FileOrder]) -> None:
        keys = sorted({sku_key(line.sku) for order in orders for line in order.lines if is_sku(line.sku)})
        for some in _slices(keys):
            found = Product.objects.with_sku_keys(some).values_list("pk", "sku")
            self._products |= {sku_key(sku): pk for pk, sku in found}

    def _import_batch(self, batch: Sequence[FileOrder]) -> None:
        if self.dry_run:
            tally, customers, self._taken = self._attempt(batch)
        else:
            try:
                tally, customers, _ = atomic_with_retry(lambda: self._attempt(batch))
            except IntegrityError:
                # Meanwhile, another import wrote some of these orders, or a new order got the number of one of them.
                tally, customers, _ = atomic_with_retry(lambda: self._attempt(batch))
        self._customers |= customers
        for name, number in vars(tally).items():
            setattr(self.tally, name, getattr(self.tally, name) + number)

    def _attempt(self, batch: Sequence[FileOrder]) -> tuple[Tally, dict[str, User], dict[int, int]]:
        """Check a batch and write it; return the counts, the created customers, and the stock that was taken."""
        tally, written, new, taken = Tally(), list[Written](), dict[str, User](), self._taken.copy()
        products = self._products_of(batch)
        numbers = [order.number for order in batch]
        known = Order.objects.filter(imported_number__in=numbers)
        existing = set(known.values_list("imported_number", flat=True))
        for order in batch:
            order.faults.clear()  # faults of an attempt that was rolled back
            if order.number in existing:
                tally.existing += 1
                continue
            checked = self._checked(order, products, taken, new)
            if checked is None:
                tally.rejected += 1
                continue
            checked.order.customer = self._saved(checked.customer, new)
            written.append(_rows_of(order, checked))
        tally.imported, tally.customers = len(written), len(new)
        if written and not self.dry_run:
            _write(written, balances_all=not self.takes_stock)
        return tally, new, taken

    def _products_of(self, batch: Iterable[FileOrder]) -> dict[str, Product]:
        """Return the products of these orders by the keys of their SKUs; locked, unless this is a dry run."""
        keys = {sku_key(line.sku) for order in batch for line in order.lines}
        products = Product.objects.filter(pk__in={self._products[key] for key in keys if key in self._products})
        if not self.dry_run:
            products = products.locked()
        return {sku_key(product.sku): product for product in products}

    def _checked(
        self, order: FileOrder, products: Mapping[str, Product], taken: dict[int, int], new: Mapping[str, User]
    ) -> Checked | None:
        """Return the checked order and record the stock that it takes; if it has faults, add them and return None."""
        customer = self._customer_of(order, new)
        own = Order(imported_number=order.number, **order.details)
        try:
            own.clean_details()
        except ValidationError as error:
            for name, sentences in error.message_dict.items():
                order.reject(f"{name}: {' '.join(sentences)}")
        draft = _draft_of(order, products)
        holds_stock = self.takes_stock and order.status not in GAVE_BACK
        if holds_stock:
            _check_stock(order, draft, taken)
        if customer is None or order.faults:
            return None
        for line in draft.lines if holds_stock else ():
            taken[line.product.pk] += line.quantity
        return Checked(customer, draft, own)

    def _customer_of(self, order: FileOrder, new: Mapping[str, User]) -> User | None:
        """Return the customer, unsaved if new; if there is none, add a fault to the order and return None."""
        name = order.customer
        known = self._customers.get(name) or self._customers.get(_key_of(name)) or new.get(_key_of(name))
        if known is not None and known.username != name and _key_of(name) in self._ambiguous:
            order.reject(f"customer: several users have the e-mail address {name!r}; give a user name.")
            return None
        if known is not None:
            return known
        if not self.creates_customers:
            order.reject(f"customer: there is no user {name!r}. --create-customers makes those that are missing.")
            return None
        user = User(username=name, email=name if "@" in name else "")
        try:
            clean_values(User, {"username": user.username, "email": user.email})
            for check in TEXT_RULES["username"]:
                check(user.username)
        except ValidationError as error:
            order.reject(f"customer: {' '.join(error.messages)}")
            return None
        return user

    def _saved(self, user: User, new: dict[str, User]) -> User:
        """Return the customer, creating a missing one without a password, so that nobody can log in yet."""
        key = _key_of(user.username)
        if user._state.adding and key not in self._customers:
            new[key] = user if self.dry_run else _made(user)
            return new[key]
        return user


def _made(user: User) -> User:
    """Create a customer, or return the one that another import has created meanwhile."""
    try:
        return make_customer(username=user.username, email=user.email)
    except UsernameTaken:
        return User.objects.get(username=user.username)


def _write(written: Sequence[Written], *, balances_all: bool) -> None:
    """Write the rows of a batch, with the ledger.

    If a sale must not change the stock, it is balanced in the ledger: its pieces are received before it, and returned
    pieces are removed by a correction, so that the ledger never falls below the existing stock.
    """
    lines = [line for each in written for line in each.lines]
    received, corrected = dict[int, int](), dict[int, int]()
    for each in written:
        for line in each.lines if balances_all or each.gave_back else ():
            received[line.product_id] = received.get(line.product_id, 0) + line.quantity
            corrected[line.product_id] = corrected.get(line.product_id, 0) - line.restocked
    execute_batch(
        *_adjusted(received, Reason.RECEIVED),
        *insert_many_sql(Order, [vars(each.order) for each in written]),
        *insert_many_sql(OrderLine, [vars(line) for line in lines]),
        *Product.objects.take_stock(lines),
        *insert_many_sql(Event, [event for each in written for event in each.events]),
    )
    for kind in fulfilment.KINDS:
        done = [each for each in written if kind.noun in each.parts]
        if done:
            _write_parts(kind, done)
    if statements := _adjusted(corrected, Reason.CORRECTED):
        execute_batch(*statements)


def _adjusted(deltas: Mapping[int, int], reason: Reason) -> list[Statement]:
    """Return the SQL that receive() and correct() would run, for several products, which must be locked.

    The amounts are limited by the batch and balanced in the same transaction, so no stock leaves its column's range.
    """
    moved = {pk: delta for pk, delta in sorted(deltas.items()) if delta}
    if not moved:
        return []
    facts = {pk: {"delta": delta, "reason": reason.value} for pk, delta in moved.items()}
    return [
        Product.objects.increment_stock(moved),
        *insert_many_sql(StockMovement, [{"product_id": pk, "note": NOTE, **facts[pk]} for pk in moved]),
        *insert_many_sql(
            Event, [{"kind": "product.stock_moved", "product_id": pk, "facts": facts[pk]} for pk in moved]
        ),
    ]


def _draft_of(order: FileOrder, products: Mapping[str, Product]) -> OrderDraft:
    """Return the priced draft of an order; reject the order with a fault for every rule that it breaks."""
    # A product that is retired now was still on sale at that time.
    draft = OrderDraft([_item_of(line) for line in order.lines], shipping=order.shipping, allows_retired=True)
    draft.take_products(products[key] for line in order.lines if (key := sku_key(line.sku)) in products)
    violations = draft.violations()
    if len(order.lines) > MAX_LINES:
        violations.append(too_many_lines())
    for violation in violations:
        _reject(order, violation)
    return draft


def _item_of(line: FileLine) -> PricedItem:
    """Return a line with its discount as an amount; percentages are of the line, rounded half away from zero."""
    discount = line.discount or ZERO
    if line.discount_percent:
        whole = subtotal(line.unit_price, line.quantity, settings.CURRENCY)
        discount = rounded(whole * line.discount_percent / 100, settings.CURRENCY)
    return PricedItem(line.sku, line.quantity, line.unit_price, discount)


def _reject(order: FileOrder, violation: Violation) -> None:
    about = f"{violation.about}: " if violation.about else ""
    for position in violation.positions or (None,):
        line = None if position is None else order.lines[position]
        named = "" if line is None or line.sku in violation.detail else f"{line.sku}: "
        order.reject(f"{about}{named}{violation.detail}", None if line is None else line.line)


def _check_stock(order: FileOrder, draft: OrderDraft, taken: Mapping[int, int]) -> None:
    for line in draft.lines:
        available = line.product.stock - taken.get(line.product.pk, 0)
        if line.quantity > available:
            detail = f"{line.product.sku}: {line.quantity} requested, {max(available, 0)} available."
            order.reject(detail, order.lines[line.positions[0]].line)


def _rows_of(source: FileOrder, checked: Checked) -> Written:
    """Return the rows of an order that has passed through all the statuses before its current one."""
    order = checked.order
    lines = placement.snapshot_prices(order, checked.draft)
    # The order keeps its own times, and gets no payment deadline from today's settings.
    order.placed_at = order.created_at = source.placed_at
    order.pay_by = None
    written = Written(order, lines)
    was_paid = source.status != Status.CANCELLED or source.paid_at is not None
    moments = {Status.PAID: source.paid_at, Status.SHIPPED: source.shipped_at}
    before, latest = None, source.placed_at
    for step in STEPS[source.status] if was_paid else CANCELLED_UNPAID:
        at = moments.get(step) or latest
        latest = max(latest, at)
        order.status = step
        facts: dict[str, Any] = {}
        if step == Status.PAID:
            order.paid = order.total  # Nothing is cancelled yet.
        if step in fulfilment.KIND_OF_STATUS:
            facts = _fulfil(written, fulfilment.KIND_OF_STATUS[step], at)
        facts["imported"] = True  # Customers know about these orders, so they get no mail.
        written.events.append({**Event.order_row(order, f"order.{step.lower()}", before, None, **facts), "at": at})
        before = step
    return written


def _fulfil(written: Written, kind: Kind, at: datetime) -> dict[str, Any]:
    """Count all remaining pieces of an order as shipped, cancelled or returned, and return the event's facts."""
    parts = [part._replace(product=part.line.product_id) for part in fulfilment.all_that_is_left(kind, written.lines)]
    for part in parts:
        setattr(part.line, kind.counter, part.quantity)
        part.line.restocked += part.restocked
    written.parts[kind.noun] = parts
    written.rows[kind.noun] = kind.model(order_id=written.order.pk, number=1, at=at)
    return {kind.noun: 1, "lines": [fulfilment.facts_of(part, kind) for part in parts]}


def _write_parts(kind: Kind, done: Sequence[Written]) -> None:
    """Write the shipments, cancellations or returns of some orders, and the stock that these put back."""
    lines = [
        {"id": uuid7(), kind.belongs_to: each.rows[kind.noun].pk, "line_id": part.line.pk, "quantity": part.quantity}
        | ({"restocked": part.restocked} if kind is fulfilment.RETURN else {})
        for each in done
        for part in each.parts[kind.noun]
    ]
    moved = fulfilment.movements_of(part for each in done for part in each.parts[kind.noun])
    stock = Product.objects.put_back(moved, kind.reason, 1) if kind.reason is not None else []
    execute_batch(
        *stock,
        *insert_many_sql(kind.model, [vars(each.rows[kind.noun]) for each in done]),
        *insert_many_sql(kind.line_model, lines),
    )


def _key_of(customer: str) -> str:
    """Return the key of a customer in a file: the user name, or the e-mail address in lower case."""
    return customer.lower() if "@" in customer else customer


def _batches(orders: Iterable[FileOrder]) -> Iterator[list[FileOrder]]:
    batch: list[FileOrder] = []
    for order in orders:
        batch.append(order)
        if len(batch) >= BATCH_ORDERS or sum(len(each.lines) for each in batch) >= BATCH_LINES:
            yield batch
            batch = []
    if batch:
        yield batch


def _slices(texts: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(texts), LOOK_UP_AT_ONCE):
        yield texts[start : start + LOOK_UP_AT_ONCE]
