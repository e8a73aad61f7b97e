"""Bulk jobs: one verb for many orders, done in batches, with the outcome of every order."""

import time
from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from django.conf import settings
from django.db import OperationalError, models, transaction
from django.db.models import Case, Count, Min, Q, Value, When
from django.utils import timezone
from uuid_utils.compat import uuid7

from products.db.errors import CONFLICTS, sqlstate
from products.db.retry import atomic_with_retry
from products.exceptions import DomainError
from products.models.order_status import Status, check_deadline, check_transition
from products.models.querysets import ValidatedQuerySet
from products.validators import clean_fields, printable_line, visible

if TYPE_CHECKING:
    from django.contrib.auth.models import User

MAX_ORDERS = 20_000
"""Of one job."""

BATCH_SECONDS = 2.0
"""How long one request works on a job. It ends with the order that it has begun by then."""

INSERTED_AT_ONCE = 1_000

GENERAL_SENTENCES = {"payment_overdue": "The payment deadline has passed."}
"""Instead of those that name a moment, so that the refusals can be counted by their sentence."""


class Verb(models.TextChoices):
    """The verb that a job applies to each of its orders."""

    PAY = "pay", "Mark as paid"
    SHIP = "ship", "Ship"
    DELIVER = "deliver", "Mark as delivered"
    CANCEL = "cancel", "Cancel"


STATUS_OF: dict[str, Status] = {
    Verb.PAY: Status.PAID,
    Verb.SHIP: Status.SHIPPED,
    Verb.DELIVER: Status.DELIVERED,
    Verb.CANCEL: Status.CANCELLED,
}
"""The status to which each verb brings an order."""


class State(models.TextChoices):
    """The outcome of a job for one order."""

    WAITING = "WAITING", "waiting"
    DONE = "DONE", "done"
    REFUSED = "REFUSED", "refused"


class Progress(NamedTuple):
    """How many orders of a job are in each state."""

    waiting: int
    done: int
    refused: int

    @property
    def total(self) -> int:
        return sum(self)

    @property
    def finished(self) -> int:
        return self.done + self.refused


class BulkJobQuerySet(ValidatedQuerySet["BulkJob"]):
    def older_than(self, moment: datetime) -> "BulkJobQuerySet":
        return self.filter(created_at__lt=moment)

    def draw_up(self, verb: str, orders: "models.QuerySet[Any]", *, by: "User") -> "BulkJob":
        """Return a new job for these orders. It is not started, so the orders are unchanged."""
        with transaction.atomic():
            job = self.create(verb=verb, by=by)
            ids = list(orders.order_by("pk").values_list("pk", flat=True))
            items = (BulkJobItem(job=job, order_id=order_id) for order_id in ids)
            BulkJobItem.objects.bulk_create(items, batch_size=INSERTED_AT_ONCE)
        return job


