"""Bodies that are not what their headers say, or more than anybody should read."""

# A row is read across, not down.
# fmt: off

import gzip
import zlib
from typing import Any

from tests_http.bad_requests.rows import FORM, Row, ask

ORDER = "POST /api/orders"
GOOD = b'{"product": {mug}, "quantity": 1}'
LOGIN = "POST /api-token-auth/"
# Of nobody's, so that no row lets anybody in by chance.
CREDENTIALS = {"username": "nobody", "password": "nothing"}


def typed(content_type: str | None, status: int, code: str | None, body: bytes = GOOD, what: str = "") -> Row:
    add = [] if content_type is None else [f"Content-Type: {content_type}"]
    return ask(what or f"an order as {content_type}", ORDER, status, code, body=body, drop=["Content-Type"], add=add)


def form(what: str, body: bytes, status: int, code: str | None, content_type: str = FORM, **more: Any) -> Row:
    options: dict[str, Any] = {"who": None, "drop": ["Content-Type"]} | more
    return ask(what, LOGIN, status, code, body=body, add=[content_type], **options)


SHAPES = [
    ask("no body", ORDER, 400, "required"),
    ask("an empty body", ORDER, 400, "required", body=b""),
    ask("a body of spaces", ORDER, 400, "malformed_json", body=b"   \n"),
    ask("an array", ORDER, 400, "invalid", body=b"[]"),
    ask("an array of orders", ORDER, 400, "invalid", body=b"[" + GOOD + b"]"),
    ask("a number", ORDER, 400, "invalid", body=b"7"),
    ask("a text", ORDER, 400, "invalid", body=b'"order"'),
    ask("null", ORDER, 400, "null", body=b"null"),
    ask("true", ORDER, 400, "invalid", body=b"true"),
    ask("half an object", ORDER, 400, "malformed_json", body=GOOD[:-1]),
    ask("two objects", ORDER, 400, "malformed_json", body=GOOD + GOOD),
    ask("something behind the object", ORDER, 400, "malformed_json", body=GOOD + b" x"),
    ask("single quotes", ORDER, 400, "malformed_json", body=b"{'quantity': 1}"),
    ask("a comma too many", ORDER, 400, "malformed_json", body=b'{"quantity": 1,}'),
    ask("a comment", ORDER, 400, "malformed_json", body=b'{"quantity": 1 /* one */}'),
    ask("a raw line end in a text", ORDER, 400, "malformed_json", body=b'{"sku": "a\nb", "quantity": 1}'),
    ask("a raw NUL in a text", ORDER, 400, "malformed_json", body=b'{"sku": "a\x00b", "quantity": 1}'),
    ask("an escape that there is not", ORDER, 400, "malformed_json", body=b'{"sku": "\\x41", "quantity": 1}'),
    ask("a key twice", ORDER, 400, "duplicate_key", body=b'{"product": {mug}, "quantity": 1, "quantity": 2}'),
    ask("a key twice, once in escapes", ORDER, 400, "duplicate_key",
        body=b'{"product": {mug}, "quantity": 1, "\\u0071uantity": 2}'),
    ask("a key twice further in", ORDER, 400, "duplicate_key",
        body=b'{"lines": [{"product": {mug}, "product": {mug}, "quantity": 1}]}'),
    ask("an unknown key", ORDER, 400, "unknown", body=b'{"product": {mug}, "quantity": 1, "gift": true}'),
    ask("a key in capitals", ORDER, 400, "unknown", body=b'{"Product": {mug}, "quantity": 1}'),
    ask("an empty key", ORDER, 400, "unknown", body=b'{"": 1, "product": {mug}, "quantity": 1}'),
    ask("21 lists in each other", ORDER, 400, "too_deep", body=b"[" * 21 + b"]" * 21),
    ask("100,000 lists in each other", ORDER, 400, "too_deep", body=b"[" * 100_000 + b"]" * 100_000),
    ask("100,000 lists that never end", ORDER, 400, body=b"[" * 100_000),
    ask("20,000 objects in each other", ORDER, 400, "too_deep", body=b'{"a":' * 20_000 + b"1" + b"}" * 20_000),
    ask("120,000 unknown keys", ORDER, 413, "body_too_large",
        body=b"{" + b",".join(b'"k%d": 1' % number for number in range(120_000)) + b"}"),
    ask("10,000 unknown keys", ORDER, 400, "unknown",
        body=b"{" + b",".join(b'"k%d": 1' % number for number in range(10_000)) + b"}"),
]

