"""The admin's login form."""

from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError

from products.audit_log import SecurityEvent, record


class AdminLoginForm(AdminAuthenticationForm):
    """Records who enters the admin, and who has a valid password but no access to it."""

    def confirm_login_allowed(self, user: User) -> None:
        try:
            super().confirm_login_allowed(user)
        except ValidationError:
            record(SecurityEvent.ADMIN_REFUSED, self.request, user=user.pk)
            raise
        record(SecurityEvent.ADMIN_ENTERED, self.request, user=user.pk)
