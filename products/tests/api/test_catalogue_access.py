"""Reading the catalogue at once: in one statement with the token, and in nothing else different from DRF's way."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from rest_framework.test import APIClient

from products.api.at_once import ReadAtOnce
from products.api.views.products import PRODUCTS
from products.models import ApiToken, Product
from products.models.tokens import ShownToken
from products.tests.side_by_side import on_postgresql
from products.tests.statements import verbs

pytestmark = pytest.mark.django_db

NEVER_THE_SAME = {"X-Request-Id", "RateLimit"}


@pytest.fixture
def both_ways(monkeypatch):
    """`both_ways(ask)`: what `ask` returns at once, and what it returns DRF's way."""

    def ask_both(ask):
        at_once = ask()
        with monkeypatch.context() as patch:
            patch.setattr(ReadAtOnce, "_at_once", lambda *arguments, **named: None)
            return at_once, ask()

    return ask_both


def all_of(answer):
    headers = {name: value for name, value in answer.items() if name not in NEVER_THE_SAME}
    body = {name: value for name, value in answer.json().items() if name != "request_id"} if answer.content else None
    return answer.status_code, headers, body


@pytest.fixture
def goods(a_product, a_category):
    return [
        a_product(sku=f"MUG-{number}", name=f"Mug {number}", stock=number, price=f"{number}.50", category=a_category)
        for number in range(5)
    ]


@pytest.mark.parametrize(
    "path",
    [
        "/api/products",
        "/api/products/",
        "/api/products?limit=2",
        "/api/products?limit=2&ordering=-price&count=true",
        "/api/products?search=mug",
        "/api/products?search=nothing+like+it",
        "/api/products?in_stock=false",
        "/api/products?price_min=2&category=mugs",
        "/api/products?sku=MUG-3",
        "/api/products?sku=none",
        "/api/products?limit=0",
        "/api/products?limit=2&limit=3",
        "/api/products?cursor=made-up",
        "/api/products?colour=red",
        "/api/products/{product}",
        "/api/products/{product}?x=1",
        "/api/products/999999",
        "/api/products/99999999999999999999",
    ],
)
@pytest.mark.parametrize("how", [{}, {"HTTP_ACCEPT": "text/html"}, {"HTTP_IF_NONE_MATCH": "*"}], ids=str)
@pytest.mark.parametrize("method", ["get", "head"])
def test_the_answer_is_the_same_as_by_drf(api, alice, goods, both_ways, path, how, method):
    client = api(alice)
    ask = getattr(client, method)

    at_once, by_drf = both_ways(lambda: ask(path.format(product=goods[2].pk), **how))

    assert all_of(at_once) == all_of(by_drf)


@pytest.mark.parametrize("ordering", ["price", "-price", "name", "-created", "changed"])
def test_following_the_links_is_the_same_as_by_drf(api, alice, goods, both_ways, ordering):
    client = api(alice)

    def follow():
        url, pages = f"/api/products?limit=2&ordering={ordering}", []
        while url:
            pages.append(client.get(url).json())
            url = pages[-1]["next"]
        return pages

    at_once, by_drf = both_ways(follow)

    assert at_once == by_drf
    assert len(at_once) == 3


@pytest.mark.parametrize(
    "end",
    [
        lambda user, token: None,
        lambda user, token: token.revoke(),
        lambda user, token: type(user).objects.update(is_active=False),
        lambda user, token: ApiToken.objects.update(expires_at=timezone.now()),
        lambda user, token: (user.set_password("another"), user.save()),
        lambda user, token: user.delete(),
    ],
    ids=["good", "revoked", "user deactivated", "expired", "password changed", "user deleted"],
)
@pytest.mark.parametrize("path", ["/api/products", "/api/products/{product}", "/api/products?search=mug"])
def test_a_token_is_good_or_not_as_it_is_for_drf(alice, goods, both_ways, end, path):
    token, secret = ApiToken.objects.issue(alice)
    client = APIClient(HTTP_AUTHORIZATION=f"Bearer {secret}")
    path = path.format(product=goods[2].pk)
    assert client.get(path).status_code == 200

    end(alice, token)
    at_once, by_drf = both_ways(lambda: client.get(path))

    assert all_of(at_once) == all_of(by_drf)
    assert (at_once.status_code == 200) == (ApiToken.objects.find(secret) is not None)


