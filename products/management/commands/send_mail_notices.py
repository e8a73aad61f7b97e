import signal
import threading
from argparse import ArgumentParser
from collections import Counter
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import Error, connections

from products.mail.queueing import forget_position, queue_mails
from products.mail.sending import ServerUnreachable, send_due_mails

POLL = 1.0
"""Seconds between two looks for new events and mails that are due."""
PAUSE = 15.0
"""Seconds until the next try where the mail server or the database cannot be used."""

OFF = "MAIL_NOTICES is off, so no mail is sent; what happens until it is on brings none."


class Command(BaseCommand):
    help = (
        "Send customers the mails about their orders, until it is stopped: confirmations, shipping notices, "
        "cancellations and refunds. Several at once do no harm."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="send what is due, and end")

    def handle(self, *, once: bool, **options: Any) -> None:
        if not settings.MAIL_NOTICES:
            forget_position()
            self.stdout.write(OFF)
            return
        stopped = threading.Event()
        if once:
            counts, is_usable = self._work(stopped)
            told = ", ".join(f"{counts[name]} {name}" for name in ("sent", "postponed", "failed"))
            self.stdout.write(f"Mails: {told}." + ("" if is_usable else " The mail server cannot be used."))
            return

        def stop(number: int, frame: FrameType | None) -> None:
            stopped.set()  # The mail in progress is first sent and recorded.

        before = {each: signal.signal(each, stop) for each in (signal.SIGTERM, signal.SIGINT)}
        try:
            while not stopped.is_set():
                stopped.wait(self._pause_after_work(stopped))
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)
        self.stdout.write("Stopped.")

    def _pause_after_work(self, stopped: threading.Event) -> float:
        """Send what is due, and return the seconds to wait."""
        try:
            _, is_usable = self._work(stopped)
        except Error as error:
            self.stderr.write(f"The database does not answer: {type(error).__name__}")
            connections.close_all()
            return PAUSE
        return POLL if is_usable else PAUSE

    def _work(self, stopped: threading.Event) -> tuple[Counter[str], bool]:
        while not stopped.is_set() and queue_mails():
            pass
        try:
            return send_due_mails(is_stopped=stopped.is_set), True
        except ServerUnreachable as unreachable:
            return unreachable.args[0], False
