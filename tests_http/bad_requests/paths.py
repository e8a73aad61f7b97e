"""Addresses: ids of every wrong kind, odd ways to write a path, and what is not there."""

# A row is read across, not down.
# fmt: off

from tests_http.bad_requests.rows import BROKEN, Row, ask


def missing(path: str, what: str = "", status: int = 404, code: str | None = "not_found", who: str = "customer") -> Row:
    return ask(what or path, f"GET {path}", status, code, who=who)


NOT_AN_INTEGER = ("0", "-1", "1.5", "1e3", "NaN", "true", "1_0", "%EF%BC%91", "9223372036854775807",
                  "9223372036854775808", "99999999999999999999999999", "0x1", "mug", "null", "%20{mug}", "{mug}%20",
                  "{mug}%0A", "%FF", "..", "*", "{mug};a=b", "{mug}'", "{mug},{retired}")
NOT_A_UUID = ("1", "00000000-0000-0000-0000-000000000000", "not-a-uuid", "ffffffff-ffff-ffff-ffff-fffffffffff",
              "g0000000-0000-0000-0000-000000000000", "{order}0", "%7B{order}%7D", "urn:uuid:{order}",
              "0190b8a07cc070008000000000000000")

IDS = [
    *(missing(f"/api/products/{each}", status=404) for each in NOT_AN_INTEGER),
    missing("/api/products/" + "9" * 3_900, "a product with an id of 3,900 digits"),
    missing("/api/products/" + "9" * 5_000, "a product with an id of 5,000 digits", BROKEN),
    *(missing(f"/api/orders/{each}") for each in NOT_A_UUID),
    missing("/api/orders/{order}", "somebody else's order", who="other"),
    missing("/api/orders/{order}/events", "somebody else's history", who="other"),
    missing("/api/orders/1/events"),
    missing("/api/products/0/stock", who="staff"),
    missing("/api/products/99999999999999999999/stock", who="staff"),
    missing("/api/products/99999999999999999999/stock?at=2026-01-01T00:00:00Z", who="staff"),
    ask("a token of somebody else", "DELETE /api/tokens/{staff_token}", 404, "not_found"),
    ask("a token past 2^63", "DELETE /api/tokens/99999999999999999999", 404, "not_found"),
    ask("a token by its secret", "DELETE /api/tokens/{customer}", 404, "not_found"),
    missing("/api/categories/0"),
    missing("/api/categories/mugs"),
    missing("/api/categories/99999999999999999999"),
    ask("a change of a category past 2^63", "PATCH /api/categories/99999999999999999999", 404, "not_found",
        who="staff", body={"name": "x"}, add=["If-Match: *"]),
    ask("the removal of a category past 2^63", "DELETE /api/categories/99999999999999999999", 404, "not_found",
        who="staff"),
    ask("a change of a product past 2^63", "PATCH /api/products/99999999999999999999", 404, "not_found", who="staff",
        body={"name": "x"}, add=["If-Match: *"]),
    ask("the retiring of a product past 2^63", "DELETE /api/products/99999999999999999999", 404, "not_found",
        who="staff"),
    ask("a stock change past 2^63", "POST /api/products/99999999999999999999/stock", 404, "not_found", who="staff",
        body={"delta": 1}),
]

NOWHERE = [
    missing("/api"),
    missing("/api/"),
    missing("/api/nothing"),
    missing("/api/products/{mug}/nothing"),
    missing("/api/products.json"),
    missing("/api/products/{mug}.json"),
    missing("/api/v1/products"),
    missing("/api/PRODUCTS"),
    missing("/api/product"),
    missing("/api/products/{mug}/stock/1", who="staff"),
    missing("/api/cart/lines"),
    missing("/api/orders/{order}/pay/now"),
    missing("/api-token-auth/x"),
    missing("/api/schema.json"),
    missing("/api/docs/x"),
    missing("/api/" + "a/" * 1_500, "1,500 folders"),
    missing("/api/nothing?%FF", "an address that is not there, with a query string that is not UTF-8", 400, "not_utf8"),
]

WAYS = [
    missing("/api//products"),
    missing("//api/products"),
    missing("/api/products//"),
    missing("/api/products//{mug}"),
    missing("/api/./products"),
    missing("/api/../api/products"),
    missing("/api/%2e%2e/admin/"),
    missing("/api/products/..%2F..%2Fadmin", status=400, code="bad_request"),
    missing("/api%2Fproducts", status=400, code="bad_request"),
    missing("/%61pi/products", status=200, code=None),
    missing("/api/products%2F{mug}", status=400, code="bad_request"),
    missing("/api/products%5C{mug}", status=400, code="bad_request"),
    missing("/api\\products", what="a backslash", status=400, code="bad_request"),
    missing("/api/products%3Flimit=1"),
    missing("/api/products/{mug}%00", status=400, code="bad_request"),
    missing("/api/products%00", status=400, code="bad_request"),
    missing("/api/products/%0d%0aSet-Cookie:%20a=b"),
    missing("/api/%FF"),
    missing("/api/%C0%AF"),
    missing("/api/%"),
    missing("/api/%zz"),
    missing("/api/%u0061"),
    missing("/api/products;jsessionid=1"),
    missing("/api/<script>alert(1)</script>"),
    missing("/api/products#limit=1", what="a fragment", status=400, code="bad_request"),
    ask("raw bytes in the path", b"GET /api/\xff", BROKEN),
    ask("UTF-8 in the path", "GET /api/prödukte".encode(), BROKEN),
    ask("a NUL in the path", b"GET /api/\x00", BROKEN),
    ask("a tab in the path", b"GET /api/\tproducts", BROKEN),
    ask("a space in the path", "GET /api/ products HTTP/1.1", BROKEN),
    ask("no path", "GET  HTTP/1.1", BROKEN),
    ask("a path without its slash", "GET api/products", BROKEN),
    ask("a star", "GET *", BROKEN),
    ask("an address with its host", "GET http://{host}/api/products", 200),
    ask("an address with another host", "GET http://elsewhere.example/api/products", 400, "bad_request"),
    ask("an address with another scheme", "GET ftp://{host}/api/products", 400, "bad_request"),
    ask("an address with a name and a password", "GET http://a:b@{host}/api/products", 400, "bad_request"),
    ask("an address with half a host", "GET http://[::1/api/products", BROKEN),
    ask("a list with its slash", "GET /api/products/", 200),
    ask("an order with a slash too many", "POST /api/orders//", 404, "not_found",
        body='{"product": {mug}, "quantity": 1}'),
]

ROWS = [*IDS, *NOWHERE, *WAYS]
