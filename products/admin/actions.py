"""Object actions: a page of the admin with a small form that calls one verb of a model."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Generic, TypeVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ObjectDoesNotExist, PermissionDenied, ValidationError
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from products import policies
from products.exceptions import DomainError

Object = TypeVar("Object", bound=models.Model)


class ObjectAction(forms.Form, Generic[Object]):
    """An action on one object; the form's fields are the arguments that it needs."""

    name: ClassVar[str]  # in its URL
    label: ClassVar[str]  # on its button
    explanation: ClassVar[str] = ""
    permission: ClassVar[str]
    template: ClassVar[str] = "admin/products/object_action.html"
    further_buttons: ClassVar[Mapping[str, str]] = {}
    """Buttons beside the action's own, {name: label}; which one was clicked is in `data`."""

    is_replay = False
    """Whether the same form was executed before, so that nothing was done now."""

    confidential = ""
    """What execute() shows only to the person who pressed the button and never logs, such as a secret."""

    do_not_call_in_templates = True  # the buttons are made from the class itself

    def __init__(self, obj: Object, data: Any = None) -> None:
        self.obj = obj
        super().__init__(data)
        self.begin_at(next((name for name, field in self.fields.items() if not field.widget.is_hidden), None))

    def begin_at(self, name: str | None) -> None:
        """Give this field, and no other one, the focus when the page opens."""
        for each, field in self.fields.items():
            field.widget.attrs.pop("autofocus", None)
            if each == name:
                field.widget.attrs["autofocus"] = True

    @classmethod
    def is_permitted(cls, user: Any) -> bool:
        return policies.is_staff_with(user, cls.permission)

    @classmethod
    def is_available(cls, obj: Object) -> bool:
        """Return whether to offer the action for the object in its current state; execute() checks again."""
        return True

    def execute(self, by: Any) -> str:
        """Call the verb and return a sentence that says what was done. Raises DomainError and ValidationError."""
        raise NotImplementedError

    def success_url(self) -> str | None:
        """Return where to go after the action, None for the object's page."""
        return None

    def add_domain_error(self, error: DomainError) -> None:
        self.add_error(None, str(error))


class ObjectActionAdmin(admin.ModelAdmin):
    """A ModelAdmin with a button and a page for each of `object_actions`."""

    object_actions: Sequence[type[ObjectAction]] = ()

    def summary(self, obj: Any) -> str:
        """Return a sentence about the object, shown above the form of an action."""
        raise NotImplementedError

    def get_urls(self) -> list[URLPattern]:
        pages = [
            path(
                f"<path:object_id>/{action.name}/",
                self.admin_site.admin_view(self.object_action_view),
                {"action": action},
                name=f"{self.opts.app_label}_{self.opts.model_name}_{action.name}",
            )
            for action in self.object_actions
        ]
        # Before Django's own URLs, the last of which matches every path as the id of an object.
        return [*pages, *super().get_urls()]

    def add_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self._domain_error_as_message(request, super().add_view, *args, **kwargs)

    def change_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = self._domain_error_as_message(request, super().change_view, *args, **kwargs)
        if isinstance(response, TemplateResponse) and response.context_data is not None:
            obj = response.context_data["original"]
            response.context_data["object_actions"] = [
                action
                for action in self.object_actions
                if action.is_permitted(request.user) and action.is_available(obj)
            ]
        return response

    def object_action_view(self, request: HttpRequest, object_id: str, action: type[ObjectAction]) -> HttpResponse:
        """Show the form of the action (GET), or execute it (POST)."""
        if not action.is_permitted(request.user):
            raise PermissionDenied
        try:
            obj = self.get_queryset(request).get(pk=object_id)
        except (ObjectDoesNotExist, ValidationError, ValueError):
            raise Http404 from None
        if not self.has_view_permission(request, obj):
            raise PermissionDenied
        form = action(obj, request.POST if request.method == "POST" else None)
        if form.is_valid() and self._execute(request, form):
            page = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
            return redirect(form.success_url() or reverse(page, args=[obj.pk]))
        context = {
            **self.admin_site.each_context(request),
            "title": form.label,
            "subtitle": str(obj),
            "opts": self.opts,
            "original": obj,
            "summary": self.summary(obj),
            "form": form,
            "media": self.media + form.media,
        }
        return TemplateResponse(request, form.template, context)

    def execute_for_each(self, request: HttpRequest, objects: Iterable[Any], action: type[ObjectAction]) -> None:
        """Execute an action that needs no arguments for each object; an error of one does not stop the others."""
        selected, done = list(objects), 0
        for obj in selected:
            form = action(obj, {})
            form.full_clean()
            try:
                self.log_change(request, obj, form.execute(request.user))
            except DomainError as error:
                self.message_user(request, f"{obj}: {error}", messages.ERROR)
            else:
                done += 1
        level = messages.SUCCESS if done else messages.WARNING
        self.message_user(request, f"{action.label}: {done} of {len(selected)}.", level)

    def _execute(self, request: HttpRequest, form: ObjectAction) -> bool:
        try:
            done = form.execute(request.user)
        except DomainError as error:
            form.obj.refresh_from_db()  # The page shows the current state, which someone else may have changed.
            form.add_domain_error(error)
            return False
        except ValidationError as error:  # a text that the model rejects, such as a note of invisible characters
            form.obj.refresh_from_db()
            form.add_error(None, error.messages)  # The model's field names differ from the form's.
            return False
        if not form.is_replay:
            self.log_change(request, form.obj, done)
        self.message_user(request, done, messages.SUCCESS)
        if form.confidential:
            self.message_user(request, form.confidential, messages.WARNING)
        return True

    def _domain_error_as_message(
        self, request: HttpRequest, view: Callable[..., HttpResponse], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except DomainError as error:
            # The form was valid, but someone else made a conflicting change before it was saved.
            self.message_user(request, str(error), messages.ERROR)
            return redirect(request.get_full_path())


class ReadOnlyMixin:
    """For models that staff can view but not edit, because their rows are written elsewhere."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ProtectedMixin:
    """For models with PROTECT relations: hide Delete on the page of an object that could not be deleted."""

    protected_by: Sequence[str] = ()  # names of relations, each of which is indexed

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **options: Any) -> Any:
        obj = context.get("original")
        if obj is not None and self.has_delete_permission(request, obj):  # type: ignore[attr-defined]
            context["show_delete"] = not any(getattr(obj, name).exists() for name in self.protected_by)
        return super().render_change_form(request, context, *args, **options)  # type: ignore[misc]
