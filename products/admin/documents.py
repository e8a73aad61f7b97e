"""Pages to print: packing slips of orders and shipments, and the pick list of several orders.

The templates admin/products/packing_slips.html and pick_list.html can be overridden by a project's own.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from products.models import Order, Shipment, Status
from products.order_numbers import format_number, is_number, parse_number

MAX_PRINTED = 300
"""Orders on one pick list or in one set of packing slips: their numbers are in the page's address."""

SEPARATOR = "."
"""Between the numbers in the address."""


class Packed(NamedTuple):
    """Pieces of a line on a packing slip."""

    sku: str
    name: str
    quantity: int


@dataclass
class Slip:
    """A packing slip for a shipment, or for the pieces of an order that go into the parcel."""

    order: Order
    lines: list[Packed]
    shipment: Shipment | None = None
    later: list[Packed] = field(default_factory=list)
    """What is not in the parcel and still to come."""

    @property
    def number(self) -> str:
        return format_number(self.order.number)

    @property
    def address(self) -> list[str]:
        parts = self.order.ship_to or {}
        place = f"{parts.get('postal_code', '')} {parts.get('city', '')}".strip()
        lines = [*(parts.get(name) for name in ("name", "company", "line1", "line2")), place]
        return [line for line in (*lines, parts.get("region"), parts.get("country")) if line]

    @property
    def pieces(self) -> int:
        return sum(line.quantity for line in self.lines)


@dataclass
class Pick:
    """The pieces of one product to fetch, and the orders that they are for."""

    sku: str
    name: str
    quantity: int = 0
    orders: list[tuple[str, int]] = field(default_factory=list)
    """(number, pieces)."""


def slip_of_order(order: Order) -> Slip:
    """Return a slip with the pieces that remain to be shipped; if none remain, with those that were shipped."""
    lines = list(order.lines.all())
    remaining = [Packed(line.sku, line.name, line.remaining) for line in lines if line.remaining]
    shipped = [Packed(line.sku, line.name, line.shipped) for line in lines if line.shipped]
    return Slip(order, remaining or shipped)


def slip_of_shipment(order: Order, shipment: Shipment) -> Slip:
    parts = [Packed(part.line.sku, part.line.name, part.quantity) for part in shipment.lines.all()]
    later = [Packed(line.sku, line.name, line.remaining) for line in order.lines.all() if line.remaining]
    return Slip(order, parts, shipment, later)


def pick_list(orders: Iterable[Order]) -> list[Pick]:
    """Return the pieces of these orders that remain to be shipped, by product and sorted by SKU."""
    picks: dict[int, Pick] = {}
    for order in orders:
        for line in order.lines.all():
            if line.remaining:
                pick = picks.setdefault(line.product_id, Pick(line.sku, line.name))
                pick.quantity += line.remaining
                pick.orders.append((format_number(order.number), line.remaining))
    return sorted(picks.values(), key=lambda pick: pick.sku)


def order_slip_view(request: HttpRequest, orders: "QuerySet[Order]", object_id: UUID) -> HttpResponse:
    order = orders.filter(pk=object_id, placed_at__isnull=False).prefetch_related("lines").first()
    if order is None:
        raise Http404
    return _slips_page(request, [slip_of_order(order)])


def shipment_slip_view(request: HttpRequest, orders: "QuerySet[Order]", object_id: UUID, number: int) -> HttpResponse:
    order = orders.filter(pk=object_id).prefetch_related("lines").first()
    if order is None:
        raise Http404
    shipment = order.shipments.with_lines().filter(number=number).first()
    if shipment is None:
        raise Http404
    return _slips_page(request, [slip_of_shipment(order, shipment)])


def slips_view(request: HttpRequest, orders: "QuerySet[Order]") -> HttpResponse:
    """Show the packing slips of the orders whose numbers are in the URL, each on its own page."""
    return _slips_page(request, [slip_of_order(order) for order in _named(request, orders)])


def pick_list_view(request: HttpRequest, orders: "QuerySet[Order]") -> HttpResponse:
    """Show the pick list of those orders in the URL that are paid."""
    found = _named(request, orders)
    paid = [order for order in found if order.status == Status.PAID]
    context = {
        "title": "Pick list",
        "now": timezone.now(),
        "picks": pick_list(paid),
        "orders": [format_number(order.number) for order in paid],
        "left_out": [order for order in found if order.status != Status.PAID],
    }
    return TemplateResponse(request, "admin/products/pick_list.html", context)


def address_of(page: str, request: HttpRequest, orders: "QuerySet[Any]") -> HttpResponse | None:
    """Return the redirect to a page that prints the selected orders; show a message if there are too many."""
    numbers = list(orders.filter(placed_at__isnull=False).values_list("number", flat=True)[: MAX_PRINTED + 1])
    if not 0 < len(numbers) <= MAX_PRINTED:
        messages.error(request, f"At most {MAX_PRINTED} orders are printed at once." if numbers else "None was placed.")
        return None
    return redirect(f"{reverse(f'admin:{page}')}?{urlencode({'orders': SEPARATOR.join(numbers)})}")


def _named(request: HttpRequest, orders: "QuerySet[Order]") -> list[Order]:
    numbers = [parse_number(text) for text in request.GET.get("orders", "").split(SEPARATOR) if text]
    if not 0 < len(numbers) <= MAX_PRINTED or not all(map(is_number, numbers)):
        raise Http404("Name the orders to print by their numbers.")
    found = orders.filter(number__in=numbers, placed_at__isnull=False).prefetch_related("lines")
    return list(found.order_by("placed_at", "pk"))


def _slips_page(request: HttpRequest, slips: list[Slip]) -> HttpResponse:
    title = f"Packing slip {slips[0].number}" if len(slips) == 1 else "Packing slips"
    return TemplateResponse(request, "admin/products/packing_slips.html", {"title": title, "slips": slips})
