"""Only a trusted proxy can say that a request came over HTTPS (TRUSTED_PROXIES)."""

import http.client
import json
import socket

import pytest

from tests_http.sample_shop import PRODUCTION
from tests_http.server import Gunicorn

pytestmark = pytest.mark.django_db(transaction=True)

CLAIMS = [
    {"X-Forwarded-Proto": "https"},
    {"X-Forwarded-Ssl": "on"},
    {"X-Forwarded-Protocol": "ssl"},
    {"X-Forwarded-Proto": "https", "X-Forwarded-Ssl": "off"},
]


def code_over_tcp(server, headers):
    """Ask for the products without a token, and return the code of the error."""
    connection = http.client.HTTPConnection(*server.address, timeout=10)
    return code_of(connection, headers)


def code_over_unix(path, headers):
    connection = http.client.HTTPConnection("127.0.0.1", timeout=10)
    connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.sock.connect(str(path))
    return code_of(connection, headers)


def code_of(connection, headers):
    connection.request("GET", "/api/products", headers=headers)
    code = json.loads(connection.getresponse().read())["code"]
    connection.close()
    return code


@pytest.mark.parametrize(
    ("trusted", "codes"),
    [
        ("0", ["https_required"] * 4),
        ("1", ["not_authenticated", "https_required", "https_required", "not_authenticated"]),
    ],
)
def test_the_scheme_is_believed_only_from_a_trusted_proxy_and_only_in_one_header(trusted, codes, tmp_path):
    path = tmp_path / "shop.sock"
    both = "--bind 127.0.0.1:{} --bind unix:{}"
    server = Gunicorn(workers=1, **PRODUCTION | {"TRUSTED_PROXIES": trusted})
    server.environment["GUNICORN_CMD_ARGS"] = both.format(server.address[1], path)

    with server:
        over_tcp = [code_over_tcp(server, claim) for claim in CLAIMS]
        over_unix = [code_over_unix(path, claim) for claim in CLAIMS]

    assert over_tcp == codes
    assert over_unix == codes
