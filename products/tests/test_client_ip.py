"""Whose address is believed."""

import pytest
from django.test import RequestFactory

from products.client_ip import client_ip


def asked_from(connected, forwarded=None):
    headers = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    return RequestFactory().get("/", REMOTE_ADDR=connected, **headers)


@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, None, "198.51.100.9"),
        (0, "192.0.2.1", "198.51.100.9"),  # no proxy of ours wrote that
        (1, "192.0.2.1", "192.0.2.1"),
        (1, "203.0.113.7, 192.0.2.1", "192.0.2.1"),  # the first of them is the client's own invention
        (2, "203.0.113.7, 192.0.2.1, 10.0.0.1", "192.0.2.1"),
        (2, "192.0.2.1", "198.51.100.9"),  # somebody came past a proxy
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

    assert client_ip(asked_from("198.51.100.9", forwarded)) == address


@pytest.mark.parametrize(
    ("connected", "address"),
    [
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),  # through a socket
    ],
)
def test_an_ipv6_network_counts_as_one_client(connected, address):
    assert client_ip(asked_from(connected)) == address
