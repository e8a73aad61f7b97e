"""Forms for every model's admin that refuse to overwrite changes made since the page was loaded."""

import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from django import forms
from django.contrib import admin
from django.core import signing
from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.forms.models import ModelChoiceField, model_to_dict
from django.http import HttpRequest, QueryDict
from django.utils.text import Truncator

MAX_SHOWN = 200
"""How many characters of a value a message quotes."""


SIGNER = signing.Signer(salt=__name__)


class VersionField(forms.CharField):
    """A hidden, signed field with the values that the page shows. It never counts as changed."""

    widget = forms.HiddenInput
    default_error_messages = {"invalid": "Open this page again, and then make your changes."}

    def prepare_value(self, value: Any) -> Any:
        return SIGNER.sign_object(value, compress=True) if isinstance(value, dict) else value

    def to_python(self, value: Any) -> Any:
        if value in self.empty_values:
            return {}
        try:
            return SIGNER.unsign_object(value)
        except signing.BadSignature:
            raise ValidationError(self.error_messages["invalid"], code="invalid") from None

    def has_changed(self, initial: Any, data: Any) -> bool:
        return False


class VersionedForm(forms.ModelForm):
    """Refuses to save if a value on the page has changed meanwhile, and reports each such field with both values.

    It must be validated in a transaction, as the admin does. A request without a version, for example from a script,
    is not checked.
    """

    version = VersionField(required=False)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        if "version" in self.fields:
            self.initial["version"] = self._plain(self.initial)

    @cached_property
    def changed_data(self) -> list[str]:
        # Browsers change line endings, which is not a change of the text.
        return [name for name in super().changed_data if self._has_entered_another(name, self[name].initial)]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.instance.pk is None:
            return cleaned
        if "version" in self.errors:
            raise ValidationError(self.fields["version"].error_messages["invalid"], code="stale")  # it is hidden itself
        # With the lock, the second of two concurrent requests sees the values that the first one saved.
        objects = type(self.instance)._default_manager.select_for_update(no_key=True)
        stored = objects.filter(pk=self.instance.pk).first()
        noun = self.instance._meta.verbose_name
        if stored is None:
            raise ValidationError(f"This {noun} has been deleted since you opened this page.", code="stale")
        shown = cleaned.get("version") or {}
        now = self._plain(model_to_dict(stored, fields=[*self.fields]))
        stale = [
            name
            for name, value in now.items()
            if name in shown and shown[name] != value and self._has_entered_another(name, value)
        ]
        if stale:
            self._mark(stale, shown, now)
            raise ValidationError(
                f"This {noun} has been changed since you opened this page, and nothing was saved. Look at the marked "
                "values, and then save again.",
                code="stale",
            )
        return cleaned

    def _plain(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return these values of the form's fields in JSON form."""
        plain = {
            name: field.prepare_value(values[name])
            for name, field in self.fields.items()
            if name in values and name != "version" and not field.disabled
        }
        for name, value in plain.items():
            if isinstance(value, list):
                plain[name] = sorted(value)
        loaded: dict[str, Any] = json.loads(json.dumps(plain, cls=DjangoJSONEncoder))
        return loaded

    def _has_entered_another(self, name: str, value: Any) -> bool:
        """Return whether the value entered in the field differs from this one."""
        field, entered = self.fields[name], self[name].data
        if isinstance(value, str) and isinstance(entered, str):
            value, entered = ("\n".join(text.splitlines()) for text in (value, entered))
        if not isinstance(field, ModelChoiceField):
            try:
                value = field.to_python(value)
            except ValidationError:
                return True
        return field.has_changed(value, entered)

    def _mark(self, stale: Iterable[str], shown: dict[str, Any], now: dict[str, Any]) -> None:
        """Report each field's old and current value, and show the current one if the user entered nothing else."""
        data = QueryDict(mutable=True)
        data.update(self.data)
        for name in stale:
            theirs = self._quoted(name, now[name])
            if self._has_entered_another(name, shown[name]):
                mine = "something else"  # the field already has an error
                if name in self.cleaned_data:
                    mine = self._quoted(name, self.fields[name].prepare_value(self.cleaned_data[name]))
                sentence = f"Somebody else has changed this to {theirs}. You entered {mine}; save again to replace it."
            else:
                sentence = f"Somebody else has changed this from {self._quoted(name, shown[name])} to {theirs}."
                values = now[name] if isinstance(now[name], list) else [now[name]]
                data.setlist(self.add_prefix(name), ["" if value is None else str(value) for value in values])
            self.add_error(name, ValidationError(sentence, code="stale"))
        data[self.add_prefix("version")] = self.fields["version"].prepare_value(now)
        self.data = data

    def _quoted(self, name: str, value: Any) -> str:
        field = self.fields[name]
        if isinstance(value, bool):
            return "yes" if value else "no"
        if value in (None, "", []):
            return "nothing"
        if isinstance(field, ModelChoiceField) and field.queryset is not None:
            chosen = field.queryset.filter(pk__in=value if isinstance(value, list) else [value])
            value = ", ".join(map(field.label_from_instance, chosen)) or value
        return f"“{Truncator(str(value)).chars(MAX_SHOWN)}”"


class VersionedAdmin(admin.ModelAdmin):
    """A ModelAdmin whose pages refuse to overwrite concurrent changes, and write only the changed columns."""

    form = VersionedForm

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        (title, first), *others = super().get_fieldsets(request, obj)
        if obj is not None and self.has_change_permission(request, obj):
            first = first | {"fields": (*first["fields"], "version")}
        return [(title, first), *others]

    def save_model(self, request: HttpRequest, obj: Any, form: forms.ModelForm, change: bool) -> None:
        if change:
            # Other columns, such as a password, may have been written since the page was loaded.
            columns = {field.name for field in obj._meta.concrete_fields}
            obj.save(update_fields=columns.intersection(form.changed_data))
        else:
            super().save_model(request, obj, form, change)
