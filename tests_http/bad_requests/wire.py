"""Half requests, and whole ones whose frame is in doubt: how long is the body, where does the next request begin?"""

# A row is read across, not down.
# fmt: off

from typing import Any

from tests_http.bad_requests.rows import BROKEN, CLOSED, JSON, UNREAD, Row, ask, raw

ORDER = "POST /api/orders"
GOOD = b'{"product": {mug}, "quantity": 1}'
HEAD = b"POST /api/orders HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {customer}\r\n" + JSON.encode() + b"\r\n"
ANOTHER = b"DELETE /api/tokens HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {spare}\r\n\r\n"
SIZED = ["Content-Type", "Content-Length"]


def chunks(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def chunked(what: str, body: bytes, status: int, code: str | None = None, *, to: str = ORDER, **more: Any) -> Row:
    add = [JSON, *more.pop("add", ["Transfer-Encoding: chunked"])]
    return ask(what, to, status, code, body=body, drop=SIZED, add=add, **more)


def sized(what: str, length: str, status: int, code: str | None = "bad_request", **more: Any) -> Row:
    return ask(what, ORDER, status, code, body=GOOD, drop=["Content-Length"], add=[f"Content-Length: {length}"], **more)


CHUNKS = [
    chunked("an order in chunks", chunks(b'{"sku": "MUG",', b' "quantity": 1}'), 201),
    chunked("an order in chunks, with trailers",
            b"1e\r\n" + b'{"sku": "MUG", "quantity":  1}' + b"\r\n0\r\nX-A: b\r\n\r\n", 201),
    chunked("nothing in chunks", chunks(), 400, "required"),
    chunked("nonsense in chunks", chunks(b"{"), 400, "malformed_json"),
    chunked("an unknown member in chunks, where a body need not be", chunks(b'{"mood": "rain"}'), 400, "unknown",
            to="POST /api/orders/{order}/cancel"),
    chunked("an unknown member in chunks, at the checkout", chunks(b'{"gift": true}'), 400, "unknown",
            to="POST /api/cart/checkout"),
    chunked("a body in chunks with a GET", chunks(b"{}"), 400, "unexpected_body", to="GET /api/products"),
    chunked("a body in chunks with a DELETE", chunks(b"{}"), 400, "unexpected_body", to="DELETE /api/tokens",
            who="spare"),
    chunked("1.1 MB in chunks", chunks(*[b" " * 10_000] * 110), 413, "body_too_large"),
    chunked("10 MB in chunks", chunks(*[b" " * 100_000] * 100), 413, "body_too_large"),
    chunked("30,000 chunks", chunks(*[b" "] * 30_000), 400, "malformed_json"),
    chunked("a chunk without a size", b"\r\n{}\r\n0\r\n\r\n", BROKEN),
    chunked("a chunk's size in words", b"two\r\n{}\r\n0\r\n\r\n", BROKEN),
    chunked("a chunk of less than nothing", b"-2\r\n{}\r\n0\r\n\r\n", BROKEN),
    chunked("a chunk's size with 0x", b"0x2\r\n{}\r\n0\r\n\r\n", BROKEN),
    chunked("a chunk's size with a plus", b"+2\r\n{}\r\n0\r\n\r\n", BROKEN),
    chunked("a chunk's size of 10,000 digits", b"1" * 10_000 + b"\r\n{}\r\n0\r\n\r\n", CLOSED, stops=True),
    chunked("a chunk that is longer than it says", b"2\r\n{}}}\r\n0\r\n\r\n", BROKEN),
    chunked("a chunk that is cut off", b"20\r\n{}", CLOSED, stops=True),
    chunked("a last chunk that is missing", b"2\r\n{}\r\n", CLOSED, stops=True),
    chunked("a host in the trailers", b"2\r\n{}\r\n0\r\nHost: x\r\n\r\n", BROKEN),
    chunked("chunks twice", chunks(GOOD), BROKEN, add=["Transfer-Encoding: chunked, chunked"]),
    chunked("chunks in two headers", chunks(GOOD), BROKEN,
            add=["Transfer-Encoding: chunked", "Transfer-Encoding: chunked"]),
    chunked("chunks and then gzip", chunks(GOOD), BROKEN, add=["Transfer-Encoding: chunked, gzip"]),
    chunked("gzip and then chunks", chunks(GOOD), UNREAD, add=["Transfer-Encoding: gzip, chunked"]),
    chunked("gzip alone", GOOD, BROKEN, add=["Transfer-Encoding: gzip"]),
    chunked("identity", GOOD, BROKEN, add=["Transfer-Encoding: identity"]),
    chunked("a coding that there is not", chunks(GOOD), BROKEN, add=["Transfer-Encoding: nonsense"]),
    chunked("chunks with something in front", chunks(GOOD), BROKEN, add=["Transfer-Encoding: xchunked"]),
    chunked("chunks with a vertical tab", chunks(GOOD), BROKEN, add=["Transfer-Encoding: \x0bchunked"]),
    chunked("chunks in HTTP/1.0", chunks(GOOD), BROKEN, to="POST /api/orders HTTP/1.0"),
    chunked("a length and chunks", chunks() + ANOTHER, BROKEN,
            add=["Content-Length: 5", "Transfer-Encoding: chunked"]),
    chunked("chunks and a length", chunks() + ANOTHER, BROKEN,
            add=["Transfer-Encoding: chunked", "Content-Length: 200"]),
]

LENGTHS = [
    sized("a length of words", "many", BROKEN),
    sized("a length of less than nothing", "-1", BROKEN),
    sized("a length with a plus", "+32", BROKEN),
    sized("a length with a fraction", "32.0", BROKEN),
    sized("a length in hexadecimal", "0x20", BROKEN),
    sized("a length with an underscore", "3_2", BROKEN),
    sized("a length of superscripts", "\xb2", BROKEN),
    sized("an empty length", "", BROKEN),
    sized("a length with a comma", "32, 32", BROKEN),
    sized("a length of 2^64", str(2**64), 413, "body_too_large", stops=True),
    sized("a length of 5,000 digits", "9" * 5_000, BROKEN),
    sized("a length of 10 GB", "10000000000", 413, "body_too_large", stops=True),
    sized("a length of 10 GB that never comes", "10000000000", 413, "body_too_large", stalls=True),
    ask("two lengths", ORDER, BROKEN, body=GOOD, add=["Content-Length: 5"]),
    ask("the same length twice", ORDER, BROKEN, body=GOOD, add=["Content-Length: {length}"]),
    ask("a length and no body", ORDER, 400, "incomplete_body", drop=["Content-Length"],
        add=[JSON, "Content-Length: 10"], stops=True),
    sized("a length too large, for an order that would do", "1000", 400, "incomplete_body", stops=True),
    sized("a length too small", "5", 400, "malformed_json"),
    sized("a length of nothing", "0", 400, "required"),
    ask("half a form that would do", "POST /api-token-auth/", 400, "incomplete_body", who=None,
        body=b"username=nobody&password=noth", drop=SIZED,
        add=["Content-Type: application/x-www-form-urlencoded", "Content-Length: 32"], stops=True),
    ask("half a cancellation", "POST /api/orders/{order}/cancel", 400, "incomplete_body", body=b"{}", drop=SIZED,
        add=[JSON, "Content-Length: 3"], stops=True),
    ask("half a body that nobody reads", "POST /api/nothing", 404, "not_found", body=b"{", drop=SIZED,
        add=[JSON, "Content-Length: 300"], stops=True),
    ask("half a body that nobody reads, and silence", "POST /api/nothing", 404, "not_found", body=b"{",
        drop=SIZED, add=[JSON, "Content-Length: 300"], stalls=True),
    ask("half a body from nobody, and silence", ORDER, 401, "not_authenticated", body=b"{", drop=SIZED, who=None,
        add=[JSON, "Content-Length: 300"], stalls=True),
]

HALVES = [
    raw("nothing", b"", CLOSED, stops=True),
    raw("a line end", b"\r\n", CLOSED, stops=True),
    raw("half a method", b"PO", CLOSED, stops=True),
    raw("half a first line", b"POST /api/orders HT", CLOSED, stops=True),
    raw("a first line alone", b"POST /api/orders HTTP/1.1\r\n", CLOSED, stops=True),
    raw("half a header", HEAD + b"Conten", CLOSED, stops=True),
    raw("headers without an end", HEAD, CLOSED, stops=True),
    raw("HTTP/0.9", b"GET /api/products\r\n\r\n", BROKEN),
    raw("HTTP/2.0", b"GET /api/products HTTP/2.0\r\nHost: {host}\r\n\r\n", BROKEN),
    raw("HTTP/1.10", b"GET /api/products HTTP/1.10\r\nHost: {host}\r\n\r\n", BROKEN),
    raw("another protocol", b"GET /api/products SHOP/1.1\r\nHost: {host}\r\n\r\n", BROKEN),
    raw("HTTP in lower case", b"GET /api/products http/1.1\r\nHost: {host}\r\n\r\n", BROKEN),
    raw("the beginning of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", BROKEN),
    raw("the beginning of TLS", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", BROKEN),
    raw("line ends without their first half", b"GET /api/products HTTP/1.1\nHost: {host}\n\n", BROKEN),
    raw("words", b"hello?\r\n\r\n", BROKEN),
    raw("a first line of 100 KB", b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n", BROKEN),
    raw("headers of 2 MB", HEAD + b"".join(b"X-%d: %s\r\n" % (n, b"z" * 8_000) for n in range(250)) + b"\r\n", BROKEN),
    raw("HTTP/1.0 without a host", b"GET /api/products HTTP/1.0\r\nAuthorization: Bearer {customer}\r\n\r\n", 200),
]

ROWS = [*CHUNKS, *LENGTHS, *HALVES]
