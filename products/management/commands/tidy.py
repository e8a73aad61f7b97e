from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.management.base import BaseCommand
from django.utils import timezone

from products.models import ApiToken, Event, Order


class Command(BaseCommand):
    help = "Expire unpaid orders past their deadline; delete old events, long dead tokens and expired sessions."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, and do nothing")

    def handle(self, *, dry_run: bool, **options: Any) -> None:
        orders = Order.objects.overdue()
        events = Event.objects.older_than(timezone.now() - settings.EVENT_RETENTION)
        tokens = ApiToken.objects.long_dead()
        sessions = Session.objects.filter(expire_date__lt=timezone.now())
        if dry_run:
            counts = [rows.count() for rows in (orders, events, tokens, sessions)]
        else:
            counts = [orders.expire(), events.forget(), tokens.delete()[0], sessions.delete()[0]]
        self.stdout.write(
            "{}Orders expired: {}. Deleted: {} events, {} tokens, {} sessions.".format(
                "A dry run, nothing was done. " if dry_run else "", *counts
            )
        )
