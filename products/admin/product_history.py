"""The one history of a product: its events, its stock movements, and what Django's admin has logged, newest first."""

import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import PermissionDenied
from django.core.validators import RegexValidator
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse

from products import policies
from products.admin.product_ledger import NEWEST_ID
from products.models import Category, Event, Order, Product, StockMovement

PAGE = 50
"""Entries."""

SAME_ACTION = timedelta(seconds=2)
"""The admin logs an action at most so long after the event or the movement that it has written."""

SENTENCES = {
    "product.created": "Created",
    "product.changed": "Changed",
    "product.retired": "Retired",
    "product.brought_back": "Brought back",
}

BEGINNING = "The beginning of the page is not the one of a history."


@dataclass(frozen=True)
class Change:
    """A field that has changed, with its values as they are shown."""

    label: str
    old: str
    new: str


@dataclass(frozen=True)
class Entry:
    """A change of a product with its user and time. `source` is the index of its table among the history's tables."""

    source: int
    id: int
    at: datetime
    by: Any
    what: str
    changes: Sequence[Change] = ()
    note: str = ""
    order: Order | None = None


class HistoryForm(forms.Form):
    """The start of the page: before these rows of the events, the ledger and the log."""

    before = forms.CharField(required=False, validators=[RegexValidator(r"^\d{1,18}\.\d{1,18}\.\d{1,18}\Z", BEGINNING)])


class ProductHistoryMixin(admin.ModelAdmin):
    """Adds the history page of a product, which replaces Django's own."""

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """Show a page of everything that happened to the product, newest first."""
        product = self.get_object(request, object_id)
        if product is None:
            raise Http404
        if not self.has_view_or_change_permission(request, product):
            raise PermissionDenied
        form = HistoryForm(request.GET)
        before = form.cleaned_data["before"] if form.is_valid() else ""
        sees_ledger = policies.is_staff_with(request.user, policies.VIEW_LEDGER)
        entries, older = history_page(product, before, sees_ledger=sees_ledger)
        context = {
            **self.admin_site.each_context(request),
            "title": f"History: {product}",
            "subtitle": None,
            "opts": self.opts,
            "original": product,
            "entries": entries,
            "form": form,
            "before": before,
            "older": older,
            "may_view_orders": policies.may_see_all_orders(request.user),
            "media": self.media + forms.Media(css={"all": ["admin/product_pages.css"]}),
            **(extra_context or {}),
        }
        return TemplateResponse(request, "admin/products/product_history.html", context)


def history_page(product: Product, before: str = "", *, sees_ledger: bool) -> tuple[list[Entry], str | None]:
    """Return a page of the product's history, newest first, and where the next page begins.

    The start of a page is a row of each table, written `events.movements.log`. So each table is read by its own index,
    and entries with equal times are neither skipped nor repeated.
    """
    positions = [int(number) for number in before.split(".")] if before else [NEWEST_ID] * 3
    read = [_events, _movements, _log]
    sources = [list(entries(product, position)) for entries, position in zip(read, positions, strict=True)]
    others = [entry for source in sources[:2] for entry in source]
    page = list[Entry]()
    # Each source is in id order; the source whose first row is newest comes next.
    for entry in heapq.merge(*sources, key=lambda entry: entry.at, reverse=True):
        source = sources[entry.source]
        if len(page) == PAGE or (len(source) > PAGE and entry is source[-1]):
            return page, ".".join(map(str, positions))
        positions[entry.source] = entry.id
        if not (entry.source == 1 and not sees_ledger) and not (entry.source == 2 and _is_repeated(entry, others)):
            page.append(entry)
    return page, None


def _is_repeated(entry: Entry, others: Iterable[Entry]) -> bool:
    """Return whether a log entry repeats an event or movement that the same user caused just before."""
    return any(other.by == entry.by and timedelta(0) <= entry.at - other.at <= SAME_ACTION for other in others)


def _events(product: Product, before: int) -> Iterator[Entry]:
    # Stock movements come from the ledger.
    found = product.events.filter(pk__lt=before).exclude(kind="product.stock_moved").select_related("by")
    events = list(found.order_by("-id")[: PAGE + 1])
    categories = _categories(events)
    for event in events:
        changes = [*_changes(event, categories)] if event.kind == "product.changed" else []
        what = SENTENCES.get(event.kind, event.kind)
        note = f"Price: {event.facts['price']}" if event.kind == "product.created" and "price" in event.facts else ""
        yield Entry(0, event.pk, event.at, event.by, what, changes, note)


def _movements(product: Product, before: int) -> Iterator[Entry]:
    found = product.movements.filter(pk__lt=before).select_related("by", "line__order").order_by("-id")
    for movement in found[: PAGE + 1]:
        order = movement.line.order if movement.line else None
        yield Entry(1, movement.pk, movement.at, movement.by, _said(movement), note=movement.note, order=order)


def _said(movement: StockMovement) -> str:
    return f"Stock {movement.delta:+d}, {movement.get_reason_display()}"


def _log(product: Product, before: int) -> Iterator[Entry]:
    kind = ContentType.objects.get_for_model(Product)
    found = LogEntry.objects.filter(content_type=kind, object_id=str(product.pk), pk__lt=before)
    for entry in found.select_related("user").order_by("-id")[: PAGE + 1]:
        what = entry.get_change_message() or entry.get_action_flag_display()
        yield Entry(2, entry.pk, entry.action_time, entry.user, what)


def _changes(event: Event, categories: dict[int, str]) -> Iterator[Change]:
    old, new = (event.facts.get(side, {}) for side in ("old", "new"))
    for name in event.facts.get("fields", []):
        if name in new:
            before, after = (_shown(name, values.get(name), categories) for values in (old, new))
        else:
            before = after = "not kept"  # written by releases that did not record both values
        yield Change(_label(name), before, after)


def _label(name: str) -> str:
    labels = {each.name: str(each.verbose_name) for each in Product._meta.concrete_fields}
    return labels.get(name, name)


def _shown(name: str, value: Any, categories: dict[int, str]) -> str:
    if value in (None, "", []):
        return "nothing"
    if name == "category":
        return categories.get(value, f"category {value}")
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _categories(events: Iterable[Event]) -> dict[int, str]:
    """Return the names of the categories in these events, by their keys."""
    keys = {event.facts.get(side, {}).get("category") for event in events for side in ("old", "new")} - {None}
    return dict(Category.objects.filter(pk__in=keys).values_list("pk", "name")) if keys else {}
