"""API tokens: what an HTTP client shows instead of a password."""

import hashlib
import logging
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import Error, models, transaction
from django.db.models import Q
from django.utils import timezone

from products.models.kept_queries import Given, columns_of, kept

if TYPE_CHECKING:
    from django.contrib.auth.models import AbstractBaseUser

logger = logging.getLogger(__name__)

PREFIX = "shop_"
SHOWN = len(PREFIX) + 6
REMEMBERED = timedelta(days=30)
"""For how long a dead token stays on the list, for whoever wonders why a client is refused."""


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def alive(self, now: "datetime | Given | None" = None) -> "ApiTokenQuerySet":
        return self.filter(revoked_at=None, expires_at__gt=now or timezone.now(), user__is_active=True)

    def of(self, user: "AbstractBaseUser") -> "ApiTokenQuerySet":
        return self.filter(user_id=user.pk)

    def usable_by(self, user: "AbstractBaseUser") -> "ApiTokenQuerySet":
        """Those that let `user` in now. They died unseen if they were made under another password."""
        return self.of(user).alive().filter(password_digest=_digest(user.password))

    def long_dead(self) -> "ApiTokenQuerySet":
        """Expired or revoked so long ago that nobody will ask any more what became of them."""
        long_ago = timezone.now() - REMEMBERED
        return self.filter(Q(expires_at__lt=long_ago) | Q(revoked_at__lt=long_ago))

    def issue(
        self, user: "AbstractBaseUser", *, name: str = "", lifetime: timedelta | None = None
    ) -> tuple["ApiToken", str]:
        """A new token for `user`, and its secret, which is not kept: (token, secret).

        `lifetime` is settings.TOKEN_LIFETIME unless given.
        """
        secret = PREFIX + secrets.token_urlsafe(32)
        token = self.create(
            user=user,
            name=name,
            shown=secret[:SHOWN],
            digest=_digest(secret),
            password_digest=_digest(user.password),
            expires_at=timezone.now() + (lifetime or settings.TOKEN_LIFETIME),
        )
        return token, secret

    def find(self, secret: str) -> "ApiToken | None":
        """The living token with this secret, its user beside it, in one query; else None.

        A token dies when it expires or is revoked, when its user is deactivated, and when the password changes.
        """
        for row in kept(_found, prepared=True).rows({"digest": _digest(secret), "now": timezone.now()}):
            of_token = columns_of(ApiToken)
            token = ApiToken.from_db(self.db, of_token, row[: len(of_token)])
            token.user = User.from_db(self.db, columns_of(User), row[len(of_token) :])
            return token if token.is_alive() else None
        return None

    def revoke(self) -> int:
        """Revoke each of these that is not revoked yet; how many there were."""
        return self.filter(revoked_at=None).update(revoked_at=timezone.now())


class ApiToken(models.Model):
    """256 random bits that stand for a user until `expires_at`. Only a digest of them is kept.

    SHA-256 without salt or stretching is enough for a secret of that length: there is nothing to guess.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=100, blank=True, default="", help_text="What it is for.")
    shown = models.CharField("begins with", max_length=12, editable=False)
    digest = models.CharField(max_length=64, unique=True, editable=False)
    # A token made under another password is dead, so changing the password locks out whoever stole one.
    password_digest = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    # A day, and not a moment, which would cost a write with every request.
    last_used_on = models.DateField(null=True, blank=True, editable=False)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = "API token"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.shown}…"

    def is_alive(self) -> bool:
        """Whether it lets its user in now."""
        in_time = self.revoked_at is None and self.expires_at > timezone.now()
        return in_time and self.user.is_active and self.password_digest == _digest(self.user.password)

    def revoke(self) -> None:
        """Make the token worthless, at once."""
        ApiToken.objects.filter(pk=self.pk).revoke()
        self.refresh_from_db(fields=["revoked_at"])

    def note_use(self) -> None:
        """Remember that it was used today: one write a day at the most, and never a reason for a request to fail."""
        today = timezone.now().date()
        if self.last_used_on == today:
            return
        try:
            with transaction.atomic():  # so that a failure spoils no transaction around it
                ApiToken.objects.filter(pk=self.pk).exclude(last_used_on=today).update(last_used_on=today)
        except Error as error:
            logger.info("The use of token %s was not noted: %s", self, error)


def _alive() -> "ApiTokenQuerySet":
    alive = ApiToken.objects.alive(Given("now", models.DateTimeField()))
    return alive.filter(digest=Given("digest", models.CharField())).order_by()


def _found() -> "models.QuerySet[ApiToken, Any]":
    """What authenticating asks for: a living token and its user."""
    return _alive().values_list(*columns_of(ApiToken), *columns_of(User, "user__"))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
