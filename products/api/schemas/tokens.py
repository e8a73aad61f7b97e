"""Tokens: credentials, and the tokens of a user."""

from typing import Any

from rest_framework import serializers

from products.api.http.fields import StrictSerializer, StrictTextField, text_of
from products.api.schemas.pages import PageQuery
from products.models import ApiToken


class NewToken(StrictSerializer):
    name = text_of(ApiToken, "name", help_text="What the token is for.")


class Credentials(NewToken):
    username = StrictTextField(max_length=150)
    password = StrictTextField(max_length=1_000, trim_whitespace=False)


class TokenQuery(PageQuery):
    all = serializers.ChoiceField(["true", "false"], required=False, help_text="Include expired and revoked tokens.")

    def validate_all(self, value: str) -> bool:
        return value == "true"


class IssuedToken(serializers.Serializer):
    token = serializers.CharField(help_text="Returned only once; the shop stores only a digest of it.")
    expires_at = serializers.DateTimeField()


class TokenResponse(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    begins_with = serializers.CharField(help_text="The token's first characters.")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    revoked_at = serializers.DateTimeField(allow_null=True)
    last_used_on = serializers.DateField(allow_null=True, help_text="The last day (UTC) on which it was used.")
    alive = serializers.BooleanField(help_text="Whether the token is active.")
    current = serializers.BooleanField(help_text="Whether it is the token of this request.")


def token_body(token: ApiToken, *, current: bool) -> dict[str, Any]:
    return {
        "id": token.pk,
        "name": token.name,
        "begins_with": token.prefix,
        "created_at": token.created_at,
        "expires_at": token.expires_at,
        "revoked_at": token.revoked_at,
        "last_used_on": token.last_used_on,
        "alive": token.is_active(),
        "current": current,
    }
