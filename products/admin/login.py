"""The admin's login form: a password, and a code where the user has a second factor."""

from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError

from products import second_factor
from products.admin.second_factor import CodeField
from products.audit_log import SecurityEvent, record


class AdminLoginForm(AdminAuthenticationForm):
    """Records logins to the admin, and attempts of users with a valid password but no access."""

    code = CodeField(required=False, help_text="Only if you have set up a second factor.")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        user: Any = self.get_user()
        if user is not None:
            if second_factor.device_of(user) is not None:
                if not cleaned.get("code"):
                    raise ValidationError("Enter your password and the code of your second factor.", code="needs_code")
                # Django's login tells django-otp, which keeps it in the session.
                user.otp_device = second_factor.verify(user, cleaned["code"], self.request)
            record(SecurityEvent.ADMIN_ENTERED, self.request, user=user.pk)
        return cleaned

    def confirm_login_allowed(self, user: User) -> None:
        try:
            super().confirm_login_allowed(user)
        except ValidationError:
            record(SecurityEvent.ADMIN_REFUSED, self.request, user=user.pk)
            raise
