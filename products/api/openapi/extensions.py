"""Extensions of drf-spectacular: the strict serializers and fields, as strict as they are, and authentication."""

import re
import string
from typing import Any

from django.core.validators import RegexValidator
from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerExtension,
    OpenApiSerializerFieldExtension,
)
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction

from products.validators import printable_line

MAX_DIGITS = 19

# What StrictTextField rejects, as a character class.
CONTROL = r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f"

# What printable_line() rejects as well, so that the text is one line.
CONTROL_AND_BREAKS = r"\u0000-\u001f\u007f-\u009f\u2028\u2029"

# What drf-spectacular adds for text that may be blank. Our pattern allows for it, and with oneOf only one may match.
BLANK = {"type": "string", "maxLength": 0}


EMAIL_OR_BLANK = rf"^([^@\s{CONTROL}]+@[^@\s{CONTROL}]+)?$"

# To Python, \w are the letters and digits of any script; to the clients of other languages, those of ASCII.
WORD_CLASS = re.compile(r"\[\\w([^\]]*)\]")


class StrictSerializerExtension(OpenApiSerializerExtension):
    """Forbid unknown fields."""

    target_class = "products.api.http.fields.StrictSerializer"
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        # The way that drf-spectacular documents for augmenting its own result (OpenApiSerializerExtension).
        schema = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        if "__doc__" not in vars(type(self.target)) or not type(self.target).__doc__:
            schema.pop("description", None)  # of a base class
        for member in schema.get("properties", {}).values():
            if "pattern" in member:
                member["pattern"] = WORD_CLASS.sub(_class_of_any_script, member["pattern"])
            if BLANK not in member.get("oneOf", []):
                continue
            member |= member.pop("oneOf")[0]
            if member.get("format") == "email":  # An empty text is no e-mail address.
                del member["format"]
                member["pattern"] = EMAIL_OR_BLANK
            elif not re.search(member["pattern"], ""):  # A validator's, which is not asked about an empty text.
                member["pattern"] = f"^({member['pattern'].removeprefix('^').removesuffix('$')})?$"
        return {**schema, "additionalProperties": False}


class StrictIntegerExtension(OpenApiSerializerFieldExtension):
    """A JSON integer or a string of digits, with its bounds."""

    target_class = "products.api.http.fields.StrictIntegerField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        minimum, maximum = self.target.minimum, self.target.maximum
        number = {"type": "integer", "minimum": minimum, "maximum": maximum}
        if maximum > 2**31:
            number["format"] = "int64"
        texts = [{"type": "string", "pattern": f"^{digits(max(minimum, 0), maximum)}$", "maxLength": MAX_DIGITS}]
        if minimum < 0:
            texts.append({"type": "string", "pattern": f"^-{digits(0, -minimum)}$", "maxLength": MAX_DIGITS + 1})
        return {"oneOf": [number, *texts]}


class StrictTextExtension(OpenApiSerializerFieldExtension):
    """Text without control characters, and not blank unless that is allowed."""

    target_class = "products.api.http.fields.StrictTextField"
    match_subclasses = True

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "string", "maxLength": self.target.max_length}
        if not any(isinstance(validator, RegexValidator) for validator in self.target.validators):
            control = CONTROL_AND_BREAKS if printable_line in self.target.validators else CONTROL
            not_blank = "" if self.target.allow_blank else rf"[^\s{control}][^{control}]*"
            schema["pattern"] = f"^[^{control}]*{not_blank}$"
        return schema


def _class_of_any_script(word_class: re.Match[str]) -> str:
    """Return the character class without those of ASCII that it does not have; it cannot name all scripts' letters."""
    excluded = [sign for sign in string.punctuation if sign not in f"_{word_class[1]}"]
    return "[^" + rf"\s{CONTROL}" + "".join(f"\\u{ord(sign):04x}" for sign in excluded) + "]"


def digits(minimum: int, maximum: int) -> str:
    """Return a pattern for whole numbers from `minimum` (0 or 1) to `maximum`, with leading zeros allowed.

    Unless `maximum` is 1 followed by zeros, the pattern excludes the largest numbers: a pattern cannot compare.
    """
    shorter = len(str(maximum)) - 1
    first, rest = ("[1-9]", shorter - 1) if minimum == 1 else ("[0-9]", shorter - 1)
    return f"0*({first}[0-9]{{0,{rest}}}|{maximum})"


BASIC_AUTHENTICATION = {
    "type": "http",
    "scheme": "basic",
    "description": "User name and password (RFC 7617), only for `POST /api-token-auth`; or send them in the body.",
}


class TokenScheme(OpenApiAuthenticationExtension):
    """Authentication by token."""

    target_class = "products.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A token from `POST /api-token-auth`."}
