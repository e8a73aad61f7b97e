"""Users and groups. The right to change users must not be a way to gain more permissions."""

from typing import Any

from django.contrib import admin
from django.contrib.auth import admin as auth_admin
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.http import HttpRequest

from products.admin.user_forms import NewUserForm, SetPasswordForm, UserForm
from products.admin.versioned_forms import VersionedAdmin
from products.audit_log import SecurityEvent, record
from products.models import ApiToken

PERMISSION_FIELDS = ("is_staff", "is_superuser", "groups", "user_permissions")

admin.site.unregister([User, Group])


@admin.register(User)
class UserAdmin(VersionedAdmin, auth_admin.UserAdmin):
    """Only a superuser grants permissions or changes staff accounts: someone who sets a password can log in with it."""

    form = UserForm
    add_form = NewUserForm
    change_password_form = SetPasswordForm
    readonly_fields = ("last_login", "date_joined")

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Save the user. Closing an account revokes its tokens, so that opening it again revives none."""
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
