"""Customers, as staff see and make them."""

from typing import Any

from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as ModelValidationError
from rest_framework import serializers
from rest_framework.fields import get_error_detail

from products.api.http.fields import FlagField, StrictBooleanField, StrictSerializer, StrictTextField, text_of
from products.api.schemas.pages import PageQuery
from products.models.customers import TEXT_RULES


class CustomerQuery(PageQuery):
    search = StrictTextField(required=False, max_length=100, help_text="The beginning of a user name or an e-mail.")
    is_active = FlagField(required=False)


class UsernameField(StrictTextField):
    """A user name in Unicode's form NFKC, in which it is stored, and so validated."""

    def to_internal_value(self, data: Any) -> str:
        return User.normalize_username(super().to_internal_value(data))


class UserEmailField(StrictTextField):
    """An e-mail address with its domain in lower case, as Django stores those of users."""

    def to_internal_value(self, data: Any) -> str:
        return User.objects.normalize_email(super().to_internal_value(data))


class NewCustomer(StrictSerializer):
    """A customer. Without a password, nobody can log in as them until staff set one."""

    username = text_of(User, "username", *TEXT_RULES["username"], field_class=UsernameField)
    email = text_of(User, "email", field_class=UserEmailField)
    first_name = text_of(User, "first_name", *TEXT_RULES["first_name"])
    last_name = text_of(User, "last_name", *TEXT_RULES["last_name"])
    password = StrictTextField(required=False, max_length=1_000, trim_whitespace=False)

    def validate(self, values: dict[str, Any]) -> dict[str, Any]:
        if "password" in values:
            described = {name: value for name, value in values.items() if name != "password"}
            try:
                validate_password(values["password"], User(**described))
            except ModelValidationError as error:
                raise serializers.ValidationError({"password": get_error_detail(error)}) from error
        return values


class CustomerChange(StrictSerializer):
    email = text_of(User, "email", field_class=UserEmailField)
    first_name = text_of(User, "first_name", *TEXT_RULES["first_name"])
    last_name = text_of(User, "last_name", *TEXT_RULES["last_name"])
    is_active = StrictBooleanField(
        required=False, help_text="`false` closes the account and revokes its tokens for good; orders stay."
    )


class CustomerResponse(serializers.Serializer):
    id = serializers.IntegerField()
    username = serializers.CharField()
    email = serializers.CharField()
    first_name = serializers.CharField()
    last_name = serializers.CharField()
    is_active = serializers.BooleanField()
    date_joined = serializers.DateTimeField()


def customer_body(user: User) -> dict[str, Any]:
    return {
        "id": user.pk,
        "username": user.username,
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "is_active": user.is_active,
        "date_joined": user.date_joined,
    }
