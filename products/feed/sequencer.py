"""The sequencer: give every event a position, once the event's transaction has committed.

Ids and timestamps are assigned before the commit, so a reader that follows them misses events that commit late. A
reader that waits for the oldest open transaction misses nothing, but may see stock changes out of order. Here one
sequencer at a time, under an advisory lock, numbers the visible events without a position, in the order of their ids.
A transaction that changes an order or a product's stock locks that row before it writes the event. So of two events
about the same order or product, the later one has the larger id and does not become visible first.

A position is final: a reader of all entries up to it has missed none, and a product's last entry has its current stock.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import OuterRef, Q, QuerySet, Subquery, Sum

from products.db.bulk_sql import execute_batch, insert_many_sql
from products.db.retry import atomic_with_retry
from products.models import Event, Order, Product, Reason, StockMovement
from products.models.feed import FeedEntry, FeedState, unnumbered

BATCH = 250
"""How many events are numbered in one transaction at most."""

LOCK = 0x53686F70_46656564
"""The key of the advisory lock: "ShopFeed" in ASCII."""

STOCK_MOVED = "product.stock_moved"

# Every transaction that inserts an event takes this lock before the event gets its id, and holds it until it ends.
# A prepared transaction holds it too, and has no process.
WRITERS = """
    SELECT DISTINCT virtualtransaction FROM pg_locks
    WHERE locktype = 'relation' AND relation = %s::regclass AND mode = 'RowExclusiveLock' AND granted
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND pid IS DISTINCT FROM pg_backend_pid()
"""


class Moved(NamedTuple):
    """A stock movement that an event caused, with the product's stock after it."""

    movement: int | None
    product: int
    delta: int
    stock: int | None


def number_events() -> int:
    """Number the next events, at most BATCH; return how many. Returns 0 also if another process is numbering them."""
    numbered: int = atomic_with_retry(_number_under_lock)
    return numbered


def number_all_events() -> int:
    """Give positions to all visible events that have none; return how many."""
    total = 0
    while numbered := number_events():
        total += numbered
    return total


def is_behind() -> int:
    """Return how many events are visible and have no position yet."""
    state = FeedState.objects.first() or FeedState()
    return unnumbered(Event.objects.all(), state.complete_to).count()


def _number_under_lock() -> int:
    if not _lock():
        return 0
    state = FeedState.objects.first() or FeedState()
    before = vars(state).copy()
    _watch_writers(state)
    events = list(unnumbered(Event.objects.all(), state.complete_to)[:BATCH])
    entries = list(_entries(events, state.position))
    if entries:
        state.position = entries[-1]["position"]
        state.newest_event = max(state.newest_event, events[-1].pk)
        execute_batch(*insert_many_sql(FeedEntry, entries))
    # Only a pass that did not reach its limit has numbered every event up to there.
    if state.candidate is not None and not state.waiting_for and len(events) < BATCH:
        state.complete_to, state.candidate = state.candidate, None
    if vars(state) != before or state._state.adding:
        state.save()
    return len(events)


def _lock() -> bool:
    database = connections[DEFAULT_DB_ALIAS]
    if database.vendor != "postgresql":
        return True  # SQLite allows one writer at a time, and this transaction is that writer.
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        return bool(cursor.fetchone()[0])


def _watch_writers(state: FeedState) -> None:
    """Record which transactions may still add an event with an id up to `state.candidate`; set the candidate if needed.

    If an event becomes visible after one with a larger id, its transaction already held its lock on the table when the
    other became visible. Once all those transactions have ended, no further event up to that id can appear.
    """
    writers = _writers()
    if state.candidate is None:
        state.candidate, state.waiting_for = state.newest_event, sorted(writers)
    else:
        state.waiting_for = sorted(writers.intersection(state.waiting_for))


def _writers() -> set[str]:
    database = connections[DEFAULT_DB_ALIAS]
    if database.vendor != "postgresql":
        return set()
    with database.cursor() as cursor:
        cursor.execute(WRITERS, [Event._meta.db_table])
        return {transaction for (transaction,) in cursor.fetchall()}


def _entries(events: Sequence[Event], position: int) -> Iterable[dict[str, Any]]:
    """Return the rows of the feed for these events, from the position after `position`."""
    moved = _moved_by(events)
    products = {each.product for parts in moved.values() for each in parts}
    products |= {event.product_id for event in events if event.product_id is not None}
    last: dict[str, dict[Any, int]] = {
        "order": _last_sequences(Order.objects.all(), "order", {event.order_id for event in events if event.order_id}),
        "product": _last_sequences(Product.objects.all(), "product", products),
    }
    thresholds = dict(Product.objects.filter(pk__in=products).values_list("pk", "low_stock"))

    def row(type: str, event: Event, about: str, subject: Any, **values: Any) -> dict[str, Any]:
        nonlocal position
        position += 1
        last[about][subject] = last[about].get(subject, 0) + 1
        return {
            "position": position,
            "type": type,
            "event_id": event.pk,
            f"{about}_id": subject,
            "sequence": last[about][subject],
            **values,
        }

    for event in events:
        parts = moved[event.pk]
        if event.order_id is not None:
            yield row(event.kind, event, "order", event.order_id)
        elif event.kind != STOCK_MOVED:
            yield row(event.kind, event, "product", event.product_id)
        for part in parts:
            values = {"movement_id": part.movement, "delta": part.delta, "stock": part.stock}
            is_derived = event.order_id is not None
            kind = _stock_type(event, part)
            yield row(kind, event, "product", part.product, is_derived=is_derived, **values)
            for crossed in _crossed(part, thresholds.get(part.product)):
                yield row(crossed, event, "product", part.product, is_derived=True, **values)


