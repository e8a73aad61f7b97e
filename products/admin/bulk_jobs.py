"""Bulk jobs: the pages on which staff start a job, follow its progress, and see the refused orders with the reasons."""

import csv
import re
from collections.abc import Callable
from typing import Any, ClassVar
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from products import policies
from products.admin.actions import ReadOnlyMixin
from products.models import BulkJob, BulkJobItem, Order
from products.models.bulk_jobs import MAX_ORDERS, State, Verb
from products.order_numbers import format_number, parse_number
from products.spreadsheets import BYTE_ORDER_MARK, defused
from products.validators import validators_of

MAX_PREFILLED = 500
"""Orders whose numbers are written into the field for tracking numbers."""

MAX_REASONS = 30
"""Of refusals, on the page; the file has all."""

TRACKING_LINE = re.compile(r"([0-9A-Za-z]{4}[- ]?[0-9A-Za-z]{4})(?:[\s,;]+(.*))?")
MAX_TRACKING = 100


class StartForm(forms.Form):
    """Starts a job; the fields are the arguments of its verb."""

    verb: ClassVar[str]

    def __init__(self, job: BulkJob, data: Any = None) -> None:
        self.job = job
        super().__init__(data)
        for field in list(self.fields.values())[:1]:
            field.widget.attrs["autofocus"] = True

    def arguments(self) -> dict[str, str]:
        """Return the columns of the job that the form sets."""
        return dict(self.cleaned_data)

    def tracking_numbers(self) -> dict[Any, str]:
        """Return the tracking numbers, {order id: text}."""
        return {}


def text_field(name: str, **options: Any) -> forms.CharField:
    """Return a form field for a text of a job, with the model's validation."""
    field: Any = BulkJob._meta.get_field(name)
    return forms.CharField(
        max_length=field.max_length,
        validators=validators_of(BulkJob, name),
        widget=forms.TextInput(attrs={"class": "vTextField"}),
        **options,
    )


class PayForm(StartForm):
    verb = Verb.PAY

    reference = text_field("reference", required=False, help_text="The reference of the payments, the same for all.")


class ShipForm(StartForm):
    verb = Verb.SHIP

    carrier = text_field("carrier", required=False)
    tracking = forms.CharField(
        label="Tracking numbers",
        required=False,
        strip=False,
        widget=forms.Textarea(attrs={"class": "vLargeTextField", "rows": 8}),
        help_text="One line per order: its number and its tracking number, separated by a space, tab or comma.",
    )

    def __init__(self, job: BulkJob, data: Any = None) -> None:
        super().__init__(job, data)
        if data is None:
            numbers = list(job.items.values_list("order__number", flat=True)[: MAX_PREFILLED + 1])
            if len(numbers) <= MAX_PREFILLED:
                self.initial["tracking"] = "".join(f"{format_number(number)} \n" for number in numbers)

    def clean_tracking(self) -> dict[Any, str]:
        ids = dict(self.job.items.values_list("order__number", "order"))
        found, errors = dict[Any, str](), []
        for position, line in enumerate(self.cleaned_data["tracking"].splitlines(), start=1):
            if not line.strip():
                continue
            try:
                order, tracking = self._parsed(line.strip(), ids)
                if order in found:
                    raise ValidationError("This order is named before.")
            except ValidationError as error:
                errors.append(f"Line {position}: {' '.join(error.messages)}")
            else:
                found[order] = tracking
        if errors:
            raise ValidationError([*errors[:20], *([f"And {len(errors) - 20:,} more."] if len(errors) > 20 else [])])
        return {order: tracking for order, tracking in found.items() if tracking}

    def _parsed(self, line: str, ids: dict[str, Any]) -> tuple[Any, str]:
        match = TRACKING_LINE.fullmatch(line)
        order = ids.get(parse_number(match[1])) if match else None
        if match is None or order is None:
            raise ValidationError("It does not begin with the number of an order of this job.")
        tracking = (match[2] or "").strip()
        if len(tracking) > MAX_TRACKING:
            raise ValidationError(f"A tracking number has at most {MAX_TRACKING} characters.")
        for validate in validators_of(BulkJobItem, "tracking_number"):
            validate(tracking)
        return order, tracking

    def arguments(self) -> dict[str, str]:
        return {"carrier": self.cleaned_data["carrier"]}

    def tracking_numbers(self) -> dict[Any, str]:
        tracking: dict[Any, str] = self.cleaned_data["tracking"]
        return tracking


class DeliverForm(StartForm):
    verb = Verb.DELIVER


class CancelForm(StartForm):
    verb = Verb.CANCEL

    reason = text_field("reason", help_text="The stock is put back. This cannot be undone.")


FORMS: dict[str, type[StartForm]] = {form.verb: form for form in (PayForm, ShipForm, DeliverForm, CancelForm)}


