"""The door of the admin. The password itself is looked at behind it (products.logins)."""

from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError

from products.security import SecurityEvent, tell


class StaffLogin(AdminAuthenticationForm):
    """Tells the log who enters, and who has a right password and no business here."""

    def confirm_login_allowed(self, user: User) -> None:
        try:
            super().confirm_login_allowed(user)
        except ValidationError:
            tell(SecurityEvent.ADMIN_REFUSED, self.request, user=user.pk)
            raise
        tell(SecurityEvent.ADMIN_ENTERED, self.request, user=user.pk)
