"""Responses with an ETag, and conditional requests (RFC 9110, section 13)."""

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter
from rest_framework import status
from rest_framework.exceptions import APIException
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request


def _if_match(*, required: bool) -> OpenApiParameter:
    return OpenApiParameter(
        "If-Match",
        location=OpenApiParameter.HEADER,
        required=required,
        description="The ETag of the version that the request is based on. If it has changed since, the answer is 412.",
    )


IF_MATCH, IF_MATCH_REQUIRED = _if_match(required=False), _if_match(required=True)


ADDED_BY_PROXIES = re.compile(r'--?(gzip|br|zstd|deflate)(?="$)')
"""What Apache, Caddy and Jetty append to the tag of a response that they compress."""

WEAK = (
    "If-Match needs a strong ETag, and one that begins with W/ is weak. If a proxy between you and the shop makes them"
    " weak, send the ETag without W/."
)


class PreconditionFailed(APIException):
    """The resource is no longer in the version that If-Match names."""

    status_code = status.HTTP_412_PRECONDITION_FAILED
    default_code = "stale"
    default_detail = "The resource has changed since you read it. Read it again before you change it."


class PreconditionRequired(APIException):
    """The change needs an If-Match header, or it could overwrite somebody else's (RFC 6585, section 3)."""

    status_code = status.HTTP_428_PRECONDITION_REQUIRED
    default_code = "precondition_required"
    default_detail = "Send the resource's ETag in an If-Match header."


def to_json(body: Any) -> bytes:
    """Return a body as JSON, with its members in the order of the dict.

    The same bytes as from DRF's encoder, which takes 0.7 ms for a page of 20 where orjson takes 0.07.
    """
    return orjson.dumps(body, option=orjson.OPT_UTC_Z)


def etag_of(body: Any) -> str:
    """Return the entity tag of a body; equal bodies have equal tags on every server."""
    return _etag_of_bytes(to_json(body))


def _etag_of_bytes(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def parse_etags(header: str) -> list[str]:
    """Return the entity tags in an If-Match or If-None-Match header, without what a compressing proxy has added."""
    return [ADDED_BY_PROXIES.sub("", tag.strip()) for tag in header.split(",")]


def respond(
    request: Request,
    body: Any,
    *,
    code: int = status.HTTP_200_OK,
    headers: Mapping[str, str] | None = None,
    etag: str | None = None,
) -> HttpResponse:
    """Return `body` as JSON with its ETag; 304 without a body if If-None-Match names that ETag.

    Not rendered by DRF, because the ETag is computed from the bytes.
    """
    content = to_json(body)
    etag = etag or _etag_of_bytes(content)
    if is_not_modified(request, etag):
        # No other headers: those that the client has stored are still valid (RFC 9110, section 15.4.5).
        response = HttpResponse(status=status.HTTP_304_NOT_MODIFIED, headers={"ETag": etag})
        del response["Content-Type"]  # HttpResponse's default, text/html
        return response
    return HttpResponse(content, JSONRenderer.media_type, code, headers={**(headers or {}), "ETag": etag})


def is_not_modified(request: Request, etag: str) -> bool:
    """Return whether If-None-Match says that the client already has the version with this ETag."""
    header = request.META.get("HTTP_IF_NONE_MATCH")
    if header is None or request.method not in ("GET", "HEAD"):
        return False
    # The weak comparison (RFC 9110, section 13.1.2): a tag that a proxy has made weak means the same version.
    return header.strip() == "*" or etag in (tag.removeprefix("W/") for tag in parse_etags(header))


def check_if_match(
    request: Request, etag: str, *, required: bool = False, significant: Callable[[str], str] = str
) -> None:
    """Raise PreconditionFailed if If-Match names only other tags than `etag`. Call it under the lock of the change.

    Without the header nothing is checked, unless it is `required`: then PreconditionRequired is raised. `significant`
    returns the part of a tag that is compared; by default all of it. The comparison is strong (RFC 9110, section
    13.1.1): a weak tag names no single version, so it never matches.
    """
    header = request.META.get("HTTP_IF_MATCH")
    if header is None:
        if required:
            raise PreconditionRequired
        return
    tags = parse_etags(header)
    if header.strip() != "*" and significant(etag) not in map(significant, tags):
        raise PreconditionFailed(WEAK if any(tag.startswith("W/") for tag in tags) else None)
