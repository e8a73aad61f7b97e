"""The one door that every password passes, the API's and the admin's alike (settings.AUTHENTICATION_BACKENDS)."""

from typing import Any

from django.contrib.auth.backends import BaseBackend, ModelBackend
from django.contrib.auth.models import User
from django.http import HttpRequest

from products.client_address import client_address
from products.models.logins import LoginCounter


class LimitedLogins(ModelBackend):
    """Looks at a password only where neither its user name nor its address has used up its tries.

    A backend and not a form or a view, so that whoever adds another way to log in cannot forget it.
    """

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **others: Any
    ) -> User | None:
        """The user with this name and password, None where there is none. Raises TooManyLogins."""
        if username is None or password is None:
            return None
        # The address first: one that has used up its tries must not go on to use up other people's names.
        if request is not None:
            LoginCounter.objects.count_address(client_address(request))
        tries = LoginCounter.objects.count_name(username)
        user = super().authenticate(request, username, password, **others)
        if user is not None and tries is not None:
            tries.give_back()
        return user

    # ModelBackend's own would look at the password without counting.
    aauthenticate = BaseBackend.aauthenticate  # type: ignore[assignment]
