"""Webhook secrets, and signatures according to Standard Webhooks 1.0.

A secret is not stored. It is derived from a random seed, which is stored, and from SECRET_KEY, which is not in the
database. The seed names its key, so a secret survives a change of SECRET_KEY as long as the former key is in
SECRET_KEY_FALLBACKS.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable

from django.conf import settings
from django.utils.crypto import salted_hmac

PREFIX = "whsec_"


class SecretKeyGone(Exception):
    """The secret was made under a SECRET_KEY that is no longer among SECRET_KEY_FALLBACKS."""

    def __init__(self) -> None:
        super().__init__("The secret was made under a SECRET_KEY that the shop no longer has; rotate the secret.")


def new_seed() -> str:
    """Return a random seed for a secret, with the name of the current SECRET_KEY."""
    return f"{_name_of(settings.SECRET_KEY)}:{secrets.token_urlsafe(32)}"


def secret_of(seed: str) -> bytes:
    """Return the secret that belongs to the seed. Raises SecretKeyGone."""
    name, _, random = seed.partition(":")
    for key in (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS):
        if hmac.compare_digest(_name_of(key), name):
            return salted_hmac("products.webhooks.secret", random, secret=key, algorithm="sha256").digest()
    raise SecretKeyGone


def written(secret: bytes) -> str:
    """Return a secret in the format that is given to its receiver."""
    return PREFIX + base64.b64encode(secret).decode()


def sign(secrets: Iterable[bytes], message: str, timestamp: int, body: bytes) -> str:
    """Return the value of the header webhook-signature: one signature for each secret."""
    content = b"%s.%d.%s" % (message.encode(), timestamp, body)
    digests = [hmac.new(secret, content, hashlib.sha256).digest() for secret in secrets]
    return " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)


def _name_of(key: str) -> str:
    return salted_hmac("products.webhooks.key", "", secret=key, algorithm="sha256").hexdigest()[:12]
