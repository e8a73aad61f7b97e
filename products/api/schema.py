"""What the OpenAPI document needs to be told beyond the serializers."""

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import inline_serializer
from rest_framework import serializers


class TokenScheme(OpenApiAuthenticationExtension):
    """How a token is shown."""

    target_class = "products.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A token from `POST /api-token-auth/`."}


def pages_of(answer: type[serializers.Serializer]) -> serializers.Serializer:
    """A page of `answer`s: `next` and `previous` are addresses, or null at the ends."""
    return inline_serializer(
        f"{answer.__name__.removesuffix('Answer')}Page",
        {
            "next": serializers.URLField(allow_null=True),
            "previous": serializers.URLField(allow_null=True),
            "results": answer(many=True),
            "count": serializers.IntegerField(required=False),
        },
    )
