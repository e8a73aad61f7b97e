"""The shipped configuration of nginx, in front of the shop as production has it."""

import http.client
import json
import secrets
import socket
import socketserver
import ssl
import threading
import time
from contextlib import ExitStack, closing

import pytest

from products.models import Order
from products.tests.postgres import free_port
from tests_http.proxy import NAME, Nginx
from tests_http.server import Gunicorn

pytestmark = pytest.mark.django_db(transaction=True)

SLOW_CLIENTS = 50
PRODUCTION = {
    "DEBUG": "false",
    "SECRET_KEY": secrets.token_urlsafe(64),
    "ALLOWED_HOSTS": f"{NAME},127.0.0.1",
    "TRUSTED_PROXIES": "1",
    "LOGINS_PER_ADDRESS": "3",
}
JSON = {"Content-Type": "application/json"}


@pytest.fixture
def proxy(tmp_path):
    """nginx, and behind it a shop with few threads."""
    with Gunicorn(workers=1, threads=2, **PRODUCTION) as shop, Nginx(tmp_path, shop.address) as proxy:
        yield proxy


@pytest.fixture
def alone(tmp_path):
    """nginx, and nothing behind it: for what never gets there."""
    with Nginx(tmp_path, ("127.0.0.1", free_port())) as proxy:
        yield proxy


