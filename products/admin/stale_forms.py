"""Forms that refuse to overwrite what somebody else has changed since the page was opened."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db import models
from django.forms.models import model_to_dict
from django.http import HttpRequest

STALE = "Somebody else has changed this to “%(now)s” since you opened the page, when it was “%(before)s”. "
STALE += "Save once more to write your own value all the same."
BLANK = "nothing"


class StaleFieldsForm(forms.ModelForm):
    """Compares each changed field with what is stored now, and shows both values where somebody else was faster.

    It must be validated in a transaction, as the admin does: the row stays locked until it is written. Each field is
    sent with the value that the page showed; a request without them, as scripts send, is not checked.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            # With the values that it showed, changed_data is what this user changed, not what others did since.
            field.show_hidden_initial = True

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.instance.pk is not None:
            manager: models.Manager[Any] = self._meta.model._base_manager
            stored = manager.select_for_update(no_key=True).filter(pk=self.instance.pk).first()
            if stored is not None:
                self._check_changed_fields(stored)
        return cleaned

    def _check_changed_fields(self, stored: models.Model) -> None:
        now = model_to_dict(stored, self.changed_data)
        data: dict[str, Any] = self.data.copy()  # type: ignore[attr-defined]  # a QueryDict
        for name in set(now).intersection(self.cleaned_data):
            bound = self[name]
            before = data.get(bound.html_initial_name)
            if before is None or not bound.field.has_changed(now[name], before):
                continue
            # The page is shown again with the present value, so that to save it once more is a decision.
            data[bound.html_initial_name] = "" if now[name] is None else str(bound.field.prepare_value(now[name]))
            if bound.field.has_changed(now[name], data.get(bound.html_name)):
                shown = {"now": _shown(bound.field, now[name]), "before": _shown(bound.field, before)}
                self.add_error(name, forms.ValidationError(STALE, code="stale", params=shown))
        self.data = data


class ChangedFieldsAdmin(admin.ModelAdmin):
    """A ModelAdmin that writes only the fields that the user has changed, and refuses those that are stale."""

    form = StaleFieldsForm

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool) -> None:
        if not change:
            super().save_model(request, obj, form, change)
        elif form.changed_data:
            obj.save(update_fields=form.changed_data)


def _shown(field: forms.Field, value: Any) -> Any:
    """Return a value as its field shows it: of a choice among rows, the row's name."""
    if value in (None, ""):
        return BLANK
    if isinstance(field, forms.ModelChoiceField) and field.queryset is not None:
        row = field.queryset.filter(pk=value).first()
        return BLANK if row is None else field.label_from_instance(row)
    return value
