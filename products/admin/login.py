"""The door of the admin. The password itself is looked at behind it (products.auth)."""

from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError

from products.audit_log import SecurityEvent, record


class StaffLogin(AdminAuthenticationForm):
    """Tells the log who enters, and who has a right password and no business here."""

    def confirm_login_allowed(self, user: User) -> None:
        try:
            super().confirm_login_allowed(user)
        except ValidationError:
            record(SecurityEvent.ADMIN_REFUSED, self.request, user=user.pk)
            raise
        record(SecurityEvent.ADMIN_ENTERED, self.request, user=user.pk)
