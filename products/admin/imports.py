"""Imports of products: staff upload a file, review its changes, apply them in sets, and can undo them as a whole."""

import csv
from collections.abc import Callable
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.views.decorators.http import require_POST

from products import policies
from products.admin.actions import ReadOnlyMixin
from products.imports import product_changes, product_files, products, results
from products.imports.cells import UnreadableFile
from products.imports.product_changes import WrongState
from products.imports.products import NotPermitted
from products.models import ImportState, ProductImport, RowKind, RowState
from products.spreadsheets import BYTE_ORDER_MARK

MAY_IMPORT = (policies.ADD_PRODUCTS, policies.CHANGE_PRODUCTS, policies.ADJUST_STOCK)
"""Who has one of these may import; what a file does is compared with all three."""

ROWS_PER_PAGE = 100
TABS: dict[str, tuple[str, dict[str, Any]]] = {
    "bad": ("Bad", {"kind": RowKind.BAD}),
    "changed": ("Changed", {"kind": RowKind.CHANGED}),
    "new": ("New", {"kind": RowKind.NEW}),
    "unchanged": ("Unchanged", {"kind": RowKind.UNCHANGED}),
    "refused": ("Refused", {"state": RowState.REFUSED}),
    "kept": ("Not undone", {"state": RowState.KEPT}),
}
STEPS: dict[str, Callable[..., int]] = {"apply": product_changes.apply_set, "undo": product_changes.undo_set}


class ImportForm(forms.Form):
    """Uploads a file of products, which stays in memory and is not written to a disk."""

    file = forms.FileField(
        help_text=f"CSV or XLSX, up to {product_files.MAX_BYTES // 1024**2} MB and {product_files.MAX_ROWS:,} rows.",
        widget=forms.ClearableFileInput(attrs={"accept": ".csv,.txt,.tsv,.xlsx", "autofocus": True}),
    )
    format = forms.ChoiceField(
        choices=[
            ("", "As the header tells"),
            ("shop", "Our own"),
            ("shopify", "Shopify"),
            ("woocommerce", "WooCommerce"),
        ],
        required=False,
    )
    encoding = forms.ChoiceField(
        choices=[("utf-8", "UTF-8"), ("cp1252", "Windows-1252")],
        help_text="Of a CSV file. Older versions of Excel on Windows save it as Windows-1252.",
    )
    note = forms.CharField(
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        help_text="Said beside each movement of the stock, for example what the file is from.",
    )

    def clean_file(self) -> Any:
        if self.cleaned_data["file"].size > product_files.MAX_BYTES:
            raise ValidationError(f"The file is larger than {product_files.MAX_BYTES // 1024**2} MB.", "too_large")
        return self.cleaned_data["file"]


