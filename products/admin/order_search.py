"""Find orders by what staff know about them. Every look-up uses an index or reads only the few customers."""

import re
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.utils import timezone

from products.barcodes import forms_of, is_barcode
from products.models import Order, OrderLine, Product, Shipment
from products.order_numbers import ALPHABET, LENGTH, is_number, parse_number
from products.skus import sku_key

MIN_LETTERS = 3
"""Of a part of a number or a name; shorter ones fit too many."""
MAX_IDS = 500
"""Orders that are looked up by their ids; more are found by a subquery."""
MAX_NAMED = 200
"""Products or customers whose orders are looked for; a term that fits more says too little."""

DAYS = (
    re.compile(r"(?P<y>[0-9]{4})-(?P<m>[0-9]{1,2})(?:-(?P<d>[0-9]{1,2}))?"),  # 2026-11-27, 2026-11
    re.compile(r"(?:(?P<d>[0-9]{1,2})\.)?(?P<m>[0-9]{1,2})\.(?P<y>[0-9]{4})"),  # 27.11.2026, 11.2026
)
"""How a day or a month is written."""

HELP = (
    "By number or its beginning, customer, e-mail, SKU, barcode, product, reference, tracking number, name on the "
    "address, or day such as 2026-11-27."
)

Orders = QuerySet[Any, Any]


def find_orders(orders: Orders, term: str) -> Orders:
    """Return the `orders` that match the term exactly; if there are none, those that match it in part."""
    term = term.strip()
    if not term:
        return orders
    if (pk := _uuid(term)) is not None:
        return orders.filter(pk=pk)
    if (days := _days(term)) is not None:
        return orders.filter(placed_at__gte=days[0], placed_at__lt=days[1])
    exactly = _among(orders, named_exactly(term))
    if exactly is not None:
        return exactly
    partly = _among(orders, named_in_part(term))
    return orders.none() if partly is None else partly


def _among(orders: Orders, found: Orders) -> Orders | None:
    """Return those of `orders` whose ids were found; None if no id was.

    The ids are read first: otherwise the planner does not know that they are few, and scans all orders by date.
    """
    ids = [next(iter(row.values())) for row in found[: MAX_IDS + 1]]
    if not ids:
        return None
    return orders.filter(pk__in=set(ids) if len(ids) <= MAX_IDS else found)


def named_exactly(term: str) -> Orders:
    """Return the ids of the orders with this number, e-mail, reference or tracking number, or with this product."""
    if "@" in term:
        # The second condition is that of the partial index.
        return _ids(Order.objects.filter(email__iexact=term, email__gt=""))
    number = parse_number(term)
    if is_number(number):
        by_number = _ids(Order.objects.filter(number=number))
        if by_number.exists():
            return by_number
    return _ids(Order.objects.filter(reference=term)).union(
        *(
            _ids(Order.objects.filter(**found))
            for found in (
                {"imported_number": term},
                {"idempotency_key": term},
                {"payment_reference__iexact": term, "payment_reference__gt": ""},
                {"tracking_number__iexact": term, "tracking_number__gt": ""},
            )
        ),
        Shipment.objects.filter(tracking_number__iexact=term, tracking_number__gt="").order_by().values("order"),
        _with_products(products_named(term)),
        all=True,
    )


def named_in_part(term: str) -> Orders:
    """Return the ids of the orders with the term in their number, or in a name of customer, product or address."""
    parts = [_with_products(Product.objects.search(term).values_list("pk", flat=True)[:MAX_NAMED])]
    words = term.split()
    customers = User.objects.all()
    for word in words:
        customers = customers.filter(
            Q(username__icontains=word)
            | Q(first_name__icontains=word)
            | Q(last_name__icontains=word)
            | Q(email__icontains=word)
        )
    parts.append(_ids(Order.objects.filter(customer__in=list(customers.values_list("pk", flat=True)[:MAX_NAMED]))))
    prefix = parse_number(term)
    if MIN_LETTERS <= len(prefix) < LENGTH and set(prefix) <= set(ALPHABET):
        first, last = prefix.ljust(LENGTH, ALPHABET[0]), prefix.ljust(LENGTH, ALPHABET[-1])
        parts.append(_ids(Order.objects.filter(number__gte=first, number__lte=last, number__startswith=prefix)))
    if all(len(word) >= MIN_LETTERS for word in words):
        for name in ("ship_to_name", "ship_to_company"):
            named = Order.objects.filter(**{f"{name}__gt": ""})  # the condition of the partial index
            for word in words:
                named = named.filter(**{f"{name}__icontains": word})
            parts.append(_ids(named))
    return parts[0].union(*parts[1:], all=True)


def products_named(term: str) -> "QuerySet[Product, Any]":
    """Return the ids of the products with this SKU or barcode."""
    named = Product.objects.with_sku_keys([sku_key(term)]).order_by().values_list("pk", flat=True)
    if not is_barcode(term):
        return named
    with_barcode = Product.objects.filter(barcode__in=forms_of(term), barcode__gt="")
    return named.union(with_barcode.order_by().values_list("pk", flat=True))


def _with_products(ids: "QuerySet[Product, Any]") -> Orders:
    """Return the ids of the orders with a line for one of these products."""
    orders: Orders = OrderLine.objects.filter(product__in=list(ids)).order_by().values("order")
    return orders


def _ids(orders: Orders) -> Orders:
    ids: Orders = orders.order_by().values("pk")
    return ids


def _uuid(term: str) -> UUID | None:
    try:
        return UUID(term)
    except ValueError:
        return None


def _days(term: str) -> tuple[datetime, datetime] | None:
    """Return the start and the end of the day or month that the term names, in the shop's time zone."""
    found = next((match for pattern in DAYS if (match := pattern.fullmatch(term))), None)
    if found is None:
        return None
    year, month, day = int(found["y"]), int(found["m"]), int(found["d"] or 1)
    try:
        first = date(year, month, day)
        after = first + timedelta(days=1) if found["d"] else date(year + month // 12, month % 12 + 1, 1)
        return _midnight(first), _midnight(after)
    except (ValueError, OverflowError):
        return None


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime(day.year, day.month, day.day))
