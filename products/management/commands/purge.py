from argparse import ArgumentParser
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.management.base import BaseCommand
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from products.db import partitions
from products.feed import months
from products.feed.sequencer import number_all_events
from products.models import ApiToken, BulkJob, Event, LoginCounter, Order, ProductImport, StockCheck, WebhookDelivery

DUE: dict[str, Callable[[], "QuerySet[Any]"]] = {
    "events": lambda: months.deleted_by_row(Event.objects.older_than(timezone.now() - settings.EVENT_RETENTION)),
    "imports": lambda: ProductImport.objects.older_than(timezone.now() - settings.IMPORT_RETENTION),
    "bulk jobs": lambda: BulkJob.objects.older_than(timezone.now() - settings.BULK_JOB_RETENTION),
    "webhook deliveries": lambda: WebhookDelivery.objects.older_than(timezone.now() - settings.WEBHOOK_LOG_RETENTION),
    "tokens": ApiToken.objects.long_inactive,
    "sessions": lambda: Session.objects.filter(expire_date__lt=timezone.now()),
    "login counters": LoginCounter.objects.expired,
    "stock checks": StockCheck.objects.superseded,
}
"""What is deleted, by its name in the report."""


class Command(BaseCommand):
    help = f"Expire overdue unpaid orders; delete what is past its retention: {', '.join(DUE)}."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="report what would be done, without doing it")

    def handle(self, *, dry_run: bool, **options: Any) -> None:
        overdue = Order.objects.overdue()
        if dry_run:
            expired, deleted = overdue.count(), {name: rows().count() for name, rows in DUE.items()}
            # The first month begins with the oldest event, so its events are already counted.
            deleted["events"] += sum(months.events_of(each).count() for each in months.past_months() if each.start)
        else:
            number_all_events()  # An event without a position in the feed is kept.
            expired = overdue.expire()
            dropped = self._drop_months()
            deleted = {name: _purge(rows()) for name, rows in DUE.items()}
            deleted["events"] += dropped
            self._make_months()
        counts = ", ".join(f"{number} {name}" for name, number in deleted.items())
        before = "Dry run, nothing was changed. " if dry_run else ""
        self.stdout.write(f"{before}Orders expired: {expired}. Deleted: {counts}.")

    def _drop_months(self) -> int:
        """If events are partitioned by month, drop the past months; return how many events they had."""
        dropped = 0
        for month, result in months.drop_past_months():
            if isinstance(result, months.MonthStays):
                self.stderr.write(f"{month.table} stays, as it {result}.")
            else:
                dropped += result
        return dropped

    def _make_months(self) -> None:
        try:
            if partitions.is_partitioned(connection):
                months.make_months()
        except partitions.CannotSplit as error:
            self.stderr.write(f"No month was made: {error}")


def _purge(rows: "QuerySet[Any]") -> int:
    """Delete the rows with their dependent rows, and return the number of rows."""
    if hasattr(rows, "purge"):  # Those that may be many are deleted in batches.
        purged: int = rows.purge()
        return purged
    return rows.delete()[1].get(rows.model._meta.label, 0)
