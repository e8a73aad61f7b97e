"""Reconciliation: compare stock, ledger, order lines, totals, statuses and events with each other.

A constant number of statements, each of which reads whole tables: for a nightly job, not for a probe.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db.models import Case, CharField, Count, F, OuterRef, Q, Subquery, Sum, Value, When
from django.db.models.fields.json import KT
from django.db.models.functions import Coalesce, Round
from django.utils import timezone

from products.currencies import MAX_DECIMALS, MINOR_UNITS, scaled
from products.models import Event, Order, OrderLine, Product, Reason, Status, StockMovement
from products.models.events import MIN_RETENTION
from products.models.money import MoneyField
from products.models.order_status import RESTOCKS

DISCOUNTS = F("lines__discount") + F("lines__discount_share")
GIVEN_BACK = list(RESTOCKS.values())


def differences() -> Iterator[str]:
    """Yield a sentence for every difference."""
    yield from _stock()
    yield from _lines()
    yield from _totals()
    yield from _statuses()


def _stock() -> Iterator[str]:
    for product in Product.objects.out_of_balance():
        ledger = product.ledger  # type: ignore[attr-defined] # given by out_of_balance()
        yield f"{product.sku}: stock is {product.stock}, but its movements add up to {ledger}."


def _lines() -> Iterator[str]:
    """Compare the lines with the ledger: one sale of the whole quantity, put back if the status restocks."""
    expected_reason = Case(
        *(When(order__status=status, then=Value(reason.value)) for status, reason in RESTOCKS.items()),
        default=Value(""),
        output_field=CharField(),
    )
    back = Q(movements__reason__in=GIVEN_BACK)
    lines = (
        OrderLine.objects.order_by("order", "pk")
        .annotate(expected_reason=expected_reason)
        .annotate(
            sold=Coalesce(Sum("movements__delta", filter=Q(movements__reason=Reason.SOLD)), 0),
            back=Coalesce(Sum("movements__delta", filter=back), 0),
            back_as_expected=Coalesce(
                Sum("movements__delta", filter=back & Q(movements__reason=F("expected_reason"))), 0
            ),
            elsewhere=Count("movements", filter=~Q(movements__product=F("product"))),
        )
    )
    placed = Q(order__placed_at__isnull=False)
    ends = placed & Q(order__status__in=list(RESTOCKS))
    wrong = (
        (placed & ~Q(sold=-F("quantity")))
        | (placed & (Q(sku="") | Q(unit_price=None)))
        | (~placed & ~Q(sold=0))
        | (ends & ~(Q(back_as_expected=F("quantity")) & Q(back=F("quantity"))))
        | (~ends & ~Q(back=0))
        | Q(elsewhere__gt=0)
    )
    columns = ("order", "order__status", "order__placed_at", "product", "sku", "quantity", "unit_price", "sold", "back")
    for row in lines.filter(wrong).values(*columns, "elsewhere").iterator():
        yield from _line_differences(row)


def _line_differences(row: dict[str, Any]) -> Iterator[str]:
    """Say what is wrong with one line."""
    line = f"Order {row['order']}: its line for {row['quantity']} of {row['sku'] or 'product {product}'.format(**row)}"
    sold, back = -row["sold"], row["back"]
    is_placed = row["order__placed_at"] is not None
    is_ended = is_placed and row["order__status"] in RESTOCKS
    if is_placed and (not row["sku"] or row["unit_price"] is None):
        yield f"{line} has no SKU or no price."
    if sold != (row["quantity"] if is_placed else 0):
        yield f"{line} took {sold} from the stock."
    if back != (row["quantity"] if is_ended else 0):
        yield f"{line} gave {back} back, and the order is {row['order__status']}."
    elif is_ended and not row["elsewhere"] and sold == row["quantity"]:
        yield f"{line} gave its stock back for another reason than {row['order__status']}."
    if row["elsewhere"]:
        yield f"{line} moved the stock of another product."


def _totals() -> Iterator[str]:
    """Compare each order's figures with its lines; a cart has none yet, and neither has a cart that was cancelled."""
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
    never_placed = Q(placed_at=None, total=0, tax=0)  # A cart may have a discount already.
    columns = ("pk", "total", "discount", "tax", "shares", "expected", "taxed", "line_count")
    for row in orders.filter(wrong).exclude(never_placed).values(*columns).iterator():
        yield from _total_differences(row)


def _total_differences(row: dict[str, Any]) -> Iterator[str]:
    """Say which figures of one order are wrong."""
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
    # Staff may place an order for a customer; nobody else places an order that is not their own.
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
        # Where there is no event any more, what is compared with it is neither true nor false, and not selected.
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
    """Say what is wrong with the status or the timestamps of one order."""
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
