"""Check which addresses webhooks may be posted to: public ones, and internal ones that a setting allows.

A host name is resolved when an endpoint is saved and again for every post, and the post goes to exactly the IP address
that was checked. This stops names that resolve into the shop's own network, and names that change between look-ups.
"""

import re
import socket
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from django.conf import settings

Address = IPv4Address | IPv6Address

PORTS = {443, 8443}
"""On other ports there may be anything; a host in settings.WEBHOOK_ALLOWED_HOSTS has any."""

NAME = re.compile(r"(?=.{1,253}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
WRITTEN = re.compile(r"[!-~]+")

GLOBAL_UNICAST = IPv6Network("2000::/3")
"""Elsewhere in IPv6 are loopback, link-local, private, multicast, IPv4-mapped and NAT64 addresses."""

SPECIAL_IPV6 = [IPv6Network(each) for each in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")]
"""Tunnels, such as Teredo and 6to4, which end at an IPv4 address, and examples."""

SPECIAL_IPV4 = [IPv4Network("192.88.99.0/24")]
"""The relays of 6to4."""


class RefusedAddress(Exception):
    """The shop does not post to this address. `code` is for programs."""

    def __init__(self, code: str, sentence: str) -> None:
        self.code = code
        super().__init__(sentence)


class UnknownHost(Exception):
    """The host name does not resolve at present."""


class Target(NamedTuple):
    """The parts of an address, without its IP addresses."""

    is_https: bool
    host: str
    port: int
    path: str

    @property
    def netloc(self) -> str:
        """Host and port as in the Host header, which omits the scheme's default port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_https else 80) else f"{host}:{self.port}"

    @property
    def is_in_house(self) -> bool:
        return self.host in {name.strip("[]").lower() for name in settings.WEBHOOK_ALLOWED_HOSTS}

    def resolve(self) -> list[str]:
        """Return the IP addresses of the host. Raises UnknownHost, and RefusedAddress if one of them is not public."""
        try:
            found = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise UnknownHost(f"{self.host} does not resolve.") from error
        addresses = list(dict.fromkeys(str(each[4][0]) for each in found))
        for address in addresses:
            parsed = ip_address(address.partition("%")[0])
            if not (_is_in_house(parsed) if self.is_in_house else is_public(parsed)):
                # The error does not name the IP address, which would reveal the shop's own network.
                raise RefusedAddress("private_address", f"{self.host} is not an address on the internet.")
        return addresses


def is_public(address: Address) -> bool:
    """Return whether the IP address is an ordinary address on the internet."""
    if isinstance(address, IPv6Address):
        # Python finds an address with a zone, such as fe80::1%eth0, in no network.
        special = not address.scope_id and any(address in network for network in SPECIAL_IPV6)
        return address.is_global and address in GLOBAL_UNICAST and not special
    special = any(address in network for network in SPECIAL_IPV4)
    return address.is_global and not (address.is_multicast or address.is_reserved or special)


def parse(address: str) -> Target:
    """Return the parts of the address. Raises RefusedAddress if it is unacceptable whatever it resolves to."""
    if not WRITTEN.fullmatch(address):
        raise RefusedAddress("invalid_address", "Write a URL such as https://erp.example.com/hooks, in ASCII.")
    try:
        parts = urlsplit(address)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError as error:
        raise RefusedAddress("invalid_address", "Write a URL such as https://erp.example.com/hooks.") from error
    _check(parts, host)
    is_https = parts.scheme == "https"
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    target = Target(is_https, host, port or (443 if is_https else 80), path)
    if not (is_https or target.is_in_house):
        raise RefusedAddress("not_https", "Write an address that begins with https://.")
    if port == 0 or (target.port not in PORTS and not target.is_in_house):
        raise RefusedAddress("invalid_port", "Of ports, 443 and 8443 may be posted to.")
    return target


def check(address: str) -> None:
    """Raise RefusedAddress if the shop must not post to this address. A name that does not resolve yet is accepted."""
    try:
        parse(address).resolve()
    except UnknownHost:
        return


def _check(parts: SplitResult, host: str) -> None:
    if parts.scheme not in ("https", "http"):
        raise RefusedAddress("not_https", "Write an address that begins with https://.")
    if "@" in parts.netloc:
        raise RefusedAddress("invalid_address", "Leave out user name and password; posts are signed.")
    if parts.fragment:
        raise RefusedAddress("invalid_address", "Leave out what begins with #.")
    if not NAME.fullmatch(host):
        try:
            ip_address(host)
        except ValueError as error:
            raise RefusedAddress("invalid_address", "Write a host name such as erp.example.com.") from error


def _is_in_house(address: Address) -> bool:
    """Return whether a host that the setting names may have this IP address, which may be private or loopback."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return False
    return not (address.is_link_local or address.is_multicast or address.is_unspecified)