@pytest.mark.parametrize(
    ("path", "statements"),
    [
        ("/api/products", 1),
        ("/api/products?limit=2&ordering=-price", 1),
        ("/api/products/{product}", 1),
        ("/api/products?search=mug", 2),  # the token, and what is planned for these words
        ("/api/products?sku=MUG-1", 2),
    ],
)
def test_what_goes_by_keys_is_read_in_one_statement_with_the_token(
    api, alice, goods, django_assert_num_queries, path, statements
):
    client = api(alice)

    with django_assert_num_queries(statements) as captured:
        assert client.get(path.format(product=goods[2].pk)).status_code == 200

    assert verbs(captured.captured_queries) == ["SELECT"] * statements


@pytest.mark.parametrize("words", [{}, {"words": ("mug",)}], ids=["by keys", "by words"])
def test_for_a_bad_token_the_database_looks_for_nothing(alice, goods, words):
    _, secret = ApiToken.objects.issue(alice)
    good, bad = ShownToken(secret), ShownToken("shop_made-up")

    rows = [PRODUCTS.rows({"out_of_stock": True, **words}, ("id",), False, 20, None, token) for token in (good, bad)]

    assert [len(found) for found in rows] == [5, 0]
    assert (good.found.user_id, bad.found) == (alice.pk, None)


def test_a_price_has_two_places_whoever_has_written_it(goods):
    rows = PRODUCTS.rows({"out_of_stock": True}, ("id",), False, 20, None)

    assert [str(row.price) for row in rows] == ["0.50", "1.50", "2.50", "3.50", "4.50"]


def test_what_was_found_of_a_token_is_what_is_on_record(alice, goods):
    alice.password = "argon2$ with spaces $ and ünïcode in it"
    alice.save()
    token, secret = ApiToken.objects.issue(alice)

    for used in (None, timezone.now().date()):
        ApiToken.objects.filter(pk=token.pk).update(last_used_on=used)
        shown = ShownToken(secret)
        PRODUCTS.rows({"out_of_stock": True}, ("id",), False, 20, None, shown)
        found = {name: vars(shown.found)[name] for name in ("id", "user_id", "digest", "last_used_on")}

        assert found == {"id": token.pk, "user_id": alice.pk, "digest": token.digest, "last_used_on": used}


def test_the_use_of_a_token_is_noted_once_a_day(alice, goods, django_assert_num_queries):
    token, secret = ApiToken.objects.issue(alice)
    client, today = APIClient(HTTP_AUTHORIZATION=f"Bearer {secret}"), timezone.now().date()

    for before in (None, today - timedelta(days=1)):
        ApiToken.objects.filter(pk=token.pk).update(last_used_on=before)
        client.get("/api/products")
        assert ApiToken.objects.get(pk=token.pk).last_used_on == today

    with django_assert_num_queries(1):
        client.get("/api/products")


def test_whoever_has_spent_all_is_refused_before_anything_is_looked_for(
    api, alice, goods, settings, django_assert_num_queries
):
    settings.REQUESTS_PER_MINUTE = 2
    client = api(alice)
    for _ in range(2):
        client.get("/api/products")

    with django_assert_num_queries(1) as captured:  # the token
        answers = [client.get("/api/products")]

    assert [answer.status_code for answer in answers] == [429]
    assert Product._meta.db_table not in captured.captured_queries[0]["sql"]


def test_a_database_that_cannot_serve_is_told_of_as_by_drf(api, alice, goods, both_ways):
    client = api(alice)

    def broken(execute, *arguments):
        raise OperationalError("gone")

    with connection.execute_wrapper(broken):
        at_once, by_drf = both_ways(lambda: client.get("/api/products"))

    assert all_of(at_once) == all_of(by_drf)
    assert at_once.status_code == 503


@on_postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", ["/api/products", "/api/products?search=mug"])
def test_a_connection_that_breaks_while_it_is_asked_is_an_outage_and_no_bug(api, alice, goods, path):
    client = api(alice)
    client.get(path)

    def cut(execute, *arguments):
        connection.connection.close()
        return execute(*arguments)

    with connection.execute_wrapper(cut):
        broken = client.get(path)
    connection.close()

    assert (broken.status_code, broken.json()["code"]) == (503, "unavailable")
    assert client.get(path).status_code == 200


def test_a_catalogue_that_is_public_needs_no_token_and_refuses_a_bad_one(api, goods, settings, both_ways):
    settings.CATALOGUE_IS_PUBLIC = True

    for headers in ({}, {"HTTP_AUTHORIZATION": "Bearer shop_made-up"}):
        at_once, by_drf = both_ways(lambda headers=headers: APIClient().get("/api/products", **headers))
        assert all_of(at_once) == all_of(by_drf)
