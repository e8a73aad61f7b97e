"""Tokens: exchanging credentials for one, and the tokens of a user."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.authentication import get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, NotAuthenticated
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from products.api.http.pagination import KeysetPage
from products.api.http.parsers import StrictFormParser, StrictJSONParser
from products.api.http.query_params import read_query
from products.api.http.request import ApiRequest
from products.api.schemas.pages import NoQuery, page_of
from products.api.schemas.tokens import Credentials, IssuedToken, NewToken, TokenQuery, TokenResponse, token_body
from products.audit_log import SecurityEvent, record
from products.models import ApiToken
from products.models.tokens import ApiTokenQuerySet

# drf-spectacular accepts whole security requirements here, although its type hint allows only names. Converters take
# the first alternative and send the body as well, and with both the request would be rejected.
IN_THE_BODY_OR_BASIC: Any = [{}, {"basic": []}]

BASIC_CHALLENGE = 'Basic realm="shop", charset="UTF-8"'  # RFC 7617


class WrongCredentials(AuthenticationFailed):
    """No active user has this name and password. The response does not say which of the two is wrong."""

    default_code = "wrong_credentials"
    default_detail = "The user name or the password is wrong."


class TokenView(APIView):
    """Exchange credentials for a token; revoke the token in use."""

    parser_classes = [StrictJSONParser, StrictFormParser]

    def get_permissions(self) -> Any:
        return [AllowAny()] if self.request.method == "POST" else super().get_permissions()

    def perform_authentication(self, request: Request) -> None:
        # The header of a login may have a password, or a token that has expired.
        if request.method != "POST":
            super().perform_authentication(request)

    def get_authenticate_header(self, request: Request) -> str:
        """Return the challenge of a 401. Not Basic after wrong credentials in a body: a browser would open a dialog."""
        is_basic = request.method == "POST" and (_has_basic(request) or _is_empty(request.data))
        return BASIC_CHALLENGE if is_basic else super().get_authenticate_header(request)

    @extend_schema(
        operation_id="tokens_create",
        summary="Get a token",
        # A form is accepted too. With two media types of one schema, generated clients send both or do not compile.
        request={"application/json": Credentials},
        responses=IssuedToken,
        auth=IN_THE_BODY_OR_BASIC,
    )
    def post(self, request: Request) -> HttpResponse:
        """Issue a new token for a `username` and `password`, sent as JSON, as a form, or as HTTP Basic (RFC 7617).

        The token may be given a `name`. Attempts are limited per user name and per IP address.
        """
        read_query(request, NoQuery)
        username, password, name = _credentials(request)
        user = authenticate(request, username=username, password=password)
        if user is None:
            raise WrongCredentials
        try:
            token, secret = ApiToken.objects.issue(user, name=name)
        except User.DoesNotExist as error:  # or has another password by now
            raise WrongCredentials from error
        record(SecurityEvent.TOKEN_MADE, request, user=user.pk, token=token.pk)
        return Response({"token": secret, "expires_at": token.expires_at})

    @extend_schema(
        operation_id="tokens_revoke_current", summary="Revoke this token", request=None, responses={204: None}
    )
    def delete(self, request: ApiRequest) -> HttpResponse:
        """Revoke the token of this request."""
        read_query(request, NoQuery)
        request.auth.revoke()
        record(SecurityEvent.TOKEN_REVOKED, request, user=request.user.pk, token=request.auth.pk)
        return Response(status=status.HTTP_204_NO_CONTENT)


class OwnTokenViewSet(GenericViewSet):
    """The user's own tokens."""

    request: ApiRequest
    serializer_class = TokenResponse

    def get_queryset(self) -> ApiTokenQuerySet:
        return ApiToken.objects.of(self.request.user)

    @extend_schema(summary="List your tokens", parameters=[TokenQuery], responses=page_of(TokenResponse))
    def list(self, request: ApiRequest) -> HttpResponse:
        """List your active tokens, newest first, paginated; never their secrets."""
        query = read_query(request, TokenQuery)
        tokens = self.get_queryset() if query.get("all") else ApiToken.objects.usable_by(request.user)
        page = KeysetPage(tokens.select_related("user"), ["-id"], query)
        response = page.respond(request, lambda token: token_body(token, current=token == request.auth))
        response["Cache-Control"] = "no-store"  # Unlike other GETs: a list of credentials is not left in caches.
        return response

    @extend_schema(summary="Revoke one of your tokens", responses={204: None})
    def revoke(self, request: ApiRequest, pk: int) -> HttpResponse:
        """Revoke one of your tokens, effective immediately. Repeating it has no effect."""
        read_query(request, NoQuery)
        get_object_or_404(self.get_queryset(), pk=pk).revoke()
        record(SecurityEvent.TOKEN_REVOKED, request, user=request.user.pk, token=pk)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(summary="Revoke all of your tokens", responses={204: None})
    def revoke_all(self, request: ApiRequest) -> HttpResponse:
        """Revoke all of your tokens, including the one in use, effective immediately."""
        read_query(request, NoQuery)
        revoked = self.get_queryset().revoke()
        record(SecurityEvent.TOKENS_ALL_REVOKED, request, user=request.user.pk, number=revoked)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _credentials(request: Request) -> tuple[str, str, str]:
    """Return (user name, password, name of the token), from the Authorization header or else from the body."""
    body: Any = request.data
    basic = _basic_credentials(request)
    if basic is None and _is_empty(body):
        raise NotAuthenticated
    if basic is not None:
        new_token = NewToken(data=body)
        new_token.is_valid(raise_exception=True)
        body = {**new_token.validated_data, **basic}
    serializer = Credentials(data=body)
    serializer.is_valid(raise_exception=True)
    credentials = serializer.validated_data
    return credentials["username"], credentials["password"], credentials.get("name", "")


def _is_empty(body: object) -> bool:
    return isinstance(body, Mapping) and not body


def _has_basic(request: Request) -> bool:
    return get_authorization_header(request).partition(b" ")[0].lower() == b"basic"


def _basic_credentials(request: Request) -> dict[str, str] | None:
    """Return the credentials in a Basic Authorization header; None without one. Raises WrongCredentials."""
    if not _has_basic(request):
        return None
    _, _, encoded = get_authorization_header(request).partition(b" ")
    try:
        username, colon, password = base64.b64decode(encoded.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise WrongCredentials from error
    if not colon:
        raise WrongCredentials
    return {"username": username, "password": password}
