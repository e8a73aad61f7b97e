"""Reports and exports: pages below the list of orders, each with its own permission."""

import tempfile
from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import IO, Any, NamedTuple

from django import forms
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html
from django.utils.http import urlencode
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from products import policies
from products.admin.charts import bar_chart
from products.audit_log import SecurityEvent, record
from products.reports import files
from products.reports.definitions import REPORTS, Report, Row, visible_to
from products.reports.exports import EXPORTS, Export, permitted_to
from products.reports.periods import Period, last_days, today

DAYS = 30

MAX_SHOWN = 200
"""Rows of a report on its page; the file has all of them."""

MAX_BARS = 100
"""Days of a chart; of more days, the months are drawn."""

MAX_XLSX_ROWS = 20_000
"""Rows of a workbook that a browser waits for: it has to be written before it can be sent. The command has no limit."""

SPOOLED = 1024 * 1024
"""Bytes of a workbook that are kept in memory; larger ones are on the disk."""


class DayInput(forms.DateInput):
    """The browser's own date picker."""

    input_type = "date"

    def format_value(self, value: Any) -> str | None:
        return value.isoformat() if isinstance(value, date) else value


class PeriodForm(forms.Form):
    """Two days, by default the last thirty."""

    first = forms.DateField(label="From", widget=DayInput)
    last = forms.DateField(label="To", widget=DayInput)

    def __init__(self, data: Any) -> None:
        super().__init__({**self.defaults(), **{name: data[name] for name in self.base_fields if name in data}})

    def defaults(self) -> dict[str, Any]:
        """Return the default values of missing parameters."""
        return last_days(DAYS)._asdict()

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            self.period.check()
        return cleaned

    @property
    def period(self) -> Period:
        return Period(self.cleaned_data["first"], self.cleaned_data["last"])


class ExportForm(PeriodForm):
    """A period and the format of the file."""

    format = forms.ChoiceField(choices=[("csv", "CSV"), ("xlsx", "XLSX")])

    def defaults(self) -> dict[str, Any]:
        return {**super().defaults(), "format": "csv"}


class ReportPages(admin.ModelAdmin):
    """A ModelAdmin with the pages of the reports and of the exports below its list."""

    def get_urls(self) -> list[URLPattern]:
        pages: dict[str, tuple[str, Callable[..., HttpResponseBase]]] = {
            "reports": ("reports/", self.reports_view),
            "report": ("reports/<slug:name>/", self.report_view),
            "exports": ("exports/", self.exports_view),
            "export": ("exports/<slug:name>/", self.export_view),
        }
        return [
            *(
                path(route, self.admin_site.admin_view(require_safe(view)), name=f"products_order_{name}")
                for name, (route, view) in pages.items()
            ),
            *super().get_urls(),
        ]

    def reports_view(self, request: HttpRequest) -> HttpResponse:
        """List the reports that this user may see."""
        reports = visible_to(request.user)
        if not reports:
            raise PermissionDenied
        return self._page(request, "reports.html", title="Reports", reports=reports)

    def report_view(self, request: HttpRequest, name: str) -> HttpResponseBase:
        """Show a report, or send it as a file."""
        report = REPORTS.get(name)
        if report is None:
            raise Http404
        if not policies.is_staff_with(request.user, report.permission):
            raise PermissionDenied
        form = PeriodForm(request.GET if report.has_period else {})
        if not form.is_valid():
            return self._report_page(request, report, form, status=400)
        rows = report.rows(form.period)
        if "csv" in request.GET:
            parts = files.csv_parts([*report.columns], map(report.cells, rows))
            return _attachment(StreamingHttpResponse(parts), _name(report.name, report.has_period, form.period), "csv")
        return self._report_page(request, report, form, rows)

    def exports_view(self, request: HttpRequest) -> HttpResponse:
        """List the exports that this user may make."""
        exports = permitted_to(request.user)
        if not exports:
            raise PermissionDenied
        return self._exports_page(request, exports, ExportForm(request.GET))

    def export_view(self, request: HttpRequest, name: str) -> HttpResponseBase:
        """Send an export as a file."""
        export = EXPORTS.get(name)
        if export is None:
            raise Http404
        if not policies.is_staff_with(request.user, export.permission):
            raise PermissionDenied
        form = ExportForm(request.GET)
        if form.is_valid():
            try:
                file = _file_of(export, form.period, form.cleaned_data["format"])
            except files.TooManyRows:
                form.add_error(
                    "format",
                    f"These are more than {MAX_XLSX_ROWS} rows, which takes too long as XLSX. Choose CSV, or a shorter "
                    "period, or use manage.py export.",
                )
        if form.errors:
            return self._exports_page(request, permitted_to(request.user), form, status=400)
        if export.is_personal:
            first, last = form.period
            record(SecurityEvent.DATA_EXPORTED, request, user=request.user.pk, kind=name, first=first, last=last)
        return file

    def _report_page(
        self, request: HttpRequest, report: Report, form: PeriodForm, rows: Sequence[Row] = (), status: int = 200
    ) -> HttpResponse:
        charts = []
        if report.charted and rows:
            charts.append(bar_chart(_bars(report, rows), title=report.title, unit=settings.CURRENCY))
        links_products = policies.is_staff_with(request.user, policies.VIEW_PRODUCTS)
        return self._page(
            request,
            "report.html",
            status,
            title=report.title,
            report=report,
            form=form,
            charts=charts,
            rows=[_shown(report, row, links_products) for row in rows[:MAX_SHOWN]],
            number=len(rows),
            totals=report.totals(rows),
            csv_url=f"?{urlencode({**form.data, 'csv': 1})}",
        )

    def _exports_page(
        self, request: HttpRequest, exports: Sequence[Export], form: ExportForm, status: int = 200
    ) -> HttpResponse:
        return self._page(request, "exports.html", status, title="Export", exports=exports, form=form)

    def _page(self, request: HttpRequest, template: str, status: int = 200, **context: Any) -> HttpResponse:
        context = {**self.admin_site.each_context(request), "opts": self.opts, **context}
        return TemplateResponse(request, f"admin/products/{template}", context, status=status)


