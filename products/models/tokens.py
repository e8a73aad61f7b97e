"""API tokens: the bearer credentials of HTTP clients."""

import functools
import hashlib
import logging
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import Error, connections, models, transaction
from django.db.models import Q
from django.db.models.functions import Greatest
from django.utils import timezone

from products.db.compiled_queries import CompiledQuery, Param
from products.db.replica import LogPosition, current_reads
from products.validators import clean_values, printable_line, visible

logger = logging.getLogger(__name__)

PREFIX = "shop_"
VISIBLE_LENGTH = len(PREFIX) + 6
KEEP_INACTIVE = timedelta(days=30)
"""How long an expired or revoked token stays listed, to explain why a client is rejected."""

FUNCTION = "products_active_token_1"
TOKEN_COLUMNS = ("id", "user_id", "digest", "password_digest", "last_used_on")
USER_COLUMNS = ("id", "password", "is_superuser", "username", "is_staff", "is_active")
"""What a request needs of its token and user, in the models' order (from_db() expects it). The other columns are
deferred: to load them would add a third to the lookup."""
POSITION_COLUMN = "last_write"
"""Of the token, what a request needs besides if it may read from a replica."""


class ApiTokenQuerySet(models.QuerySet["ApiToken"]):
    def active(self, now: "datetime | Param | None" = None) -> "ApiTokenQuerySet":
        return self.filter(revoked_at=None, expires_at__gt=now or timezone.now(), user__is_active=True)

    def of(self, user: "User") -> "ApiTokenQuerySet":
        return self.filter(user_id=user.pk)

    def usable_by(self, user: "User") -> "ApiTokenQuerySet":
        """Return the tokens that authenticate `user` now; a password change ends all tokens issued before it."""
        return self.of(user).active().filter(password_digest=_digest(user.password))

    def long_inactive(self) -> "ApiTokenQuerySet":
        """Return the tokens that expired or were revoked more than KEEP_INACTIVE ago."""
        long_ago = timezone.now() - KEEP_INACTIVE
        return self.filter(Q(expires_at__lt=long_ago) | Q(revoked_at__lt=long_ago))

    def issue(self, user: "User", *, name: str = "", lifetime: timedelta | None = None) -> tuple["ApiToken", str]:
        """Create a token for `user` and return it with its secret, which is not stored: (token, secret).

        `lifetime` defaults to settings.TOKEN_LIFETIME. Raises User.DoesNotExist if `user.password` is no longer the
        stored one or the account is closed: a login that was checked before that must not get a token. Raises
        ValidationError for a name that is too long or invisible.
        """
        clean_values(ApiToken, {"name": name})
        secret = PREFIX + secrets.token_urlsafe(32)
        with transaction.atomic():
            # Locked until the token is there, so that follow_rehash() in another transaction does not miss it.
            accounts = User.objects.select_for_update(no_key=True).only("pk")
            accounts.get(pk=user.pk, password=user.password, is_active=True)
            token = self.create(
                user=user,
                name=name,
                prefix=secret[:VISIBLE_LENGTH],
                digest=_digest(secret),
                password_digest=_digest(user.password),
                expires_at=timezone.now() + (lifetime or settings.TOKEN_LIFETIME),
            )
        return token, secret

    def follow_rehash(self, user: "User", old: str, new: str) -> None:
        """Keep the user's tokens valid when the same password is stored under a new hash.

        `old` and `new` are the stored values. To be called in the transaction that updates the user.
        """
        self.of(user).filter(password_digest=_digest(old)).update(password_digest=_digest(new))

    def find(self, secret: str) -> "ApiToken | None":
        """Return the active token with this secret, with its user, in one query; else None.

        A token ends when it expires or is revoked, when its user is deactivated, and when the password changes.
        """
        values = {"token_digest": _digest(secret), "moment": timezone.now()}
        columns = TOKEN_COLUMNS if current_reads() is None else (*TOKEN_COLUMNS, POSITION_COLUMN)
        for row in _active_token(self.db, columns).rows(values):
            token = ApiToken.from_db(self.db, columns, row[: len(columns)])
            token.user = User.from_db(self.db, USER_COLUMNS, row[len(columns) :])
            return token if token.is_issued_under(token.user.password) else None
        return None

    def revoke(self) -> int:
        """Revoke these tokens, and return how many were not revoked yet."""
        return self.filter(revoked_at=None).update(revoked_at=timezone.now())


