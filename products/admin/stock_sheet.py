"""The stock sheet: receive, correct or count many products on one page, row by row, with a scanner if desired."""

from collections.abc import Sequence
from typing import Any, cast
from uuid import uuid4

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import models
from django.forms import BaseFormSet, formset_factory
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from products import policies
from products.admin.stock import NoteField
from products.exceptions import IdempotencyKeyConflict, StockSheetRejected
from products.models import Product, Reason, StockMovement
from products.models.products import Shelf
from products.models.stock import MAX_STOCK
from products.ordering.stock_adjustment import Outcome, ShelfCount, StockAdjustment
from products.ordering.stock_sheet import book_sheet
from products.skus import MAX_LENGTH
from products.validators import validators_of

MAX_ROWS = 300
"""With three fields a row, as many as a request may have (DATA_UPLOAD_MAX_NUMBER_FIELDS)."""

ROWS = 10
"""How many empty rows a sheet begins with, and how many “More rows” adds."""

MAX_NAMED = 10
"""How many products the message about a booked sheet names."""


class Mode(models.TextChoices):
    """The operation of a sheet on each of its rows."""

    RECEIVE = "receive", "Receive a delivery"
    CORRECT = "correct", "Correct by a difference"
    COUNT = "count", "Count the shelf"


REASONS = {Mode.RECEIVE: Reason.RECEIVED, Mode.CORRECT: Reason.CORRECTED, Mode.COUNT: Reason.COUNTED}


class SheetForm(forms.Form):
    """The fields that apply to all rows of a sheet."""

    mode = forms.ChoiceField(choices=Mode.choices, widget=forms.RadioSelect)
    note = NoteField(
        required=False,
        validators=validators_of(StockMovement, "note"),
        help_text="For every row: the number of the delivery note, or the reason for the correction.",
    )
    # A second click, or a sheet that the browser resends, has the same key and moves nothing.
    key = forms.UUIDField(widget=forms.HiddenInput(attrs={"autocomplete": "off"}))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("mode") == Mode.CORRECT and "note" in cleaned and not cleaned["note"]:
            self.add_error("note", "Write the reason for the correction.")
        return cleaned


class RowForm(forms.Form):
    """One row: a product, by SKU or barcode, and a number of pieces."""

    code = forms.CharField(
        label="SKU or barcode",
        required=False,
        max_length=MAX_LENGTH,
        widget=forms.TextInput(attrs={"size": 20, "autocomplete": "off", "autocapitalize": "off"}),
    )
    number = forms.IntegerField(
        label="Pieces",
        required=False,
        min_value=-MAX_STOCK,
        max_value=MAX_STOCK,
        # Not a number input, which would silently drop a code that is scanned into it.
        widget=forms.TextInput(attrs={"size": 8, "autocomplete": "off", "inputmode": "numeric"}),
    )
    expected = forms.IntegerField(required=False, min_value=0, widget=forms.HiddenInput(attrs={"autocomplete": "off"}))

    product: Product | None = None
    shelf: Shelf | None = None

    @property
    def is_filled(self) -> bool:
        return bool(self.cleaned_data.get("code")) or self.cleaned_data.get("number") is not None

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if cleaned.get("code") and "number" in cleaned and cleaned["number"] is None:
            self.add_error("number", "How many pieces?")
        if cleaned.get("number") is not None and "code" in cleaned and not cleaned["code"]:
            self.add_error("code", "Which product?")
        return cleaned

    @property
    def described(self) -> str:
        """Return the row's text about its product."""
        return "" if self.product is None else describe(self.product, self.shelf)

    def refuse_as_outdated(self, sentence: str, *, clear: bool) -> None:
        """Show the current stock, and refuse the row until it is sent again with that stock."""
        assert self.shelf is not None  # noqa: S101 - for mypy: only a row of a count is called
        self.add_error(None, sentence)
        data = cast("QueryDict", self.data)
        data[self.add_prefix("expected")] = str(self.shelf.total)
        if clear:
            data[self.add_prefix("number")] = ""


