"""The shop below a path: with SCRIPT_NAME every address that it makes has the prefix, and works."""

import http.client
import json
import re
from contextlib import closing
from urllib.parse import urlsplit

import pytest

from products.models import ApiToken
from tests_http.server import Gunicorn

pytestmark = pytest.mark.django_db(transaction=True)

PREFIX = "/shop"


class UnderPrefix(Gunicorn):
    def _answers(self):
        try:
            return ask(self, "GET", f"{PREFIX}/health/live")[0] == 200
        except OSError:
            return False


def ask(server, method, path, body=None, **headers):
    """Return the status, the headers and the body of the response."""
    connection = http.client.HTTPConnection(*server.address, timeout=10)
    with closing(connection):
        connection.request(method, path, body and json.dumps(body), headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode(errors="replace")


def path_of(url):
    return urlsplit(url)._replace(scheme="", netloc="").geturl()


@pytest.fixture
def token(staff):
    return ApiToken.objects.issue(staff)[1]


def test_every_address_under_a_prefix_has_the_prefix_and_works(token, a_product, monkeypatch):
    mug, _lamp = a_product(stock=5), a_product()
    authorized = {"Authorization": f"Bearer {token}"}
    monkeypatch.delenv("SCRIPT_NAME", raising=False)

    with UnderPrefix(workers=1, SCRIPT_NAME=PREFIX, ADMIN_URL="back-office/") as server:
        _, ordered, _ = ask(
            server,
            "POST",
            f"{PREFIX}/api/orders",
            {"product": mug.pk, "quantity": 1},
            **authorized,
            **{"Content-Type": "application/json"},
        )
        _, added, _ = ask(
            server,
            "POST",
            f"{PREFIX}/api/products",
            {"sku": "CUP", "name": "Cup", "price": "1.00"},
            **authorized,
            **{"Content-Type": "application/json"},
        )
        _, first, page = ask(server, "GET", f"{PREFIX}/api/products/?limit=1", **authorized)
        following = path_of(json.loads(page)["next"])
        _, _, second = ask(server, "GET", following, **authorized)
        _, home, _ = ask(server, "GET", f"{PREFIX}/")
        _, _, docs = ask(server, "GET", f"{PREFIX}/api/docs")
        _, _, schema = ask(server, "GET", f"{PREFIX}/api/schema")
        _, admin, _ = ask(server, "GET", f"{PREFIX}/back-office/")

        addresses = [
            path_of(ordered["Location"]),
            path_of(added["Location"]),
            following,
            path_of(json.loads(second)["previous"]),
            path_of(re.search("<(.*?)>", first["Link"])[1]),
            home["Location"],
            admin["Location"],
            *re.findall(r'(?:src|href|data-schema)="([^"]*)"', docs),
            f"{json.loads(schema)['servers'][0]['url']}/api/products",
        ]
        statuses = [ask(server, "GET", address, **authorized)[0] for address in addresses]

    assert len(addresses) >= 14
    assert [address for address in addresses if not address.startswith(f"{PREFIX}/")] == []
    assert statuses == [200] * len(addresses)


def test_a_prefix_from_a_file_is_known_to_gunicorn_too(tmp_path, monkeypatch):
    file = tmp_path / "prefix"
    file.write_text(f"{PREFIX}\n")
    monkeypatch.delenv("SCRIPT_NAME", raising=False)

    with UnderPrefix(workers=1, SCRIPT_NAME_FILE=str(file)) as server:
        status, headers, _ = ask(server, "GET", f"{PREFIX}/")

    assert (status, headers["Location"]) == (302, f"{PREFIX}/api/docs")
