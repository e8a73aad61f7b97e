"""API tokens: staff issue, list and revoke them. The secret of a token is shown once, when it is issued."""

from datetime import datetime
from functools import partial
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import ForeignKey, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from products.admin.versioned_forms import VersionedAdmin
from products.audit_log import SecurityEvent, record
from products.models import ApiToken
from products.models.tokens import ApiTokenQuerySet


class RevokedFilter(admin.SimpleListFilter):
    title = parameter_name = "revoked"

    def lookups(self, request: HttpRequest, model_admin: admin.ModelAdmin) -> list[tuple[str, str]]:
        return [("no", "No"), ("yes", "Yes")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> QuerySet[ApiToken]:
        return queryset.filter(revoked_at__isnull=self.value() == "no") if self.value() else queryset


class IssueTokenForm(forms.ModelForm):
    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if isinstance(widget := self.fields["expires_at"].widget, forms.MultiWidget):
            for part, name in zip(widget.widgets, ["Expires at: date", "Expires at: time"], strict=True):
                part.attrs["aria-label"] = name

    def clean_user(self) -> User:
        # Read again and locked until the token is stored, because the password may have been changed, or the
        # user closed or deleted.
        user = User.objects.select_for_update(no_key=True).filter(pk=self.cleaned_data["user"].pk).first()
        if user is None:
            raise ValidationError("This user has just been deleted.")
        if not user.is_active:
            raise ValidationError("This account is closed; open it first.")
        return user

    def clean_expires_at(self) -> datetime:
        expires_at: datetime = self.cleaned_data["expires_at"]
        if expires_at <= timezone.now():
            raise ValidationError("The expiry must be in the future.")
        return expires_at


@admin.register(ApiToken)
class ApiTokenAdmin(VersionedAdmin):
    actions = ["revoke_selected"]

    list_display = ["prefix", "user", "name", "created_at", "expires_at", "revoked_at", "last_used_on"]
    list_filter = [RevokedFilter]
    list_select_related = ["user"]
    search_fields = ["user__username", "=prefix", "name"]

    fields = ["user", "name", "expires_at"]
    autocomplete_fields = ["user"]
    readonly_fields = ["prefix", "user", "created_at", "expires_at", "revoked_at", "last_used_on"]

    def get_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> Any:
        return [*self.readonly_fields, "name"] if obj else self.fields

    def get_readonly_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> Any:
        return self.readonly_fields if obj else []

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"expires_at": timezone.now() + settings.TOKEN_LIFETIME}

    def get_form(self, request: HttpRequest, obj: ApiToken | None = None, change: bool = False, **options: Any) -> Any:
        return super().get_form(request, obj, change, **({} if change else {"form": IssueTokenForm}), **options)

    def formfield_for_foreignkey(self, db_field: ForeignKey, request: HttpRequest, **options: Any) -> Any:
        # A token acts as its user, so issuing one must not be a way to become a superuser.
        if not request.user.is_superuser:
            options["queryset"] = User.objects.filter(Q(is_staff=False, is_superuser=False) | Q(pk=request.user.pk))
            options["error_messages"] = {"invalid_choice": "Only a superuser can issue tokens for other staff."}
        return super().formfield_for_foreignkey(db_field, request, **options)

    def save_model(self, request: HttpRequest, obj: ApiToken, form: forms.ModelForm, change: bool) -> None:
        if change:
            super().save_model(request, obj, form, change)
            return
        token, secret = ApiToken.objects.issue(obj.user, name=obj.name, lifetime=obj.expires_at - timezone.now())
        obj.pk, obj.prefix = token.pk, token.prefix
        record_on_commit(SecurityEvent.TOKEN_MADE, request, token=token.pk, owner=obj.user.pk)
        self.message_user(request, f"The token is {secret}. It is shown only once; store it safely.", messages.WARNING)

    @admin.action(description="Revoke selected tokens", permissions=["change"])
    def revoke_selected(self, request: HttpRequest, tokens: ApiTokenQuerySet) -> None:
        record_revocations(request, tokens)
        self.message_user(request, f"Revoked {tokens.revoke()} of {tokens.count()}.", messages.SUCCESS)

    # Deleting a token revokes it, so it is recorded as a revocation.

    def delete_model(self, request: HttpRequest, obj: ApiToken) -> None:
        record_revocations(request, ApiToken.objects.filter(pk=obj.pk))
        super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        record_revocations(request, queryset)
        super().delete_queryset(request, queryset)


def record_revocations(request: HttpRequest, tokens: QuerySet[ApiToken]) -> None:
    for pk, owner in tokens.values_list("pk", "user"):
        record_on_commit(SecurityEvent.TOKENS_REVOKED_BY_STAFF, request, token=pk, owner=owner)


def record_on_commit(event: SecurityEvent, request: HttpRequest, **facts: object) -> None:
    """Record a security event after the commit: most admin views run in a transaction."""
    transaction.on_commit(partial(record, event, request, user=request.user.pk, **facts))
