"""Customers: users who are not staff. Creates, changes and closes their accounts."""

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, models, transaction

from products.exceptions import UsernameTaken
from products.models.tokens import ApiToken
from products.validators import printable_line, visible, wholly_visible

TEXT_RULES: dict[str, list[Callable[[str], None]]] = {
    "username": [wholly_visible],
    "first_name": [printable_line, visible],
    "last_name": [printable_line, visible],
}
"""The validators of a user's texts beside Django's, by field."""


def customers() -> "models.QuerySet[User]":
    """Return the users who are neither staff nor superusers."""
    return User.objects.filter(is_staff=False, is_superuser=False)


def make_customer(*, username: str, email: str = "", password: str | None = None, **names: str) -> User:
    """Make a user who is not staff. Raises UsernameTaken."""
    user = User(username=User.normalize_username(username), email=User.objects.normalize_email(email), **names)
    # Before the transaction: hashing is slow, and SQLite lets nobody else write meanwhile.
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError as error:
        if User.objects.filter(username=user.username).exists():
            raise UsernameTaken(user.username) from error
        raise
    return user


def change_customer(user: User, changes: Mapping[str, Any]) -> None:
    """Write these fields of the user, in the caller's transaction that has locked it, and no others.

    Closing the account (`is_active=False`) revokes the customer's tokens, so opening it again does not bring them back.
    """
    for name, value in changes.items():
        setattr(user, name, value)
    if changes:
        user.save(update_fields=list(changes))
    if changes.get("is_active") is False:
        ApiToken.objects.of(user).revoke()
