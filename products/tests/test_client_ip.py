"""The client's IP address, with and without trusted proxies."""

import pytest
from django.test import RequestFactory

from products.client_ip import client_ip


def request_from(peer, forwarded=None):
    headers = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    return RequestFactory().get("/", REMOTE_ADDR=peer, **headers)


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, None, "198.51.100.9"),
        (0, "192.0.2.1", "198.51.100.9"),  # not added by a trusted proxy
        (1, "192.0.2.1", "192.0.2.1"),
        (1, "203.0.113.7, 192.0.2.1", "192.0.2.1"),  # the first entry may be forged by the client
        (2, "203.0.113.7, 192.0.2.1, 10.0.0.1", "192.0.2.1"),
        (2, "192.0.2.1", "198.51.100.9"),  # the request bypassed a proxy
        (1, None, "198.51.100.9"),
        (1, "", "198.51.100.9"),
        (1, "unknown", "198.51.100.9"),
        (1, "192.0.2.1, ", "198.51.100.9"),
        (1, "192.0.2.256", "198.51.100.9"),
        (1, " 192.0.2.1:4711 ", "192.0.2.1"),
        (1, "[2001:db8:1:2:3:4:5:6]:4711", "2001:db8:1:2::/64"),
        (1, "[2001:db8:1:2:3:4:5:6]", "2001:db8:1:2::/64"),
        (1, "::ffff:192.0.2.1", "192.0.2.1"),
    ],
)
def test_only_the_entry_that_a_trusted_proxy_added_is_used(settings, proxies, forwarded, address):
    settings.TRUSTED_PROXIES = proxies

    assert client_ip(request_from("198.51.100.9", forwarded)) == address


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),  # through a Unix socket
    ],
)
def test_an_ipv6_network_counts_as_one_client(peer, address):
    assert client_ip(request_from(peer)) == address
