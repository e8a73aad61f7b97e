"""Addresses: those that a customer keeps, and the one that an order is shipped to."""

from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError as ModelValidationError
from rest_framework import serializers
from rest_framework.fields import get_error_detail

from products.api.http.fields import StrictBooleanField, StrictSerializer, StrictTextField
from products.models import Address
from products.models.addresses import PARTS, check_complete
from products.validators import validators_of


def part_of_address(name: str, **options: Any) -> StrictTextField:
    """Return the field of a request for a part of an address, with the limits of its column."""
    column: Any = Address._meta.get_field(name)
    described = {"required": not column.blank, "allow_blank": column.blank, "max_length": column.max_length}
    return StrictTextField(validators=validators_of(Address, name), **(described | options))


class ShipToRequest(StrictSerializer):
    """An address: a line 1, a city, a country, and a name or a company."""

    name = part_of_address("name")
    company = part_of_address("company")
    line1 = part_of_address("line1")
    line2 = part_of_address("line2")
    postal_code = part_of_address("postal_code")
    city = part_of_address("city")
    region = part_of_address("region")
    country = part_of_address("country", help_text="ISO 3166-1 alpha-2, such as DE.")

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

    line1 = part_of_address("line1", required=False)
    city = part_of_address("city", required=False)
    country = part_of_address("country", required=False, help_text="ISO 3166-1 alpha-2, such as DE.")

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