class BaseSheet(BaseFormSet):
    """The rows of a sheet."""

    def add_fields(self, form: forms.Form, index: int | None) -> None:
        super().add_fields(form, index)
        if index == 0:
            form.fields["code"].widget.attrs["autofocus"] = True

    def clean(self) -> None:
        if not any(row.is_filled for row in self.forms):
            raise forms.ValidationError("Enter a SKU or scan a barcode, and a number of pieces.", "empty")

    @property
    def filled(self) -> list[RowForm]:
        return [row for row in self.forms if row.is_filled]

    def find_products(self, mode: str) -> None:
        """Find the products of all rows with a constant number of queries, and add errors to the rows."""
        coded = [
            (number, row, row.cleaned_data["code"])
            for number, row in enumerate(self.forms, 1)
            if row.cleaned_data.get("code")
        ]
        found = Product.objects.by_codes([code for _, _, code in coded])
        row_of: dict[int, int] = {}
        for number, row, code in coded:
            if len(found[code]) != 1:
                row.add_error("code", lookup_problem(code, found[code]))
                continue
            [row.product] = found[code]
            first = row_of.setdefault(row.product.pk, number)
            if first != number:
                row.add_error("code", f"{row.product.sku} is in row {first} already.")
            elif mode == Mode.RECEIVE and row.product.retired_at is not None:
                row.add_error("code", f"{row.product.sku} is retired; bring it back before you receive it.")
        if mode == Mode.COUNT and row_of:
            shelves = Product.objects.filter(pk__in=row_of).shelves()
            for _, row, _ in coded:
                row.shelf = shelves[row.product.pk] if row.product else None


Sheet = formset_factory(
    RowForm, formset=BaseSheet, extra=ROWS, max_num=MAX_ROWS, absolute_max=MAX_ROWS + 1, validate_max=True
)


class StockSheetMixin(admin.ModelAdmin):
    """Adds the stock sheet to the products' admin."""

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view
        pages = [
            path("sheet/", page(self.sheet_view), name="products_product_sheet"),
            path("sheet/lookup/", page(self.sheet_lookup_view), name="products_product_sheet_lookup"),
        ]
        return [*pages, *super().get_urls()]

    def may_use_sheet(self, request: HttpRequest) -> bool:
        return policies.is_staff_with(request.user, policies.ADJUST_STOCK) and self.has_view_permission(request)

    def sheet_view(self, request: HttpRequest) -> HttpResponse:
        """Show an empty sheet (GET), or add rows to a sheet or book it (POST)."""
        if not self.may_use_sheet(request):
            raise PermissionDenied
        data = request.POST.copy()
        if request.method == "POST" and "more" in data:
            form, sheet = with_more_rows(data)
        elif request.method == "POST":
            form, sheet = SheetForm(data), new_sheet(data)
            outcomes = book(form, sheet, data, by=request.user)
            if outcomes is not None:
                summary = summary_of(form.cleaned_data["mode"], sheet.filled, outcomes)
                self.message_user(request, summary, messages.SUCCESS)
                return redirect(f"{reverse('admin:products_product_sheet')}?mode={form.cleaned_data['mode']}")
        else:
            mode = request.GET.get("mode")
            form = SheetForm(initial={"mode": mode if mode in Mode.values else Mode.RECEIVE, "key": uuid4()})
            sheet = new_sheet()
        context = {
            **self.admin_site.each_context(request),
            "title": "Stock sheet",
            "opts": self.opts,
            "form": form,
            "sheet": sheet,
            "max_rows": MAX_ROWS,
            "media": self.media + forms.Media(js=["admin/stock_sheet.js"], css={"all": ["admin/stock_sheet.css"]}),
        }
        return TemplateResponse(request, "admin/products/stock_sheet.html", context)

    def sheet_lookup_view(self, request: HttpRequest) -> HttpResponse:
        """Return the text and the expected stock for a row with the product of this `code`."""
        if not self.may_use_sheet(request):
            raise PermissionDenied
        code = request.GET.get("code", "").strip()
        found = Product.objects.by_codes([code])[code]
        if len(found) != 1:
            return JsonResponse({"problem": lookup_problem(code, found)})
        [product] = found
        shelf = product.shelf()
        return JsonResponse({"stock": describe(product), "shelf": describe(product, shelf), "expected": shelf.total})


def new_sheet(data: QueryDict | None = None, **options: Any) -> Any:
    message = f"A sheet has at most {MAX_ROWS} rows. Book these products in several sheets."
    return Sheet(data, error_messages={"too_many_forms": message}, **options)


