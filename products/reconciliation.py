"""Reconciliation: compare stock, ledger, order lines, totals, statuses, payments and events with each other.

It runs a constant number of statements that read whole tables, so it is for a nightly job and not for a health check.
The only thing it writes is the result, as a StockCheck.
"""

import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import Case, Count, F, OuterRef, Q, Subquery, Sum, When
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce, Round
from django.utils import timezone

from products.currencies import MAX_DECIMALS, MINOR_UNITS, scaled
from products.models import (
    CancellationLine,
    Event,
    Order,
    OrderLine,
    Product,
    Reason,
    Refund,
    ReturnLine,
    ShipmentLine,
    Status,
    StockCheck,
    StockMovement,
)
from products.models.events import MIN_RETENTION
from products.models.fulfilment import FulfilmentLine
from products.models.money import MoneyField
from products.models.order_lines import COUNTERS
from products.models.order_status import status_of
from products.models.stock_checks import MAX_SENTENCES
from products.ordering.pricing import due

DISCOUNTS = F("lines__discount") + F("lines__discount_share")
NAME_OF = {"back_by_cancelling": "back by cancelling", "back_by_returning": "back by returning"}
"""The sums of the ledger, as sentences call them."""

HAS_PAID = [Status.PAID, Status.SHIPPED, Status.DELIVERED, Status.RETURNED]
HAS_NOT_PAID = [Status.CART, Status.PLACED, Status.EXPIRED]
"""A cancelled order may have been paid before."""


def check(tell: Callable[[str], object]) -> StockCheck:
    """Report every difference as soon as it is found; record the result, and return it."""
    at, began, found, first = timezone.now(), time.monotonic(), 0, []
    for sentence in differences():
        tell(sentence)
        found += 1
        if found <= MAX_SENTENCES:
            first.append(sentence)
    return StockCheck.objects.create(
        at=at,
        seconds=round(time.monotonic() - began, 3),
        products=Product.objects.count(),
        orders=Order.objects.placed().count(),
        differences=found,
        sentences=first,
    )


def differences() -> Iterator[str]:
    """Yield a sentence for every difference."""
    yield from _stock()
    yield from _lines()
    yield from _totals()
    yield from _statuses()
    yield from _counters_and_money()


def _stock() -> Iterator[str]:
    for product in Product.objects.out_of_balance():
        ledger = product.ledger  # type: ignore[attr-defined] # given by out_of_balance()
        yield f"{product.sku}: stock is {product.stock}, but its movements add up to {ledger}."


def _lines() -> Iterator[str]:
    """Compare the lines with the ledger and with their shipments, cancellations, returns and refunds."""
    lines = (
        OrderLine.objects.order_by("order", "pk")
        .annotate(
            sold=-_moved(reason=Reason.SOLD, part=0),
            back_by_cancelling=_moved(reason=Reason.CANCELLED),
            # Excluding the stock that a late payment took again.
            back_by_expiring=_moved(reason=Reason.EXPIRED) + _moved(reason=Reason.SOLD, part__gt=0),
            back_by_returning=_moved(reason=Reason.RETURNED),
            elsewhere=Count("movements", filter=~Q(movements__product=F("product"))),
        )
        .annotate(
            in_shipments=_in_rows(ShipmentLine, "quantity"),
            in_cancellations=_in_rows(CancellationLine, "quantity"),
            in_returns=_in_rows(ReturnLine, "quantity"),
            restocked_in_returns=_in_rows(ReturnLine, "restocked"),
        )
    )
    placed, expired = Q(order__placed_at__isnull=False), Q(order__status=Status.EXPIRED)
    wrong = (
        (placed & ~Q(sold=F("quantity")))
        | (placed & (Q(sku="") | Q(unit_price=None)))
        | (~placed & ~Q(sold=0))
        | ~Q(cancelled=F("back_by_cancelling") + F("back_by_expiring"))
        | ~Q(restocked=F("cancelled") + F("back_by_returning"))
        | (~expired & ~Q(back_by_expiring=0))
        | ~_adds_up("shipped", "in_shipments")
        | ~_adds_up("back_by_cancelling", "in_cancellations")
        | ~_adds_up("returned", "in_returns")
        | ~_adds_up("back_by_returning", "restocked_in_returns")
        | Q(elsewhere__gt=0)
    )
    columns = ("order", "order__status", "order__placed_at", "product", "sku", "quantity", "unit_price", *COUNTERS)
    sums = ("sold", "back_by_cancelling", "back_by_expiring", "back_by_returning", "elsewhere")
    rows = ("in_shipments", "in_cancellations", "in_returns", "restocked_in_returns")
    for row in lines.filter(wrong).values(*columns, *sums, *rows).iterator():
        yield from _line_differences(row)


