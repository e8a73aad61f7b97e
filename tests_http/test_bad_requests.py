"""Every row of the table goes over the wire to gunicorn, byte by byte as it stands, and gets the answer beside it."""

import http.client
import json
import secrets
import socket
import time
from collections import Counter
from dataclasses import dataclass

import pytest
from django.core.management import call_command

from products.models import ApiToken, Order, Product
from tests_http.bad_requests import TABLE
from tests_http.bad_requests.rows import BROKEN, CLOSED, UNREAD, Row
from tests_http.server import Gunicorn

pytestmark = pytest.mark.django_db(transaction=True)

PATIENCE = 5  # seconds; an answer that takes longer is a surprise
NO_ANSWER = -1
PRODUCTION = {
    "DEBUG": "false",
    "SECRET_KEY": secrets.token_urlsafe(64),
    "ALLOWED_HOSTS": "127.0.0.1",
    "HTTPS_ONLY": "false",
    "LOGINS_PER_NAME": "0",
    "LOGINS_PER_ADDRESS": "0",
}
PROBLEM = {"type", "title", "status", "detail", "code", "request_id", "errors"}


@dataclass(frozen=True)
class Answer:
    """What came back. `status` is CLOSED for nothing at all; `rest` is what came behind the answer."""

    status: int
    headers: dict[str, str]
    body: bytes
    rest: bytes
    seconds: float


def send(address: tuple[str, int], row: Row, names: dict[bytes, bytes]) -> Answer:
    body = filled(row.body, names)
    message = filled(row.head, names | {b"{length}": str(len(body)).encode()}) + body
    began = time.monotonic()
    with socket.create_connection(address, timeout=PATIENCE + 1) as connection:
        try:
            connection.sendall(message)
            if row.stops:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # The server has seen enough.
        return answer_on(connection, began, row.head.partition(b" ")[0].decode("latin-1"))


def answer_on(connection: socket.socket, began: float, method: str, *, last: bool = True) -> Answer:
    response = http.client.HTTPResponse(connection, method=method)
    try:
        response.begin()
        body, headers = response.read(), {name.lower(): value for name, value in response.getheaders()}
        seconds = time.monotonic() - began
        return Answer(response.status, headers, body, read_on(connection) if last else b"", seconds)
    except (http.client.HTTPException, OSError) as error:
        closed = isinstance(error, http.client.RemoteDisconnected | ConnectionResetError)
        return Answer(CLOSED if closed else NO_ANSWER, {}, b"", b"", time.monotonic() - began)
    finally:
        response.close()


def read_on(connection: socket.socket) -> bytes:
    """What comes behind the answer, which should be the end."""
    try:
        return connection.recv(1_000)
    except (TimeoutError, ConnectionResetError):
        return b""


def filled(text: bytes, names: dict[bytes, bytes]) -> bytes:
    for name, value in names.items():
        text = text.replace(name, value)
    return text


def surprises(row: Row, answer: Answer) -> list[str]:
    """All that is not as it should be."""
    found = []
    if answer.seconds > PATIENCE:
        found.append(f"took {answer.seconds:.1f} s")
    if answer.rest:
        found.append(f"went on with {answer.rest[:50]!r}")
    if row.status == BROKEN:
        # RFC 9112, section 6.1 asks for 501 for an unknown transfer coding.
        if answer.status not in (CLOSED, 501, *range(400, 500)) or "x-request-id" in answer.headers:
            found.append(f"{answer.status}, or an answer of the application")
        return found
    if row.status == UNREAD:
        if answer.status not in (CLOSED, 400):
            found.append(f"{answer.status}, not 400")
        return found
    if answer.status != row.status:
        found.append(f"{answer.status}, not {row.status}")
    if answer.status >= 400 and answer.headers.get("content-type") != "application/problem+json":
        found.append(f"an error as {answer.headers.get('content-type')}")
    elif answer.status >= 400 and not row.head.startswith(b"HEAD "):
        found += surprises_in_problem(row, answer)
    if "html" in answer.headers.get("content-type", ""):
        found.append("HTML")
    policy, sniffing = (answer.headers.get(name) for name in ("content-security-policy", "x-content-type-options"))
    if answer.status >= 100 and ("default-src 'none'" not in str(policy) or sniffing != "nosniff"):
        found.append(f"lets a browser do what it likes: {policy}, {sniffing}")
    return found


