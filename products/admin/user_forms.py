"""Forms for users and their passwords. None writes over what was changed since it read the user."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.admin.forms import AdminPasswordChangeForm as OwnPasswordChangeForm
from django.contrib.auth.forms import AdminPasswordChangeForm, ReadOnlyPasswordHashWidget, UserChangeForm
from django.contrib.auth.models import User
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse_lazy
from django.utils.crypto import salted_hmac

from products import auth

EDITABLE = ("username", "first_name", "last_name", "email", "is_active", "is_staff", "is_superuser")


class VersionField(forms.CharField):
    """A hidden field that says which state of an object a page shows."""

    widget = forms.HiddenInput

    def has_changed(self, initial: Any, data: Any) -> bool:
        return False


class PasswordHashWidget(ReadOnlyPasswordHashWidget):
    """Shows a stored password that is damaged in the way in which one of an unknown algorithm is shown."""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        try:
            return super().get_context(name, value, attrs)
        except ValueError:
            return super().get_context(name, "damaged", attrs)


class UserForm(UserChangeForm):
    """Refuses to save what would undo the changes that were saved since the page was loaded.

    To be used in a transaction, as the admin does. A request without a version is a script's, and is not checked.
    """

    version = VersionField(required=False)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "password" in self.fields:
            self.fields["password"].widget = PasswordHashWidget()
        if "version" in self.fields:
            self.initial["version"] = _version(self.instance)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        shown = cleaned.get("version")
        # Locked, so that of two who save at once the second sees what the first has saved.
        user = User.objects.select_for_update(no_key=True).filter(pk=self.instance.pk).first()
        if user is None or (shown and shown != _version(user)):
            raise ValidationError(
                "This user has been changed since you opened this page. Open it again, and then make your changes.",
                code="stale",
            )
        return cleaned


def _version(user: User) -> str:
    # The password and the last login are not edited here: a login meanwhile is no conflict.
    values = [getattr(user, name) for name in EDITABLE]
    related = [sorted(relation.values_list("pk", flat=True)) for relation in (user.groups, user.user_permissions)]
    return salted_hmac("products.admin.user_forms", repr([values, related]), algorithm="sha256").hexdigest()


class SetPasswordForm(AdminPasswordChangeForm):
    """Set another user's password, and write nothing else: the other columns were read before the slow hashing."""

    def save(self, commit: bool = True) -> User:
        user: User = super().save(commit=False)
        if commit:
            with transaction.atomic():
                get_object_or_404(User.objects.select_for_update(no_key=True), pk=user.pk)  # deleted meanwhile
                user.save(update_fields=["password"])
        return user


class ChangePasswordForm(OwnPasswordChangeForm):
    """Change one's own password, given the old one."""

    def clean_old_password(self) -> str:
        # Not by user.check_password(), which may store the old password anew (see auth.check).
        password: str = self.cleaned_data["old_password"]
        if not auth.check(self.user, password)[0]:
            raise ValidationError(self.error_messages["password_incorrect"], code="password_incorrect")
        return password

    def save(self, commit: bool = True) -> User:
        """Write the new password, and only that. Raises ValidationError where the old one is not stored any more."""
        if not commit:
            return super().save(commit=False)
        with transaction.atomic():
            unchanged = User.objects.filter(pk=self.user.pk, password=self.user.password, is_active=True)
            if unchanged.select_for_update(no_key=True).first() is None:
                raise ValidationError("Your account was changed meanwhile. Log in again.", code="stale")
            user: User = super().save(commit=False)
            user.save(update_fields=["password"])
        return user


class ChangePasswordView(PasswordChangeView):
    """The admin's page for one's own password: AdminSite.password_change() has no way to set its form."""

    form_class = ChangePasswordForm
    success_url = reverse_lazy("admin:password_change_done")

    def form_valid(self, form: ChangePasswordForm) -> HttpResponse:
        try:
            return super().form_valid(form)
        except ValidationError as error:
            form.add_error(None, error)
            return self.form_invalid(form)

    def get_context_data(self, **context: Any) -> dict[str, Any]:
        return super().get_context_data(**admin.site.each_context(self.request), **context)


change_password = admin.site.admin_view(ChangePasswordView.as_view(), cacheable=True)
