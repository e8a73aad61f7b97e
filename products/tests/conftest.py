"""The characters of the tests: people, goods, and a client for the API."""

import itertools
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission, User
from django.core.cache import cache
from rest_framework.test import APIClient

from products.db.bulk_sql import execute_batch, increment_sql, insert_many_sql
from products.feed.sequencer import number_all_events
from products.models import ApiToken, Category, Product, StockMovement
from products.testing import allows_flush  # noqa: F401 - for the tests that commit
from products.tests.receiver import Receiver
from products.webhooks.endpoints import make_endpoint

collect_ignore = ["downstream"]
"""A project of its own, which test_downstream.py runs."""


@pytest.fixture(autouse=True)
def _quick_passwords(settings):
    """Argon2 is slow on purpose; what is tested here is not the passwords."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture(autouse=True)
def _as_many_requests_as_they_like(settings):
    """All tests come from one address. Those of the limit set one."""
    settings.REQUESTS_PER_MINUTE = 0


@pytest.fixture(autouse=True)
def _no_figures_of_another_test():
    """The front page of the admin keeps those of the past days for some minutes."""
    cache.clear()


@pytest.fixture
def step_by_step(monkeypatch) -> None:
    """Have orders placed as on SQLite and inside a caller's transaction, where one statement does not do it all."""
    monkeypatch.setattr("products.ordering.single_statement.is_supported", lambda model: False)


@pytest.fixture
def alice(db) -> User:
    return User.objects.create_user("alice")


@pytest.fixture
def bob(db) -> User:
    return User.objects.create_user("bob")


@pytest.fixture
def staff(db) -> User:
    """Somebody of the shop, with every permission that it knows."""
    staff = User.objects.create_user("staff", is_staff=True)
    staff.user_permissions.set(Permission.objects.filter(content_type__app_label="products"))
    return staff


@pytest.fixture
def a_category(db) -> Category:
    return Category.objects.create(slug="kitchen", name="Kitchen")


@pytest.fixture
def a_product(db) -> Callable[..., Product]:
    """Make a product; its stock arrives through the ledger, as in life."""
    numbers = itertools.count(1)

    def make(*, stock: int = 0, price: str = "1.00", **values: object) -> Product:
        number = next(numbers)
        named = {"sku": f"SKU-{number}", "name": f"Product {number}", "price": price} | values
        product = Product.objects.create(**named)
        if stock:
            product.receive(stock)
        return product

    return make


@pytest.fixture
def many_products(db) -> Callable[..., list[Product]]:
    """Make many products at once, each with the same stock, which is in the ledger too."""

    def make(number: int, *, stock: int = 0, price: str = "1.00") -> list[Product]:
        Product.objects.bulk_create(
            Product(sku=f"MANY-{position}", name=f"Product {position}", price=price) for position in range(number)
        )
        products = list(Product.objects.filter(sku__startswith="MANY-").order_by("pk"))
        if stock:
            ledger = [{"product_id": each.pk, "delta": stock, "reason": "RECEIVED"} for each in products]
            deltas = {each.pk: stock for each in products}
            execute_batch(increment_sql(Product, "stock", deltas), *insert_many_sql(StockMovement, ledger))
        return products

    return make


@pytest.fixture
def api() -> Callable[..., APIClient]:
    """A client of the API, with a token of `user`'s or with none."""

    def client_of(user: User | None = None) -> APIClient:
        client = APIClient()
        if user is not None:
            token, secret = ApiToken.objects.issue(user)
            token.touch()  # so that a test counts the statements of any request, not of a day's first
            client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
        return client

    return client_of


@pytest.fixture
def receiver(settings):
    settings.WEBHOOK_ALLOWED_HOSTS = ["127.0.0.1"]
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def another_receiver(receiver):
    another = Receiver()
    yield another
    another.close()


@pytest.fixture
def an_endpoint(staff) -> Callable:
    """Make an endpoint that begins now, and return it with its secret."""
    paths = itertools.count(1)

    def make(receiver, **values):
        number_all_events()
        return make_endpoint(address=f"{receiver.address}/{next(paths)}", by=staff, **values)

    return make
