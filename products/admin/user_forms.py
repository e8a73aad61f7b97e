"""Forms for users and their passwords, which do not write back what somebody else has changed meanwhile."""

from typing import Any

from django.contrib.auth.forms import AdminPasswordChangeForm, ReadOnlyPasswordHashWidget, UserChangeForm
from django.contrib.auth.models import User
from django.db import transaction
from django.shortcuts import get_object_or_404

from products.admin.versioned_forms import VersionedForm


class PasswordHashWidget(ReadOnlyPasswordHashWidget):
    """Shows a damaged password hash as one of an unknown algorithm, where Django's widget fails."""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        try:
            return super().get_context(name, value, attrs)
        except ValueError:
            return super().get_context(name, "damaged", attrs)


class UserForm(VersionedForm, UserChangeForm):
    """Django's form for a user. The password and the last login are no part of it, so a login is no conflict."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "password" in self.fields:
            self.fields["password"].widget = PasswordHashWidget()


class SetPasswordForm(AdminPasswordChangeForm):
    """Sets another user's password, and writes no other column: those were read before the slow hashing."""

    def save(self, commit: bool = True) -> User:
        """Raises Http404 if the user has been deleted meanwhile."""
        user: User = super().save(commit=False)
        if commit:
            with transaction.atomic():
                get_object_or_404(User.objects.select_for_update(no_key=True), pk=user.pk)
                user.save(update_fields=["password"])
        return user
