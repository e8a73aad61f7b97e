"""Forms for users and their passwords, which do not overwrite concurrent changes."""

from typing import Any

from django.contrib.admin.forms import AdminPasswordChangeForm as AdminOwnPasswordForm
from django.contrib.auth.forms import (
    AdminPasswordChangeForm,
    AdminUserCreationForm,
    ReadOnlyPasswordHashWidget,
    UserChangeForm,
)
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.forms import ModelForm
from django.http import Http404

from products.admin.versioned_forms import VersionedForm
from products.auth import check, save_password
from products.models.customers import TEXT_RULES


class PasswordHashWidget(ReadOnlyPasswordHashWidget):
    """Shows a damaged password hash as one of an unknown algorithm, where Django's widget fails."""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        try:
            return super().get_context(name, value, attrs)
        except ValueError:
            return super().get_context(name, "damaged", attrs)


class UserForm(VersionedForm, UserChangeForm):
    """Django's form for a user, without password and last login, so that a login is not a conflict."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "password" in self.fields:
            self.fields["password"].widget = PasswordHashWidget()
        add_text_rules(self)

    def clean_email(self) -> str:
        return User.objects.normalize_email(self.cleaned_data["email"])


class NewUserForm(AdminUserCreationForm):
    """Django's form for a new user."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        add_text_rules(self)


def add_text_rules(form: ModelForm) -> None:
    """Validate a user's texts in this form with the same rules as in the API."""
    for name in TEXT_RULES.keys() & form.fields.keys():
        form.fields[name].validators += TEXT_RULES[name]


class SetPasswordForm(AdminPasswordChangeForm):
    """Sets another user's password, and writes no other column, because those were read before the slow hashing."""

    def save(self, commit: bool = True) -> User:
        """Raises Http404 if the user has been deleted meanwhile."""
        user: User = super().save(commit=False)
        if commit:
            try:
                save_password(user)
            except User.DoesNotExist:
                raise Http404 from None
        return user


class OwnPasswordForm(AdminOwnPasswordForm):
    """Changes one's own password. It must be validated in a transaction."""

    def clean_old_password(self) -> str:
        entered: str = self.cleaned_data["old_password"]
        # Locked, so that a password set during the check is neither replaced nor overwritten with the old one.
        user = User.objects.select_for_update(no_key=True).filter(pk=self.user.pk).first()
        if user is None or not check(user, entered)[0]:
            raise ValidationError(self.error_messages["password_incorrect"], code="password_incorrect")
        return entered

    def save(self, commit: bool = True) -> User:
        user: User = super().save(commit=False)
        if commit:
            save_password(user)
        return user
