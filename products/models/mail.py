"""Mail to customers: one row for each notice of an event, and how far in the feed the sender has read.

The tables and their verbs only; products.mail decides which event brings which notice, writes it and sends it.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import models, transaction
from django.db.models import Q
from django.utils import timezone
from uuid_utils.compat import uuid7

LEASE = timedelta(minutes=10)
"""How long a sender has for one mail; after that another one may send it. Longer than an SMTP dialogue can take."""

GIVE_UP_AFTER = timedelta(days=3)
"""How long a mail is tried."""


class MailKind(models.TextChoices):
    """The kind of notice."""

    ORDER_CONFIRMATION = "order_confirmation", "order confirmation"
    SHIPPING_NOTICE = "shipping_notice", "shipping notice"
    CANCELLATION = "cancellation", "cancellation"
    REFUND = "refund", "refund"


class MailState(models.TextChoices):
    """The state of a mail."""

    WAITING = "waiting", "waiting"
    SENT = "sent", "sent"
    FAILED = "failed", "failed"
    SKIPPED = "skipped", "skipped"


class MailQuerySet(models.QuerySet["Mail"]):
    """Queries over mails, and claim(), which leases the next one."""

    def waiting(self) -> "MailQuerySet":
        return self.filter(state=MailState.WAITING)

    def failed(self) -> "MailQuerySet":
        return self.filter(state=MailState.FAILED)

    def due(self, now: datetime) -> "MailQuerySet":
        """Return the mails to be sent now, those that have waited longest first."""
        return self.waiting().filter(next_attempt_at__lte=now).order_by("next_attempt_at", "pk")

    def claim(self) -> "Mail | None":
        """Lease the next mail that is due, for LEASE, and return it; None if there is none.

        The lease ends at the mail's next attempt: if the sender is killed, another one takes the mail then.
        """
        now = timezone.now()
        with transaction.atomic():
            mail = self.due(now).select_for_update(skip_locked=True, no_key=True).first()
            if mail is not None:
                mail.attempts += 1
                mail.next_attempt_at = now + LEASE
                mail.save(update_fields=["attempts", "next_attempt_at"])
        return mail


class Mail(models.Model):
    """A notice of an event to the customer of the order: written once, and tried until it is sent or has failed."""

    # In the Message-ID, so that a copy can be recognized; not a counter, which would reveal the number of orders.
    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    event = models.ForeignKey("Event", models.PROTECT, related_name="mails", db_index=False)
    kind = models.CharField(max_length=30, choices=MailKind.choices)
    recipient = models.EmailField(max_length=254, blank=True, default="")
    state = models.CharField(max_length=10, choices=MailState.choices, default=MailState.WAITING)
    attempts = models.IntegerField(default=0)
    next_attempt_at = models.DateTimeField(null=True)
    queued_at = models.DateTimeField(default=timezone.now)
    sent_at = models.DateTimeField(null=True, help_text="When it was sent last.")
    error = models.CharField(max_length=100, blank=True, default="", help_text="What the last attempt failed for.")
    copies = models.IntegerField(default=0, help_text="How often staff had it sent again.")

    objects = MailQuerySet.as_manager()

    class Meta:
        base_manager_name = "objects"
        permissions = [("resend_mail", "Can send a mail again")]
        indexes = [
            models.Index(fields=["next_attempt_at", "id"], condition=Q(state="waiting"), name="mails_to_be_sent"),
            models.Index(fields=["queued_at"], condition=Q(state="failed"), name="mails_that_failed"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["event", "kind"], name="an_event_brings_one_mail_of_a_kind"),
            models.CheckConstraint(condition=Q(kind__in=MailKind.values), name="a_mail_has_a_known_kind"),
            models.CheckConstraint(condition=Q(state__in=MailState.values), name="a_mail_has_a_known_state"),
            models.CheckConstraint(
                condition=Q(state="waiting", next_attempt_at__isnull=False)
                | (~Q(state="waiting") & Q(next_attempt_at=None)),
                name="a_waiting_mail_has_a_next_attempt",
            ),
            models.CheckConstraint(
                condition=~Q(state="sent") | Q(sent_at__isnull=False), name="a_sent_mail_knows_when"
            ),
            models.CheckConstraint(
                condition=Q(state="skipped") | Q(recipient__gt=""), name="a_mail_that_is_not_skipped_has_a_recipient"
            ),
            models.CheckConstraint(
                condition=Q(attempts__gte=0, copies__gte=0), name="attempts_and_copies_are_not_negative"
            ),
        ]

    def __str__(self) -> str:
        return self.get_kind_display()

    @property
    def give_up_at(self) -> datetime:
        """The moment after which the mail is no longer tried."""
        return self.queued_at + GIVE_UP_AFTER

    def mark_sent(self) -> bool:
        """Record that the claimed mail was sent; return whether the lease still held."""
        return self._end_attempt(state=MailState.SENT, sent_at=timezone.now(), next_attempt_at=None, error="")

    def retry_at(self, moment: datetime, error: str) -> bool:
        """Schedule the claimed mail's next attempt for this moment; return whether the lease still held."""
        return self._end_attempt(next_attempt_at=moment, error=error)

    def mark_failed(self, error: str) -> bool:
        """Record that the claimed mail has failed for good; return whether the lease still held."""
        return self._end_attempt(state=MailState.FAILED, next_attempt_at=None, error=error)

    def _end_attempt(self, **values: Any) -> bool:
        for name, value in values.items():
            setattr(self, name, value)
        # A sender that took the mail after the lease had expired has counted another attempt.
        ours = Mail.objects.waiting().filter(pk=self.pk, attempts=self.attempts)
        return bool(ours.update(**values))

    def send_again(self, recipient: str) -> bool:
        """Send a mail that is not waiting once more, to this address; return False if it is waiting."""
        values = {
            "state": MailState.WAITING,
            "recipient": recipient,
            "attempts": 0,
            "next_attempt_at": timezone.now(),
            "queued_at": timezone.now(),
            "error": "",
            "copies": models.F("copies") + 1,
        }
        return bool(Mail.objects.filter(pk=self.pk).exclude(state=MailState.WAITING).update(**values))


class MailCursor(models.Model):
    """How far the feed has been read for mail; one row, which exists once mail is switched on."""

    id = models.SmallIntegerField(primary_key=True, default=1, editable=False)
    position = models.BigIntegerField(default=0, help_text="Entries up to this position have been read.")
    since = models.DateTimeField(default=timezone.now, help_text="Events before this moment bring no mail.")

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="there_is_one_mail_cursor")]

    def __str__(self) -> str:
        return f"Mail has read up to {self.position}"
