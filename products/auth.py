"""Password authentication with a login limit, for the API and the admin (settings.AUTHENTICATION_BACKENDS)."""

import logging
from typing import Any

from django.contrib.auth.backends import BaseBackend, ModelBackend
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import User
from django.db import transaction
from django.http import HttpRequest
from django.utils import timezone

from products import metrics
from products.audit_log import SecurityEvent, record_login
from products.client_ip import client_ip
from products.db.retry import atomic_with_retry
from products.models.login_attempts import LoginCounter, TooManyLogins
from products.models.tokens import ApiToken

logger = logging.getLogger(__name__)

MAX_CHECKS = 3
"""How often a password is checked again because the stored one was replaced during the check."""


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
        # As names are stored, and before counting, so that all Unicode spellings are one name.
        username = User.normalize_username(username)
        try:
            counter = self._count_attempt(request, username)
        except TooManyLogins:
            metrics.count_login("locked_out")
            record_login(SecurityEvent.LOGIN_LOCKED_OUT, request, username)
            raise
        user = self._find(username, password)
        if user is None:
            metrics.count_login("failed")
            record_login(SecurityEvent.LOGIN_FAILED, request, username)
            return None
        if counter is not None:
            counter.refund_attempt()
        metrics.count_login("succeeded")
        record_login(SecurityEvent.LOGIN_SUCCEEDED, request, username, user.pk)
        return user

    def _find(self, username: str, password: str) -> User | None:
        """Return the active user with this name and password, or None; an outdated hash is replaced."""
        for _ in range(MAX_CHECKS):
            user = User.objects.filter(username=username).first()
            if user is None:
                make_password(password)  # so that an unknown name takes as long as a known one
                return None
            is_right, is_outdated = check(user, password)
            if not is_right or not self.user_can_authenticate(user):
                return None
            if not is_outdated or _rehash(user, password):
                return user
            # The stored hash was replaced during the check, by another login or by a new password: check again.
        return None

    def _count_attempt(self, request: HttpRequest | None, username: str) -> LoginCounter | None:
        # The address first: once it is blocked, it must not use up the attempts of other user names.
        if request is not None:
            LoginCounter.objects.count_attempt_by_address(client_ip(request))
        return LoginCounter.objects.count_attempt_by_name(username)

    # ModelBackend's own checks the password without counting the attempt; BaseBackend's calls authenticate().
    aauthenticate = BaseBackend.aauthenticate  # type: ignore[assignment]


def check(user: User, password: str) -> tuple[bool, bool]:
    """Return whether this is the password of `user`, and whether its hash is outdated (settings.PASSWORD_HASHERS).

    Writes nothing, unlike `user.check_password()`: that replaces an outdated hash even if another password was stored
    during the check. If the stored hash cannot be read, no password is right.
    """
    outdated: list[str] = []
    try:
        is_right = check_password(password, user.password, setter=outdated.append)
    except ValueError as error:  # unknown algorithms are not among these: with them, no password is right anyway
        logger.error("The stored password of user %s cannot be read: %s", user.pk, type(error).__name__)
        make_password("")  # as much work as for any other user
        return False, False
    return is_right, bool(outdated)


def save_password(user: User) -> None:
    """Write the password that was set on `user`, and no other column: those were read before the slow hashing.

    Raises User.DoesNotExist if the user has been deleted meanwhile.
    """
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).only("pk").get(pk=user.pk)
        user.save(update_fields=["password"])


def record_last_login(*, user: User, **others: Any) -> None:
    """Record the moment of a login, also of a user who was deleted during it, which Django's receiver cannot."""
    user.last_login = timezone.now()
    User.objects.filter(pk=user.pk).update(last_login=user.last_login)


def _rehash(user: User, password: str) -> bool:
    """Store the same password under a new hash; False, and nothing written, if another password is stored by now.

    The user's tokens stay valid.
    """
    old, new = user.password, make_password(password)

    def replace() -> bool:
        replaced = User.objects.filter(pk=user.pk, password=old).update(password=new)
        if replaced:
            ApiToken.objects.follow_rehash(user, old, new)
        return bool(replaced)

    if not atomic_with_retry(replace):
        return False
    user.password = new  # which the session of this login is tied to
    return True
