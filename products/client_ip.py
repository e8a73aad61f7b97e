"""Where a request comes from, as far as it can be believed."""

import ipaddress
import re
from functools import lru_cache

from django.conf import settings
from django.http import HttpRequest

# Some proxies write the port as well: 192.0.2.1:4711, [2001:db8::1]:4711.
WITH_PORT = re.compile(r"\[(?P<ipv6>[^\]]+)\](:\d+)?|(?P<ipv4>[0-9.]+):\d+")


def client_ip(request: HttpRequest) -> str:
    """The client's address, an IPv6 one as its /64, which is what one customer of a provider gets.

    Behind settings.TRUSTED_PROXIES = n proxies it is the n-th entry of X-Forwarded-For from the right: what stands
    further left, the client may have written itself. Where that entry is none, it is whoever is connected.
    """
    connected = request.META.get("REMOTE_ADDR", "")
    if not settings.TRUSTED_PROXIES:
        return _grouped(connected) or connected
    entries = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    forwarded = entries[-settings.TRUSTED_PROXIES] if len(entries) >= settings.TRUSTED_PROXIES else ""
    return _grouped(forwarded) or _grouped(connected) or connected


# Asked for with every request, of the same clients and proxies.
@lru_cache(maxsize=10_000)
def _grouped(text: str) -> str | None:
    """The address or network that `text` means, in the one way to write it; None where it means none."""
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