def draw_up(request: HttpRequest, orders: "QuerySet[Order]", verb: Verb) -> HttpResponse | None:
    """Prepare a job for the selected orders and show it; show a message if no order or too many orders are selected."""
    placed = orders.filter(placed_at__isnull=False)
    number = placed.count()
    if not 0 < number <= MAX_ORDERS:
        sentence = f"A job has at most {MAX_ORDERS:,} orders, not {number:,}." if number else "None of them was placed."
        messages.error(request, sentence)
        return None
    by: Any = request.user
    job = BulkJob.objects.draw_up(verb, placed, by=by)
    return redirect("admin:products_bulkjob_change", job.pk)


@admin.register(BulkJob)
class BulkJobAdmin(ReadOnlyMixin, admin.ModelAdmin):
    """Jobs, newest first, for everybody who may change orders; only the person who prepared a job may run it."""

    list_display = ["__str__", "by", "created_at", "started_at", "finished_at"]
    list_filter = ["verb"]
    list_select_related = ["by"]
    show_full_result_count = False

    def has_module_permission(self, request: HttpRequest) -> bool:
        return policies.is_staff_with(request.user, policies.CHANGE_ORDERS)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return policies.is_staff_with(request.user, policies.CHANGE_ORDERS)

    def get_urls(self) -> list[URLPattern]:
        pages: dict[str, Callable[..., HttpResponse]] = {
            "start": self.start_view,
            "batch": self.batch_view,
            "refusals": self.refusals_view,
        }
        return [
            *(
                path(f"<uuid:job_id>/{name}/", self.admin_site.admin_view(view), name=f"products_bulkjob_{name}")
                for name, view in pages.items()
            ),
            *super().get_urls(),
        ]

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the job's planned or completed changes, and the reasons why orders are refused."""
        try:
            job = self._job(request, UUID(object_id))
        except ValueError:
            raise Http404 from None
        return self._page(request, job, FORMS[job.verb](job))

    def start_view(self, request: HttpRequest, job_id: UUID) -> HttpResponse:
        """Start the job with the arguments of its form. Starting it again changes nothing."""
        job = self._own_job(request, job_id)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        form = FORMS[job.verb](job, request.POST)
        if job.started_at is None and not form.is_valid():
            return self._page(request, job, form)
        if job.started_at is None:
            job.start(tracking_numbers=form.tracking_numbers(), **form.arguments())
        return redirect(f"{address_of(job)}#run")  # tells the page's script that it may continue

    def batch_view(self, request: HttpRequest, job_id: UUID) -> HttpResponse:
        """Do the next batch of the job."""
        job = self._own_job(request, job_id)
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        by: Any = request.user
        job.run_batch(by=by)
        if request.get_preferred_type(["text/html", "application/json"]) == "application/json":
            progress = job.progress()
            finished = job.finished_at is not None
            return JsonResponse({**progress._asdict(), "total": progress.total, "finished": finished})
        return redirect(address_of(job))

    def refusals_view(self, request: HttpRequest, job_id: UUID) -> HttpResponse:
        """Return the refused orders with their reasons as a CSV file."""
        job = self._job(request, job_id)
        headers = {"Content-Disposition": f'attachment; filename="refused-{job.pk}.csv"'}
        response = HttpResponse(content_type="text/csv; charset=utf-8", headers=headers)
        response.write(BYTE_ORDER_MARK)
        writer = csv.writer(response)
        writer.writerow(["number", "status", "code", "reason"])
        refused = job.items.filter(state=State.REFUSED)
        for number, *rest in refused.values_list("order__number", "order__status", "code", "sentence"):
            writer.writerow([defused(value) for value in (format_number(number), *rest)])
        return response

    def _job(self, request: HttpRequest, job_id: UUID) -> BulkJob:
        if not self.has_view_permission(request):
            raise PermissionDenied
        job = BulkJob.objects.select_related("by").filter(pk=job_id).first()
        if job is None:
            raise Http404
        return job

    def _own_job(self, request: HttpRequest, job_id: UUID) -> BulkJob:
        job = self._job(request, job_id)
        if job.by_id != request.user.pk:
            raise PermissionDenied
        return job

    def _page(self, request: HttpRequest, job: BulkJob, form: StartForm) -> HttpResponse:
        progress = job.progress()
        context = {
            **self.admin_site.each_context(request),
            "title": f"{job.get_verb_display()}: {progress.total:,} order{'' if progress.total == 1 else 's'}",
            "opts": self.opts,
            "job": job,
            "is_own": job.by_id == request.user.pk,
            "progress": progress,
            "form": form,
            "media": self.media + form.media,
        }
        if job.started_at is None:
            possible, refused = job.forecast()
            context |= {"possible": possible, "forecast": refused, "expected_refusals": sum(refused.values())}
        else:
            reasons = job.refusals()
            context |= {"reasons": reasons[:MAX_REASONS], "further_reasons": max(len(reasons) - MAX_REASONS, 0)}
        return TemplateResponse(request, "admin/products/bulk_job.html", context)


def address_of(job: BulkJob) -> str:
    return reverse("admin:products_bulkjob_change", args=[job.pk])
