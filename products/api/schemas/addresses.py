"""Addresses: those that a customer keeps, and the one that an order is shipped to."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError as ModelValidationError
from rest_framework import serializers
from rest_framework.fields import get_error_detail

from products.api.http.fields import StrictBooleanField, StrictSerializer, text_of
from products.models import Address
from products.models.addresses import PARTS, check_complete


class ShipToRequest(StrictSerializer):
    """An address: a line 1, a city, a country, and a name or a company."""

    name = text_of(Address, "name")
    company = text_of(Address, "company")
    line1 = text_of(Address, "line1")
    line2 = text_of(Address, "line2")
    postal_code = text_of(Address, "postal_code")
    city = text_of(Address, "city")
    region = text_of(Address, "region")
    country = text_of(Address, "country", help_text="ISO 3166-1 alpha-2, such as DE.")

    def validate(self, parts: dict[str, Any]) -> dict[str, Any]:
        try:
            check_complete({name: parts.get(name, "") for name in PARTS})
        except ModelValidationError as error:
            raise serializers.ValidationError(get_error_detail(error)) from error
        return parts


class AddressRequest(ShipToRequest):
    """An address to keep."""

    is_default = StrictBooleanField(required=False, help_text="Your first address is the default in any case.")


class AddressChange(AddressRequest):
    """The parts of an address that change; the others stay."""

    line1 = text_of(Address, "line1", required=False)
    city = text_of(Address, "city", required=False)
    country = text_of(Address, "country", required=False, help_text="ISO 3166-1 alpha-2, such as DE.")

    def validate(self, parts: dict[str, Any]) -> dict[str, Any]:
        return parts  # Whether the address is complete then, the model checks.


class ShipToResponse(serializers.Serializer):
    name = serializers.CharField()
    company = serializers.CharField()
    line1 = serializers.CharField()
    line2 = serializers.CharField()
    postal_code = serializers.CharField()
    city = serializers.CharField()
    region = serializers.CharField()
    country = serializers.CharField(help_text="ISO 3166-1 alpha-2")


class AddressResponse(ShipToResponse):
    id = serializers.IntegerField()
    is_default = serializers.BooleanField(help_text="Whether it is the one to suggest.")
    created_at = serializers.DateTimeField()


def address_body(address: Address) -> dict[str, Any]:
    return {
        **address.parts,
        "id": address.pk,
        "is_default": address.is_default,
        "created_at": address.created_at,
    }


def ship_to_body(parts: Mapping[str, str]) -> dict[str, str] | None:
    """Return the address in `parts`, {part: text}; None if all of them are blank."""
    return dict(parts) if any(parts.values()) else None