ENCODINGS = [
    ask("a byte order mark", ORDER, 400, "malformed_json", body=b"\xef\xbb\xbf" + GOOD),
    ask("UTF-16", ORDER, 400, "not_utf8", body='{"quantity": 1}'.encode("utf-16")),
    ask("UTF-16 without a mark", ORDER, 400, body='{"quantity": 1}'.encode("utf-16-le")),
    ask("UTF-32", ORDER, 400, body='{"quantity": 1}'.encode("utf-32")),
    ask("invalid UTF-8", ORDER, 400, "not_utf8", body=b'{"sku": "\xff\xfe", "quantity": 1}'),
    ask("Latin-1", ORDER, 400, "not_utf8", body='{"sku": "Ü", "quantity": 1}'.encode("latin-1")),
    ask("an overlong NUL", ORDER, 400, "not_utf8", body=b'{"sku": "\xc0\x80", "quantity": 1}'),
    ask("a surrogate in UTF-8", ORDER, 400, "not_utf8", body=b'{"sku": "\xed\xa0\x80", "quantity": 1}'),
    ask("a character that ends in the middle", ORDER, 400, "not_utf8", body=b'{"sku": "\xe2\x82'),
    ask("gzip", ORDER, 415, "unsupported_media_type", body=gzip.compress(GOOD), add=["Content-Encoding: gzip"]),
    ask("deflate", ORDER, 415, "unsupported_media_type", body=zlib.compress(GOOD), add=["Content-Encoding: deflate"]),
    ask("gzip that does not say so", ORDER, 400, "not_utf8", body=gzip.compress(GOOD)),
    ask("gzip that is not", ORDER, 415, "unsupported_media_type", body=GOOD, add=["Content-Encoding: gzip"]),
    ask("identity twice", ORDER, 415, "unsupported_media_type", body=GOOD,
        add=["Content-Encoding: identity, identity"]),
    ask("an encoding of no name", ORDER, 415, "unsupported_media_type", body=GOOD, add=["Content-Encoding:"]),
    ask("a bomb", ORDER, 415, "unsupported_media_type", body=gzip.compress(b"0" * 10_000_000),
        add=["Content-Encoding: gzip"]),
    ask("identity, which is none", ORDER, 201, body=GOOD, add=["Content-Encoding: identity"]),
]

TYPES = [
    typed(None, 415, "unsupported_media_type", what="no content type"),
    typed("", 415, "unsupported_media_type", what="an empty content type"),
    typed("text/plain", 415, "unsupported_media_type"),
    typed("text/json", 415, "unsupported_media_type"),
    typed("text/html", 415, "unsupported_media_type"),
    typed("application/xml", 415, "unsupported_media_type"),
    typed("application/problem+json", 415, "unsupported_media_type"),
    typed("application/json-patch+json", 415, "unsupported_media_type"),
    typed("application/x-www-form-urlencoded", 415, "unsupported_media_type", b"product=1&quantity=1"),
    typed("multipart/form-data; boundary=x", 415, "unsupported_media_type", b"--x--\r\n"),
    typed("multipart/form-data", 415, "unsupported_media_type", b"--x--\r\n"),
    typed("application/octet-stream", 415, "unsupported_media_type"),
    typed("*/*", 415, "unsupported_media_type"),
    typed("application/*", 415, "unsupported_media_type"),
    typed("application", 415, "unsupported_media_type"),
    typed("json", 415, "unsupported_media_type"),
    typed("application/json, text/plain", 415, "unsupported_media_type"),
    typed("application/json; charset=utf-16", 415, "unsupported_media_type"),
    typed("application/json; charset=latin-1", 415, "unsupported_media_type"),
    typed("application/json; charset=utf-7", 415, "unsupported_media_type"),
    typed("application/json; charset=bz2", 415, "unsupported_media_type"),
    typed("application/json; charset=nonsense", 415, "unsupported_media_type"),
    typed('application/json; charset="utf-8', 415, "unsupported_media_type"),
    typed("application/json; charset=" + "x" * 1_000, 415, "unsupported_media_type", what="a charset of 1,000 letters"),
    typed("application/json; charset*=utf-8''nonsense", 415, "unsupported_media_type"),
    typed("application/json" + "; a=b" * 500, 415, "unsupported_media_type", what="500 parameters of a content type"),
    typed("application/json; charset=UTF-8", 201, None),
    typed('APPLICATION/JSON ; charset="utf-8"', 201, None),
]

