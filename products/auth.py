"""Password authentication with a login limit, for the API and the admin (settings.AUTHENTICATION_BACKENDS)."""

from typing import Any

from django.contrib.auth.backends import BaseBackend, ModelBackend
from django.contrib.auth.models import User
from django.http import HttpRequest

from products import metrics
from products.audit_log import SecurityEvent, record_login
from products.client_ip import client_ip
from products.models.login_attempts import LoginCounter, TooManyLogins


class RateLimitedBackend(ModelBackend):
    """Checks a password only while neither the user name nor the client's address has used up its login attempts.

    The limit is in a backend, not in a form or a view, so it also applies to every login that is added later.
    """

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **others: Any
    ) -> User | None:
        """Return the user with this name and password, or None. Raises TooManyLogins."""
        if username is None or password is None:
            return None
        try:
            counter = self._count_attempt(request, username)
        except TooManyLogins:
            metrics.count_login("locked_out")
            record_login(SecurityEvent.LOGIN_LOCKED_OUT, request, username)
            raise
        user = super().authenticate(request, username, password, **others)
        if user is None:
            metrics.count_login("failed")
            record_login(SecurityEvent.LOGIN_FAILED, request, username)
            return None
        if counter is not None:
            counter.refund_attempt()
        metrics.count_login("succeeded")
        record_login(SecurityEvent.LOGIN_SUCCEEDED, request, username, user.pk)
        return user

    def _count_attempt(self, request: HttpRequest | None, username: str) -> LoginCounter | None:
        # The address first: once it is blocked, it must not use up the attempts of other user names.
        if request is not None:
            LoginCounter.objects.count_attempt_by_address(client_ip(request))
        return LoginCounter.objects.count_attempt_by_name(username)

    # ModelBackend's own checks the password without counting the attempt; BaseBackend's calls authenticate().
    aauthenticate = BaseBackend.aauthenticate  # type: ignore[assignment]