def surprises_in_problem(row: Row, answer: Answer) -> list[str]:
    try:
        problem = json.loads(answer.body)
    except ValueError:
        return [f"a problem that is not JSON: {answer.body[:50]!r}"]
    if not set(problem) >= PROBLEM:
        return [f"without {sorted(PROBLEM - set(problem))}"]
    codes = [problem["code"], *(error["code"] for error in problem["errors"])]
    found = []
    if row.code is not None and row.code not in codes:
        found.append(f"{codes[:5]}, not {row.code}: {problem['detail'][:100]}")
    if problem["status"] != answer.status:
        found.append(f"says that it is {problem['status']}")
    if problem["request_id"] != answer.headers.get("x-request-id"):
        found.append("another request's id")
    return found


@pytest.fixture
def names(a_product, alice, bob, staff, django_user_model) -> dict[bytes, bytes]:
    """What the placeholders in the rows stand for; but for those of the server."""
    mug, retired = a_product(stock=5_000, sku="MUG"), a_product(stock=5)
    for _ in range(25):
        a_product()
    retired.retire()
    order, _ = Order.objects.place_once(customer=alice, items=[(mug, 1)], key="used")
    people = {"customer": alice, "other": bob, "staff": staff, "spare": django_user_model.objects.create_user("carol")}
    tokens = {name: ApiToken.objects.issue(user) for name, user in people.items()}
    values: dict[str, object] = {name: secret for name, (_, secret) in tokens.items()}
    values |= {"mug": mug.pk, "retired": retired.pk, "order": order.pk, "staff_token": tokens["staff"][0].pk}
    return {f"{{{name}}}".encode(): str(value).encode() for name, value in values.items()}


def names_of(server: Gunicorn, names: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """`names`, and a cursor that the server has given out."""
    connection = http.client.HTTPConnection(*server.address, timeout=PATIENCE)
    token = names[b"{customer}"].decode()
    connection.request("GET", "/api/products?limit=2", headers={"Authorization": f"Bearer {token}"})
    url = json.load(connection.getresponse())["next"]
    connection.close()
    host = "{}:{}".format(*server.address)
    return names | {b"{host}": host.encode(), b"{cursor}": url.partition("cursor=")[2].encode()}


def test_every_bad_or_odd_request_gets_the_answer_that_is_written_beside_it(names, capsys):
    found, kinds = {}, Counter()
    began = time.monotonic()

    with Gunicorn(workers=2, **PRODUCTION) as server:
        names = names_of(server, names)
        for kind, rows in TABLE.items():
            for row in rows:
                kinds[kind] += 1
                if wrong := surprises(row, send(server.address, row, names)):
                    found[f"{kind}: {row.what}"] = "; ".join(wrong)

    sent = kinds.total()
    with capsys.disabled():
        by_kind = ", ".join(f"{number} {kind}" for kind, number in kinds.items())
        took = f"in {time.monotonic() - began:.0f} s ({by_kind})"
        as_expected = sent - len(found)
        print(f"\n{sent} bad or odd requests sent {took}: {as_expected} as expected, {len(found)} surprises")  # noqa: T201
    assert not found, "\n".join(f"{what}: {how}" for what, how in found.items())
    assert sent >= 200
    orders = [row for rows in TABLE.values() for row in rows if row.status == 201]
    assert Order.objects.placed().count() == 1 + len(orders)
    assert Product.objects.count() == 27
    call_command("check_stock")


def test_a_body_that_nobody_reads_is_not_taken_for_the_next_request():
    sizes = [0, 1_000, 60_000, 300_000]

    with Gunicorn(workers=1) as server:
        answers = {size: two_on_one_connection(server.address, size) for size in sizes}

    # The connection of one that is too large to be thrown away is closed.
    assert answers == {0: (404, 404), 1_000: (404, 404), 60_000: (404, 404), 300_000: (404, CLOSED)}


def two_on_one_connection(address: tuple[str, int], size: int) -> tuple[int, int]:
    """The statuses of a POST with a body of `size`, which looks like a request, and of a GET behind it."""
    body = (b"GET /api/orders HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * size)[:size]
    head = f"POST /api/nothing HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {size}\r\n\r\n"
    with socket.create_connection(address, timeout=PATIENCE) as connection:
        connection.sendall(head.encode() + body)
        first = answer_on(connection, time.monotonic(), "POST", last=False).status
        try:
            connection.sendall(b"GET /api/nothing HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        except OSError:
            return first, CLOSED
        return first, answer_on(connection, time.monotonic(), "GET").status
