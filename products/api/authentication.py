"""Authentication by the token in the Authorization header."""

import re

from django.contrib.auth.models import User
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from products.api.throttling import count_by_token
from products.db.replica import current_reads, offer_replica
from products.models import ApiToken

CHALLENGE = 'Bearer realm="shop"'
AUTHORIZATION = re.compile(r"(?i:bearer|token) +([\x21-\x7e]{1,200})")


class InvalidToken(AuthenticationFailed):
    """The token is unknown, expired or revoked, or its user is inactive. The response does not say which."""

    default_code = "invalid_token"
    default_detail = "The token is invalid, expired or revoked."


class TokenAuthentication(BaseAuthentication):
    """`Authorization: Bearer shop_…` (RFC 6750), or `Token` instead of `Bearer`, as DRF's own clients send.

    One query, and no write. `request.auth` is the ApiToken.
    """

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        header = request.META.get("HTTP_AUTHORIZATION", "")
        if not header.strip(" \t"):
            offer_replica(None)
            return None
        secret = secret_in(header)
        token = ApiToken.objects.find(secret) if secret else None
        if token is None:
            raise InvalidToken
        count_by_token(request, token)
        if current_reads() is not None:
            offer_replica(token.last_write)
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        """Return the WWW-Authenticate header of a 401 (RFC 9110, section 11.6.1)."""
        has_credentials = bool(request.META.get("HTTP_AUTHORIZATION", "").strip(" \t"))
        return f'{CHALLENGE}, error="invalid_token"' if has_credentials else CHALLENGE


def secret_in(header: str) -> str | None:
    """Return the secret in an Authorization header; None if the header has another form."""
    match = AUTHORIZATION.fullmatch(header)
    return match[1] if match else None
