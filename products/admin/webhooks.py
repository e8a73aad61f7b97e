"""Webhooks: staff add addresses, switch them on and off, test them, and view the result of each delivery."""

from collections.abc import Collection
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join

from products import policies
from products.admin.actions import ObjectAction, ObjectActionAdmin, ReadOnlyMixin
from products.admin.tokens import record_on_commit
from products.admin.versioned_forms import VersionedAdmin, VersionedForm
from products.audit_log import SecurityEvent, record
from products.feed.types import TYPES
from products.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from products.webhooks import addresses
from products.webhooks.deliveries import redeliver, redeliver_after
from products.webhooks.endpoints import change_endpoint, make_endpoint, rotate, send_test

SHOWN = 20
"""How many deliveries the page of a webhook lists."""

SECRET = "The secret is {}. It is shown only once; store it safely."  # noqa: S105 - no secret


class WebhookForm(VersionedForm):
    types = forms.MultipleChoiceField(
        choices=[(name, name) for name in TYPES],
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="The types of events that are posted; none is all of them.",
    )

    def clean_address(self) -> str:
        address: str = self.cleaned_data["address"]
        try:
            addresses.check(address)
        except addresses.RefusedAddress as error:
            raise ValidationError(str(error), error.code) from error
        return address


class WebhookAction(ObjectAction[WebhookEndpoint]):
    permission = policies.CHANGE_WEBHOOKS


class SwitchOn(WebhookAction):
    name, label = "switch_on", "Switch on"
    explanation = "What has been left is delivered, too."

    @classmethod
    def is_available(cls, obj: WebhookEndpoint) -> bool:
        return not obj.is_active

    def execute(self, by: Any) -> str:
        change_endpoint(self.obj, {"is_active": True}, by=by)
        return f"{self.obj} is on."


class SwitchOff(WebhookAction):
    name, label = "switch_off", "Switch off"
    explanation = "What happens from now on is kept, and delivered when it is switched on again."

    @classmethod
    def is_available(cls, obj: WebhookEndpoint) -> bool:
        return obj.is_active

    def execute(self, by: Any) -> str:
        change_endpoint(self.obj, {"is_active": False}, by=by)
        return f"{self.obj} is off."


class Test(WebhookAction):
    name, label = "test", "Test"
    explanation = "An event of the type webhook.test is posted at once."

    def execute(self, by: Any) -> str:
        answer = send_test(self.obj, by=by)
        if answer.error:
            return f"The test has failed: {answer.error}"
        outcome = "was taken" if answer.is_success else "has failed"
        return f"The test {outcome}: the answer was {answer.code} after {answer.seconds:.2f} s."


class Rotate(WebhookAction):
    name, label = "rotate", "Rotate the secret"
    explanation = "A new secret is made. For a day, the previous one signs as well."

    def execute(self, by: Any) -> str:
        self.confidential = SECRET.format(rotate(self.obj))
        record(SecurityEvent.WEBHOOK_ROTATED, None, user=by.pk, webhook=self.obj.pk)
        return "The secret was rotated."


class RedeliverAfter(WebhookAction):
    name, label = "redeliver", "Deliver once more"
    explanation = "Everything after a position of the feed is delivered once more, as far as it is still there."

    position = forms.IntegerField(min_value=0, max_value=2**63 - 1, help_text="0 is the beginning of the feed.")

    def execute(self, by: Any) -> str:
        redeliver_after(self.obj, self.cleaned_data["position"])
        return f"Everything after {self.cleaned_data['position']} is delivered once more."


class Redeliver(ObjectAction[WebhookDelivery]):
    name, label = "redeliver", "Deliver once more"
    permission = policies.CHANGE_WEBHOOKS

    def execute(self, by: Any) -> str:
        redeliver(self.obj)
        return "It is delivered once more."


@admin.register(WebhookEndpoint)
class WebhookEndpointAdmin(VersionedAdmin, ObjectActionAdmin):
    form = WebhookForm
    object_actions = [SwitchOn, SwitchOff, Test, Rotate, RedeliverAfter]

    list_display = ["address", "is_active", "off_reason", "failures", "failing_since", "position"]
    list_filter = ["is_active"]
    search_fields = ["address"]
    fields = ["address", "types"]
    readonly_fields = [
        "is_active",
        "off_reason",
        "position",
        "failures",
        "failing_since",
        "paused_until",
        "previous_until",
        "created_by",
        "created_at",
        "last_deliveries",
    ]

    def get_fields(self, request: HttpRequest, obj: WebhookEndpoint | None = None) -> Any:
        return [*self.fields, *self.readonly_fields] if obj else self.fields

    def summary(self, obj: WebhookEndpoint) -> str:
        return f"{obj} is {'on' if obj.is_active else 'off'}."

    def save_model(self, request: HttpRequest, obj: WebhookEndpoint, form: forms.ModelForm, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            record_on_commit(SecurityEvent.WEBHOOK_CHANGED, request, webhook=obj.pk)
            return
        endpoint, secret = make_endpoint(address=obj.address, types=obj.types, by=request.user)
        obj.pk = endpoint.pk
        record_on_commit(SecurityEvent.WEBHOOK_MADE, request, webhook=obj.pk)
        self.message_user(request, SECRET.format(secret), messages.WARNING)

    @admin.display(description="last deliveries")
    def last_deliveries(self, endpoint: WebhookEndpoint) -> str:
        """List the newest deliveries, with a link to all."""
        rows = endpoint.deliveries.select_related("entry").prefetch_related("log")[:SHOWN]
        lines = format_html_join(
            "",
            "<li><a href='{}'>{} {}</a>: {}, {}</li>",
            (
                (
                    reverse("admin:products_webhookdelivery_change", args=[row.pk]),
                    row.entry_id,
                    row.entry.type,
                    row.get_state_display(),
                    _last(row.log.all()),
                )
                for row in rows
            ),
        )
        every = f"{reverse('admin:products_webhookdelivery_changelist')}?endpoint__id__exact={endpoint.pk}"
        return format_html("<ul>{}</ul><a href='{}'>All deliveries</a>", lines, every)


def _last(log: Collection[WebhookAttempt]) -> str:
    attempts = list(log)
    if not attempts:
        return "not tried yet"
    newest = attempts[-1]
    return f"{newest.code or newest.error} in {newest.seconds:.2f} s, at {newest.at:%Y-%m-%d %H:%M}"


class AttemptInline(ReadOnlyMixin, admin.TabularInline):
    model = WebhookAttempt
    fields = ["at", "code", "seconds", "answer", "error"]
    verbose_name_plural = "attempts"


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyMixin, ObjectActionAdmin):
    object_actions = [Redeliver]
    inlines = [AttemptInline]
    fields = list_display = ("entry", "endpoint", "state", "attempts", "next_attempt_at", "finished_at")
    list_filter = ["state", "endpoint"]
    list_select_related = ["entry", "endpoint"]
    ordering = ["-id"]
    show_full_result_count = False

    def summary(self, obj: WebhookDelivery) -> str:
        return f"{obj.entry} to {obj.endpoint}: {obj.get_state_display()}."
