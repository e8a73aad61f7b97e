"""Credentials in, a token out."""

import base64
import binascii
from typing import Any

from django.contrib.auth import authenticate
from drf_spectacular.utils import extend_schema
from rest_framework import parsers, status
from rest_framework.authentication import get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from products.api.authentication import TokenAuthentication
from products.api.parsers import StrictJSONParser
from products.api.requests import read_query
from products.api.serializers.pages import NoQuery
from products.api.serializers.tokens import Credentials, Token
from products.models import ApiToken


class WrongCredentials(AuthenticationFailed):
    """No active user has this name and password: which of the two is wrong is not said."""

    default_code = "wrong_credentials"
    default_detail = "No active user has this name and password."


class TokenView(APIView):
    """Exchange credentials for a token; give a token up."""

    authentication_classes = [TokenAuthentication]
    parser_classes = [StrictJSONParser, parsers.FormParser]

    def get_permissions(self) -> Any:
        return [AllowAny()] if self.request.method == "POST" else super().get_permissions()

    def perform_authentication(self, request: Request) -> None:
        # Whoever asks for a token may show a password in the Authorization header, or an old token, or nothing.
        if request.method != "POST":
            super().perform_authentication(request)

    @extend_schema(request=Credentials, responses=Token, auth=[])
    def post(self, request: Request) -> Response:
        """A new token, for a JSON or form body with `username` and `password`, or for HTTP Basic (RFC 7617)."""
        read_query(request, NoQuery)
        credentials = Credentials(data=_basic(request) or request.data)
        credentials.is_valid(raise_exception=True)
        user = authenticate(request._request, **credentials.validated_data)
        if user is None:
            raise WrongCredentials
        token, secret = ApiToken.objects.issue(user)
        return Response({"token": secret, "expires_at": token.expires_at})

    @extend_schema(request=None, responses={204: None})
    def delete(self, request: Request) -> Response:
        """Revoke the token that this request shows."""
        read_query(request, NoQuery)
        token: Any = request.auth  # DRF knows its own Token only.
        token.revoke()
        return Response(status=status.HTTP_204_NO_CONTENT)


def _basic(request: Request) -> dict[str, str] | None:
    """The credentials in the Authorization header, None where it has none."""
    scheme, _, coded = get_authorization_header(request).partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        username, colon, password = base64.b64decode(coded.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise WrongCredentials from error
    if not colon:
        raise WrongCredentials
    return {"username": username, "password": password}