class ApiToken(models.Model):
    """A bearer token: 256 random bits that authenticate a user until `expires_at`. Only their SHA-256 is stored.

    A digest without salt or stretching is enough for a random secret of that length.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="api_tokens")
    name = models.CharField(
        max_length=100, blank=True, default="", validators=[printable_line, visible], help_text="What it is for."
    )
    prefix = models.CharField("begins with", max_length=12, editable=False, db_column="shown")
    digest = models.CharField(max_length=64, unique=True, editable=False)
    # Ties the token to the password it was issued under, so that a new password ends stolen tokens too.
    password_digest = models.CharField(max_length=64, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True, editable=False)
    # A day rather than a timestamp, which would cost a write with every request.
    last_used_on = models.DateField(null=True, blank=True, editable=False)
    # The position of PostgreSQL's log after the token's last write, where there is a replica.
    last_write = models.BigIntegerField(null=True, blank=True, editable=False)

    objects = ApiTokenQuerySet.as_manager()

    class Meta:
        verbose_name = "API token"
        ordering = ["-id"]

    def __str__(self) -> str:
        return f"{self.prefix}…"

    def is_issued_under(self, password: str) -> bool:
        """Return whether this is the stored password that the token was issued under."""
        return self.password_digest == _digest(password)

    def is_active(self) -> bool:
        """Return whether the token authenticates its user now."""
        in_time = self.revoked_at is None and self.expires_at > timezone.now()
        return in_time and self.user.is_active and self.is_issued_under(self.user.password)

    def revoke(self) -> None:
        """Revoke the token, effective immediately."""
        ApiToken.objects.filter(pk=self.pk).revoke()
        self.refresh_from_db(fields=["revoked_at"])

    def touch(self) -> None:
        """Record that the token was used today: at most one write a day, which never fails a request."""
        today = timezone.now().date()
        if self.last_used_on == today:
            return
        try:
            with transaction.atomic():  # so that a failure does not break the caller's transaction
                ApiToken.objects.filter(pk=self.pk).exclude(last_used_on=today).update(last_used_on=today)
        except Error as error:
            logger.info("Could not record the use of token %s: %s", self, error)

    def note_write(self) -> None:
        """Record where PostgreSQL's log is after a write, so that the token's reads see it. Never fails a request."""
        try:
            with transaction.atomic():
                position = Greatest("last_write", LogPosition())  # on PostgreSQL, NULL is less than anything
                ApiToken.objects.filter(pk=self.pk).update(last_write=position)
        except Error as error:
            logger.warning("Could not record the last write of token %s: %s", self, error)


@functools.cache
def _active_token(alias: str, token_columns: tuple[str, ...]) -> CompiledQuery:
    """Return the query for an active token and its user, by `token_digest` and `moment`.

    On PostgreSQL that is a function (migration 0013), whose plan the server keeps: planning the join takes twice as
    long as running it. Elsewhere it is the queryset of the same rule; a test compares the two.
    """
    digest, moment = Param("token_digest", models.CharField()), Param("moment", models.DateTimeField())
    if connections[alias].vendor == "postgresql":
        width = len(token_columns) + len(USER_COLUMNS)
        sql = f"SELECT * FROM {FUNCTION}(%s, %s)"  # noqa: S608
        if token_columns != TOKEN_COLUMNS:
            users = ", ".join(f"found.{name}" for name in ("owner_id", *USER_COLUMNS[1:]))
            tokens = ", ".join(f"found.{name}" for name in TOKEN_COLUMNS)
            sql = (
                f"SELECT {tokens}, token.{POSITION_COLUMN}, {users} FROM {FUNCTION}(%s, %s) AS found"  # noqa: S608
                " JOIN products_apitoken AS token ON token.id = found.id"
            )
        return CompiledQuery(ApiToken, sql, [digest, moment], width)
    columns = (*token_columns, *(f"user__{name}" for name in USER_COLUMNS))
    return CompiledQuery.compile(
        ApiToken.objects.using(alias).active(moment).filter(digest=digest).order_by().values_list(*columns)
    )


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