def ask(connection, method, path, body=None, **headers):
    """(status, headers, text) of the answer to one request on a connection of its own."""
    with closing(connection):
        headers = {"Host": NAME} | {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()


def place(proxy, token, product, **headers):
    body = json.dumps({"product": product.pk, "quantity": 1})
    return ask(proxy.connect(), "POST", "/api/orders", body, Authorization=f"Bearer {token}", **JSON, **headers)


def plain(proxy):
    return http.client.HTTPConnection(*proxy.http, timeout=20)


def line_of(proxy, request_id):
    """The line of the proxy's log about this request; nginx writes it once the answer is gone."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for line in (proxy.folder / "access.log").read_text().splitlines():
            if request_id in line:
                return line
        time.sleep(0.05)
    raise AssertionError(f"{request_id} is not in the log")


def is_problem(answer, status, code):
    found, headers, text = answer
    assert (found, headers["Content-Type"]) == (status, "application/problem+json")
    problem = json.loads(text)
    assert (problem["status"], problem["code"]) == (status, code)
    assert problem["request_id"] == headers["X-Request-Id"]
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    return True


def test_nginx_finds_nothing_wrong_with_it(tmp_path):
    said = Nginx(tmp_path, ("127.0.0.1", 8000)).test()

    assert said.returncode == 0
    assert "warn" not in said.stderr


def test_an_order_over_https_is_placed(proxy, tokens, a_product):
    [token], mug = tokens(1), a_product(stock=3)

    status, headers, text = place(proxy, token, mug, Idempotency_Key="first", X_Request_Id="a-till-of-ours")

    assert status == 201
    assert headers["Location"] == f"https://{NAME}/api/orders/{json.loads(text)['id']}"
    assert headers["Strict-Transport-Security"] == "max-age=31536000"
    assert headers.get_all("X-Request-Id") == ["a-till-of-ours"]
    logged = line_of(proxy, "a-till-of-ours")
    assert '"POST /api/orders HTTP/1.1" 201' in logged
    assert token not in logged
    assert Order.objects.count() == 1


def test_how_long_the_catalogue_may_be_kept_reaches_the_client_as_the_shop_says(tmp_path, tokens, a_product):
    path, [token] = f"/api/products/{a_product().pk}", tokens(1)
    public = PRODUCTION | {"CATALOGUE_IS_PUBLIC": "true", "CATALOGUE_MAX_AGE_SECONDS": "30"}

    with Gunicorn(workers=1, threads=2, **public) as shop, Nginx(tmp_path, shop.address) as proxy:
        anyone, headers, _ = ask(proxy.connect(), "GET", path)
        again, _, text = ask(proxy.connect(), "GET", path, If_None_Match=headers["ETag"])
        _, with_token, _ = ask(proxy.connect(), "GET", path, Authorization=f"Bearer {token}")

    assert (anyone, headers["Cache-Control"]) == (200, "public, max-age=30")
    assert "Authorization" in headers["Vary"]
    assert (again, text) == (304, "")
    assert with_token["Cache-Control"] == "private, no-cache"


def test_the_api_is_refused_over_plain_http_and_pages_are_redirected(alone):
    for method, path in [("GET", "/api/orders"), ("POST", "/api/orders/"), ("POST", "/api-token-auth/"), ("GET", "/x")]:
        refused = ask(plain(alone), method, path, Authorization="Bearer shop_x")
        assert is_problem(refused, 403, "https_required")
        assert "revoke the token" in refused[2]
        assert "Location" not in refused[1]
    for path in ("/", "/admin/", "/admin/login/?next=/admin/", "/api/docs", "/api/docs/"):
        status, headers, _ = ask(plain(alone), "GET", path)
        assert (status, headers["Location"]) == (301, f"https://{NAME}{path}")


def test_plain_http_where_tls_is_spoken_is_refused_in_the_same_way(alone):
    confused = http.client.HTTPConnection(*alone.https, timeout=20)

    assert is_problem(ask(confused, "GET", "/api/orders"), 403, "https_required")


def test_a_client_can_make_up_neither_its_address_nor_its_scheme(proxy, db):
    credentials = json.dumps({"username": "nobody", "password": "guess"})

    def guess(number):
        claims = {
            "X_Forwarded_For": f"192.0.2.{number}",
            "X_Forwarded_Proto": "http",
            "X_Forwarded_Host": "evil.example",
        }
        return ask(proxy.connect(), "POST", "/api-token-auth/", credentials, **JSON, **claims)[0]

    # Over HTTPS whatever they claim, so not 403; and three tries from one address, whichever they claim.
    assert [guess(number) for number in range(5)] == [401, 401, 401, 429, 429]


def test_what_is_the_platforms_is_not_there_for_the_world(alone):
    for path in ("/metrics", "/metrics/", "/health/live", "/health/ready", "//metrics", "/a/../metrics", "/%6detrics"):
        assert is_problem(ask(alone.connect(), "GET", path), 404, "not_found")
        assert ask(plain(alone), "GET", path)[0] == 404


def test_a_body_that_is_too_large_never_reaches_the_shop(alone):
    body = b" " * (256 * 1024 + 1)
    larger = b" " * (1024 * 1024 + 1)

    at_the_api = ask(alone.connect(), "POST", "/api/products", body, **JSON)
    at_the_orders = ask(alone.connect(), "POST", "/api/orders", larger, **JSON)
    lines = ask(alone.connect(), "POST", "/api/orders/quote", larger[:-1], **JSON)
    at_the_admin = ask(alone.connect(), "POST", "/admin/login/", larger)

    assert is_problem(at_the_api, 413, "body_too_large")
    assert json.loads(at_the_api[2])["detail"] == "The body is larger than 262144 bytes."
    assert is_problem(at_the_orders, 413, "body_too_large")
    assert json.loads(at_the_orders[2])["detail"] == "The body is larger than 1048576 bytes."
    # What may be that large, and where staff send files, it went on to the shop, which is not there.
    assert is_problem(lines, 503, "unavailable")
    assert is_problem(at_the_admin, 503, "unavailable")


def test_what_could_be_read_in_two_ways_still_meets_the_shops_own_refusal(proxy, tokens, a_product):
    [token], mug = tokens(1), a_product(stock=3)
    with closing(tls(proxy)) as connection:
        body = json.dumps({"product": mug.pk, "quantity": 1})
        head = f"POST /api/orders HTTP/1.1\r\nHost: {NAME}\r\nAuthorization: Bearer {token}\r\nIdempotency_Key: a\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        connection.sendall((head + body).encode())

        assert connection.recv(4096).split()[1] == b"400"
    assert Order.objects.count() == 0


def tls(proxy):
    context = ssl.create_default_context(cafile=str(proxy.certificate))
    return context.wrap_socket(socket.create_connection(proxy.https, timeout=20), server_hostname=NAME)


HALF_A_HEADER = "POST /api/orders HTTP/1.1\r\nHost: sh"
HALF_A_BODY = (
    f"POST /api/orders HTTP/1.1\r\nHost: {NAME}\r\nAuthorization: Bearer {{token}}\r\n"
    "Content-Type: application/json\r\nContent-Length: 50\r\n\r\n{{"
)


@pytest.mark.parametrize("half", [HALF_A_HEADER, HALF_A_BODY], ids=["half a header", "half a body"])
def test_fifty_slow_clients_keep_nobody_else_waiting(proxy, tokens, a_product, half):
    [token], mug = tokens(1), a_product(stock=20)
    with ExitStack() as held:
        for _ in range(SLOW_CLIENTS):
            held.enter_context(closing(tls(proxy))).sendall(half.format(token=token).encode())

        began = time.monotonic()
        answers = [place(proxy, token, mug)[0] for _ in range(10)]

    assert answers == [201] * 10
    assert time.monotonic() - began < 10  # two threads, each with a slow client, would have taken 20 s for one


NOT_HTTP = {
    "a method in lower case": f"get /api/products HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode(),
    "an encoded NUL": f"GET /api/products/1%00 HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode(),
    "a path without its slash": f"GET api/orders HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode(),
    "a path above the root": f"GET /../../etc/passwd HTTP/1.1\r\nHost: {NAME}\r\n\r\n".encode(),
    "another version": f"GET /api/products HTTP/2.0\r\nHost: {NAME}\r\n\r\n".encode(),
    "an unknown transfer coding": f"POST /api/orders HTTP/1.1\r\nHost: {NAME}\r\nTransfer-Encoding: x\r\n\r\n".encode(),
    "no Host": b"GET /api/products HTTP/1.1\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
}


@pytest.mark.parametrize("what", NOT_HTTP)
def test_what_nginx_cannot_parse_is_a_problem_document_and_no_page(alone, what):
    for connection in (tls(alone), socket.create_connection(alone.http, timeout=20)):
        with closing(connection):
            connection.sendall(NOT_HTTP[what])
            answer = http.client.HTTPResponse(connection)
            answer.begin()
            assert is_problem((answer.status, answer.headers, answer.read().decode()), 400, "bad_request")


def test_a_large_body_over_plain_http_is_refused_like_a_small_one(alone):
    body = b" " * (1024 * 1024 + 1)

    assert is_problem(ask(plain(alone), "POST", "/api/orders", body, **JSON), 403, "https_required")


def test_the_schema_is_compressed_and_products_are_not(proxy, tokens, a_product):
    [token] = tokens(1)
    for _ in range(20):
        a_product()

    def headers_of(path, **headers):
        connection = proxy.connect()
        with closing(connection):
            connection.request("GET", path, headers={"Host": NAME} | headers)
            answer = connection.getresponse()
            answer.read()
            return answer.status, answer.headers["Content-Encoding"]

    wanted = {"Accept-Encoding": "gzip"}
    assert headers_of("/api/schema", **wanted) == (200, "gzip")
    assert headers_of("/api/products?limit=100", **wanted, Authorization=f"Bearer {token}") == (200, None)


def test_tls_is_of_today(alone):
    old = ssl.create_default_context(cafile=str(alone.certificate))
    old.check_hostname = False
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1

    with closing(tls(alone)) as connection:
        assert connection.version() == "TLSv1.3"
    with socket.create_connection(alone.https, timeout=20) as connection, pytest.raises((ssl.SSLError, OSError)):
        old.wrap_socket(connection)


# A shop that answers once and then hangs up: nginx has a kept connection to it, and the next request meets its end.


class HangsUp(socketserver.BaseRequestHandler):
    def handle(self):
        for number in range(2):
            head = self.request.recv(65536)
            if not head:
                return
            self.server.asked.append(head.decode())
            if number == 0:
                self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok")


@pytest.fixture
def hangs_up(tmp_path):
    """(nginx, what reached the server behind it)."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), HangsUp) as server:
        server.daemon_threads, server.asked = True, []
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with Nginx(tmp_path, server.server_address) as proxy:
            yield proxy, server.asked
        server.shutdown()


def test_an_order_that_was_sent_is_not_sent_again_by_the_proxy(hangs_up):
    proxy, asked = hangs_up
    assert ask(proxy.connect(), "GET", "/api/products")[0] == 200

    answer = ask(proxy.connect(), "POST", "/api/orders", "{}", Idempotency_Key="one", **JSON)

    assert is_problem(answer, 503, "unavailable")
    assert answer[1]["Retry-After"] == "1"
    assert "may or may not have been executed" in answer[2]
    assert [head.partition(" HTTP")[0] for head in asked] == ["GET /api/products", "POST /api/orders"]


def test_what_only_reads_is_sent_again_over_a_new_connection(hangs_up):
    proxy, asked = hangs_up

    answers = [ask(proxy.connect(), "GET", "/api/products")[0] for _ in range(2)]

    assert answers == [200, 200]
    assert len(asked) == 3


def test_the_shop_hears_of_the_client_what_the_proxy_says_and_nothing_else(hangs_up):
    proxy, asked = hangs_up
    claims = {
        "X_Forwarded_For": "192.0.2.1",
        "X_Forwarded_Proto": "http",
        "X_Forwarded_Host": "evil.example",
        "Forwarded": "for=192.0.2.1;proto=http",
        "X_Request_Id": "a b\tc",
        "Connection": "close, X-Forwarded-For",
    }

    ask(proxy.connect(), "GET", "/api/products", **claims)

    [head] = asked
    lines = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if line)
    assert lines["x-forwarded-for"] == "127.0.0.1"
    assert lines["x-forwarded-proto"] == "https"
    assert not {"x-forwarded-host", "forwarded", "connection"} & set(lines)
    assert len(lines["x-request-id"]) == 32
    assert head.startswith("GET /api/products HTTP/1.1\r\n")
