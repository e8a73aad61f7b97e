import signal
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import Error, connections

from products.feed.sequencer import number_all_events

POLL = 0.2
"""Seconds between two looks for new events."""
PAUSE = 5.0
"""Seconds until the next try where the database does not answer."""


class Command(BaseCommand):
    help = (
        "Give new events their positions in the feed, until it is stopped. Readers do it themselves where it does not "
        "run, so it makes them faster and not more correct; several at once do no harm."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="number what there is, and end")

    def handle(self, *, once: bool, **options: Any) -> None:
        if once:
            self.stdout.write(f"Events numbered: {number_all_events()}.")
            return
        # As the first process of a container, it would otherwise ignore SIGTERM.
        former = signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            while True:
                time.sleep(self._number())
        except KeyboardInterrupt:
            self.stdout.write("Stopped.")
        finally:
            signal.signal(signal.SIGTERM, former)

    def _number(self) -> float:
        """Number the events, and return the seconds to wait."""
        try:
            number_all_events()
        except Error as error:
            self.stderr.write(f"The database does not answer: {error}".strip())
            connections.close_all()
            return PAUSE
        return POLL
