"""What goes into a request, described as strictly as it is read."""

from typing import Any

from django.core.validators import RegexValidator
from drf_spectacular.extensions import OpenApiSerializerExtension, OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction

from products.ordering.validation import MAX_LINES

MAX_DIGITS = 19

# What StrictTextField refuses, as a class of characters.
CONTROL = r"\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f"

# What drf-spectacular adds to text that may be blank; ours says so in its pattern, and of two only one may match.
BLANK = {"type": "string", "maxLength": 0}

BY_ID_OR_SKU = [{"title": "by id", "required": ["product"]}, {"title": "by SKU", "required": ["sku"]}]
OF_A_COUNT = {"anyOf": [{"required": ["set"]}, {"required": ["expected"]}]}
POSITIVE = {"anyOf": [{"type": "integer", "minimum": 1}, {"type": "string", "pattern": "^0*[1-9]"}]}
NOT_ZERO = {"not": {"anyOf": [{"const": 0}, {"type": "string", "pattern": "^-?0+$"}]}}
DELTA_OR_COUNT = [
    {
        "title": "received",
        "required": ["delta", "reason"],
        "properties": {"delta": POSITIVE, "reason": {"const": "RECEIVED"}},
        "not": OF_A_COUNT,
    },
    {
        "title": "corrected",
        "required": ["delta"],
        "properties": {"delta": NOT_ZERO, "reason": {"const": "CORRECTED"}},
        "not": OF_A_COUNT,
    },
    {"title": "counted", "required": ["set"], "not": {"anyOf": [{"required": ["delta"]}, {"required": ["reason"]}]}},
]

HELD_TOGETHER: dict[str, dict[str, Any]] = {
    "LineRequest": {"oneOf": BY_ID_OR_SKU},
    "OrderRequest": {
        "oneOf": [
            {"title": "one line, by id", "required": ["product", "quantity"], "not": {"required": ["lines"]}},
            {"title": "one line, by SKU", "required": ["sku", "quantity"], "not": {"required": ["lines"]}},
            {
                "title": "several lines",
                "required": ["lines"],
                "maxProperties": 1,
                "properties": {"lines": {"minItems": 1, "maxItems": MAX_LINES}},
            },
        ]
    },
    "StockRequest": {"oneOf": DELTA_OR_COUNT},
    "StockRow": {"allOf": [{"oneOf": BY_ID_OR_SKU}, {"oneOf": DELTA_OR_COUNT}]},
}
"""What a serializer's validate() asks of its members together, as JSON Schema."""


class StrictBody(OpenApiSerializerExtension):
    """An unknown member is an error, and some members go with others only."""

    target_class = "products.api.fields.StrictSerializer"
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        schema = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        if "__doc__" not in vars(type(self.target)) or not type(self.target).__doc__:
            schema.pop("description", None)
        for member in schema.get("properties", {}).values():
            if BLANK in member.get("oneOf", []):
                member |= member.pop("oneOf")[0]
        return {**schema, "additionalProperties": False, **HELD_TOGETHER.get(type(self.target).__name__, {})}


class StrictInteger(OpenApiSerializerFieldExtension):
    """A JSON integer or a string of digits, with its range."""

    target_class = "products.api.fields.StrictIntegerField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        least, most = self.target.minimum, self.target.maximum
        number = {"type": "integer", "minimum": least, "maximum": most}
        if most > 2**31:
            number["format"] = "int64"
        texts = [{"type": "string", "pattern": f"^{digits(max(least, 0), most)}$", "maxLength": MAX_DIGITS}]
        if least < 0:
            texts.append({"type": "string", "pattern": f"^-{digits(0, -least)}$", "maxLength": MAX_DIGITS + 1})
        return {"oneOf": [number, *texts]}


class StrictText(OpenApiSerializerFieldExtension):
    """Text without control characters; not blank, unless it may be."""

    target_class = "products.api.fields.StrictTextField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> dict[str, Any]:
        schema: dict[str, Any] = {"type": "string", "maxLength": self.target.max_length}
        if not any(isinstance(validator, RegexValidator) for validator in self.target.validators):
            some = "" if self.target.allow_blank else rf"[^\s{CONTROL}][^{CONTROL}]*"
            schema["pattern"] = f"^[^{CONTROL}]*{some}$"
        return schema


def digits(least: int, most: int) -> str:
    """A pattern for whole numbers from `least` (0 or 1) to `most`, leading zeros and all.

    Where `most` is not 1 followed by zeros, the largest numbers of its length are left out: a pattern cannot compare.
    """
    shorter = len(str(most)) - 1
    first, rest = ("[1-9]", shorter - 1) if least == 1 else ("[0-9]", shorter - 1)
    return f"0*({first}[0-9]{{0,{rest}}}|{most})"