class BulkJob(models.Model):
    """One verb for many orders, with its arguments. It is prepared, started, and then run in batches."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    verb = models.CharField(max_length=10, choices=Verb.choices)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    reference = models.CharField(max_length=200, blank=True, default="", validators=[printable_line, visible])
    carrier = models.CharField(max_length=100, blank=True, default="", validators=[printable_line, visible])
    reason = models.CharField(max_length=200, blank=True, default="", validators=[printable_line, visible])
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    started_at = models.DateTimeField(null=True, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)

    objects = BulkJobQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]
        default_permissions = ()  # Who may change orders may use it: products.policies.
        indexes = [models.Index(fields=["created_at"], name="bulk_jobs_by_moment")]
        constraints = [
            models.CheckConstraint(condition=Q(verb__in=Verb.values), name="a_bulk_job_has_a_known_verb"),
            models.CheckConstraint(
                condition=Q(finished_at=None) | Q(started_at__isnull=False), name="a_finished_bulk_job_was_started"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_verb_display()}, {timezone.localtime(self.created_at):%Y-%m-%d %H:%M}"

    @property
    def status(self) -> Status:
        """The status to which it brings the orders."""
        return STATUS_OF[self.verb]

    def progress(self) -> Progress:
        counts = dict(self.items.order_by().values_list("state").annotate(Count("pk")))
        return Progress(*(counts.get(state, 0) for state in (State.WAITING, State.DONE, State.REFUSED)))

    def forecast(self) -> tuple[int, dict[str, int]]:
        """Return how many orders the verb would accept now, and why it would refuse the others: {sentence: orders}."""
        overdue = Case(When(order__pay_by__lt=timezone.now(), then=Value(True)), default=Value(False))
        rows = self.items.order_by().values_list("order__status", overdue).annotate(Count("pk"), Min("order__pay_by"))
        possible, refused = 0, dict[str, int]()
        for status, _, number, pay_by in rows:
            try:
                check_transition(status, self.status)
                check_deadline(self.status, pay_by)
            except DomainError as error:
                sentence = sentence_of(error)
                refused[sentence] = refused.get(sentence, 0) + number
            else:
                possible += number
        return possible, refused

    def refusals(self) -> "list[tuple[str, str, int]]":
        """Return why orders were refused, the most frequent reason first: [(code, sentence, orders), …]."""
        refused = self.items.filter(state=State.REFUSED).order_by()
        counted = refused.values_list("code", "sentence").annotate(number=Count("pk"))
        return list(counted.order_by("-number", "sentence"))

    def start(self, *, tracking_numbers: Mapping[Any, str], **arguments: str) -> bool:
        """Start the job with these arguments and {order id: tracking number}; return False if it was started before.

        Raises ValidationError for a text that is too long or cannot be printed.
        """
        with transaction.atomic():
            not_started = BulkJob.objects.filter(pk=self.pk, started_at=None)
            if not not_started.update(started_at=timezone.now(), **arguments):
                return False
            if tracking_numbers:
                items = list(self.items.filter(order__in=tracking_numbers))
                for item in items:
                    item.tracking_number = tracking_numbers[item.order_id]
                    clean_fields(item, ["tracking_number"])
                BulkJobItem.objects.bulk_update(items, ["tracking_number"], batch_size=INSERTED_AT_ONCE)
        self.refresh_from_db()
        return True

    def run_batch(self, *, by: "User", seconds: float = BATCH_SECONDS) -> None:
        """Run the next orders of the started job, one transaction each, for this many seconds or until none is left.

        The state of an order changes in the transaction of the verb, so the job always shows what was done. Concurrent
        batches never process the same order. An order that stays locked by others keeps waiting.
        """
        if self.started_at is None:
            return
        deadline, busy = time.monotonic() + seconds, list[Any]()
        while time.monotonic() < deadline:
            taken = list[Any]()
            try:
                if not atomic_with_retry(lambda: self._do_next(taken, busy, by), max_tries=1):  # noqa: B023 - runs now
                    break
            except OperationalError as error:
                if not taken or sqlstate(error) not in CONFLICTS:
                    raise
                busy += taken
        if not self.items.filter(state=State.WAITING).exists():
            BulkJob.objects.filter(pk=self.pk, finished_at=None).update(finished_at=timezone.now())
        self.refresh_from_db()

    def _do_next(self, taken: list[Any], busy: Collection[Any], by: "User") -> bool:
        waiting = self.items.filter(state=State.WAITING).exclude(pk__in=busy).order_by("pk")
        # A concurrent request is processing the locked orders of the job.
        item = waiting.select_related("order").select_for_update(skip_locked=True, of=("self",)).first()
        if item is None:
            return False
        taken.append(item.pk)
        item.state, item.done_at = State.DONE, timezone.now()
        try:
            self._execute(item, by)
        except DomainError as error:
            item.state, item.code, item.sentence = State.REFUSED, error.code, sentence_of(error)
        item.save(update_fields=["state", "code", "sentence", "done_at"])
        return True

    def _execute(self, item: "BulkJobItem", by: "User") -> None:
        order = item.order
        verbs: dict[str, Callable[[], object]] = {
            Verb.PAY: lambda: order.pay(reference=self.reference, by=by),
            Verb.SHIP: lambda: order.ship(carrier=self.carrier, tracking_number=item.tracking_number, by=by),
            Verb.DELIVER: lambda: order.deliver(by=by),
            Verb.CANCEL: lambda: order.cancel(reason=self.reason, by=by),
        }
        verbs[self.verb]()


class BulkJobItem(models.Model):
    """One order of a bulk job, and its outcome."""

    job = models.ForeignKey(BulkJob, models.CASCADE, related_name="items", db_index=False)
    order = models.ForeignKey("products.Order", models.PROTECT, related_name="+")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    tracking_number = models.CharField(max_length=100, blank=True, default="", validators=[printable_line, visible])
    code = models.CharField(max_length=40, blank=True, default="")
    sentence = models.CharField(max_length=500, blank=True, default="")
    done_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["id"]
        default_permissions = ()
        indexes = [models.Index(fields=["job", "state", "id"], name="bulk_job_items_by_state")]
        constraints = [
            models.UniqueConstraint(fields=["job", "order"], name="a_bulk_job_has_an_order_once"),
            models.CheckConstraint(condition=Q(state__in=State.values), name="a_bulk_job_item_has_a_known_state"),
        ]

    def __str__(self) -> str:
        return f"{self.order_id}: {self.get_state_display()}"


def sentence_of(error: DomainError) -> str:
    """Return why an order was refused, worded so that equal reasons can be counted together."""
    return GENERAL_SENTENCES.get(error.code, str(error)[:500])
