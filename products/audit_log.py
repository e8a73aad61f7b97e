"""The audit log: security events, each a log line with a fixed name."""

import logging
from enum import StrEnum
from typing import Any

from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from products.client_ip import client_ip

logger = logging.getLogger(__name__)


class SecurityEvent(StrEnum):
    """The security events, by their name in the log."""

    LOGIN_SUCCEEDED = "login.succeeded"
    LOGIN_FAILED = "login.failed"
    LOGIN_LOCKED_OUT = "login.locked_out"
    ADMIN_ENTERED = "admin.entered"
    ADMIN_REFUSED = "admin.refused"
    SECOND_FACTOR_ADDED = "second_factor.added"
    SECOND_FACTOR_REMOVED = "second_factor.removed"
    SECOND_FACTOR_RESET = "second_factor.reset"
    SECOND_FACTOR_FAILED = "second_factor.failed"
    RECOVERY_CODE_USED = "second_factor.recovery_code"
    TOKEN_MADE = "token.made"  # noqa: S105 - not a password
    TOKEN_REVOKED = "token.revoked"  # noqa: S105
    TOKENS_ALL_REVOKED = "token.all_revoked"
    TOKENS_REVOKED_BY_STAFF = "token.revoked_by_staff"
    ACCOUNT_MADE = "account.made"
    ACCOUNT_CLOSED = "account.closed"
    ACCOUNT_OPENED = "account.opened"
    WEBHOOK_MADE = "webhook.made"
    WEBHOOK_CHANGED = "webhook.changed"
    WEBHOOK_REMOVED = "webhook.removed"
    WEBHOOK_ROTATED = "webhook.rotated"
    FOREIGN_ORDER = "order.foreign"
    KEY_REUSED = "key.reused"
    DATA_EXPORTED = "data.exported"


SUSPICIOUS = {
    SecurityEvent.LOGIN_FAILED,
    SecurityEvent.LOGIN_LOCKED_OUT,
    SecurityEvent.ADMIN_REFUSED,
    SecurityEvent.SECOND_FACTOR_FAILED,
    SecurityEvent.RECOVERY_CODE_USED,
    SecurityEvent.FOREIGN_ORDER,
    SecurityEvent.KEY_REUSED,
}
"""Events that may be part of an attack: logged as warnings, all others as information."""


def record(event: SecurityEvent, request: Any, *, user: int | None, **facts: object) -> None:
    """Log an event with the id of the user who caused it (None if unknown), the client's address, and `facts`.

    `request` is Django's or DRF's, or None if there was none. The log formatter adds the request id.
    """
    address = client_ip(request) if request is not None else None
    entry: dict[str, object] = {"event": event.value, "user": user, "address": address, **facts}
    level = logging.WARNING if event in SUSPICIOUS else logging.INFO
    logger.log(level, "%s", ", ".join(f"{name} {value}" for name, value in entry.items()), extra={"facts": entry})


def digest_of_name(name: str) -> str:
    """Return the keyed digest by which the log identifies a user name that was entered.

    People type passwords into the user name field, so names are not logged as entered. The digest is keyed, so that a
    reader of the log cannot find the name by guessing.
    """
    return salted_hmac("products.audit_log", name.encode("utf-8", "surrogatepass"), algorithm="sha256").hexdigest()[:16]


def record_login(event: SecurityEvent, request: HttpRequest | None, name: str, user: int | None = None) -> None:
    """Log the outcome of a login attempt with user name `name`."""
    record(event, request, user=user, name_digest=digest_of_name(name))
