"""Which responses a client may cache, and no proxy."""

import gzip

import pytest
from rest_framework.test import APIClient

from products.models import Order

pytestmark = pytest.mark.django_db

ASK_AGAIN, KEEP_NOTHING = "private, no-cache", "no-store"


def compile_once(answer):
    return answer.status_code, answer["Cache-Control"], {name.strip() for name in answer["Vary"].split(",")}


def test_responses_to_get_are_cached_privately_and_revalidated(api, alice, a_product):
    client, address = api(alice), f"/api/products/{a_product().pk}"

    first = client.get(address)
    again = client.get(address, HTTP_IF_NONE_MATCH=first["ETag"])
    answers = [first, again, client.head(address), client.get("/api/products"), client.get("/api/orders")]

    varies = {"Authorization", "Accept"}
    assert [compile_once(answer) for answer in answers] == [
        (200, ASK_AGAIN, varies),
        (304, ASK_AGAIN, varies),
        (200, ASK_AGAIN, varies),
        (200, ASK_AGAIN, varies),
        (200, ASK_AGAIN, varies),
    ]


def test_all_other_responses_are_not_stored(api, alice, a_product, settings):
    client, mug = api(alice), a_product(stock=1)
    credentials = {"username": "alice", "password": "correct horse"}

    answers = [
        client.post("/api/orders", {"product": mug.pk, "quantity": 1}),
        client.post("/api/orders", {"product": mug.pk, "quantity": 1}),
        client.get("/api/products/999"),
        client.get("/api/nothing"),
        client.get("/api/tokens"),
        client.delete("/api/tokens"),
        client.get("/api/products"),
        APIClient().post("/api-token-auth/", credentials | {"password": "wrong"}),
    ]

    varies = {"Authorization", "Accept"}
    assert [compile_once(answer) for answer in answers] == [
        (201, KEEP_NOTHING, varies),
        (409, KEEP_NOTHING, varies),
        (404, KEEP_NOTHING, varies),
        (404, KEEP_NOTHING, varies),
        (200, KEEP_NOTHING, varies),
        (204, KEEP_NOTHING, varies),
        (401, KEEP_NOTHING, varies),
        (401, KEEP_NOTHING, varies),
    ]


def test_a_new_token_is_not_stored(alice):
    alice.set_password("correct horse")
    alice.save()

    answer = APIClient().post("/api-token-auth/", {"username": "alice", "password": "correct horse"})

    assert compile_once(answer) == (200, KEEP_NOTHING, {"Authorization", "Accept"})


def test_the_admins_pages_are_left_alone(client):
    assert "Authorization" not in client.get("/admin/login/")["Vary"]


# A public catalogue


SHARED = "public, max-age=30"
CATALOGUE = [
    "/api/products",
    "/api/products/{}",
    "/api/products?search=mug",
    "/api/products/{}/prices",
    "/api/categories",
]


@pytest.fixture
def public_catalogue(settings):
    settings.CATALOGUE_IS_PUBLIC, settings.CATALOGUE_MAX_AGE = True, 30


@pytest.mark.parametrize("path", CATALOGUE)
def test_a_public_catalogue_is_kept_by_anyone_for_as_long_as_the_shop_says(public_catalogue, a_product, path):
    client, path = APIClient(), path.format(a_product(name="Mug").pk)

    first = client.get(path)
    again = client.get(path, HTTP_IF_NONE_MATCH=first["ETag"])
    answers = [first, again, client.head(path)]

    varies = {"Authorization", "Accept"}
    assert [compile_once(answer) for answer in answers] == [
        (200, SHARED, varies),
        (304, SHARED, varies),
        (200, SHARED, varies),
    ]


def test_what_anyone_may_keep_says_nothing_of_one_client(public_catalogue, settings, a_product):
    settings.REQUESTS_PER_MINUTE = 100
    a_product()

    answer = APIClient().get("/api/products")

    assert [name for name in ("RateLimit", "RateLimit-Policy", "Set-Cookie") if name in answer] == []


@pytest.mark.parametrize("path", CATALOGUE)
def test_whoever_shows_a_token_is_told_what_is(public_catalogue, api, alice, a_product, path):
    answer = api(alice).get(path.format(a_product(name="Mug").pk))

    assert compile_once(answer) == (200, ASK_AGAIN, {"Authorization", "Accept"})


def test_nothing_but_the_catalogue_is_kept_by_anyone(public_catalogue, api, alice, staff, a_product):
    mug = a_product(stock=1)

    answers = [
        APIClient().get("/api/products/999"),
        APIClient().get("/api/products?limit=0"),
        APIClient().get("/api/products", HTTP_AUTHORIZATION="Bearer unknown"),
        APIClient().get("/api/orders"),
        APIClient().get(f"/api/products/{mug.pk}/stock"),
        api(staff).get(f"/api/products/{mug.pk}/stock"),
        api(alice).get("/api/orders"),
        APIClient().post("/api/products", {}),
        APIClient().options("/api/products"),
    ]

    assert [answer["Cache-Control"] for answer in answers if answer["Cache-Control"].startswith("public")] == []