def _stock_type(event: Event, part: Moved) -> str:
    if event.order_id is None:
        return f"stock.{event.facts['reason'].lower()}"
    return "stock.sold" if part.delta < 0 else "stock.returned"


def _crossed(part: Moved, low_stock: int | None) -> list[str]:
    """Return "stock.low" or "stock.out" if this movement lowered the stock to that level."""
    if part.stock is None or part.delta > 0:
        return []
    before = part.stock - part.delta
    threshold = (settings.LOW_STOCK if low_stock is None else low_stock) or 0
    if part.stock == 0 < before:
        return ["stock.out"]
    return ["stock.low"] if part.stock <= threshold < before else []


def _last_sequences(subjects: "QuerySet[Any]", about: str, ids: Iterable[Any]) -> dict[Any, int]:
    """Return the newest sequence number of each of these orders or products that has one."""
    entries = FeedEntry.objects.filter(**{about: OuterRef("pk")}).order_by("-sequence").values("sequence")[:1]
    rows = subjects.filter(pk__in=ids).order_by().values_list("pk", Subquery(entries))
    return {pk: sequence for pk, sequence in rows if sequence is not None}


# Movements


def _moved_by(events: Sequence[Event]) -> dict[int, list[Moved]]:
    """Return the stock movements of each event: {id of the event: its movements by product}."""
    moved: dict[int, list[Moved]] = {event.pk: [] for event in events}
    by_key: dict[tuple[Any, str, int], list[StockMovement]] = defaultdict(list)
    keys = {event.pk: key for event in events if (key := _movement_key(event)) is not None}
    orders = {order for order, _, _ in keys.values()}
    for movement in StockMovement.objects.filter(line__order__in=orders).select_related("line").order_by("id"):
        assert movement.line is not None  # noqa: S101 - for mypy: it was found by its line
        by_key[movement.line.order_id, movement.reason, movement.part].append(movement)
    caused = {pk: by_key[key] for pk, key in keys.items()}
    stocks = _stocks_after([movement for movements in caused.values() for movement in movements])
    for pk, movements in caused.items():
        moved[pk] = [Moved(each.pk, each.product_id, each.delta, stocks[each.pk]) for each in movements]
    for event in events:
        if event.kind == STOCK_MOVED:
            # Events of earlier releases do not contain the stock.
            facts = event.facts
            moved[event.pk] = [Moved(None, event.product_id or 0, facts["delta"], facts.get("stock"))]
    return moved


def _movement_key(event: Event) -> tuple[Any, str, int] | None:
    """Return the order, reason and part of an order event's stock movements; None if it moved no stock."""
    facts = event.facts
    if event.order_id is None:
        return None
    if event.kind == "order.placed":
        return event.order_id, Reason.SOLD, 0
    if event.kind == "order.expired":
        return event.order_id, Reason.EXPIRED, 0
    if event.kind == "order.paid" and facts.get("from") == Order.Status.EXPIRED:
        return event.order_id, Reason.SOLD, 1
    # Orders that an earlier release cancelled or returned as a whole have no part number.
    if "cancellation" in facts or event.kind == "order.cancelled":
        return event.order_id, Reason.CANCELLED, facts.get("cancellation", 0)
    if "return" in facts or event.kind == "order.returned":
        return event.order_id, Reason.RETURNED, facts.get("return", 0)
    return None


def _stocks_after(movements: Sequence[StockMovement]) -> dict[int, int]:
    """Return the product's stock after each of these movements: {id of the movement: pieces}.

    The sum starts at the product's newest entry; the ledger before it is summed once, for the first entry.
    """
    newest: dict[int, int] = {}
    for movement in movements:
        newest[movement.product_id] = max(newest.get(movement.product_id, 0), movement.pk)
    first: dict[int, int] = {}
    for movement in movements:
        first.setdefault(movement.product_id, movement.pk)
    stock = _last_known(first)
    since = Q()
    for product, up_to in newest.items():
        since |= Q(product=product, id__gt=stock[product][0], id__lte=up_to)
    rows = StockMovement.objects.filter(since).order_by("id").values_list("id", "product", "delta") if newest else ()
    running = {product: pieces for product, (_, pieces) in stock.items()}
    after: dict[int, int] = {}
    for pk, product, delta in rows:
        running[product] += delta
        after[pk] = running[product]
    # The feed is already past this movement, because its event was written by hand.
    for movement in movements:
        if movement.pk not in after:
            after[movement.pk] = movement.stock_after()
    return after


def _last_known(first: Mapping[int, int]) -> dict[int, tuple[int, int]]:
    """Return for each product an earlier movement and the stock after it: {id: (movement, pieces)}.

    This is the movement of the product's newest entry that has one; without such an entry, the one before `first`.
    """
    told = FeedEntry.objects.filter(product=OuterRef("pk"), movement__isnull=False).order_by("-sequence")
    columns = [Subquery(told.values(name)[:1]) for name in ("movement", "stock")]
    rows = Product.objects.filter(pk__in=first).order_by().values_list("pk", *columns)
    known = {pk: (movement, stock) for pk, movement, stock in rows if movement is not None}
    before = Q()
    for product in set(first) - set(known):
        known[product] = (first[product] - 1, 0)
        before |= Q(product=product, id__lt=first[product])
    if before:
        sums = StockMovement.objects.filter(before).order_by().values_list("product").annotate(Sum("delta"))
        known |= {product: (first[product] - 1, pieces) for product, pieces in sums}
    return known
