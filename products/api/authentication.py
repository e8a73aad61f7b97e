"""Who is asking: the token in the Authorization header."""

import re

from django.contrib.auth.models import User
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from products.models import ApiToken

CHALLENGE = 'Bearer realm="shop"'
SHOWN = re.compile(r"(?i:bearer|token) +([\x21-\x7e]{1,200})")


class InvalidToken(AuthenticationFailed):
    """The token is unknown, expired or revoked, or its user may not come in: which of these is not said."""

    default_code = "invalid_token"
    default_detail = "This token is not valid (any more)."


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer shop_…` (RFC 6750); `Token` in place of `Bearer` is understood as well.

    One query, and nothing is written. `request.auth` is the ApiToken.
    """

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        header = request.META.get("HTTP_AUTHORIZATION", "")
        if not header.strip(" \t"):
            return None
        secret = secret_in(header)
        token = ApiToken.objects.find(secret) if secret else None
        if token is None:
            raise InvalidToken
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """What a 401 asks for (RFC 9110, section 11.6.1)."""
        asked = bool(request.META.get("HTTP_AUTHORIZATION", "").strip(" \t"))
        return f'{CHALLENGE}, error="invalid_token"' if asked else CHALLENGE


def secret_in(header: str) -> str | None:
    """The secret in an Authorization header; None where it is no header of this kind."""
    match = SHOWN.fullmatch(header)
    return match[1] if match else None