SIZES = [
    ask("10 MB of JSON", ORDER, 413, "body_too_large", body=b'{"sku": "' + b"x" * 10_000_000 + b'"}'),
    ask("10 MB of spaces", ORDER, 413, "body_too_large", body=b" " * 10_000_000),
    ask("a byte too many", ORDER, 413, "body_too_large", body=b" " * 1_048_577),
    ask("a byte too many for a product", "POST /api/products", 413, "body_too_large", body=b" " * 262_145, who="staff"),
    ask("10 MB from nobody", ORDER, 401, "not_authenticated", body=b" " * 10_000_000, who=None),
    ask("10 MB to an address that is not there", "POST /api/nothing", 404, "not_found", body=b" " * 10_000_000),
    ask("10 MB in a form", LOGIN, 413, "body_too_large", body=b"username=" + b"x" * 10_000_000, who=None,
        drop=["Content-Type"], add=[FORM]),
    ask("10 MB of a type that nobody reads", ORDER, 415, "unsupported_media_type", body=b"x" * 10_000_000,
        drop=["Content-Type"], add=["Content-Type: text/plain"]),
    ask("10 MB with a GET", "GET /api/products", 400, "unexpected_body", body=b"x" * 10_000_000),
    ask("a body with a GET", "GET /api/products", 400, "unexpected_body", body={"search": "mug"}),
    ask("a body with a GET of one", "GET /api/products/{mug}", 400, "unexpected_body", body={}),
    ask("a body with a HEAD", "HEAD /api/products", 400, body={}),
    ask("a body with a DELETE", "DELETE /api/cart/lines/{mug}", 400, "unexpected_body", body={"quantity": 1}),
    ask("a body with the revoking of all tokens", "DELETE /api/tokens", 400, "unexpected_body", body={"id": 1},
        who="spare"),
    ask("a body with an OPTIONS", "OPTIONS /api/products", 400, "unexpected_body", body={}),
]

FORMS = [
    form("an empty form", b"", 401, "not_authenticated"),
    form("a form without a password", b"username=nobody", 400, "required"),
    form("a form with a name twice", b"username=a&username=nobody&password=x", 400, "duplicate_key"),
    form("a form with an unknown field", b"username=nobody&password=x&next=/", 400, "unknown"),
    form("a form with a NUL", b"username=no%00body&password=x", 400, "nul_character"),
    form("a form that is not UTF-8", b"username=%ff%fe&password=x", 400, "not_utf8"),
    form("a form with raw bytes", b"username=\xff\xfe&password=x", 400, "not_utf8"),
    form("a form with 2,000 fields", b"&".join(b"f%d=1" % number for number in range(2_000)), 400, None),
    form("a form in UTF-7", b"username=nobody&password=x", 415, "unsupported_media_type", FORM + "; charset=utf-7"),
    form("a form in UTF-16", b"username=nobody&password=x", 415, "unsupported_media_type", FORM + "; charset=utf-16"),
    form("a form in bz2", b"username=nobody&password=x", 415, "unsupported_media_type", FORM + "; charset=bz2_codec"),
    form("a form in EBCDIC", b"username=nobody&password=x", 415, "unsupported_media_type", FORM + "; charset=cp500"),
    form("a form in idna", b"username=nobody&password=x", 415, "unsupported_media_type", FORM + "; charset=idna"),
    form("a form in gzip", gzip.compress(b"username=a"), 415, "unsupported_media_type",
         FORM + "\r\nContent-Encoding: gzip"),
    form("a form in parts", b"--x--\r\n", 415, "unsupported_media_type",
         "Content-Type: multipart/form-data; boundary=x"),
    form("wrong credentials in a form", b"username=nobody&password=nothing", 401, "wrong_credentials"),
    ask("wrong credentials in JSON", LOGIN, 401, "wrong_credentials", body=CREDENTIALS, who=None),
    ask("credentials in a list", LOGIN, 400, "invalid", body=[CREDENTIALS], who=None),
    ask("a password that is a number", LOGIN, 400, "invalid", body=CREDENTIALS | {"password": 1}, who=None),
    ask("a password of null", LOGIN, 400, "null", body=CREDENTIALS | {"password": None}, who=None),
    ask("a password with NUL", LOGIN, 400, "nul_character", body=CREDENTIALS | {"password": "a\0"}, who=None),
    ask("a password of 100 KB", LOGIN, 400, "max_length", body=CREDENTIALS | {"password": "x" * 100_000}, who=None),
    ask("a user name too long", LOGIN, 400, "max_length", body=CREDENTIALS | {"username": "x" * 151}, who=None),
    ask("a user name with half a surrogate pair", LOGIN, 400, "lone_surrogate",
        body=CREDENTIALS | {"username": "\ud83d"}, who=None),
    ask("a token's name with a control character", LOGIN, 400, "control_character",
        body=CREDENTIALS | {"name": "\x1b"}, who=None),
    ask("a login by GET", "GET /api-token-auth/?username=a&password=b", 401, who=None),
    ask("a login with the password in the address", LOGIN + "?password=b", 400, "unknown", body=CREDENTIALS, who=None),
]

ROWS = [*SHAPES, *ENCODINGS, *TYPES, *SIZES, *FORMS]
