"""The one door that every password passes, the API's and the admin's alike (settings.AUTHENTICATION_BACKENDS)."""

from typing import Any

from django.contrib.auth.backends import BaseBackend, ModelBackend
from django.contrib.auth.models import User
from django.http import HttpRequest

from products import metrics
from products.audit_log import SecurityEvent, record_login
from products.client_ip import client_ip
from products.models.login_attempts import LoginCounter, TooManyLogins


class RateLimitedBackend(ModelBackend):
    """Looks at a password only where neither its user name nor its address has used up its tries.

    A backend and not a form or a view, so that whoever adds another way to log in cannot forget it.
    """

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **others: Any
    ) -> User | None:
        """The user with this name and password, None where there is none. Raises TooManyLogins."""
        if username is None or password is None:
            return None
        try:
            tries = self._count(request, username)
        except TooManyLogins:
            metrics.count_login("locked_out")
            record_login(SecurityEvent.LOGIN_LOCKED_OUT, request, username)
            raise
        user = super().authenticate(request, username, password, **others)
        if user is None:
            metrics.count_login("failed")
            record_login(SecurityEvent.LOGIN_FAILED, request, username)
            return None
        if tries is not None:
            tries.give_back()
        metrics.count_login("succeeded")
        record_login(SecurityEvent.LOGIN_SUCCEEDED, request, username, user.pk)
        return user

    def _count(self, request: HttpRequest | None, username: str) -> LoginCounter | None:
        # The address first: one that has used up its tries must not go on to use up other people's names.
        if request is not None:
            LoginCounter.objects.count_address(client_ip(request))
        return LoginCounter.objects.count_name(username)

    # ModelBackend's own would look at the password without counting.
    aauthenticate = BaseBackend.aauthenticate  # type: ignore[assignment]
