"""The IP address of the client, as far as it can be trusted."""

import ipaddress
import re
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest

# Some proxies add the port: 192.0.2.1:4711, [2001:db8::1]:4711.
WITH_PORT = re.compile(r"\[(?P<ipv6>[^\]]+)\](:\d+)?|(?P<ipv4>[0-9.]+):\d+")


def client_ip(request: HttpRequest) -> str:
    """Return the client's IP address; an IPv6 address as its /64, which is what a provider assigns to one customer.

    Behind settings.TRUSTED_PROXIES = n proxies it is the n-th entry of X-Forwarded-For from the right, because the
    client may have written the entries further left itself. If that entry is not an address, it is the peer's.
    """
    peer = request.META.get("REMOTE_ADDR", "")
    if not settings.TRUSTED_PROXIES:
        return _normalized(peer) or peer
    entries = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    forwarded = entries[-settings.TRUSTED_PROXIES] if len(entries) >= settings.TRUSTED_PROXIES else ""
    return _normalized(forwarded) or _normalized(peer) or peer


# Called with every request, mostly for the same clients and proxies.
@lru_cache(maxsize=10_000)
def _normalized(text: str) -> str | None:
    """Return the address (of IPv6 the /64 network) in canonical form, or None if `text` is not an address."""
    text = text.strip()
    if match := WITH_PORT.fullmatch(text):
        text = match["ipv6"] or match["ipv4"]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address.packed, 64), strict=False))
