"""Access to the catalog: DRF's permissions, authentication and throttles run for every read."""

from datetime import timedelta

import pytest
from django.db import OperationalError, connection
from django.utils import timezone
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import IsAdminUser
from rest_framework.test import APIClient
from rest_framework.throttling import BaseThrottle

from products.api.views.products import ProductViewSet
from products.models import ApiToken, Product
from products.tests.side_by_side import on_postgresql

pytestmark = pytest.mark.django_db

PATHS = ["/api/products", "/api/products/{product}", "/api/products?search=mug", "/api/products?limit=2"]


@pytest.fixture
def goods(a_product, a_category):
    return [
        a_product(sku=f"MUG-{number}", name=f"Mug {number}", stock=number, price=f"{number}.50", category=a_category)
        for number in range(5)
    ]


class NeverAgain(BaseThrottle):
    def allow_request(self, request, view):
        return False

    def wait(self):
        return 7


@pytest.mark.parametrize("path", PATHS)
def test_a_permission_on_the_catalogue_is_asked_for_every_read(api, alice, staff, goods, monkeypatch, path):
    monkeypatch.setattr(ProductViewSet, "get_permissions", lambda view: [IsAdminUser()])
    path = path.format(product=goods[2].pk)

    assert api(alice).get(path).status_code == 403
    assert APIClient().get(path).status_code == 401
    assert api(staff).get(path).status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_a_throttle_on_the_catalogue_is_asked_for_every_read(api, alice, goods, monkeypatch, path):
    monkeypatch.setattr(ProductViewSet, "throttle_classes", [NeverAgain])

    answer = api(alice).get(path.format(product=goods[2].pk))

    assert (answer.status_code, answer["Retry-After"]) == (429, "7")


@pytest.mark.parametrize("path", PATHS)
def test_an_authentication_class_of_the_catalog_is_used_for_every_read(alice, bob, goods, monkeypatch, path):
    class Refuses(BaseAuthentication):
        def authenticate(self, request):
            return None

    monkeypatch.setattr(ProductViewSet, "authentication_classes", [Refuses])
    _, secret = ApiToken.objects.issue(alice)

    answer = APIClient(HTTP_AUTHORIZATION=f"Bearer {secret}").get(path.format(product=goods[2].pk))

    assert answer.status_code == 403  # without a challenge to answer with, DRF's 401 is a 403


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
def test_only_a_living_token_reads_the_catalogue(alice, goods, end, path):
    token, secret = ApiToken.objects.issue(alice)
    client = APIClient(HTTP_AUTHORIZATION=f"Bearer {secret}")
    path = path.format(product=goods[2].pk)
    assert client.get(path).status_code == 200

    end(alice, token)
    answer = client.get(path)

    assert answer.status_code == (200 if ApiToken.objects.find(secret) is not None else 401)


def test_the_use_of_a_token_is_noted_once_a_day(alice, goods, django_assert_num_queries):
    token, secret = ApiToken.objects.issue(alice)
    client, today = APIClient(HTTP_AUTHORIZATION=f"Bearer {secret}"), timezone.now().date()

    for before in (None, today - timedelta(days=1)):
        ApiToken.objects.filter(pk=token.pk).update(last_used_on=before)
        client.get("/api/products")
        assert ApiToken.objects.get(pk=token.pk).last_used_on == today

    with django_assert_num_queries(2):  # the token and the products; nothing is written
        client.get("/api/products")


def test_a_throttled_client_is_rejected_before_products_are_queried(
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


def test_a_database_that_is_unavailable_is_a_503(api, alice, goods):
    client = api(alice)

    def broken(execute, *arguments):
        raise OperationalError("gone")

    with connection.execute_wrapper(broken):
        answer = client.get("/api/products")

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")


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


def test_a_public_catalogue_needs_no_token_and_rejects_a_bad_one(goods, settings):
    settings.CATALOGUE_IS_PUBLIC = True

    assert APIClient().get("/api/products").status_code == 200
    assert APIClient(HTTP_AUTHORIZATION="Bearer shop_made-up").get("/api/products").status_code == 401


def test_a_price_always_has_two_decimals(api, alice, goods):
    page = api(alice).get("/api/products").json()["results"]

    assert [product["price"] for product in page] == ["0.50", "1.50", "2.50", "3.50", "4.50"]
