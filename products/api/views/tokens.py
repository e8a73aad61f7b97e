"""Credentials in, a token out; the tokens that somebody has."""

import base64
import binascii
from collections.abc import Mapping
from typing import Any, cast

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

from products.api.authentication import TokenAuthentication
from products.api.bodies import token_body
from products.api.pagination import KeysetPage
from products.api.parsers import StrictFormParser, StrictJSONParser
from products.api.requests import read_query
from products.api.schema import pages_of
from products.api.serializers.pages import NoQuery
from products.api.serializers.tokens import Credentials, IssuedToken, NewToken, TokenAnswer, TokenQuery
from products.audit_log import SecurityEvent, record
from products.models import ApiToken
from products.models.tokens import ApiTokenQuerySet

# drf-spectacular takes whole security requirements here, and its type hint says names only.
BASIC_OR_IN_THE_BODY: Any = [{"basic": []}, {}]

BASIC_CHALLENGE = 'Basic realm="shop", charset="UTF-8"'  # RFC 7617


class WrongCredentials(AuthenticationFailed):
    """No active user has this name and password: which of the two is wrong is not said."""

    default_code = "wrong_credentials"
    default_detail = "No active user has this name and password."


class TokenView(APIView):
    """Exchange credentials for a token; give the one in use up."""

    authentication_classes = [TokenAuthentication]
    parser_classes = [StrictJSONParser, StrictFormParser]

    def get_permissions(self) -> Any:
        return [AllowAny()] if self.request.method == "POST" else super().get_permissions()

    def perform_authentication(self, request: Request) -> None:
        # Whoever asks for a token may show a password in the Authorization header, or an old token, or nothing.
        if request.method != "POST":
            super().perform_authentication(request)

    def get_authenticate_header(self, request: Request) -> str | None:
        # Not after wrong credentials in a body: a browser would open its own dialog above the page's form.
        is_basic = request.method == "POST" and (_has_basic(request) or _is_empty(request.data))
        return BASIC_CHALLENGE if is_basic else super().get_authenticate_header(request)

    @extend_schema(
        operation_id="tokens_create",
        summary="Get a token",
        request=Credentials,
        responses=IssuedToken,
        auth=BASIC_OR_IN_THE_BODY,
    )
    def post(self, request: Request) -> HttpResponse:
        """A new token, for a JSON or form body with `username` and `password`, or for HTTP Basic (RFC 7617).

        A name for the token is up to you. Tries are limited by user name and by address.
        """
        read_query(request, NoQuery)
        username, password, name = _credentials(request)
        user = authenticate(request._request, username=username, password=password)
        if user is None:
            raise WrongCredentials
        try:
            token, secret = ApiToken.objects.issue(user, name=name)
        except User.DoesNotExist as error:  # or has another password by now
            raise WrongCredentials from error
        record(SecurityEvent.TOKEN_MADE, request, user=user.pk, token=token.pk)
        return Response({"token": secret, "expires_at": token.expires_at})

    @extend_schema(
        operation_id="tokens_revoke_current", summary="Give this token up", request=None, responses={204: None}
    )
    def delete(self, request: Request) -> HttpResponse:
        """Revoke the token that this request shows."""
        read_query(request, NoQuery)
        token: Any = request.auth  # DRF knows its own Token only.
        token.revoke()
        record(SecurityEvent.TOKEN_REVOKED, request, user=request.user.pk, token=token.pk)
        return Response(status=status.HTTP_204_NO_CONTENT)


class OwnTokenViewSet(GenericViewSet):
    """The tokens that somebody has, each with the name that it was given."""

    serializer_class = TokenAnswer

    def get_queryset(self) -> ApiTokenQuerySet:
        return ApiToken.objects.of(cast("Any", self.request.user))

    @extend_schema(summary="List your tokens", parameters=[TokenQuery], responses=pages_of(TokenAnswer))
    def list(self, request: Request) -> HttpResponse:
        """Your tokens that are alive, the newest first, a page at a time; never their secrets."""
        query = read_query(request, TokenQuery)
        tokens = self.get_queryset() if query.get("all") else ApiToken.objects.usable_by(cast("Any", request.user))
        page = KeysetPage(tokens.select_related("user"), ["-id"], query)
        response = page.respond(request, lambda token: token_body(token, current=token == request.auth))
        response["Cache-Control"] = "no-store"  # what opens the door is looked at, and not left lying about
        return response

    @extend_schema(summary="Revoke one of your tokens", responses={204: None})
    def revoke(self, request: Request, pk: int) -> HttpResponse:
        """Revoke one of your tokens, at once. Doing it again changes nothing."""
        read_query(request, NoQuery)
        get_object_or_404(self.get_queryset(), pk=pk).revoke()
        record(SecurityEvent.TOKEN_REVOKED, request, user=request.user.pk, token=pk)
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(summary="Revoke all of your tokens", responses={204: None})
    def revoke_all(self, request: Request) -> HttpResponse:
        """Revoke all of your tokens, at once, the one in use as well."""
        read_query(request, NoQuery)
        revoked = self.get_queryset().revoke()
        record(SecurityEvent.TOKENS_ALL_REVOKED, request, user=request.user.pk, number=revoked)
        return Response(status=status.HTTP_204_NO_CONTENT)


def _credentials(request: Request) -> tuple[str, str, str]:
    """(user name, password, the token's name), from the Authorization header or else from the body."""
    body, basic = request.data, _basic(request)
    if basic is None and _is_empty(body):
        raise NotAuthenticated
    if basic is not None:
        new = NewToken(data=body)
        new.is_valid(raise_exception=True)
        body = {**new.validated_data, **basic}
    credentials = Credentials(data=body)
    credentials.is_valid(raise_exception=True)
    given = credentials.validated_data
    return given["username"], given["password"], given.get("name", "")


def _is_empty(body: object) -> bool:
    return isinstance(body, Mapping) and not body


def _has_basic(request: Request) -> bool:
    return get_authorization_header(request).partition(b" ")[0].lower() == b"basic"


def _basic(request: Request) -> dict[str, str] | None:
    """The credentials in the Authorization header, None where it has none."""
    if not _has_basic(request):
        return None
    _, _, coded = get_authorization_header(request).partition(b" ")
    try:
        username, colon, password = base64.b64decode(coded.strip(), validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError) as error:
        raise WrongCredentials from error
    if not colon:
        raise WrongCredentials
    return {"username": username, "password": password}
