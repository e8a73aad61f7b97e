"""The Idempotency-Key header (draft-ietf-httpapi-idempotency-key-header). What it does is up to the models."""

import re

from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ErrorDetail
from rest_framework.request import Request

from products.api.errors import InvalidHeader

MAX_LENGTH = 255


def idempotency_key_parameter(max_length: int = MAX_LENGTH) -> OpenApiParameter:
    """Describe the header for the OpenAPI document."""
    return OpenApiParameter(
        "Idempotency-Key",
        location=OpenApiParameter.HEADER,
        pattern=rf'^("[\x21\x23-\x7e]{{1,{max_length}}}"|[\x21\x23-\x7e]{{1,{max_length}}})$',
        description="A unique name for this request. Repeated with the same key, it is executed once.",
    )


IDEMPOTENCY_KEY = idempotency_key_parameter()


def read_idempotency_key(request: Request, max_length: int = MAX_LENGTH) -> str | None:
    """Return the Idempotency-Key, None without the header. Raises InvalidHeader.

    The draft makes it a quoted string; without the quotes it means the same.
    """
    header = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if header is None:
        return None
    key = header[1:-1] if re.fullmatch(r'"[^"]*"', header) else header
    if len(key) > max_length or not re.fullmatch(r"[\x21\x23-\x7e]+", key):
        detail = f"A key is 1 to {max_length} visible ASCII characters, without double quotes inside."
        raise InvalidHeader({"Idempotency-Key": [ErrorDetail(detail, "invalid_key")]})
    return key