def test_by_default_a_public_catalogue_is_asked_for_again(settings, a_product):
    settings.CATALOGUE_IS_PUBLIC = True

    answer = APIClient().get(f"/api/products/{a_product().pk}")

    assert (settings.CATALOGUE_MAX_AGE, compile_once(answer)) == (0, (200, ASK_AGAIN, {"Authorization", "Accept"}))


def test_an_order_is_placed_by_what_is_and_not_by_what_a_cache_kept(public_catalogue, api, alice, a_product):
    mug = a_product(stock=1, price="4.50")
    kept = APIClient().get(f"/api/products/{mug.pk}").json()
    Order.objects.create(customer=alice, items=[(mug, 1)])

    answer = api(alice).post("/api/orders", {"product": mug.pk, "quantity": 1})

    assert (kept["stock"], answer.status_code) == (1, 409)
    assert answer.json()["errors"][0]["available"] == 0


# Proxies that compress


@pytest.mark.parametrize("suffix", ["-gzip", "-br", "-zstd", "-deflate", "--gzip"])
@pytest.mark.parametrize("prefix", ["", "W/"])
def test_an_etag_that_a_proxy_has_marked_as_compressed_is_still_current(api, alice, a_product, prefix, suffix):
    client = api(alice)

    for path in (f"/api/products/{a_product().pk}", "/api/products", "/api/cart", "/api/schema"):
        etag = client.get(path)["ETag"]
        marked = f'{prefix}{etag[:-1]}{suffix}"'

        answer = client.get(path, HTTP_IF_NONE_MATCH=f'"other", {marked}')

        assert (answer.status_code, answer["ETag"]) == (304, etag)


@pytest.mark.parametrize("suffix", ["-gzip", "-br", "-zstd", "-deflate", "--gzip"])
def test_a_change_may_name_the_etag_as_a_compressing_proxy_has_marked_it(api, staff, alice, a_product, suffix):
    client, mug = api(staff), a_product(stock=1)
    order = Order.objects.create(customer=alice, items=[(mug, 1)])
    paths = f"/api/products/{mug.pk}", f"/api/orders/{order.pk}"
    of_product, of_order = (f'{client.get(path)["ETag"][:-1]}{suffix}"' for path in paths)

    changed = client.patch(paths[0], {"price": "5"}, HTTP_IF_MATCH=of_product)
    cancelled = client.post(f"{paths[1]}/cancel", HTTP_IF_MATCH=of_order)
    again = client.patch(paths[0], {"price": "6"}, HTTP_IF_MATCH=of_product)

    assert [answer.status_code for answer in (changed, cancelled, again)] == [200, 200, 412]


def test_a_weak_etag_does_not_permit_a_change(api, staff, a_product):
    client, mug = api(staff), a_product(price="4.50")
    etag = client.get(f"/api/products/{mug.pk}")["ETag"]

    weak = client.patch(f"/api/products/{mug.pk}", {"price": "5"}, HTTP_IF_MATCH=f"W/{etag}")
    both = client.patch(f"/api/products/{mug.pk}", {"price": "5"}, HTTP_IF_MATCH=f"W/{etag}, {etag}")

    assert (weak.status_code, weak.json()["code"]) == (412, "stale")
    assert "needs a strong ETag" in weak.json()["detail"]
    assert both.status_code == 200


@pytest.mark.parametrize("path", ["/api/schema", "/api/docs"])
def test_what_has_no_secret_in_it_is_compressed(api, path):
    client = api()
    plain = client.get(path)

    packed = client.get(path, HTTP_ACCEPT_ENCODING="gzip, br")

    assert gzip.decompress(packed.content) == plain.content
    assert (packed["Content-Encoding"], int(packed["Content-Length"])) == ("gzip", len(packed.content))
    assert len(packed.content) < len(plain.content)
    assert "Content-Encoding" not in plain
    assert "Accept-Encoding" in plain["Vary"]
    assert "Accept-Encoding" in packed["Vary"]


def test_a_compressed_document_is_revalidated_by_its_own_etag(api):
    client = api()
    packed = client.get("/api/schema", HTTP_ACCEPT_ENCODING="gzip")

    again = client.get("/api/schema", HTTP_ACCEPT_ENCODING="gzip", HTTP_IF_NONE_MATCH=packed["ETag"])

    assert packed["ETag"].startswith("W/")
    assert (again.status_code, again.content) == (304, b"")
    assert "Accept-Encoding" in again["Vary"]


def test_what_may_have_a_secret_in_it_is_not_compressed(api, alice, a_product):
    for number in range(20):
        a_product(description=f"A description that is long enough to compress, number {number}.")
    client = api(alice)

    answers = [client.get(path, HTTP_ACCEPT_ENCODING="gzip") for path in ("/api/products", "/api/tokens")]

    assert [answer.get("Content-Encoding") for answer in answers] == [None, None]
