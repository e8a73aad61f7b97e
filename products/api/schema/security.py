"""How somebody shows who they are."""

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema

BASIC = {
    "type": "http",
    "scheme": "basic",
    "description": "User name and password (RFC 7617), for `POST /api-token-auth` only; or send them in the body.",
}


class TokenScheme(OpenApiAuthenticationExtension):
    """How a token is shown."""

    target_class = "products.api.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "description": "A token from `POST /api-token-auth`."}
