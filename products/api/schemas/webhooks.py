"""Webhooks: endpoints as staff make, change and see them, and their deliveries."""

from collections.abc import Iterator, Set
from typing import Any

from rest_framework import serializers

from products.api.http.fields import (
    MemberError,
    StrictBooleanField,
    StrictIntegerField,
    StrictSerializer,
    StrictTextField,
    text_of,
)
from products.api.schemas.pages import PageQuery
from products.feed.types import TYPES
from products.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint
from products.webhooks.posting import Answer

ADDRESS = "A URL with https://, on port 443 or 8443, of a host on the internet."
EVERYTHING = "The types of events that are posted; an empty list is all of them."
STATES = WebhookDelivery.State.values


def types_field() -> serializers.ListField:
    return serializers.ListField(
        child=StrictTextField(max_length=40), required=False, max_length=len(TYPES), help_text=EVERYTHING
    )


class NewWebhook(StrictSerializer):
    """An endpoint. It gets what happens from now on, or what follows a position of the feed."""

    address = text_of(WebhookEndpoint, "address", help_text=ADDRESS)
    types = types_field()
    after = StrictIntegerField(
        minimum=0, required=False, help_text="Begin after this position of the feed; 0 is its beginning."
    )


class WebhookChange(StrictSerializer):
    """The fields to change; all others keep their values."""

    address = text_of(WebhookEndpoint, "address", required=False, help_text=ADDRESS)
    types = types_field()
    is_active = StrictBooleanField(required=False, help_text="`false` keeps back what is left, `true` delivers it.")


class WebhookResponse(serializers.Serializer):
    id = serializers.IntegerField()
    address = serializers.CharField()
    types = serializers.ListField(child=serializers.CharField(), help_text=EVERYTHING)
    position = serializers.IntegerField(help_text="Deliveries have been made of the feed up to this position.")
    is_active = serializers.BooleanField()
    off_reason = serializers.CharField(help_text="Why it is off, if it is.")
    failures = serializers.IntegerField(help_text="Failed attempts since the last success.")
    failing_since = serializers.DateTimeField(allow_null=True)
    paused_until = serializers.DateTimeField(allow_null=True, help_text="Nothing is posted before.")
    previous_secret_until = serializers.DateTimeField(
        allow_null=True, help_text="Until then the secret before the last rotation signs, too."
    )
    created_by = serializers.IntegerField(allow_null=True)
    created_at = serializers.DateTimeField()


class WebhookWithSecretResponse(WebhookResponse):
    secret = serializers.CharField(help_text="Shown only here. It begins with `whsec_`.")


class DeliveriesQuery(PageQuery):
    state = serializers.ChoiceField(STATES, required=False)


class WebhookAttemptResponse(serializers.Serializer):
    at = serializers.DateTimeField()
    code = serializers.IntegerField(allow_null=True, help_text="The status of the answer; null if there was none.")
    seconds = serializers.FloatField()
    answer = serializers.CharField(help_text="The first 500 characters of the answer.")
    error = serializers.CharField(help_text="Why there was no answer.")


class WebhookDeliveryResponse(serializers.Serializer):
    id = serializers.IntegerField()
    position = serializers.IntegerField(help_text="The event's position in the feed.")
    type = serializers.CharField()
    state = serializers.ChoiceField(STATES)
    attempts = serializers.IntegerField(help_text="How often it was tried since it was (re)delivered last.")
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    log = WebhookAttemptResponse(many=True)


class RedeliveryRequest(StrictSerializer):
    """Either one delivery, or everything after a position of the feed."""

    delivery = StrictIntegerField(required=False, help_text="The `id` of a delivery of this endpoint.")
    after = StrictIntegerField(minimum=0, required=False, help_text="A position of the feed.")

    def member_errors(self, members: Set[str]) -> Iterator[MemberError]:
        if len(members & {"delivery", "after"}) != 1:
            yield MemberError("required", "Name either a delivery or a position to begin after.")


class WebhookTestResponse(serializers.Serializer):
    ok = serializers.BooleanField(help_text="Whether the answer was 2xx.")
    code = serializers.IntegerField(allow_null=True, help_text="The status of the answer; null if there was none.")
    seconds = serializers.FloatField()
    answer = serializers.CharField(help_text="The first 500 characters of the answer.")
    error = serializers.CharField(help_text="Why there was no answer.")


def webhook_body(endpoint: WebhookEndpoint) -> dict[str, Any]:
    return {
        "id": endpoint.pk,
        "address": endpoint.address,
        "types": endpoint.types,
        "position": endpoint.position,
        "is_active": endpoint.is_active,
        "off_reason": endpoint.off_reason,
        "failures": endpoint.failures,
        "failing_since": endpoint.failing_since,
        "paused_until": endpoint.paused_until,
        "previous_secret_until": endpoint.previous_until,
        "created_by": endpoint.created_by_id,
        "created_at": endpoint.created_at,
    }


def delivery_body(delivery: WebhookDelivery) -> dict[str, Any]:
    return {
        "id": delivery.pk,
        "position": delivery.entry_id,
        "type": delivery.entry.type,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "next_attempt_at": delivery.next_attempt_at,
        "finished_at": delivery.finished_at,
        "log": [attempt_body(each) for each in delivery.log.all()],
    }


def attempt_body(attempt: WebhookAttempt) -> dict[str, Any]:
    return {
        "at": attempt.at,
        "code": attempt.code,
        "seconds": attempt.seconds,
        "answer": attempt.answer,
        "error": attempt.error,
    }


def answer_body(answer: Answer) -> dict[str, Any]:
    return {
        "ok": answer.is_success,
        "code": answer.code,
        "seconds": answer.seconds,
        "answer": answer.text,
        "error": answer.error,
    }