def _moved(**conditions: Any) -> Coalesce:
    """Return the sum of a line's matching movements, 0 if there are none."""
    of_the_line = Q(**{f"movements__{name}": value for name, value in conditions.items()})
    return Coalesce(Sum("movements__delta", filter=of_the_line), 0)


def _in_rows(model: type[FulfilmentLine], column: str) -> Coalesce:
    """Return the sum of a column over a line's rows of `model`, -1 if there are none."""
    rows = model._default_manager.filter(line=OuterRef("pk")).order_by().values("line")
    return Coalesce(Subquery(rows.annotate(pieces=Sum(column)).values("pieces")), -1)


def _adds_up(counter: str, rows: str) -> Q:
    """Return the condition that the rows add up to the counter.

    A line without rows is accepted if the counter is 0, or if a release before these rows existed counted all pieces.
    """
    return Q(**{rows: F(counter)}) | Q(**{rows: -1}) & (Q(**{counter: 0}) | Q(**{counter: F("quantity")}))


def _line_differences(row: dict[str, Any]) -> Iterator[str]:
    """Yield the differences of one line."""
    line = f"Order {row['order']}: its line for {row['quantity']} of {row['sku'] or 'product {product}'.format(**row)}"
    is_placed, is_expired = row["order__placed_at"] is not None, row["order__status"] == Status.EXPIRED
    if is_placed and (not row["sku"] or row["unit_price"] is None):
        yield f"{line} has no SKU or no price."
    if row["sold"] != (row["quantity"] if is_placed else 0):
        yield f"{line} took {row['sold']} from the stock."
    cancelled = row["back_by_cancelling"] + row["back_by_expiring"]
    if row["cancelled"] != cancelled:
        yield f"{line} counts {row['cancelled']} cancelled, but {cancelled} came back so."
    elif row["back_by_expiring"] and not is_expired:
        yield f"{line} gave {row['back_by_expiring']} back by expiring, and the order is {row['order__status']}."
    if row["restocked"] != row["cancelled"] + row["back_by_returning"]:
        yield (
            f"{line} counts {row['restocked']} restocked, but {row['cancelled']} are cancelled and "
            f"{row['back_by_returning']} came back by a return."
        )
    for counter, sums, rows in (
        ("shipped", "in_shipments", "shipments"),
        ("back_by_cancelling", "in_cancellations", "cancellations"),
        ("returned", "in_returns", "returns"),
        ("back_by_returning", "restocked_in_returns", "restocked pieces of its returns"),
    ):
        told = max(row[sums], 0)
        if row[counter] != told and not (row[sums] == -1 and row[counter] == row["quantity"]):
            yield f"{line} has {row[counter]} {NAME_OF.get(counter, counter)}, but its {rows} add up to {told}."
    if row["elsewhere"]:
        yield f"{line} moved the stock of another product."


def _totals() -> Iterator[str]:
    """Compare each order's amounts with its lines; carts, including cancelled ones, have no amounts."""
    orders = Order.objects.order_by("pk").annotate(
        # Rounded, because SQLite adds binary fractions.
        amounts=_sum_of(_rounded(F("lines__quantity") * F("lines__unit_price")) - DISCOUNTS),
        shares=_sum_of(F("lines__discount_share")),
        line_taxes=_sum_of(F("lines__tax")),
        line_count=Count("lines"),
    )
    added_tax = Case(When(prices_include_tax=True, then=Decimal(0)), default=F("tax"), output_field=MoneyField())
    shipping = Coalesce(F("shipping"), Decimal(0), output_field=MoneyField())
    expected = Round(F("amounts") + shipping + added_tax, precision=MAX_DECIMALS)
    orders = orders.annotate(
        expected=expected, taxed=Round(F("line_taxes") + F("shipping_tax"), precision=MAX_DECIMALS)
    )
    wrong = (
        ~Q(total=F("expected"))
        | ~Q(discount=F("shares"))
        | ~Q(tax=F("taxed"))
        | Q(placed_at__isnull=False, line_count=0)
    )
    never_placed = Q(placed_at=None, total=0, tax=0)  # A cart may already have a discount.
    columns = ("pk", "total", "discount", "tax", "shares", "expected", "taxed", "line_count")
    for row in orders.filter(wrong).exclude(never_placed).values(*columns).iterator():
        yield from _total_differences(row)


