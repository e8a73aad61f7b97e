"""The admin site. `django.contrib.admin.site` is this one (shop.apps.ShopAdminConfig)."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.views import PasswordChangeView
from django.core.exceptions import BadRequest, ValidationError
from django.db import DataError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import path, reverse

from products import second_factor
from products.admin import front_page
from products.admin.login import AdminLoginForm
from products.admin.second_factor import second_factor_page
from products.admin.user_forms import OwnPasswordForm

BEFORE_SECOND_FACTOR = ("second_factor", "logout", "jsi18n")
"""The pages for staff who need a second factor and have none yet."""

UNFIT = (ValidationError, OverflowError, DataError)
"""What Django's lists raise for a parameter made by hand, such as an id that is none or a year beyond all calendars."""


class ShopAdminSite(admin.AdminSite):
    site_title = site_header = "Shop"
    index_title = "Staff"
    login_form = AdminLoginForm
    login_template = "admin/products/login.html"
    index_template = "admin/products/front_page.html"

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        """Show the front page's figures above the list of models."""
        return super().index(request, {**front_page.context_for(self, request), **(extra_context or {})})

    def get_urls(self) -> list[Any]:
        # Before Django's own URLs, the last of which matches every path.
        return [path("second_factor/", self.admin_view(self.second_factor), name="second_factor"), *super().get_urls()]

    def has_permission(self, request: HttpRequest) -> bool:
        """Return whether the user is staff and, if a second factor is required and set up, has used it."""
        user: Any = request.user
        if not super().has_permission(request):
            return False
        return not self._lacks_second_factor(request) or second_factor.device_of(user) is None

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        """Return Django's view for staff, which redirects users who lack a required second factor to its page."""

        @wraps(view)
        def after_second_factor(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            page = request.resolver_match.url_name if request.resolver_match else None
            if page and page.endswith("_changelist") and _has_nul(request):
                raise BadRequest("A parameter has a NUL character.")
            if self._lacks_second_factor(request) and page not in BEFORE_SECOND_FACTOR:
                return redirect("admin:second_factor")
            try:
                return view(request, *args, **kwargs)
            except UNFIT as error:
                if page and page.endswith("_changelist"):
                    raise BadRequest("A parameter does not fit its column.") from error
                raise

        return super().admin_view(after_second_factor, cacheable)

    def second_factor(self, request: HttpRequest) -> HttpResponse:
        """Let staff set up and remove their second factor."""
        is_required = settings.ADMIN_REQUIRES_TOTP
        return second_factor_page(request, self.each_context(request) | {"is_required": is_required})

    def password_change(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        """Let staff change their own password, with a form that overwrites no concurrent change."""
        view = PasswordChangeView.as_view(
            form_class=OwnPasswordForm,
            success_url=reverse("admin:password_change_done"),
            extra_context={**self.each_context(request), **(extra_context or {})},
        )
        with transaction.atomic():
            return view(request)

    def _lacks_second_factor(self, request: HttpRequest) -> bool:
        user: Any = request.user
        return settings.ADMIN_REQUIRES_TOTP and not user.is_verified()


def _has_nul(request: HttpRequest) -> bool:
    """Return whether a parameter has a NUL character, with which a filter would fail on PostgreSQL with a 500."""
    return any("\0" in value for _, values in request.GET.lists() for value in values)
