"""Pages of the admin that call a verb: a small form, one call, and a refusal as the form's error."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, ClassVar, Generic, TypeVar, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import AdminForm
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path

from products.models import DomainError

Thing = TypeVar("Thing", bound=models.Model)


class Verb(forms.Form, Generic[Thing]):
    """What staff can do to a thing, and as fields what has to be said for it."""

    name: ClassVar[str]  # in its URL
    label: ClassVar[str]  # on its button
    explanation: ClassVar[str] = ""
    permission: ClassVar[str]

    do_not_call_in_templates = True  # where the class itself is shown as a button

    def __init__(self, thing: Thing, data: Any = None) -> None:
        self.thing = thing
        super().__init__(data)

    @classmethod
    def is_offered(cls, thing: Thing) -> bool:
        """Whether there is any use in it now; the verb itself has the last word."""
        return True

    def perform(self, by: Any) -> str:
        """Call the verb, and say in a sentence what was done. Raises what the verb raises."""
        raise NotImplementedError

    def show(self, refusal: DomainError) -> None:
        self.add_error(None, str(refusal))


class AdminWithVerbs(admin.ModelAdmin):
    verbs: Sequence[type[Verb]] = ()

    def situation(self, thing: Any) -> str:
        """What to know of `thing` before doing something to it, in a sentence."""
        raise NotImplementedError

    def get_urls(self) -> list[URLPattern]:
        pages = [
            path(
                f"<path:object_id>/{verb.name}/",
                self.admin_site.admin_view(self.verb_view),
                {"verb": verb},
                name=f"{self.opts.app_label}_{self.opts.model_name}_{verb.name}",
            )
            for verb in self.verbs
        ]
        # Before Django's own, whose last one takes every path for the id of an object.
        return [*pages, *super().get_urls()]

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except DomainError as refusal:
            # The form found nothing wrong, and then somebody else was faster.
            self.message_user(request, str(refusal), messages.ERROR)
            return redirect(request.get_full_path())

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        context["verbs"] = list(self._offered(request, context["original"])) if context.get("original") else []
        return super().render_change_form(request, context, *args, **kwargs)

    def verb_view(self, request: HttpRequest, object_id: str, verb: type[Verb]) -> HttpResponse:
        """Ask for what the verb needs (GET), or call it (POST)."""
        if not request.user.has_perm(verb.permission):
            raise PermissionDenied
        thing = self.get_object(request, unquote(object_id))
        if thing is None:
            raise Http404
        if not self.has_view_permission(request, thing):
            raise PermissionDenied
        form = verb(thing, request.POST if request.method == "POST" else None)
        if form.is_valid() and self._call(request, form):
            return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", quote(thing.pk))
        return self._verb_page(request, form)

    def call_for_each(self, request: HttpRequest, things: Iterable[Any], verb: type[Verb]) -> None:
        """Call a verb that needs nothing said for each of many; the refusal of one does not keep the others."""
        asked, done = list(things), 0
        for thing in asked:
            form = verb(thing, {})
            form.full_clean()
            try:
                self.log_change(request, thing, form.perform(request.user))
            except DomainError as refusal:
                self.message_user(request, f"{thing}: {refusal}", messages.ERROR)
            else:
                done += 1
        level = messages.SUCCESS if done else messages.WARNING
        self.message_user(request, f"{verb.label}: {done} of {len(asked)}.", level)

    def _offered(self, request: HttpRequest, thing: Any) -> Iterator[type[Verb]]:
        return (verb for verb in self.verbs if request.user.has_perm(verb.permission) and verb.is_offered(thing))

    def _call(self, request: HttpRequest, form: Verb) -> bool:
        try:
            done = form.perform(request.user)
        except DomainError as refusal:
            form.thing.refresh_from_db()  # Somebody else may have moved it, and the page says how it is now.
            form.show(refusal)
            return False
        self.log_change(request, form.thing, done)
        self.message_user(request, done, messages.SUCCESS)
        return True

    def _verb_page(self, request: HttpRequest, form: Verb) -> HttpResponse:
        fieldsets: Any = [(None, {"fields": list(form.fields)})]
        context = {
            **self.admin_site.each_context(request),
            "title": form.label,
            "subtitle": str(form.thing),
            "opts": self.opts,
            "original": form.thing,
            "situation": self.situation(form.thing),
            "form": form,
            "adminform": AdminForm(cast(Any, form), fieldsets, {}),
            "media": self.media + form.media,
        }
        return TemplateResponse(request, "admin/products/verb.html", context)


class ReadOnly:
    """For what no hand writes: it is looked at here, and made and moved elsewhere."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
