"""Users and groups. The right to change users must not be a way to gain more permissions."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group, User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest

from products import policies, second_factor
from products.admin.actions import ObjectAction, ObjectActionAdmin, ProtectedMixin
from products.admin.user_forms import NewUserForm, SetPasswordForm, UserForm
from products.admin.versioned_forms import VersionedAdmin
from products.audit_log import SecurityEvent, record
from products.models import ApiToken

PERMISSION_FIELDS = ("is_staff", "is_superuser", "groups", "user_permissions")

admin.site.unregister([User, Group])


class ResetSecondFactor(ObjectAction[User]):
    name, label, permission = "reset_second_factor", "Reset second factor", policies.RESET_SECOND_FACTORS
    explanation = (
        "For who has lost both the app and the recovery codes. Their password alone will do until they set it up again."
    )

    @classmethod
    def is_available(cls, obj: User) -> bool:
        return second_factor.device_of(obj) is not None

    def execute(self, by: Any) -> str:
        if not policies.may_reset_second_factor(by, of=self.obj):
            raise PermissionDenied
        if not second_factor.remove(self.obj):
            return f"{self.obj} has no second factor."
        record(SecurityEvent.SECOND_FACTOR_RESET, None, user=by.pk, account=self.obj.pk)
        return f"Removed the second factor of {self.obj}."


@admin.register(User)
class UserAdmin(ProtectedMixin, VersionedAdmin, ObjectActionAdmin, auth_admin.UserAdmin):
    """Only a superuser grants permissions or changes staff accounts: setting a password allows logging in with it."""

    form = UserForm
    add_form = NewUserForm
    change_password_form = SetPasswordForm
    readonly_fields = ("last_login", "date_joined")
    object_actions = [ResetSecondFactor]
    protected_by = ["orders"]

    def summary(self, obj: User) -> str:
        return f"{obj.get_full_name() or obj.username}."

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Save the user. Closing an account revokes its tokens, so that they stay invalid if it is reopened."""
        super().save_model(request, obj, form, change)
        if not change:
            event = SecurityEvent.ACCOUNT_MADE
        elif "is_active" not in form.changed_data:
            return
        elif obj.is_active:
            event = SecurityEvent.ACCOUNT_OPENED
        else:
            event = SecurityEvent.ACCOUNT_CLOSED
            ApiToken.objects.of(obj).revoke()
        by = request.user.pk
        transaction.on_commit(lambda: record(event, request, user=by, account=obj.pk))

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        return fields if request.user.is_superuser else (*fields, *PERMISSION_FIELDS)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and _may_manage(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_manage(request, obj)


def _may_manage(request: HttpRequest, account: User | None) -> bool:
    is_customer = account is None or not (account.is_staff or account.is_superuser)
    return request.user.is_superuser or is_customer


@admin.register(Group)
class GroupAdmin(VersionedAdmin, auth_admin.GroupAdmin):
    """Only a superuser changes groups, because a group grants permissions."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return request.user.is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return request.user.is_superuser
