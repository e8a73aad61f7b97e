"""Webhooks: endpoints of other systems, the deliveries of feed entries to each, and a log of every attempt.

The tables only; products.webhooks creates endpoints and makes the deliveries.
"""

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from products.validators import printable_line, visible

MAX_ADDRESS = 500
MAX_ANSWER = 500
"""How many characters of a response are kept."""
BATCH = 1_000
DOUBTFUL = 5
"""After this many failures in a row, an endpoint is tried only now and then until it responds again."""


class WebhookEndpointQuerySet(models.QuerySet["WebhookEndpoint"]):
    """Queries over endpoints."""

    def active(self) -> "WebhookEndpointQuerySet":
        return self.filter(is_active=True)

    def behind(self, position: int) -> "WebhookEndpointQuerySet":
        """Return the endpoints that need deliveries of feed entries up to this position.

        Endpoints that are failing (`is_doubtful`) are left out: the entries that they miss stay in the feed.
        """
        return self.active().filter(position__lt=position, failures__lt=DOUBTFUL)

    def due(self, now: datetime) -> "WebhookEndpointQuerySet":
        """Return the endpoints with a delivery that may be posted now."""
        deliveries = WebhookDelivery.objects.due(now).filter(endpoint=OuterRef("pk"))
        awake = Q(paused_until=None) | Q(paused_until__lte=now)
        return self.active().filter(awake, Exists(deliveries))


class WebhookEndpoint(models.Model):
    """A URL of another system to which events are posted."""

    address = models.CharField(
        max_length=MAX_ADDRESS, validators=[printable_line, visible], help_text="Where it is posted to: a URL."
    )
    types = models.JSONField(
        default=list, blank=True, help_text="The types of events that are posted; an empty list is all of them."
    )
    position = models.BigIntegerField(
        default=0, editable=False, help_text="Deliveries have been made of the feed up to this position."
    )
    seed = models.CharField(
        max_length=100, editable=False, help_text="What the secret is derived from, together with SECRET_KEY."
    )
    previous_seed = models.CharField(max_length=100, null=True, editable=False)  # noqa: DJ001 - none, and none other
    previous_until = models.DateTimeField(null=True, editable=False, help_text="The previous secret signs until then.")
    is_active = models.BooleanField("active", default=True)
    off_reason = models.CharField(
        "reason", max_length=200, blank=True, default="", editable=False, help_text="Why it was switched off."
    )
    failures = models.IntegerField(default=0, editable=False, help_text="Failed attempts since the last success.")
    failing_since = models.DateTimeField(null=True, editable=False)
    paused_until = models.DateTimeField(null=True, editable=False, help_text="Nothing is posted before.")
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", editable=False, db_index=False
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    objects = WebhookEndpointQuerySet.as_manager()

    class Meta:
        base_manager_name = "objects"
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(address__startswith="https://") | Q(address__startswith="http://"),
                name="a_webhook_address_is_a_url",
            ),
            models.CheckConstraint(condition=Q(position__gte=0), name="a_webhook_begins_in_the_feed"),
            models.CheckConstraint(condition=~Q(seed=""), name="a_webhook_has_a_secret"),
            models.CheckConstraint(
                condition=Q(previous_seed=None, previous_until=None)
                | Q(previous_seed__isnull=False, previous_until__isnull=False),
                name="a_previous_secret_has_an_end",
            ),
            models.CheckConstraint(
                condition=Q(is_active=True, off_reason="") | (Q(is_active=False) & ~Q(off_reason="")),
                name="a_webhook_is_off_for_a_reason",
            ),
            models.CheckConstraint(
                condition=Q(failures=0, failing_since=None) | Q(failures__gt=0, failing_since__isnull=False),
                name="a_failing_webhook_knows_since_when",
            ),
        ]

    def __str__(self) -> str:
        return self.address

    @property
    def is_doubtful(self) -> bool:
        return self.failures >= DOUBTFUL

    def switch_on(self) -> None:
        """Start or resume deliveries, beginning with the pending ones."""
        self.is_active, self.off_reason = True, ""
        self.failures, self.failing_since, self.paused_until = 0, None, None
        self.save(update_fields=["is_active", "off_reason", "failures", "failing_since", "paused_until"])

    def switch_off(self, reason: str) -> None:
        """Stop deliveries; pending ones wait."""
        self.is_active, self.off_reason = False, reason
        self.save(update_fields=["is_active", "off_reason"])


