"""API tokens: what an HTTP client shows instead of a password."""

import hashlib
import logging
import secrets
from collections.abc import Callable, Hashable, Sequence
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import Error, models, transaction
from django.db.models import Exists, Q, QuerySet, Subquery, Value
from django.db.models.functions import Concat
from django.utils import timezone

from products.models.kept_queries import Given, Row, columns_of, kept

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


FACTS = ("id", "user_id", "last_used_on", "password_digest", "user__password")
"""What there is to know of a token. A password's hash may have spaces in it, and so comes last."""


class ShownToken:
    """A secret that is looked at by the very statement that reads what it is shown for, instead of by one before it.

    See rows_for(), which asks it.
    """

    found: "ApiToken | None" = None
    """What has been found of it: enough to know whose it is and to note its use."""

    def __init__(self, secret: str) -> None:
        self.secret, self.digest = secret, _digest(secret)
        self.values = {"digest": self.digest, "now": timezone.now()}

    def look_up(self) -> "ApiToken | None":
        """What there is to be found, by a statement of its own where no other one has found it yet."""
        self.found = self.found or ApiToken.objects.find(self.secret)
        return self.found

    def check(self, rows: Sequence[Row]) -> list[Row]:
        """The rows without their facts; none where these say that the token is not good."""
        if rows:
            pk, user, used, password_digest, password = rows[0][-1].split(" ", len(FACTS) - 1)
            if password_digest != _digest(password):
                return []
            values = (int(pk), int(user), self.digest, date.fromisoformat(used) if used else None)
            self.found = ApiToken.from_db(None, ("id", "user_id", "digest", "last_used_on"), values)
        return [row[:-1] for row in rows]


def rows_for(
    token: ShownToken | None,
    values: dict[Any, Any],
    define: "Callable[..., QuerySet[Any, Any]]",
    *shape: Hashable,
    prepared: bool = True,
) -> list[Row]:
    """The rows of a kept query, none where a `token` is shown that is not good.

    `define` is told last whether one is: then its queryset is `guarded`, and `facts` are its last column.
    """
    query = kept(define, *shape, token is not None, prepared=prepared)
    return query.rows(values) if token is None else token.check(query.rows(values | token.values))


def guarded(queryset: "QuerySet[Any, Any]") -> "QuerySet[Any, Any]":
    """The same rows for a good token; for any other the database does not even look for them."""
    return queryset.filter(Exists(_alive()))


def facts() -> Subquery:
    """What ShownToken.check wants to know of the token, in one column."""
    spaced = [part for name in FACTS for part in (Value(" "), name)][1:]
    return Subquery(_alive().values_list(Concat(*spaced, output_field=models.TextField())))


def _alive() -> "ApiTokenQuerySet":
    alive = ApiToken.objects.alive(Given("now", models.DateTimeField()))
    return alive.filter(digest=Given("digest", models.CharField())).order_by()


def _found() -> "models.QuerySet[ApiToken, Any]":
    """What authenticating asks for: a living token and its user."""
    return _alive().values_list(*columns_of(ApiToken), *columns_of(User, "user__"))


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
