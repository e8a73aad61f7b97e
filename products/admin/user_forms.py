"""Forms for users and their passwords, which do not write back what somebody else has changed meanwhile."""

from typing import Any

from django import forms
from django.contrib.auth.forms import AdminPasswordChangeForm, ReadOnlyPasswordHashWidget, UserChangeForm
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.shortcuts import get_object_or_404
from django.utils.crypto import salted_hmac

VERSIONED_FIELDS = ("username", "first_name", "last_name", "email", "is_active", "is_staff", "is_superuser")


class VersionField(forms.CharField):
    """A hidden field with the version of the user that the page shows. It is never counted as a change."""

    widget = forms.HiddenInput

    def has_changed(self, initial: Any, data: Any) -> bool:
        return False


class PasswordHashWidget(ReadOnlyPasswordHashWidget):
    """Shows a damaged password hash as one of an unknown algorithm, where Django's widget fails."""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        try:
            return super().get_context(name, value, attrs)
        except ValueError:
            return super().get_context(name, "damaged", attrs)


class UserForm(UserChangeForm):
    """Refuses to save if the user has been changed since the page was loaded.

    It must be validated in a transaction, as the admin does. A request without a version, as scripts send, is not
    checked.
    """

    version = VersionField(required=False)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "password" in self.fields:
            self.fields["password"].widget = PasswordHashWidget()
        if "version" in self.fields:
            self.initial["version"] = _version_of(self.instance)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        shown = cleaned.get("version")
        # The lock makes the second of two concurrent requests see what the first has saved.
        user = User.objects.select_for_update(no_key=True).filter(pk=self.instance.pk).first()
        if user is None or (shown and shown != _version_of(user)):
            raise ValidationError(
                "This user has been changed since you opened this page. Open it again, and then make your changes.",
                code="stale",
            )
        return cleaned


def _version_of(user: User) -> str:
    # Without the password and the last login, which this page does not write: a login meanwhile is no conflict.
    values = [getattr(user, name) for name in VERSIONED_FIELDS]
    related = [sorted(relation.values_list("pk", flat=True)) for relation in (user.groups, user.user_permissions)]
    return salted_hmac("products.admin.user_forms", repr([values, related]), algorithm="sha256").hexdigest()


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