def _total_differences(row: dict[str, Any]) -> Iterator[str]:
    """Yield the wrong amounts of one order."""
    order, names = f"Order {row['pk']}", ("total", "expected", "shares", "taxed")
    total, expected, shares, taxed = (scaled(row[name], settings.CURRENCY) for name in names)
    if not row["line_count"]:
        yield f"{order}: it has no lines, and its total is {total}."
        return
    if total != expected:
        yield f"{order}: the total is {total}, but its lines, shipping and tax add up to {expected}."
    if row["discount"] != shares:
        yield f"{order}: its discount is {row['discount']}, but the shares of its lines add up to {shares}."
    if row["tax"] != taxed:
        yield f"{order}: its tax is {row['tax']}, but that of its lines and shipping adds up to {taxed}."


def _sum_of(amount: Any) -> Round:
    return Round(Coalesce(Sum(amount), Decimal(0), output_field=MoneyField()), precision=MAX_DECIMALS)


def _rounded(amount: Any) -> Case:
    """Round to the minor units of the order's currency, as pricing does."""
    by_digits = {digits: [code for code in MINOR_UNITS if MINOR_UNITS[code] == digits] for digits in (0, 3, 4)}
    return Case(
        *(When(currency__in=codes, then=Round(amount, precision=digits)) for digits, codes in by_digits.items()),
        default=Round(amount, precision=2),
        output_field=MoneyField(),
    )


def _statuses() -> Iterator[str]:
    """Compare each order with its timestamps and with its newest event, where that still exists."""
    newest = Event.objects.filter(order=OuterRef("pk")).order_by("-pk")
    # Staff may place an order for a customer; all other users place only their own orders.
    placed = newest.filter(kind="order.placed", by__is_staff=False)
    sale = StockMovement.objects.filter(line__order=OuterRef("pk"), reason=Reason.SOLD).order_by("pk")
    orders = Order.objects.order_by("pk").annotate(
        event_status=Subquery(newest.values_list(KT("facts__to"))[:1]),
        event_currency=Subquery(newest.values_list(KT("facts__currency"))[:1]),
        placer=Subquery(placed.values("by")[:1]),
        sold_at=Subquery(sale.values("at")[:1]),
    )
    recently = timezone.now() - MIN_RETENTION
    columns = (
        "pk",
        "customer",
        "status",
        "currency",
        "placer",
        "created_at",
        "placed_at",
        "event_status",
        "event_currency",
    )
    inconsistent = (
        # If the event no longer exists, comparisons with it are NULL, so the order is not selected.
        ~Q(event_status=F("status"))
        | ~Q(event_currency=F("currency"))
        | ~Q(placer=F("customer"))
        | Q(event_status=None, placed_at__gt=recently)
        | Q(placed_at__isnull=False, status=Status.CART)
        | Q(placed_at__gt=F("sold_at"))
        | Q(placed_at__lt=F("created_at"))
    )
    for row in orders.filter(inconsistent).values(*columns, "sold_at").iterator():
        yield from _status_differences(row, recently)


def _status_differences(row: dict[str, Any], recently: Any) -> Iterator[str]:
    """Yield the differences in the status or the timestamps of one order."""
    order, status, placed_at = f"Order {row['pk']}", row["status"], row["placed_at"]
    if row["event_status"] is None:
        if placed_at is not None and placed_at > recently:
            yield f"{order}: it is {status}, but no event says so."
    elif row["event_status"] != status:
        yield f"{order}: it is {status}, but its newest event says {row['event_status']}."
    elif row["event_currency"] != row["currency"]:
        yield f"{order}: its currency is {row['currency']}, but its newest event says {row['event_currency']}."
    if row["placer"] not in (None, row["customer"]):
        yield f"{order}: it belongs to user {row['customer']}, but user {row['placer']} placed it."
    if status == Status.CART and placed_at is not None:
        yield f"{order}: it is a cart, and was placed at {placed_at:%Y-%m-%dT%H:%M:%SZ}."
    if placed_at is not None and row["sold_at"] is not None and placed_at > row["sold_at"]:
        yield f"{order}: it was placed at {placed_at:%Y-%m-%dT%H:%M:%SZ}, after its stock was taken."
    if placed_at is not None and placed_at < row["created_at"]:
        yield f"{order}: it was placed at {placed_at:%Y-%m-%dT%H:%M:%SZ}, before it was created."


