"""The admin site. `django.contrib.admin.site` is this one (shop.apps.ShopAdminConfig)."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.views import PasswordChangeView
from django.db import transaction
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse

from products.admin import front_page
from products.admin.login import AdminLoginForm
from products.admin.user_forms import OwnPasswordForm


class ShopAdminSite(admin.AdminSite):
    site_title = site_header = "Shop"
    index_title = "Staff"
    login_form = AdminLoginForm
    index_template = "admin/products/front_page.html"

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Show what there is to do, above the list of the models."""
        return super().index(request, {**front_page.context_for(self, request), **(extra_context or {})})

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Let staff change their own password, with a form that undoes nothing that happens meanwhile."""
        view = PasswordChangeView.as_view(
            form_class=OwnPasswordForm,
            success_url=reverse("admin:password_change_done"),
            extra_context={**self.each_context(request), **(extra_context or {})},
        )
        with transaction.atomic():
            return view(request)
