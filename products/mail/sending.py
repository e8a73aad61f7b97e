"""Send mail outside any transaction, so that no lock is held while waiting for a slow mail server.

A mail is leased, sent, and recorded as sent. SMTP and the database share no transaction: if a sender is killed between
the last two steps, the mail is sent again after the lease expires, with the same Message-ID.
"""

import logging
import smtplib
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from secrets import SystemRandom

from django.db import Error
from django.utils import timezone

from products.mail.notices import write_notice
from products.models import Mail

logger = logging.getLogger(__name__)
random = SystemRandom()

PAUSES = [timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720)]
"""The pauses after the first attempts that fail; the last one is repeated until Mail.give_up_at."""

JITTER = 0.2
"""The part of a pause by which it is longer or shorter, so that mails that failed together do not come together."""

TOO_LATE = "too_late"

OF_THE_SERVER = (smtplib.SMTPServerDisconnected, smtplib.SMTPConnectError, smtplib.SMTPAuthenticationError)
"""The errors of SMTP that concern the mail server and not the mail."""


class ServerUnreachable(Exception):
    """The mail server is unavailable, so trying the next mail would fail too."""


def send_due_mails(*, is_stopped: Callable[[], bool] = lambda: False) -> Counter[str]:
    """Send all due mails; return how many were "sent", "failed" or "postponed".

    Raises ServerUnreachable, with the counts, if the mail server is unavailable.
    """
    counts: Counter[str] = Counter()
    while not is_stopped() and (mail := Mail.objects.claim()) is not None:
        try:
            counts[_send(mail)] += 1
        except ServerUnreachable as unreachable:
            counts["postponed"] += 1
            raise ServerUnreachable(counts) from unreachable
    return counts


def _send(mail: Mail) -> str:
    if timezone.now() > mail.give_up_at:
        return _give_up(mail, TOO_LATE)
    try:
        write_notice(mail).send()
    except Error:
        raise  # A database error is not caused by the mail. The lease expires, and the mail is tried again.
    except Exception as error:  # Mail backends and overridden templates may raise anything.
        return _postpone(mail, error)
    if not mail.mark_sent():
        _log(logging.WARNING, "mail.lease_lost", mail)
    _log(logging.INFO, "mail.sent", mail)
    return "sent"


def _postpone(mail: Mail, error: Exception) -> str:
    sentence = describe(error)
    next_attempt = next_attempt_after(mail.attempts, timezone.now())
    if is_permanent(error) or next_attempt > mail.give_up_at:
        return _give_up(mail, sentence)
    mail.retry_at(next_attempt, sentence)
    _log(logging.WARNING, "mail.postponed", mail)
    if is_unreachable(error):
        raise ServerUnreachable
    return "postponed"


def _give_up(mail: Mail, error: str) -> str:
    mail.mark_failed(error)
    _log(logging.ERROR, "mail.failed", mail)
    return "failed"


def next_attempt_after(attempts: int, now: datetime) -> datetime:
    """Return the time of the next attempt after this number of attempts."""
    pause = PAUSES[min(attempts, len(PAUSES)) - 1]
    return now + pause * random.uniform(1 - JITTER, 1 + JITTER)


def is_permanent(error: Exception) -> bool:
    """Return whether the mail server has rejected the recipient or the content permanently."""
    return type(error) in (smtplib.SMTPRecipientsRefused, smtplib.SMTPDataError) and 500 <= code_of(error) < 600


def is_unreachable(error: Exception) -> bool:
    """Return whether the error affects every mail, because the mail server is unavailable."""
    if isinstance(error, smtplib.SMTPException):  # which is an OSError, too
        return isinstance(error, OF_THE_SERVER)
    return isinstance(error, OSError)


def describe(error: Exception) -> str:
    """Return the error's class and the server's code, but not its message, which may name the recipient."""
    code = code_of(error)
    return f"{type(error).__name__} {code}" if code else type(error).__name__


def code_of(error: Exception) -> int:
    """Return the code of the server's answer, such as 550; 0 if there was none."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return max((code for code, _ in error.recipients.values()), default=0)
    return error.smtp_code if isinstance(error, smtplib.SMTPResponseException) else 0


def _log(level: int, event: str, mail: Mail) -> None:
    facts = {"event": event, "mail": str(mail.pk), "kind": mail.kind, "attempts": mail.attempts, "error": mail.error}
    logger.log(level, event, extra={"facts": facts})
