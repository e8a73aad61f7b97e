"""Where webhooks are posted to: addresses on the internet, and in-house ones that a setting names."""

import socket

import pytest

from products.webhooks import addresses
from products.webhooks.addresses import RefusedAddress
from products.webhooks.posting import post

IN_HOUSE = [
    "127.0.0.1",
    "127.9.9.9",
    "0.0.0.0",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.1.1.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::1",
    "2002:808:808::1",
    "3fff::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fec0::1",
    "ff02::1",
    "ff0e::1",
]


def resolving_to(monkeypatch, *answers):
    """Have names resolve to one of these IP addresses after the other; return the list of what was looked up."""
    looked_up, left = [], list(answers)

    def getaddrinfo(host, port, *arguments, **options):
        looked_up.append(host)
        address = left.pop(0) if len(left) > 1 else left[0]
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [(family, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    return looked_up


@pytest.mark.parametrize("address", IN_HOUSE)
def test_an_address_that_is_not_on_the_internet_is_refused(address):
    host = f"[{address}]" if ":" in address else address

    with pytest.raises(RefusedAddress) as refusal:
        addresses.check(f"https://{host}/hooks")

    assert refusal.value.code == "private_address"


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111"])
def test_an_address_on_the_internet_is_not_refused(address):
    host = f"[{address}]" if ":" in address else address

    addresses.check(f"https://{host}:8443/hooks?token=1")


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0x7f000001", "0177.0.0.1", "localhost", "LOCALHOST."])
def test_another_spelling_of_this_machine_is_refused(host):
    with pytest.raises(RefusedAddress):
        addresses.check(f"https://{host}/hooks")


@pytest.mark.parametrize("address", IN_HOUSE)
def test_a_name_that_resolves_to_an_address_in_house_is_refused(address, monkeypatch):
    resolving_to(monkeypatch, address)

    with pytest.raises(RefusedAddress):
        addresses.check("https://erp.example.com/hooks")


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("http://8.8.8.8/", "not_https"),
        ("ftp://8.8.8.8/", "not_https"),
        ("file:///etc/passwd", "not_https"),
        ("gopher://8.8.8.8/", "not_https"),
        ("//8.8.8.8/", "not_https"),
        ("8.8.8.8", "not_https"),
        ("", "invalid_address"),
        ("https://", "invalid_address"),
        ("https:///hooks", "invalid_address"),
        ("https://me:secret@8.8.8.8/", "invalid_address"),
        ("https://8.8.8.8@127.0.0.1/", "invalid_address"),
        ("https://8.8.8.8/#part", "invalid_address"),
        ("https://8.8.8.8/a b", "invalid_address"),
        ("https://8.8.8.8/\r\nHost:x", "invalid_address"),
        ("https://[::1", "invalid_address"),
        ("https://ümlaut.example/", "invalid_address"),
        ("https://a..b/", "invalid_address"),
        ("https://8.8.8.8:22/", "invalid_port"),
        ("https://8.8.8.8:0/", "invalid_port"),
        ("https://8.8.8.8:99999/", "invalid_address"),
        ("https://8.8.8.8:x/", "invalid_address"),
        ("https://8.8.8.8\\@127.0.0.1/", "invalid_address"),
    ],
)
def test_what_is_no_address_to_post_to_is_refused(address, code):
    with pytest.raises(RefusedAddress) as refusal:
        addresses.check(address)

    assert refusal.value.code == code


def test_a_name_that_does_not_resolve_yet_can_be_saved_and_not_posted_to(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: (_ for _ in ()).throw(socket.gaierror(-2, "unknown")))

    addresses.check("https://erp.example.com/hooks")
    answer = post("https://erp.example.com/hooks", b"{}", {}, timeout=1)

    assert (answer.code, answer.error) == (None, "erp.example.com does not resolve.")


def test_a_host_that_the_setting_names_may_be_in_house_on_any_port_and_without_tls(settings):
    settings.WEBHOOK_ALLOWED_HOSTS = ["127.0.0.1", "[::1]", "10.1.2.3"]

    for address in ("http://127.0.0.1:9000/", "http://[::1]/", "https://10.1.2.3:7443/"):
        addresses.check(address)


@pytest.mark.parametrize("address", ["169.254.169.254", "::ffff:127.0.0.1", "0.0.0.0", "224.0.0.1", "fe80::1"])
def test_not_even_a_host_that_the_setting_names_may_be_a_metadata_address(address, settings, monkeypatch):
    settings.WEBHOOK_ALLOWED_HOSTS = ["erp.internal"]
    resolving_to(monkeypatch, address)

    with pytest.raises(RefusedAddress):
        addresses.check("http://erp.internal/")


def test_a_name_that_changes_its_answer_after_the_endpoint_was_saved_is_not_posted_to(receiver, settings, monkeypatch):
    settings.WEBHOOK_ALLOWED_HOSTS = []
    port = receiver.server.server_port
    monkeypatch.setattr(addresses, "PORTS", {port})
    resolving_to(monkeypatch, "8.8.8.8", "127.0.0.1")
    addresses.check(f"https://erp.example.com:{port}/")

    answer = post(f"https://erp.example.com:{port}/", b"{}", {}, timeout=2)

    assert (answer.code, answer.error) == (None, "erp.example.com is not an address on the internet.")
    assert receiver.posts == []


def test_a_name_is_looked_up_once_for_a_post_and_the_checked_address_is_connected_to(receiver, settings, monkeypatch):
    settings.WEBHOOK_ALLOWED_HOSTS = ["erp.internal"]
    port = receiver.server.server_port
    connected = []
    dial = socket.create_connection

    def create_connection(address, *arguments, **options):
        connected.append(address)
        return dial(address, *arguments, **options)

    monkeypatch.setattr(socket, "create_connection", create_connection)
    real = socket.getaddrinfo
    answers = ["127.0.0.1", "169.254.169.254"]
    names = []

    def getaddrinfo(host, port, *arguments, **options):
        if host != "erp.internal":
            return real(host, port, *arguments, **options)
        names.append(host)
        return real(answers.pop(0), port, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    answer = post(f"http://erp.internal:{port}/hooks", b"{}", {}, timeout=2)

    assert (answer.code, answer.error) == (204, "")
    assert connected == [("127.0.0.1", port)]
    assert names == ["erp.internal"]
    assert receiver.posts[0][1]["Host"] == f"erp.internal:{port}"