class Pieces(NamedTuple):
    """The sums of the counters of an order's lines, which determine its status as a single line's counters do."""

    quantity: int
    shipped: int
    cancelled: int
    returned: int


def _counters_and_money() -> Iterator[str]:
    """Compare each order's status with its lines' counters, and with the amounts paid and refunded."""
    yield from _unpaid()
    refunds = Refund.objects.filter(order=OuterRef("pk")).order_by().values("order").annotate(sum=Sum("amount"))
    orders = (
        Order.objects.placed()
        .order_by("pk")
        .annotate(
            quantity=Sum("lines__quantity"),
            shipped=Sum("lines__shipped"),
            cancelled=Sum("lines__cancelled"),
            returned=Sum("lines__returned"),
            refunds_sum=Round(Coalesce(Subquery(refunds.values("sum")), Decimal(0)), precision=MAX_DECIMALS),
        )
        .annotate(remaining=F("quantity") - F("shipped") - F("cancelled"))
    )
    follows = (
        Q(status=Status.PLACED, remaining__gt=0, shipped=0)
        | Q(status=Status.PAID, remaining__gt=0)
        | Q(status__in=[Status.CANCELLED, Status.EXPIRED], remaining=0, shipped=0)
        | Q(status=Status.RETURNED, remaining=0, shipped__gt=0, returned=F("shipped"))
        | Q(status__in=[Status.SHIPPED, Status.DELIVERED], remaining=0, shipped__gt=F("returned"))
    )
    paid_wrongly = Q(status__in=HAS_NOT_PAID, paid__gt=0) | Q(paid__gt=F("total"))
    wrong = Q(quantity__isnull=False) & ~follows | paid_wrongly | ~Q(refunded=F("refunds_sum"))
    columns = ("pk", "status", "total", "paid", "refunded", "refunds_sum", *Pieces._fields)
    for row in orders.filter(wrong).values(*columns).iterator():
        yield from _counter_differences(row)


def _unpaid() -> Iterator[str]:
    """Yield the orders that count as paid without a payment. If everything with a price was cancelled, none was due."""
    orders = Order.objects.filter(status__in=HAS_PAID, paid=0, total__gt=0).order_by("pk").prefetch_related("lines")
    for order in orders.iterator(chunk_size=1_000):
        if due(order, order.lines.all()):
            yield f"Order {order.pk}: it is {order.status}, and nothing was paid."


def _counter_differences(row: dict[str, Any]) -> Iterator[str]:
    """Yield the differences in the status or the payments of one order."""
    order, status = f"Order {row['pk']}", row["status"]
    if row["quantity"] is not None:
        pieces = Pieces(*(row[name] for name in Pieces._fields))
        before = Status.PAID if row["paid"] or pieces.shipped else Status.PLACED
        expected = status_of(Status.DELIVERED if status == Status.DELIVERED else before, [pieces])
        if pieces.shipped + pieces.cancelled < pieces.quantity:
            expected = Status.PAID if status == Status.PAID else before  # Paid without money, as nothing was due.
        if status != expected and (status, expected) != (Status.EXPIRED, Status.CANCELLED):
            yield f"{order}: it is {status}, but by the counters of its lines it is {expected}."
    if row["paid"] > row["total"]:
        yield f"{order}: {row['paid']} was paid of {row['total']}."
    elif status in HAS_NOT_PAID and row["paid"]:
        yield f"{order}: it is {status}, and {row['paid']} was paid."
    if row["refunded"] != row["refunds_sum"]:
        refunds = scaled(row["refunds_sum"], settings.CURRENCY)
        yield f"{order}: {row['refunded']} was refunded, but its refunds add up to {refunds}."
