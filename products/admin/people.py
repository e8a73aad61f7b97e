"""Who there is. Whoever may change people must not be able to make more of themselves by it."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin, UserAdmin
from django.contrib.auth.models import Group, User
from django.http import HttpRequest

from products.admin.user_forms import SetPasswordForm, UserForm

RIGHTS = ("is_staff", "is_superuser", "groups", "user_permissions")

admin.site.unregister([User, Group])


@admin.register(User)
class PersonAdmin(UserAdmin):
    """Only a superuser gives rights, and only a superuser changes others of the staff: whoever can set somebody's
    password can act as them."""

    form = UserForm
    change_password_form = SetPasswordForm
    readonly_fields = ("last_login", "date_joined")

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        (title, first), *others = super().get_fieldsets(request, obj)
        if obj is not None and self.has_change_permission(request, obj):
            first = first | {"fields": (*first["fields"], "version")}
        return [(title, first), *others]

    def save_model(self, request: HttpRequest, obj: User, form: forms.ModelForm, change: bool) -> None:
        if change:
            # Not the columns that were only read, among them the password: it may have been changed meanwhile.
            columns = {field.name for field in obj._meta.concrete_fields}
            obj.save(update_fields=columns.intersection(form.changed_data))
        else:
            super().save_model(request, obj, form, change)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        fields = super().get_readonly_fields(request, obj)
        return fields if request.user.is_superuser else (*fields, *RIGHTS)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and _is_beneath(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _is_beneath(request, obj)


def _is_beneath(request: HttpRequest, person: User | None) -> bool:
    is_customer = person is None or not (person.is_staff or person.is_superuser)
    return request.user.is_superuser or is_customer


@admin.register(Group)
class RightsAdmin(GroupAdmin):
    """A group is made of rights: only a superuser changes one."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return request.user.is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        return request.user.is_superuser