@admin.register(ProductImport)
class ProductImportAdmin(ReadOnlyMixin, admin.ModelAdmin):
    list_display = ["created_at", "name", "by", "state", "new", "changed", "bad"]
    list_display_links = ["created_at", "name"]
    list_filter = ["state"]
    list_select_related = ["by"]
    search_fields = ["name", "note"]
    ordering = ["-id"]
    show_full_result_count = False

    def get_urls(self) -> list[URLPattern]:
        def page(route: str, view: Any, name: str, **arguments: Any) -> URLPattern:
            return path(route, self.admin_site.admin_view(view), arguments, name=f"products_productimport_{name}")

        return [
            page("<int:pk>/apply/", require_POST(self.step_view), "apply", step="apply"),
            page("<int:pk>/undo/", require_POST(self.step_view), "undo", step="undo"),
            page("<int:pk>/bad/", self.bad_rows_view, "bad"),
            *super().get_urls(),
        ]

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        user: Any = request.user
        return any(policies.is_staff_with(user, permission) for permission in MAY_IMPORT)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request)

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Read a file, and show the changes that it would make."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = ImportForm(request.POST or None, request.FILES or None)
        if request.method == "POST" and _is_too_large(request):
            form.add_error("file", f"The file is larger than {product_files.MAX_BYTES // 1024**2} MB.")
        elif request.method == "POST" and form.is_valid():
            batch = self._stored(request, form)
            if batch is not None:
                return redirect("admin:products_productimport_change", batch.pk)
        context = self._context(request, title="Import products", form=form, columns=product_files.COLUMNS)
        return TemplateResponse(request, "admin/products/import_form.html", context)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Show an import's planned, current or completed changes."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        batch = self.get_object(request, object_id)
        if batch is None:
            raise Http404
        tab = request.GET.get("rows", "")
        counts = self._counts(batch)
        if tab not in TABS:
            tab = next((name for name in TABS if counts[name]), "changed")
        # Only the rows on the page are read.
        page = Paginator(batch.rows.filter(**TABS[tab][1]).defer("cells"), ROWS_PER_PAGE).get_page(
            request.GET.get("page")
        )
        paths = products.category_paths() if "category" in batch.fields else {}
        context = self._context(
            request,
            title=str(batch),
            original=batch,
            tabs=[(name, TABS[name][0], counts[name]) for name in TABS if counts[name]],
            tab=tab,
            shows_reasons=tab in ("bad", "refused", "kept"),
            page=page,
            rows=[(row, results.shown_changes(row, paths)) for row in page],
            progress=_progress(batch),
            **self._steps(batch),
            earlier=ProductImport.objects.filter(digest=batch.digest, applied_at__lt=batch.created_at, undone_at=None)
            .order_by("-id")
            .first(),
        )
        return TemplateResponse(request, "admin/products/import.html", context)

    def step_view(self, request: HttpRequest, pk: int, step: str) -> HttpResponse:
        """Apply or undo the next rows. A script requests one set after the other; without it, staff use the button."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        batch, by = get_object_or_404(ProductImport, pk=pk), request.user
        wants_json = request.headers.get("Accept") == "application/json"
        try:
            STEPS[step](batch, by)
        except NotPermitted as error:
            raise PermissionDenied(str(error)) from None
        except WrongState as error:
            messages.error(request, str(error))
        batch.refresh_from_db()
        progress = _progress(batch)
        if wants_json:
            return JsonResponse(progress)
        anchor = "" if progress["finished"] else "#run"
        return redirect(reverse("admin:products_productimport_change", args=[pk]) + anchor)

    def bad_rows_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Return a file with the rows that were not applied, to be corrected and imported again."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        batch = get_object_or_404(ProductImport, pk=pk)
        response = HttpResponse(content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="import-{pk}-bad.csv"'
        response.write(BYTE_ORDER_MARK)
        csv.writer(response).writerows(results.bad_rows(batch.header, batch.rows.with_reasons().iterator()))
        return response

    def _stored(self, request: HttpRequest, form: ImportForm) -> ProductImport | None:
        cleaned, by = form.cleaned_data, request.user
        data, options = cleaned["file"].read(), {"format": cleaned["format"] or None, "encoding": cleaned["encoding"]}
        try:
            read = product_files.read(data, **options)
            return products.store(read, data, cleaned["file"].name, by=by, note=cleaned["note"])  # type: ignore[arg-type]
        except (UnreadableFile, NotPermitted) as error:
            form.add_error("file", str(error))
        except ValidationError as error:
            form.add_error(None, ValidationError(error.messages))
        return None

    def _context(self, request: HttpRequest, **context: Any) -> dict[str, Any]:
        return {**self.admin_site.each_context(request), "opts": self.opts, **context}

    def _counts(self, batch: ProductImport) -> dict[str, int]:
        tally = batch.tally()
        return {
            **{kind.value.lower(): getattr(batch, kind.value.lower()) for kind in RowKind},
            "refused": tally[RowState.REFUSED],
            "kept": tally[RowState.KEPT],
        }

    def _steps(self, batch: ProductImport) -> dict[str, Any]:
        """Return the buttons of the page, which start a step or continue an interrupted one."""
        can_apply = batch.state in (ImportState.READ, ImportState.APPLYING) and bool(batch.new + batch.changed)
        can_undo = batch.state in (ImportState.APPLYING, ImportState.APPLIED, ImportState.UNDOING)
        running = {ImportState.APPLYING: "apply", ImportState.UNDOING: "undo"}.get(ImportState(batch.state))
        return {"can_apply": can_apply, "can_undo": can_undo, "running": running}


def _is_too_large(request: HttpRequest) -> bool:
    """Return whether the upload exceeds the limit, in which case the request has no file."""
    return int(request.META.get("CONTENT_LENGTH") or 0) > settings.FILE_UPLOAD_MAX_MEMORY_SIZE


def _progress(batch: ProductImport) -> dict[str, Any]:
    tally = batch.tally()
    total = batch.new + batch.changed
    undoing = batch.state in (ImportState.UNDOING, ImportState.UNDONE)
    done = (
        tally[RowState.UNDONE] + tally[RowState.KEPT] if undoing else tally[RowState.APPLIED] + tally[RowState.REFUSED]
    )
    counts = {name: tally[state] for name, state in (("applied", RowState.APPLIED), ("refused", RowState.REFUSED))}
    counts |= {name: tally[state] for name, state in (("undone", RowState.UNDONE), ("kept", RowState.KEPT))}
    if undoing:
        total = done + tally[RowState.APPLIED]
    finished = batch.state not in (ImportState.APPLYING, ImportState.UNDOING)
    return {**counts, "waiting": total - done, "done": done, "total": total, "finished": finished}
