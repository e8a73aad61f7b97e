"""Credentials and tokens on the wire."""

from rest_framework import serializers

from products.api.fields import StrictSerializer, StrictTextField
from products.api.serializers.pages import PageQuery


class NewToken(StrictSerializer):
    name = StrictTextField(required=False, allow_blank=True, max_length=100, help_text="What the token is for.")


class Credentials(NewToken):
    username = StrictTextField(max_length=150)
    password = StrictTextField(max_length=1_000, trim_whitespace=False)


class TokenQuery(PageQuery):
    all = serializers.ChoiceField(
        ["true", "false"], required=False, help_text="Also those that do not let anybody in any more."
    )

    def validate_all(self, every: str) -> bool:
        return every == "true"


class IssuedToken(serializers.Serializer):
    token = serializers.CharField(help_text="Shown this once; only a digest of it is kept.")
    expires_at = serializers.DateTimeField()


class TokenAnswer(serializers.Serializer):
    id = serializers.IntegerField()
    name = serializers.CharField()
    begins_with = serializers.CharField(help_text="The token's first characters, to know it by.")
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    revoked_at = serializers.DateTimeField(allow_null=True)
    last_used_on = serializers.DateField(allow_null=True, help_text="The last day (UTC) it was used on.")
    alive = serializers.BooleanField(help_text="Whether it lets anybody in now.")
    current = serializers.BooleanField(help_text="Whether it is the one that this request shows.")