class WebhookDeliveryQuerySet(models.QuerySet["WebhookDelivery"]):
    """Queries over deliveries."""

    def pending(self) -> "WebhookDeliveryQuerySet":
        return self.filter(state=WebhookDelivery.State.PENDING)

    def due(self, now: datetime) -> "WebhookDeliveryQuerySet":
        """Return the deliveries that may be posted now: the first of each order and product, unless it is leased."""
        earlier = WebhookDelivery.objects.pending().filter(
            endpoint=OuterRef("endpoint"), subject=OuterRef("subject"), entry__lt=OuterRef("entry")
        )
        free = Q(lease_until=None) | Q(lease_until__lte=now)
        return self.pending().filter(free, ~Exists(earlier), next_attempt_at__lte=now)

    def older_than(self, moment: datetime) -> "WebhookDeliveryQuerySet":
        """Return the deliveries that ended before this moment."""
        return self.filter(finished_at__lt=moment)

    def purge(self) -> int:
        """Delete these deliveries with their log, in batches, so that every transaction is short; return their number.

        Pending deliveries stay.
        """
        purged = 0
        over = self.exclude(state=WebhookDelivery.State.PENDING).order_by("pk")
        while batch := list(over.values_list("pk", flat=True)[:BATCH]):
            WebhookDelivery.objects.filter(pk__in=batch).delete()
            purged += len(batch)
        return purged


class WebhookDelivery(models.Model):
    """One entry of the feed for one endpoint: pending, then delivered or given up."""

    class State(models.TextChoices):
        PENDING = "PENDING"
        DELIVERED = "DELIVERED"
        GIVEN_UP = "GIVEN_UP"

    endpoint = models.ForeignKey(WebhookEndpoint, models.CASCADE, related_name="deliveries", db_index=False)
    entry = models.ForeignKey("FeedEntry", models.CASCADE, related_name="+", help_text="Its position in the feed.")
    subject = models.CharField(max_length=50, help_text="The order or product, whose entries are delivered in order.")
    state = models.CharField(max_length=9, choices=State.choices, default=State.PENDING)
    attempts = models.IntegerField(default=0, help_text="Failed ones, and the one that succeeded.")
    next_attempt_at = models.DateTimeField(null=True, default=timezone.now)
    lease = models.UUIDField(null=True, help_text="The worker that is at it.")
    lease_until = models.DateTimeField(null=True, help_text="After that another worker takes it.")
    finished_at = models.DateTimeField(null=True)

    objects = WebhookDeliveryQuerySet.as_manager()

    class Meta:
        base_manager_name = "objects"
        verbose_name_plural = "webhook deliveries"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["endpoint", "-id"], name="deliveries_of_a_webhook"),
            models.Index(fields=["endpoint", "entry"], condition=Q(state="PENDING"), name="pending_deliveries"),
            models.Index(
                fields=["endpoint", "subject", "entry"], condition=Q(state="PENDING"), name="pending_deliveries_about"
            ),
            models.Index(fields=["finished_at"], condition=Q(finished_at__isnull=False), name="deliveries_by_end"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["endpoint", "entry"], name="one_delivery_per_webhook_and_entry"),
            models.CheckConstraint(
                condition=Q(state="PENDING", next_attempt_at__isnull=False, finished_at=None)
                | Q(state__in=["DELIVERED", "GIVEN_UP"], next_attempt_at=None, finished_at__isnull=False),
                name="a_delivery_is_pending_or_over",
            ),
            models.CheckConstraint(
                condition=Q(lease=None, lease_until=None)
                | Q(lease__isnull=False, lease_until__isnull=False, state="PENDING"),
                name="only_a_pending_delivery_is_leased",
            ),
            models.CheckConstraint(condition=Q(attempts__gte=0), name="delivery_attempts_are_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.entry_id} to webhook {self.endpoint_id}"


class WebhookAttempt(models.Model):
    """The delivery log: the result of one attempt."""

    delivery = models.ForeignKey(WebhookDelivery, models.CASCADE, related_name="log")
    at = models.DateTimeField(default=timezone.now)
    code = models.IntegerField(null=True, help_text="The status of the answer; none if there was no answer.")
    seconds = models.FloatField()
    answer = models.CharField(max_length=MAX_ANSWER, blank=True, default="", help_text="How the answer began.")
    error = models.CharField(max_length=200, blank=True, default="", help_text="Why there was no answer.")

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                condition=Q(code__isnull=False, code__gte=100, code__lte=999, error="") | (Q(code=None) & ~Q(error="")),
                name="an_attempt_has_a_code_or_an_error",
            ),
            models.CheckConstraint(condition=Q(seconds__gte=0), name="an_attempt_takes_time"),
        ]

    def __str__(self) -> str:
        return f"{self.code or self.error}"


def undelivered(entries: "models.QuerySet[models.Model]") -> "models.QuerySet[models.Model]":
    """Return the feed entries among these that are not delivered to an active endpoint yet."""
    active = WebhookEndpoint.objects.active()
    pending = WebhookDelivery.objects.pending().filter(entry=OuterRef("pk"), endpoint__is_active=True)
    return entries.filter(Exists(active.filter(position__lt=OuterRef("position"))) | Exists(pending))
