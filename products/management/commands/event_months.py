from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone

from products.db import partitions
from products.db.partitions import CannotSplit
from products.feed.months import MonthStays, drop_past_months, make_months
from products.feed.sequencer import number_all_events


class Command(BaseCommand):
    help = (
        "Keep the events by month, on PostgreSQL: `split` makes their table the first partition of one by month, once; "
        "`make` makes the months to come, and `drop` drops those past their retention, as `purge` does both; `list` "
        "lists them."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=["list", "split", "make", "drop"], nargs="?", default="list")

    def handle(self, *, action: str, **options: Any) -> None:
        try:
            if action == "split":
                partitions.split(connection, timezone.now())
            if action in ("split", "make"):
                for table in make_months():
                    self.stdout.write(f"Made {table}.")
        except CannotSplit as error:
            raise CommandError(str(error)) from error
        if action == "drop":
            self._drop()
        if action in ("list", "split"):
            self._list()

    def _drop(self) -> None:
        number_all_events()
        stay = False
        for month, result in drop_past_months():
            if isinstance(result, MonthStays):
                stay = True
                self.stderr.write(f"{month.table} stays, as it {result}.")
            else:
                self.stdout.write(f"Dropped {month.table} with {result} events.")
        if stay:
            raise CommandError("Not every month past its retention could be dropped.")

    def _list(self) -> None:
        if not partitions.is_partitioned(connection):
            self.stdout.write("The events are in one table.")
            return
        for month in partitions.partitions(connection):
            start = f"from {month.start:%Y-%m-%d}" if month.start else "from the beginning"
            self.stdout.write(f"{month.table} {start} to before {month.end:%Y-%m-%d}, {month.size / 1e6:.1f} MB.")
