"""The page where staff set up their second factor, confirm it and remove it."""

from base64 import b32encode
from textwrap import wrap
from typing import Any, cast

import segno
from django import forms
from django.contrib import messages
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse

from products import second_factor
from products.audit_log import SecurityEvent, record


class CodeField(forms.CharField):
    """A code from the app, or a recovery code."""

    def __init__(self, **options: Any) -> None:
        attributes = {"autocomplete": "one-time-code", "autocapitalize": "none", "spellcheck": "false"}
        super().__init__(max_length=32, widget=forms.TextInput(attrs=attributes), **options)


class SecondFactorForm(forms.Form):
    """A step of the page. clean() already performs it, because only this shows whether a code is wrong."""

    submit = ""
    done = ""

    def __init__(self, request: HttpRequest, *args: Any) -> None:
        super().__init__(*args)
        self.request, self.user = request, cast(User, request.user)


class SetUpForm(SecondFactorForm):
    submit = "Set up"

    def clean(self) -> None:
        second_factor.set_up(self.user)


class ConfirmForm(SecondFactorForm):
    submit = "Confirm"

    code = CodeField(help_text="The six digits that the app shows now.")

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        recovery_codes = second_factor.confirm(self.user, code, self.request)
        self.done = (
            f"Your second factor is set up. Each of these recovery codes replaces it once: {' '.join(recovery_codes)}. "
            "They are shown only now; keep them where you would find them without your phone."
        )
        return code


class RemoveForm(SecondFactorForm):
    submit = "Remove"
    done = "Your second factor is removed."

    password = forms.CharField(strip=False, widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}))
    code = CodeField(help_text="Of the app, or a recovery code.")

    def clean(self) -> None:
        if self.errors:
            return
        # The same checks and limits as at a login, because an open session may be used by somebody else.
        known = authenticate(self.request, username=self.user.username, password=self.cleaned_data["password"])
        if known is None or known.pk != self.user.pk:
            raise ValidationError("This password is wrong.", code="wrong_password")
        second_factor.verify(self.user, self.cleaned_data["code"], self.request)
        second_factor.remove(self.user)
        record(SecurityEvent.SECOND_FACTOR_REMOVED, self.request, user=self.user.pk)


def second_factor_page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    """Show the next step (GET), or perform it (POST)."""
    user = cast(User, request.user)
    active = second_factor.device_of(user)
    pending = None if active else second_factor.pending_of(user)
    form_class = RemoveForm if active else ConfirmForm if pending else SetUpForm
    form = form_class(request, request.POST if request.method == "POST" else None)
    if form.is_valid():
        if form.done:
            messages.success(request, form.done)
        return redirect("admin:second_factor")
    context |= {"title": "Your second factor", "form": form, "active": active, "pending": pending}
    if pending:
        context["qr_code"] = segno.make(pending.config_url).svg_inline(scale=5, light="#fff")
        context["secret"] = " ".join(wrap(b32encode(pending.bin_key).decode(), 4))
    if active:
        context["recovery_codes_left"] = second_factor.recovery_codes_left(user)
    return TemplateResponse(request, "admin/products/second_factor.html", context)
