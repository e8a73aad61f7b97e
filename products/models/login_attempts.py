"""Tries to log in, counted before the password is looked at: so many with a name, so many from an address."""

import math
import time

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, models
from django.db.models import F
from django.utils.crypto import salted_hmac

# The database's clock, in seconds since 1970: the same for all servers, and the same throughout a statement.
NOW = {
    "postgresql": "floor(extract(epoch FROM statement_timestamp()))::bigint",
    "sqlite": "CAST(strftime('%%s', 'now') AS integer)",
}

# One statement, so that no two tries can take the same place, however many there are at once. A try that is refused
# takes none: otherwise those who gave theirs back would leave it to nobody.
COUNT = """
    INSERT INTO products_logincounter AS counter (scope, tries, refused, ends_at)
    VALUES (%(scope)s, 1, 0, {now} + %(window)s)
    ON CONFLICT (scope) DO UPDATE SET
        tries = CASE WHEN counter.ends_at <= {now} THEN 1
            WHEN counter.tries < %(most)s THEN counter.tries + 1 ELSE counter.tries END,
        refused = CASE WHEN counter.ends_at > {now} AND counter.tries >= %(most)s THEN counter.refused + 1 ELSE 0 END,
        ends_at = CASE WHEN counter.ends_at <= {now} THEN excluded.ends_at ELSE counter.ends_at END
    RETURNING scope, tries, refused, ends_at, ends_at - {now}
"""


class TooManyLogins(ValidationError):
    """There were so many tries that this one was not looked at. `wait` is for how many seconds that will be so.

    A ValidationError, so that every login form says it by itself, the admin's too.
    """

    def __init__(self, wait: int) -> None:
        self.wait = wait
        minutes = math.ceil(wait / 60)
        super().__init__(
            f"Too many tries to log in. Try again in {minutes} minute{'' if minutes == 1 else 's'}.",
            code="too_many_logins",
        )


class LoginCounterQuerySet(models.QuerySet["LoginCounter"]):
    def count_name(self, name: str) -> "LoginCounter | None":
        """Count a try with this user name, whether or not there is such a user. Raises TooManyLogins."""
        return self._count(f"name {name}", settings.LOGINS_PER_NAME)

    def count_address(self, address: str) -> "LoginCounter | None":
        """Count a try from this address. Raises TooManyLogins."""
        return self._count(f"address {address}", settings.LOGINS_PER_ADDRESS)

    def ended(self) -> "LoginCounterQuerySet":
        """Those whose window is over; for a window, so that a server with a fast clock deletes none that counts."""
        return self.filter(ends_at__lt=time.time() - settings.LOGIN_WINDOW.total_seconds())

    def _count(self, what: str, most: int) -> "LoginCounter | None":
        """Count one more try with `what`; the counter behind it, or None where there is no limit (0)."""
        if not most:
            return None
        # Keyed, since names and addresses are easily guessed: nobody learns from the table who tried to log in.
        scope = salted_hmac("products.LoginCounter", what, algorithm="sha256").hexdigest()
        facts: dict[str, str | int] = {
            "scope": scope,
            "most": most,
            "window": int(settings.LOGIN_WINDOW.total_seconds()),
        }
        with connection.cursor() as cursor:
            cursor.execute(COUNT.format(now=NOW[connection.vendor]), facts)
            [(*counted, wait)] = cursor.fetchall()
        counter = LoginCounter(*counted)
        if counter.refused:
            raise TooManyLogins(wait)
        return counter


class LoginCounter(models.Model):
    """How often a name or an address was tried in its window, which opens with the first try and then stands."""

    scope = models.CharField(max_length=64, primary_key=True)
    tries = models.PositiveIntegerField()
    refused = models.PositiveIntegerField(default=0, help_text="Tries in a row that found no place.")
    ends_at = models.BigIntegerField(db_index=True, help_text="Seconds since 1970, by the database's clock.")

    objects = LoginCounterQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.scope[:8]}…: {self.tries}"

    def give_back(self) -> None:
        """Take back the one try that was counted: it was right. The wrong ones beside it stay counted."""
        LoginCounter.objects.filter(scope=self.scope, ends_at=self.ends_at, tries__gt=0).update(tries=F("tries") - 1)
