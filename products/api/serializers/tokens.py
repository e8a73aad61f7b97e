"""Credentials and tokens on the wire."""

from rest_framework import serializers

from products.api.fields import StrictSerializer, StrictTextField


class Credentials(StrictSerializer):
    username = StrictTextField(max_length=150)
    password = StrictTextField(max_length=1_000, trim_whitespace=False)


class Token(serializers.Serializer):
    token = serializers.CharField(help_text="Shown this once; only a digest of it is kept.")
    expires_at = serializers.DateTimeField()
