"""The ledger of a product: movements with the stock after each, a chart, and an explanation of the stock at a time."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, OuterRef, Subquery, Sum
from django.db.models.functions import Coalesce, TruncDate
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone

from products import policies
from products.admin.charts import STYLES, step_chart
from products.models import Product, Reason, StockMovement

PAGE = 50
"""Movements."""

CHART_DAYS = 90

NEWEST_ID = 10**18 - 1
"""Larger than the id of any row, and a number that every database compares with one."""


class PositionField(forms.IntegerField):
    """The id of the row before which a page begins; empty for the newest page."""

    def __init__(self) -> None:
        super().__init__(required=False, min_value=1, max_value=NEWEST_ID)


class LedgerForm(forms.Form):
    """The time at which to explain the stock, entered in the shop's time zone."""

    at = forms.DateTimeField(
        label="Stock at",
        required=False,
        input_formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.%f", "%Y-%m-%d %H:%M:%S"],
        widget=forms.DateTimeInput(format="%Y-%m-%dT%H:%M:%S", attrs={"type": "datetime-local", "step": "any"}),
        error_messages={"invalid": "Write a date and a time, such as 2026-01-31T12:00."},
    )
    before = PositionField()


@dataclass(frozen=True)
class LedgerRow:
    """A movement and the stock after it."""

    movement: StockMovement
    balance: int


class LedgerMixin(admin.ModelAdmin):
    """Adds the ledger page of a product."""

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(self.ledger_view)
        return [path("<path:object_id>/ledger/", page, name="products_product_ledger"), *super().get_urls()]

    def may_view_ledger(self, request: HttpRequest) -> bool:
        return policies.is_staff_with(request.user, policies.VIEW_LEDGER) and self.has_view_permission(request)

    def ledger_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show a page of the ledger, newest first; with `?at=`, explain the stock at that moment."""
        if not self.may_view_ledger(request):
            raise PermissionDenied
        product = self.get_object(request, object_id)
        if product is None:
            raise Http404
        form = LedgerForm(request.GET)
        at = form.cleaned_data["at"] if form.is_valid() else None
        before = form.cleaned_data.get("before")
        context: dict[str, Any] = {
            **self.admin_site.each_context(request),
            "title": f"Ledger: {product}",
            "subtitle": None,
            "opts": self.opts,
            "original": product,
            "form": form,
            "at": at,
            "media": self.media + forms.Media(css={"all": [*STYLES, "admin/product_pages.css"]}),
            "may_view_orders": policies.may_see_all_orders(request.user),
        }
        if at is not None:
            context |= explanation(product, at)
        else:
            rows, older = ledger_page(product, before)
            context |= {"rows": rows, "older": older, "before": before}
            if before is None:
                context["chart"] = step_chart(
                    stock_by_day(product, timezone.now()), title=f"Stock in the last {CHART_DAYS} days", unit="pieces"
                )
        return TemplateResponse(request, "admin/products/product_ledger.html", context)


def ledger_page(product: Product, before: int | None = None) -> tuple[list[LedgerRow], int | None]:
    """Return a page of the product's movements before this one, newest first, and where the next page begins."""
    ledger = product.movements.select_related("line__order", "by").order_by("-id")
    movements = list((ledger if before is None else ledger.filter(pk__lt=before))[: PAGE + 1])
    shown = movements[:PAGE]
    if not shown:
        return [], None
    # The stock and the sum of the later movements come from one statement, so a concurrent sale is in both or in
    # neither. The sum covers the movements newer than the page; for the first page there are none.
    later = StockMovement.objects.filter(product=OuterRef("pk"), pk__gt=shown[0].pk).order_by().values("product")
    moved_since = Coalesce(Subquery(later.annotate(pieces=Sum("delta")).values("pieces")), 0)
    stock, moved = Product.objects.filter(pk=product.pk).values_list("stock", moved_since).get()
    return list(with_balances(shown, stock - moved)), shown[-1].pk if len(movements) > PAGE else None


def with_balances(movements: Iterable[StockMovement], stock: int) -> Iterator[LedgerRow]:
    """Return the movements, newest first, each with the stock after it; `stock` is the stock after the newest one."""
    for movement in movements:
        yield LedgerRow(movement, stock)
        stock -= movement.delta


def explanation(product: Product, at: datetime) -> dict[str, Any]:
    """Explain the product's stock at a time: return the sums by reason, and the last movements."""
    ledger = product.movements.filter(at__lte=at)
    found = {
        reason: (number, pieces)
        for reason, number, pieces in ledger.order_by().values_list("reason").annotate(Count("pk"), Sum("delta"))
    }
    sums = [(reason.label, *found[reason]) for reason in Reason if reason in found]
    stock = sum(pieces for _, _, pieces in sums)
    # By time and not by id, because an import adds sales with earlier times.
    last = list(ledger.select_related("line__order", "by").order_by("-at", "-id")[:PAGE])
    return {"stock": stock, "sums": sums, "rows": list(with_balances(last, stock))}


def stock_by_day(product: Product, now: datetime) -> Sequence[tuple[datetime, int]]:
    """Return the stock at the start of the chart, after each day with movements, and now."""
    start = now - timedelta(days=CHART_DAYS)
    # The stock is read in the same statement, because a sale in between would change it.
    days = list(
        product.movements.filter(at__gt=start, at__lte=now)
        .order_by()
        .annotate(day=TruncDate("at"))
        .values_list("day", "product__stock")
        .annotate(Sum("delta"))
        .order_by("-day")
    )
    stock = days[0][1] if days else product.stock
    points = [(now, stock)]
    for day, _, delta in days:
        morning = timezone.make_aware(datetime.combine(day, time.min))
        points.append((max(morning, start), stock))
        stock -= delta
    points.append((start, stock))
    return points[::-1]
