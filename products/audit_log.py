"""Security events: what whoever guards the shop wants to know of, each a line in the log with a fixed word."""

import logging
from enum import StrEnum
from typing import Any

from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from products.client_ip import client_ip

logger = logging.getLogger(__name__)


class SecurityEvent(StrEnum):
    """What may happen, in the word by which the log calls it."""

    LOGIN_SUCCEEDED = "login.succeeded"
    LOGIN_FAILED = "login.failed"
    LOGIN_LOCKED_OUT = "login.locked_out"
    ADMIN_ENTERED = "admin.entered"
    ADMIN_REFUSED = "admin.refused"
    TOKEN_MADE = "token.made"  # noqa: S105 - a word
    TOKEN_REVOKED = "token.revoked"  # noqa: S105
    TOKENS_ALL_REVOKED = "token.all_revoked"
    TOKENS_REVOKED_BY_STAFF = "token.revoked_by_staff"
    FOREIGN_ORDER = "order.foreign"
    KEY_REUSED = "key.reused"


SUSPICIOUS = {
    SecurityEvent.LOGIN_FAILED,
    SecurityEvent.LOGIN_LOCKED_OUT,
    SecurityEvent.ADMIN_REFUSED,
    SecurityEvent.FOREIGN_ORDER,
    SecurityEvent.KEY_REUSED,
}
"""Logged as warnings; the others are as they should be."""


def record(event: SecurityEvent, request: Any, *, user: int | None, **facts: object) -> None:
    """Log an event: who did it (a user's id, None for nobody known), from where, and what else is to be said.

    `request` is Django's or DRF's, or None where there was none. The request's id is added by whoever writes the log.
    """
    address = client_ip(request) if request is not None else None
    about: dict[str, object] = {"event": event.value, "user": user, "address": address, **facts}
    level = logging.WARNING if event in SUSPICIOUS else logging.INFO
    logger.log(level, "%s", ", ".join(f"{name} {value}" for name, value in about.items()), extra={"facts": about})


def digest_of_name(name: str) -> str:
    """What a user name is called in the log: the same for the same name, and of no use to whoever reads it.

    People type passwords into the field for the name, so no name that was typed is logged. The key is ours, so that
    nobody can find out by trying names.
    """
    return salted_hmac("products.audit_log", name.encode("utf-8", "surrogatepass"), algorithm="sha256").hexdigest()[:16]


def record_login(event: SecurityEvent, request: HttpRequest | None, name: str, user: int | None = None) -> None:
    """Log what became of a try to log in."""
    record(event, request, user=user, name_digest=digest_of_name(name))
