"""Endpoints: create, change, rotate and test them. The API and the admin both use these functions."""

from collections.abc import Collection, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

import orjson
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connections
from django.utils import timezone

from products.feed.payloads import timestamp
from products.feed.types import TYPES, VERSION
from products.models import WebhookEndpoint
from products.validators import clean_fields
from products.webhooks import addresses
from products.webhooks.deliveries import newest_position
from products.webhooks.posting import Answer, post
from products.webhooks.signing import SecretKeyGone, new_seed, secret_of, sign, written

OVERLAP = timedelta(days=1)
"""How long posts are signed with the previous secret as well, after it was rotated."""

TEST_TIMEOUT = 5
"""Seconds. Somebody is waiting for the result."""

TEST_TYPE = "webhook.test"

USER_AGENT = "Shop-Webhooks/1.0"


def make_endpoint(
    *, address: str, by: Any, types: Collection[str] = (), after: int | None = None
) -> tuple[WebhookEndpoint, str]:
    """Create an endpoint and return it with its secret: (endpoint, secret).

    It receives the entries after position `after` of the feed; by default only new events. Raises ValidationError.
    """
    endpoint = WebhookEndpoint(
        address=address,
        types=sorted(types),
        position=newest_position() if after is None else after,
        seed=new_seed(),
        created_by=by,
    )
    clean(endpoint)
    endpoint.save()
    return endpoint, written(secret_of(endpoint.seed))


def change_endpoint(endpoint: WebhookEndpoint, change: Mapping[str, Any], *, by: Any) -> None:
    """Change the endpoint's address or types, or switch it on or off (`is_active`). Raises ValidationError."""
    fields = [name for name in ("address", "types") if name in change]
    for name in fields:
        setattr(endpoint, name, change[name])
    if fields:
        clean(endpoint)
        endpoint.save(update_fields=fields)
    if change.get("is_active") is True and not endpoint.is_active:
        endpoint.switch_on()
    elif change.get("is_active") is False and endpoint.is_active:
        endpoint.switch_off(f"Switched off by {by.get_username()}."[:200])


def clean(endpoint: WebhookEndpoint) -> None:
    """Raise ValidationError for an address that the shop does not post to, and for unknown types."""
    clean_fields(endpoint, ["address"])
    check_types(endpoint.types)
    try:
        addresses.check(endpoint.address)
    except addresses.RefusedAddress as error:
        raise ValidationError({"address": ValidationError(str(error), error.code)}) from error


def check_types(types: Collection[str]) -> None:
    """Raise ValidationError if one of these is not an event type."""
    if unknown := sorted(set(types) - set(TYPES)):
        raise ValidationError({"types": ValidationError(f"There is no type {unknown[0]}.", "unknown_type")})


def rotate(endpoint: WebhookEndpoint) -> str:
    """Give the endpoint a new secret and return it. Posts are also signed with the previous one for OVERLAP."""
    endpoint.previous_seed, endpoint.previous_until = endpoint.seed, timezone.now() + OVERLAP
    endpoint.seed = new_seed()
    endpoint.save(update_fields=["seed", "previous_seed", "previous_until"])
    return written(secret_of(endpoint.seed))


def secrets_of(endpoint: WebhookEndpoint) -> list[bytes]:
    """Return the one or two secrets that currently sign posts. Raises SecretKeyGone if none is available."""
    secrets = [secret_of(endpoint.seed)]
    if endpoint.previous_seed is not None and endpoint.previous_until and endpoint.previous_until > timezone.now():
        with suppress(SecretKeyGone):  # The new one does.
            secrets.append(secret_of(endpoint.previous_seed))
    return secrets


def headers(message: str, body: bytes, secrets: Collection[bytes]) -> dict[str, str]:
    """Return the headers of a post as Standard Webhooks 1.0 has them, signed now."""
    moment = int(timezone.now().timestamp())
    return {
        "Content-Type": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": USER_AGENT,
        "webhook-id": message,
        "webhook-timestamp": str(moment),
        "webhook-signature": sign(secrets, message, moment, body),
    }


def send_test(endpoint: WebhookEndpoint, *, by: Any) -> Answer:
    """Post an event of type webhook.test and return the answer. The attempt is neither logged nor retried."""
    now = timestamp(timezone.now())
    body = orjson.dumps({"type": TEST_TYPE, "version": VERSION, "at": now, "by": by.pk, "data": {}})
    try:
        secrets = secrets_of(endpoint)
    except SecretKeyGone as error:
        return Answer(0, error=str(error))
    release_connections()
    timeout = min(TEST_TIMEOUT, settings.WEBHOOK_TIMEOUT)
    return post(endpoint.address, body, headers(f"test_{uuid4().hex}", body, secrets), timeout=timeout)


def release_connections() -> None:
    """Close this thread's database connections, so that none is held while waiting for the network."""
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block:
            connection.close()
