import json
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from products.feed.reading import AheadOfFeed, read_page
from products.feed.types import TYPES

LIMIT = 100
POLL = 0.5
"""Seconds between two looks for new events."""


class Command(BaseCommand):
    help = "Print the feed of events, one JSON object a line, and go on with what happens."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--after", type=int, default=0, metavar="POSITION", help="begin after this position")
        parser.add_argument("--type", action="append", metavar="TYPE", help="only this type; may be given repeatedly")
        parser.add_argument("--once", action="store_true", help="end after what there is")

    def handle(self, *, after: int, type: list[str] | None, once: bool, **options: Any) -> None:
        if unknown := sorted(set(type or ()) - set(TYPES)):
            raise CommandError(f"There is no type {', '.join(unknown)}. The types are: {', '.join(TYPES)}.")
        if after < 0:
            raise CommandError("A position is not negative.")
        try:
            while True:
                page = read_page(after, LIMIT, types=type)
                for payload in page.payloads:
                    self.stdout.write(json.dumps(payload, ensure_ascii=False))
                self.stdout.flush()
                after = page.position
                if not page.has_more:
                    if once:
                        return
                    time.sleep(POLL)
        except AheadOfFeed as error:
            raise CommandError(str(error)) from None
        except KeyboardInterrupt:
            self.stderr.write(f"Stopped after position {after}.")
