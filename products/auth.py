"""The one door that every password passes, the API's and the admin's alike (settings.AUTHENTICATION_BACKENDS)."""

import logging
from typing import Any

from django.contrib.auth.backends import BaseBackend, ModelBackend
from django.contrib.auth.hashers import check_password, make_password
from django.contrib.auth.models import User
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
"""How often a password is checked that changes each time while it is."""


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
        # As names are stored. Here rather than in each form, and before counting, so that all spellings are one name.
        username = User.normalize_username(username)
        try:
            tries = self._count(request, username)
        except TooManyLogins:
            metrics.count_login("locked_out")
            record_login(SecurityEvent.LOGIN_LOCKED_OUT, request, username)
            raise
        user = self._find(username, password)
        if user is None:
            metrics.count_login("failed")
            record_login(SecurityEvent.LOGIN_FAILED, request, username)
            return None
        if tries is not None:
            tries.give_back()
        metrics.count_login("succeeded")
        record_login(SecurityEvent.LOGIN_SUCCEEDED, request, username, user.pk)
        return user

    def _find(self, username: str, password: str) -> User | None:
        """The active user with this name and password, whose hash is stored anew where it is outdated."""
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
            # The stored password was replaced while this one was checked: by another login that stored the same one
            # anew, or by another password. So it is checked again.
        return None

    def _count(self, request: HttpRequest | None, username: str) -> LoginCounter | None:
        # The address first: one that has used up its tries must not go on to use up other people's names.
        if request is not None:
            LoginCounter.objects.count_address(client_ip(request))
        return LoginCounter.objects.count_name(username)

    # ModelBackend's own would look at the password without counting.
    aauthenticate = BaseBackend.aauthenticate  # type: ignore[assignment]


def check(user: User, password: str) -> tuple[bool, bool]:
    """Whether this is the password of `user`, and whether its hash is outdated by settings.PASSWORD_HASHERS.

    Writes nothing, unlike `user.check_password()`: that replaces an outdated hash without looking whether it is still
    the stored one, and so takes back a password that was changed during the check. Where the stored hash cannot be
    read, no password is right.
    """
    outdated: list[str] = []
    try:
        is_right = check_password(password, user.password, setter=outdated.append)
    except ValueError as error:  # unknown algorithms are not among these: with them, no password is right anyway
        logger.error("The stored password of user %s cannot be read: %s", user.pk, type(error).__name__)
        make_password("")  # as much work as for any other user
        return False, False
    return is_right, bool(outdated)


def update_last_login(sender: object, user: User, **context: object) -> None:
    """Record a login with a session. Django's own receiver fails where the user was deleted meanwhile."""
    user.last_login = timezone.now()
    User.objects.filter(pk=user.pk).update(last_login=user.last_login)


def _rehash(user: User, password: str) -> bool:
    """Store the password of `user` anew; False, and nothing is written, where `user.password` is not stored any more.

    The user's tokens stay valid, since the password is the same.
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