class Cell(NamedTuple):
    """A cell of a report; numbers are aligned."""

    value: Any
    is_number: bool


def _shown(report: Report, row: Row, links_products: bool) -> list[Cell]:
    """Return the cells of a row, the first with a link to its product."""
    first, *others = report.cells(row)
    if links_products and "product" in row._fields:
        first = _link(reverse("admin:products_product_change", args=[row.product]), first)
    return [Cell(value, isinstance(value, int | Decimal)) for value in (first, *others)]


def _link(url: str, text: str) -> SafeString:
    return format_html('<a href="{}">{}</a>', url, text)


def _bars(report: Report, rows: Sequence[Row]) -> list[tuple[str, Decimal]]:
    """Return the bars for a report by day: one per day, or one per month if there are too many days."""
    pattern = "M j" if len(rows) <= MAX_BARS else "M Y"
    bars: dict[tuple[int, int, int], tuple[str, Decimal]] = {}
    for row in rows:
        key = (row.day.year, row.day.month, row.day.day if pattern == "M j" else 0)
        label, sum_so_far = bars.get(key, (date_format(row.day, pattern), Decimal(0)))
        bars[key] = (label, sum_so_far + getattr(row, report.charted))
    return [*bars.values()]


def _file_of(export: Export, period: Period, format: str) -> HttpResponseBase:
    """Return the response with the file. Raises TooManyRows."""
    name, rows = _name(export.name, export.has_period, period), export.rows(period)
    if format == "csv":
        return _attachment(StreamingHttpResponse(files.csv_parts(export.columns, rows)), name, format)
    file: IO[bytes] = tempfile.SpooledTemporaryFile(SPOOLED)  # noqa: SIM115 - the response closes it
    try:
        files.write_xlsx(file, export.name, export.columns, rows, max_rows=MAX_XLSX_ROWS)
    except BaseException:
        file.close()
        raise
    file.seek(0)
    return _attachment(FileResponse(file), name, format)


def _attachment(response: Any, name: str, format: str) -> HttpResponseBase:
    response.headers["Content-Type"] = files.CONTENT_TYPES[format]
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.{format}"'
    return response


def _name(name: str, has_period: bool, period: Period) -> str:
    return f"{name}-{period.first}-{period.last}" if has_period else f"{name}-{today()}"
