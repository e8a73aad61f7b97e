"""Queue mails from the feed: which event causes which notice, and who receives it."""

from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import transaction
from django.utils import timezone

from products.feed.sequencer import number_all_events, number_events
from products.models import Event, FeedEntry, FeedState, Mail, MailCursor, MailKind, MailState, Order
from products.validators import printable_line

BATCH = 250
"""How many entries of the feed are read in one transaction at most."""

MAX_PASSES = 4
"""How many batches of events are numbered before that at most, where no sequencer runs."""

MAX_AGE = timedelta(days=3)
"""Older events bring no mail: news of last week confuse people more than they help."""

NO_RECIPIENT, INVALID_RECIPIENT, TOO_OLD = "no_recipient", "invalid_recipient", "too_old"
"""Why a mail is skipped."""


def queue_mails() -> int:
    """Queue mails for the new entries of the feed, and return how many entries were read.

    The first call only stores the newest position, so events from before mail was switched on cause no mail.
    """
    for _ in range(MAX_PASSES):
        if not number_events():
            break
    if not MailCursor.objects.exists():
        number_all_events()
        MailCursor.objects.get_or_create(pk=1, defaults={"position": _newest_position()})
        return 0
    with transaction.atomic():
        # Another sender holds the cursor and is doing the same work.
        cursor = MailCursor.objects.select_for_update(skip_locked=True, no_key=True).first()
        return 0 if cursor is None else _read_on(cursor)


def forget_position() -> None:
    """Delete the stored position, so that switching mail on again starts at the newest position."""
    MailCursor.objects.all().delete()


def _newest_position() -> int:
    return FeedState.objects.values_list("position", flat=True).first() or 0


def _read_on(cursor: MailCursor) -> int:
    # Read before the entries, which may include events that get a position after this statement.
    newest = _newest_position()
    entries = FeedEntry.objects.after(cursor.position).filter(position__lte=newest, is_derived=False)
    found = list(entries.filter(order__isnull=False).select_related("event", "order__customer")[:BATCH])
    now = timezone.now()
    mails = [
        mail_of(entry.event, entry.order, kind, now)
        for entry in found
        if entry.event.at >= cursor.since and (kind := kind_of(entry.event)) is not None
    ]
    # If the cursor is ever set back, the constraint prevents a second mail for the same event.
    Mail.objects.bulk_create(mails, ignore_conflicts=True)
    cursor.position = found[-1].position if len(found) == BATCH else max(cursor.position, newest)
    cursor.save(update_fields=["position"])
    return len(found)


def kind_of(event: Event) -> MailKind | None:
    """Return the kind of notice that the event causes; None if it causes none.

    The event's facts are more exact than its type: cancelling an order's last open piece is also "order.shipped".
    """
    facts = event.facts
    if facts.get("imported") or (facts.get("from") == Order.Status.CART and event.kind == "order.cancelled"):
        return None
    if event.kind == "order.placed":
        return MailKind.ORDER_CONFIRMATION
    if event.kind == "order.refunded":
        return MailKind.REFUND
    if "shipment" in facts and event.kind in ("order.shipped", "order.partly_shipped"):
        return MailKind.SHIPPING_NOTICE
    if "cancellation" in facts or event.kind in ("order.cancelled", "order.expired"):
        return MailKind.CANCELLATION
    return None


def mail_of(event: Event, order: Any, kind: MailKind, now: datetime) -> Mail:
    """Return the mail to store: waiting to be sent, or skipped with a reason."""
    recipient, reason = recipient_of(order)
    if event.at < now - MAX_AGE:
        reason = TOO_OLD
    if reason:
        return Mail(event=event, kind=kind, recipient=recipient, state=MailState.SKIPPED, error=reason, queued_at=now)
    return Mail(event=event, kind=kind, recipient=recipient, next_attempt_at=now, queued_at=now)


def recipient_of(order: Any) -> tuple[str, str]:
    """Return the order's or else the account's address, and the reason if there is none: (address, reason)."""
    address = order.email or order.customer.email
    if not address:
        return "", NO_RECIPIENT
    try:
        # Models validate the address, but update() and other programs bypass that.
        printable_line(address)
        validate_email(address)
    except ValidationError:
        return "", INVALID_RECIPIENT
    return address, ""


def send_again(mail: Mail) -> bool:
    """Queue a sent, given-up or skipped mail again; return whether that is possible."""
    order = Order.objects.select_related("customer").get(events__pk=mail.event_id)
    recipient, _ = recipient_of(order)
    return bool(recipient) and mail.send_again(recipient)
