import signal
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from products.webhooks.sender import Sender

MAX_THREADS = 256


class Command(BaseCommand):
    help = (
        "Post what happens to the webhooks' addresses, until it is stopped; it then finishes what it is posting. "
        "Several at once share the work, and give new events their positions themselves."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--threads", type=int, default=8, help="how many posts are made at once (default: 8)")
        parser.add_argument("--once", action="store_true", help="deliver what is due, and end")

    def handle(self, *, threads: int, once: bool, **options: Any) -> None:
        if not 1 <= threads <= MAX_THREADS:
            raise CommandError(f"Write --threads as a number from 1 to {MAX_THREADS}.")
        sender = Sender(threads)
        former = {
            number: signal.signal(number, lambda *_: sender.stop.set()) for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            sender.run(once=once)
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)
        self.stdout.write(f"Delivered: {sender.delivered}. Failed attempts: {sender.failed}.")
