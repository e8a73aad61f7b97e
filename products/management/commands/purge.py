from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.management.base import BaseCommand
from django.utils import timezone

from products.feed.sequencer import number_all_events
from products.models import ApiToken, Event, LoginCounter, Order, ProductImport, StockCheck


class Command(BaseCommand):
    help = (
        "Expire overdue unpaid orders; delete old events and imports, expired tokens, sessions and login counters, and "
        "stock checks."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="report what would be done, without doing it")

    def handle(self, *, dry_run: bool, **options: Any) -> None:
        orders = Order.objects.overdue()
        events = Event.objects.older_than(timezone.now() - settings.EVENT_RETENTION)
        imports = ProductImport.objects.older_than(timezone.now() - settings.IMPORT_RETENTION)
        tokens = ApiToken.objects.long_inactive()
        sessions = Session.objects.filter(expire_date__lt=timezone.now())
        counters = LoginCounter.objects.expired()
        checks = StockCheck.objects.superseded()
        if dry_run:
            counts = [rows.count() for rows in (orders, events, imports, tokens, sessions, counters, checks)]
        else:
            number_all_events()
            deleted = [rows.delete()[0] for rows in (tokens, sessions, counters, checks)]
            counts = [orders.expire(), events.purge(), imports.purge(), *deleted]
        self.stdout.write(
            "{}Orders expired: {}. Deleted: {} events, {} imports, {} tokens, {} sessions, {} login counters, "
            "{} stock checks.".format("Dry run, nothing was changed. " if dry_run else "", *counts)
        )