def with_more_rows(data: QueryDict) -> tuple[SheetForm, Any]:
    """Return the sheet as it was sent, with more empty rows and without error messages."""
    sent = new_sheet(data)
    names = list(RowForm.base_fields)
    rows = [{name: row[name].value() or "" for name in names} for row in sent.forms[:MAX_ROWS]]
    form = SheetForm(initial={name: data.get(name, "") for name in SheetForm.base_fields})
    return form, new_sheet(initial=rows)


def book(form: SheetForm, sheet: Any, data: QueryDict, *, by: Any) -> Sequence[Outcome] | None:
    """Book the sheet and return the results of its rows; None if there are errors, which are then on its forms."""
    is_valid = all([form.is_valid(), sheet.is_valid()])
    mode = form.cleaned_data.get("mode", "")
    if len(sheet.forms) <= MAX_ROWS:
        sheet.find_products(mode)
    if not (is_valid and sheet.is_valid() and not any(row.errors for row in sheet.forms)):
        return None
    rows = sheet.filled
    unseen = [row for row in rows if mode == Mode.COUNT and row.cleaned_data["expected"] is None]
    for row in unseen:
        row.refuse_as_outdated("Compare this with what you counted, and send the sheet again.", clear=False)
    if unseen:
        return None
    try:
        return book_sheet([adjustment_of(row, form.cleaned_data, by) for row in rows])
    except StockSheetRejected as rejected:
        shelves = Product.objects.filter(pk__in=[row.product.pk for row in rows]).shelves()
        for position, error in rejected.errors.items():
            row = rows[position]
            if mode == Mode.COUNT:
                row.shelf = shelves[row.product.pk]
                row.refuse_as_outdated(str(error), clear=True)
            else:
                row.add_error(None, str(error))
    except IdempotencyKeyConflict:
        form.add_error(None, "This sheet was already booked with other rows. If you want these too, send it again.")
        data["key"] = str(uuid4())  # The next attempt needs a new key.
    return None


def adjustment_of(row: RowForm, values: dict[str, Any], by: Any) -> StockAdjustment:
    """Return the stock adjustment for a row of a sheet with these values."""
    assert row.product is not None  # noqa: S101 - for mypy: only a row with a product is booked
    cleaned, mode = row.cleaned_data, Mode(values["mode"])
    details: dict[str, Any] = {"by": by, "note": values["note"], "key": f"{values['key'].hex}#{row.product.pk}"}
    if mode == Mode.COUNT:
        details["expected"] = cleaned["expected"]
    kind = ShelfCount if mode == Mode.COUNT else StockAdjustment
    return kind(row.product, REASONS[mode], cleaned["number"], **details)


def describe(product: Product, shelf: Shelf | None = None) -> str:
    """Return the name of a product and its expected stock."""
    retired = ", retired" if product.retired_at else ""
    return f"{product.name}{retired}. {f'In stock: {product.stock}' if shelf is None else f'On the shelf: {shelf}'}."


def lookup_problem(code: str, found: Sequence[Product]) -> str:
    """Return the reason why a code does not identify exactly one product."""
    if not found:
        return f"There is no product with the SKU or barcode {code}." if code else "Which product?"
    skus = ", ".join(product.sku for product in found[:MAX_NAMED])
    return f"Several products have the barcode {code}; write the SKU of one: {skus}."


def summary_of(mode: str, rows: Sequence[RowForm], outcomes: Sequence[Outcome]) -> str:
    """Return a sentence about a booked sheet."""
    done = {Mode.RECEIVE: "Received", Mode.CORRECT: "Corrected", Mode.COUNT: "Counted"}[Mode(mode)]
    named = [
        f"{row.product.sku} {f'{outcome.movement.delta:+d}' if outcome.movement else 'agrees'}"
        for row, outcome in zip(rows, outcomes, strict=True)
        if row.product is not None
    ]
    more = f" and {len(named) - MAX_NAMED} more" if len(named) > MAX_NAMED else ""
    noun = "product" if len(named) == 1 else "products"
    return f"{done} {len(named)} {noun}: {', '.join(named[:MAX_NAMED])}{more}."
