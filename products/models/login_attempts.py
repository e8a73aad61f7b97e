"""The login limit: attempts are counted by user name and by address before the password is checked."""

import math
import time

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, models
from django.db.models import F
from django.utils.crypto import salted_hmac

# The database's clock, in seconds since 1970: the same for all servers and throughout a statement.
NOW = {
    "postgresql": "floor(extract(epoch FROM statement_timestamp()))::bigint",
    "sqlite": "CAST(strftime('%%s', 'now') AS integer)",
}

# One statement, so that concurrent attempts cannot exceed the limit. A refused attempt is not added to `tries`, so that
# a refund makes room for the next attempt.
COUNT = """
    INSERT INTO products_logincounter AS counter (scope, tries, refused, ends_at)
    VALUES (%(scope)s, 1, 0, {now} + %(window)s)
    ON CONFLICT (scope) DO UPDATE SET
        tries = CASE WHEN counter.ends_at <= {now} THEN 1
            WHEN counter.tries < %(limit)s THEN counter.tries + 1 ELSE counter.tries END,
        refused = CASE WHEN counter.ends_at > {now} AND counter.tries >= %(limit)s THEN counter.refused + 1 ELSE 0 END,
        ends_at = CASE WHEN counter.ends_at <= {now} THEN excluded.ends_at ELSE counter.ends_at END
    RETURNING scope, tries, refused, ends_at, ends_at - {now}
"""


class TooManyLogins(ValidationError):
    """Too many login attempts; the password was not checked. `wait` is the number of seconds until the next attempt.

    A ValidationError, so that every login form shows it, including the admin's.
    """

    def __init__(self, wait: int) -> None:
        self.wait = wait
        minutes = math.ceil(wait / 60)
        super().__init__(
            f"Too many tries to log in. Try again in {minutes} minute{'' if minutes == 1 else 's'}.",
            code="too_many_logins",
        )


class LoginCounterQuerySet(models.QuerySet["LoginCounter"]):
    def count_attempt_by_name(self, name: str) -> "LoginCounter | None":
        """Count an attempt with this user name, whether or not the user exists. Raises TooManyLogins."""
        return self._count(f"name {name}", settings.LOGINS_PER_NAME)

    def count_attempt_by_address(self, address: str) -> "LoginCounter | None":
        """Count an attempt from this address. Raises TooManyLogins."""
        return self._count(f"address {address}", settings.LOGINS_PER_ADDRESS)

    def expired(self) -> "LoginCounterQuerySet":
        """Return the counters whose window ended more than a window ago.

        The margin keeps a server with a fast clock from deleting a counter that is still in use.
        """
        return self.filter(ends_at__lt=time.time() - settings.LOGIN_WINDOW.total_seconds())

    def _count(self, subject: str, limit: int) -> "LoginCounter | None":
        """Count an attempt by `subject` and return its counter; None if there is no limit (0)."""
        if not limit:
            return None
        # A keyed digest: names and addresses are easily guessed, and the table must not reveal who tried to log in.
        scope = salted_hmac("products.LoginCounter", subject, algorithm="sha256").hexdigest()
        values: dict[str, str | int] = {
            "scope": scope,
            "limit": limit,
            "window": int(settings.LOGIN_WINDOW.total_seconds()),
        }
        with connection.cursor() as cursor:
            cursor.execute(COUNT.format(now=NOW[connection.vendor]), values)
            [(*columns, wait)] = cursor.fetchall()
        counter = LoginCounter(*columns)
        if counter.refused:
            raise TooManyLogins(wait)
        return counter


class LoginCounter(models.Model):
    """The login attempts of one name or address in a window that starts with the first attempt and is not extended."""

    scope = models.CharField(max_length=64, primary_key=True)
    tries = models.PositiveIntegerField()
    refused = models.PositiveIntegerField(default=0, help_text="Attempts refused since the last one that was counted.")
    ends_at = models.BigIntegerField(db_index=True, help_text="Seconds since 1970, by the database's clock.")

    objects = LoginCounterQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.scope[:8]}…: {self.tries}"

    def refund_attempt(self) -> None:
        """Uncount this one attempt because it succeeded; the failed attempts beside it stay counted."""
        LoginCounter.objects.filter(scope=self.scope, ends_at=self.ends_at, tries__gt=0).update(tries=F("tries") - 1)
